// Signatures of the three schemes: published vectors, vectors of an independent implementation, and
// everything that must not pass.

import Digests
import Invocations
import Testing

@testable import EventSources

struct WebhookRuleTests {
  typealias Fields = [HTTPCall.Field]

  private func rule(
    _ scheme: WebhookPolicy.Scheme, _ secrets: String..., tolerance: Duration = .seconds(300)
  ) throws -> WebhookRule {
    let policy = WebhookPolicy(scheme: scheme, secrets: [], tolerance: tolerance)
    return try #require(WebhookRule(policy, secrets: secrets))
  }

  private func fields(_ fields: KeyValuePairs<String, String>) -> Fields {
    fields.map { HTTPCall.Field(name: $0, value: $1) }
  }

  private func code(
    _ rule: WebhookRule, _ fields: Fields, _ body: String, at seconds: Int64 = 1_614_265_330
  ) -> WebhookFault.Code? {
    do throws(WebhookFault) {
      let now = WallTime(milliseconds: seconds * 1000)
      try rule.check(fields, body: Array(body.utf8), now: now)
      return nil
    } catch { return error.code }
  }

  // MARK: GitHub

  private let hubSignature =
    "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
  private let hubSecret = "It's a Secret to Everybody"

  @Test func `the example of GitHub's documentation passes`() throws {
    let rule = try rule(.github, hubSecret)
    let signed = fields(["X-Hub-Signature-256": hubSignature])
    #expect(code(rule, signed, "Hello, World!") == nil)
    // It signs no time.
    #expect(code(rule, signed, "Hello, World!", at: 0) == nil)
  }

  @Test func `another body, secret or form does not pass`() throws {
    let rule = try rule(.github, hubSecret)
    let signed = fields(["X-Hub-Signature-256": hubSignature])
    #expect(code(rule, signed, "Hello, World! ") == .bad)
    #expect(code(rule, signed, "") == .bad)
    #expect(code(try self.rule(.github, "another"), signed, "Hello, World!") == .bad)
    #expect(code(rule, [], "Hello, World!") == .missing)
    let forms = [
      "", "sha256=", String(hubSignature.dropFirst(7)), hubSignature + "00",
      String(hubSignature.dropLast(2)), "sha1=" + hubSignature.dropFirst(7),
      hubSignature + "," + hubSignature,
    ]
    for form in forms {
      #expect(code(rule, fields(["X-Hub-Signature-256": form]), "Hello, World!") == .bad, "\(form)")
    }
    #expect(
      code(
        rule, fields(["X-Hub-Signature-256": hubSignature, "x-hub-signature-256": hubSignature]),
        "Hello, World!") == .bad)
  }

  @Test func `while a secret is replaced either passes`() throws {
    let signed = fields(["X-Hub-Signature-256": hubSignature])
    #expect(code(try rule(.github, "new", hubSecret), signed, "Hello, World!") == nil)
    #expect(code(try rule(.github, hubSecret, "new"), signed, "Hello, World!") == nil)
  }

  @Test func `a rule without secrets takes nothing`() throws {
    let rule = try #require(WebhookRule(WebhookPolicy(scheme: .github, secrets: []), secrets: []))
    #expect(code(rule, fields(["X-Hub-Signature-256": hubSignature]), "Hello, World!") == .bad)
    #expect(WebhookRule(WebhookPolicy(scheme: .github, secrets: ["A"]), secrets: [""]) == nil)
  }

  // MARK: Standard Webhooks

  private let standardSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
  private let standardBody = "{\"test\": 2432232314}"

  private func standard(
    signature: String = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    id: String = "msg_p5jXN8AQM9LWM0D4loKWxJek", time: String = "1614265330"
  ) -> Fields {
    fields(["webhook-id": id, "webhook-timestamp": time, "webhook-signature": signature])
  }

  @Test func `the vector of the Standard Webhooks libraries passes`() throws {
    let rule = try rule(.standardWebhooks, standardSecret)
    #expect(code(rule, standard(), standardBody) == nil)
    let bare = try self.rule(.standardWebhooks, String(standardSecret.dropFirst(6)))
    #expect(code(bare, standard(), standardBody) == nil)
  }

  @Test func `several signatures are tried, of other versions none`() throws {
    let rule = try rule(.standardWebhooks, standardSecret)
    let good = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    let other = "v1,Ceo5qEr07ixe2NLpvHk3FH9bwy/WavXrAFQ/9tdO6mc="
    #expect(code(rule, standard(signature: "\(other) \(good)"), standardBody) == nil)
    #expect(code(rule, standard(signature: "v1a,xyz \(good) \(other)"), standardBody) == nil)
    #expect(code(rule, standard(signature: other), standardBody) == .bad)
    #expect(code(rule, standard(signature: "v2" + good.dropFirst(2)), standardBody) == .bad)
    #expect(code(rule, standard(signature: String(good.dropFirst(3))), standardBody) == .bad)
    #expect(code(rule, standard(signature: ""), standardBody) == .bad)
  }

  @Test func `no more signatures are tried than the limit`() throws {
    let rule = try rule(.standardWebhooks, standardSecret)
    let good = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    let other = "v1,Ceo5qEr07ixe2NLpvHk3FH9bwy/WavXrAFQ/9tdO6mc= "
    let limit = WebhookRule.signaturesMax
    let last = String(repeating: other, count: limit - 1) + good
    #expect(code(rule, standard(signature: last), standardBody) == nil)
    let past = String(repeating: other, count: limit) + good
    #expect(code(rule, standard(signature: past), standardBody) == .bad)
  }

  @Test func `id and time are under the signature`() throws {
    let rule = try rule(.standardWebhooks, standardSecret)
    #expect(code(rule, standard(id: "msg_other"), standardBody) == .bad)
    #expect(code(rule, standard(time: "1614265331"), standardBody) == .bad)
    #expect(code(rule, standard(time: " 1614265330"), standardBody) == nil)
    #expect(code(rule, standard(), standardBody + " ") == .bad)
  }

  @Test(arguments: ["webhook-id", "webhook-timestamp", "webhook-signature"])
  func `each header must be there, once`(name: String) throws {
    let rule = try rule(.standardWebhooks, standardSecret)
    #expect(code(rule, standard().filter { $0.name != name }, standardBody) == .missing)
    let twice = standard() + standard().filter { $0.name == name }
    #expect(code(rule, twice, standardBody) == .bad)
  }

  @Test func `a call is taken to the edge of the tolerance and not past it, either way`() throws {
    let signed: Int64 = 1_614_265_330
    let rule = try rule(.standardWebhooks, standardSecret)
    for edge in [-300, 300] as [Int64] {
      #expect(code(rule, standard(), standardBody, at: signed + edge) == nil)
      #expect(code(rule, standard(), standardBody, at: signed + edge + edge.signum()) == .stale)
    }
    let strict = try self.rule(.standardWebhooks, standardSecret, tolerance: .seconds(1))
    #expect(code(strict, standard(), standardBody, at: signed + 2) == .stale)
    // An old call that was never good is not called old.
    #expect(code(rule, standard(id: "forged"), standardBody, at: signed + 9999) == .bad)
  }

  @Test(arguments: ["-1614265330", "1614265330.5", "", "9999999999999", "0x10", "１"])
  func `a time that is no number of seconds does not pass, whoever signed it`(time: String) throws {
    let secret = standardSecret
    let rule = try rule(.standardWebhooks, secret)
    let key = try #require(Base64.decoded(String(secret.dropFirst(6))))
    let code = HMACSHA256.code(of: "m.\(time).\(standardBody)".utf8, key: key)
    let signed = standard(signature: "v1," + Base64.encoded(code), id: "m", time: time)
    #expect(self.code(rule, signed, standardBody) == .bad)
  }

  @Test(arguments: ["whsec_", "", "whsec_not base64", "whsec_abc", "It's text"])
  func `a secret that is no base64 is refused before there is a call`(secret: String) {
    let policy = WebhookPolicy(scheme: .standardWebhooks, secrets: ["S"])
    #expect(WebhookRule(policy, secrets: [secret]) == nil)
  }

  @Test func `a secret has 24 bytes at least`() {
    let policy = WebhookPolicy(scheme: .standardWebhooks, secrets: ["S"])
    func rule(of count: Int) -> WebhookRule? {
      let key = [UInt8](repeating: 7, count: count)
      return WebhookRule(policy, secrets: ["whsec_" + Base64.encoded(key)])
    }
    #expect(rule(of: 23) == nil)
    #expect(rule(of: 24) != nil)
    #expect(rule(of: 64) != nil)
  }

  // MARK: Stripe

  private let stripeBody = #"{"id":"evt_1","type":"charge.succeeded"}"#
  /// Of Python's hmac, over `1614265330.` and the body.
  private let stripeSignature = "a77f58ed88dac6c2cb9d24f149d7424c41f234b3beb04e25d9492b330816350e"

  @Test func `Stripe's form passes, with other signatures beside it`() throws {
    let rule = try rule(.stripe, "whsec_test_secret")
    for header in [
      "t=1614265330,v1=\(stripeSignature)", "t=1614265330,v1=00,v1=\(stripeSignature),v0=ff",
      "v1=\(stripeSignature),t=1614265330",
    ] {
      #expect(code(rule, fields(["Stripe-Signature": header]), stripeBody) == nil, "\(header)")
    }
  }

  @Test func `Stripe's time and body are under the signature`() throws {
    let rule = try rule(.stripe, "whsec_test_secret")
    let signed = fields(["Stripe-Signature": "t=1614265330,v1=\(stripeSignature)"])
    #expect(code(rule, signed, stripeBody + " ") == .bad)
    #expect(code(rule, signed, stripeBody, at: 1_614_265_330 + 301) == .stale)
    for header in [
      "t=1614265331,v1=\(stripeSignature)", "v1=\(stripeSignature)", "t=1614265330",
      "t=1614265330,v0=\(stripeSignature)", "",
    ] {
      #expect(code(rule, fields(["Stripe-Signature": header]), stripeBody) == .bad, "\(header)")
    }
    #expect(code(rule, [], stripeBody) == .missing)
  }

  // MARK: Names of deliveries

  @Test func `a delivery has the name that its sender gave it`() throws {
    let delivery = fields(["X-GitHub-Delivery": "72d3162e-cc78"])
    #expect(try WebhookRule.id(of: delivery, body: [], .github) == "72d3162e-cc78")
    #expect(try WebhookRule.id(of: [], body: [], .github) == nil)
    #expect(
      try WebhookRule.id(of: standard(), body: [], .standardWebhooks)?.hasPrefix("msg_") == true)
    #expect(try WebhookRule.id(of: [], body: Array(stripeBody.utf8), .stripe) == "evt_1")
    for body in ["", "[]", "{\"id\":\"\"}", "{\"id\":\"a b\"}", "{\"type\":1}"] {
      #expect(try WebhookRule.id(of: [], body: Array(body.utf8), .stripe) == nil)
    }
  }

  @Test func `a name that is too long or not plain does not pass`() throws {
    let rule = try rule(.github, hubSecret)
    let limit = WebhookRule.idBytesMax
    for (name, expected) in [
      (String(repeating: "a", count: limit), nil), (String(repeating: "a", count: limit + 1), .bad),
      ("a b", .bad), ("é", .bad), ("", .bad),
    ] as [(String, WebhookFault.Code?)] {
      let signed = fields(["X-Hub-Signature-256": hubSignature, "X-GitHub-Delivery": name])
      #expect(code(rule, signed, "Hello, World!") == expected, "\(name)")
    }
  }
}

struct WebhookRulesTests {
  private func function(_ scheme: WebhookPolicy.Scheme, _ secrets: [String]) -> FunctionDeclaration
  {
    var function = FunctionDeclaration(name: "f", handler: "F", triggers: [])
    function.webhooks[route] = WebhookPolicy(scheme: scheme, secrets: secrets)
    return function
  }

  private let route = HTTPRoute(method: "POST", pattern: "/hooks")

  @Test func `a route of which a secret is missing has no rule`() {
    let rules = WebhookRules([function(.github, ["A", "B"])]) { $0 == "A" ? "a" : nil }
    #expect(rules[route] == nil && rules.mistakes.isEmpty)
    #expect(WebhookRules([function(.github, ["A"])]) { _ in "a" }[route] != nil)
  }

  @Test func `a secret that its scheme cannot use is named, without its value`() {
    let rules = WebhookRules([function(.standardWebhooks, ["A"])]) { _ in "no base64!" }
    #expect(rules[route] == nil && rules.mistakes.count == 1)
    #expect(rules.mistakes.allSatisfy { $0.contains("A") && !$0.contains("no base64!") })
  }
}
