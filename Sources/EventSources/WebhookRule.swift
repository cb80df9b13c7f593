// Whether a call was signed by someone who knows the secret, over the bytes of its body as they
// came. Pure: it reads no clock and looks up no secret. What a call says of itself outside the
// signature (GitHub's delivery id, `Idempotency-Key`) is not proved by it.

import Digests
package import Invocations

/// Why a call was not taken: 401.
package struct WebhookFault: Error, Equatable, Sendable {
  package enum Code: String, Sendable, CaseIterable {
    case missing = "missing-signature"
    case bad = "bad-signature"
    case stale = "stale-timestamp"
  }

  package let code: Code
  package let detail: String

  init(_ code: Code, _ detail: String) {
    self.code = code
    self.detail = detail
  }

  /// Without its secrets nothing is taken for good.
  package static let noRule = WebhookFault(.bad, "this route has no secret to check with")
}

package struct WebhookRule: Sendable {
  private let scheme: WebhookPolicy.Scheme
  private let keys: [[UInt8]]
  private let tolerance: Duration

  /// Signatures of one call that are looked at; a sender that changes its secret sends two.
  package static let signaturesMax = 16
  package static let idBytesMax = 255

  /// `secrets` are the values; nil where one of them is none of the scheme's.
  package init?(_ policy: WebhookPolicy, secrets: [String]) {
    scheme = policy.scheme
    tolerance = policy.tolerance
    var keys: [[UInt8]] = []
    for secret in secrets {
      guard let key = Self.key(of: secret, policy.scheme) else { return nil }
      keys.append(key)
    }
    self.keys = keys
  }

  /// Of a Standard Webhooks secret, decoded: the specification asks for 24 to 64; what is longer is
  /// no danger.
  package static let standardKeyBytesMin = 24

  /// Standard Webhooks secrets are base64, with `whsec_` before it or without; the others are text.
  private static func key(of secret: String, _ scheme: WebhookPolicy.Scheme) -> [UInt8]? {
    guard scheme == .standardWebhooks else { return secret.isEmpty ? nil : Array(secret.utf8) }
    let text = secret.hasPrefix("whsec_") ? String(secret.dropFirst(6)) : secret
    guard let key = Base64.decoded(text), key.count >= standardKeyBytesMin else { return nil }
    return key
  }

  package func check(
    _ fields: [HTTPCall.Field], body: [UInt8], now: WallTime
  ) throws(WebhookFault) {
    switch scheme {
    case .github:
      let header = try Self.only("x-hub-signature-256", in: fields)
      let digits = header.hasPrefix("sha256=") ? header.dropFirst(7) : ""
      try verify([Hexadecimal.decoded(digits)].compactMap(\.self), over: "", body)
      _ = try Self.id(of: fields, body: body, scheme)
    case .standardWebhooks:
      guard let id = try Self.id(of: fields, body: body, scheme) else {
        throw WebhookFault(.missing, "the header webhook-id is missing")
      }
      let time = try Self.only("webhook-timestamp", in: fields)
      let header = try Self.only("webhook-signature", in: fields)
      let signatures = header.split(separator: " ").prefix(Self.signaturesMax)
        .filter { $0.hasPrefix("v1,") }.compactMap { Base64.decoded(String($0.dropFirst(3))) }
      try verify(signatures, over: "\(id).\(time).", body)
      try requireFresh(time, now)
    case .stripe:
      let header = try Self.only("stripe-signature", in: fields)
      let parts = header.split(separator: ",").prefix(2 * Self.signaturesMax)
      guard let time = parts.first(where: { $0.hasPrefix("t=") })?.dropFirst(2) else {
        throw WebhookFault(.bad, "the header stripe-signature has no time 't='")
      }
      let signatures = parts.filter { $0.hasPrefix("v1=") }.prefix(Self.signaturesMax)
        .compactMap { Hexadecimal.decoded($0.dropFirst(3)) }
      try verify(signatures, over: "\(time).", body)
      try requireFresh(String(time), now)
    }
  }

  /// What the sender calls this delivery, the same when it is sent again; nil where it has no name.
  ///
  /// Of Stripe it is the `id` in the body, which is under the signature; GitHub's header is not.
  package static func id(
    of fields: [HTTPCall.Field], body: [UInt8], _ scheme: WebhookPolicy.Scheme
  ) throws(WebhookFault) -> String? {
    let name: String
    switch scheme {
    case .github: name = "x-github-delivery"
    case .standardWebhooks: name = "webhook-id"
    case .stripe:
      guard let id = JSONScanner.text(at: ["id"], in: body), isID(id) else { return nil }
      return id
    }
    guard fields.contains(where: { $0.isNamed(name) }) else { return nil }
    let id = try only(name, in: fields)
    guard isID(id) else {
      throw WebhookFault(
        .bad, "the header \(name) must have 1…\(idBytesMax) visible ASCII characters")
    }
    return id
  }

  private static func isID(_ text: String) -> Bool {
    (1...idBytesMax).contains(text.utf8.count)
      && text.utf8.allSatisfy { (0x21...0x7E).contains($0) }
  }

  /// Two values of one header would let a sender and a proxy mean different ones.
  private static func only(
    _ name: String, in fields: [HTTPCall.Field]
  ) throws(WebhookFault) -> String {
    let values = fields.filter { $0.isNamed(name) }
    guard let value = values.first else {
      throw WebhookFault(.missing, "the header \(name) is missing")
    }
    guard values.count == 1 else { throw WebhookFault(.bad, "the header \(name) came twice") }
    return String(value.value.trimmingSpace)
  }

  /// All keys and signatures are tried, however early one fits.
  private func verify(
    _ signatures: [[UInt8]], over head: String, _ body: [UInt8]
  ) throws(WebhookFault) {
    var fits = false
    for key in keys {
      var code = HMACSHA256(key: key)
      code.add(head.utf8)
      code.add(body)
      let right = code.finish()
      for signature in signatures where isEqualInConstantTime(signature, right) { fits = true }
    }
    guard fits else {
      throw WebhookFault(.bad, "no signature fits the body and the secrets of this route")
    }
  }

  /// After the signature, so that this is only said of calls that were once good.
  private func requireFresh(_ text: String, _ now: WallTime) throws(WebhookFault) {
    guard (1...12).contains(text.utf8.count), text.utf8.allSatisfy({ (48...57).contains($0) }),
      let seconds = Int64(text)
    else { throw WebhookFault(.bad, "the time of sending must be seconds since 1970") }
    let distance = abs(now.milliseconds - seconds * 1000)
    guard distance <= tolerance.milliseconds else {
      throw WebhookFault(
        .stale,
        "the call was signed \(distance / 1000) s from the host's time; "
          + "\(tolerance.milliseconds / 1000) s are allowed")
    }
  }
}
