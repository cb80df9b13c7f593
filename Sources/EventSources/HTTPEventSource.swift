// Turns a request to the function door into an event and the call that is kept beside it. It
// refuses nothing; the door did. A body is only looked at when its sender does not name its type.

package import Invocations

package enum HTTPEventSource {
  package static let type = "apus.http.request"

  /// Never stored.
  package static let secretHeaders = FieldNames([
    "authorization", "proxy-authorization", "cookie", "x-api-key", "api-key", "apikey",
    "x-auth-token", "x-access-token", "x-amz-security-token", "x-csrf-token", "x-xsrf-token",
    "x-vault-token", "x-gitlab-token", "x-goog-api-key", "ocp-apim-subscription-key",
  ])

  /// Of calls that were checked: with the body beside them they could be sent again.
  private static let signatureHeaders = FieldNames([
    "x-hub-signature-256", "x-hub-signature", "webhook-signature", "stripe-signature",
  ])

  /// They speak of one connection, not of the request (RFC 9110 §7.6.1).
  private static let hopByHopHeaders = FieldNames([
    "connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade",
    "http2-settings", "expect",
  ])

  /// The event of a call that is about to be handled; `trace` is what the headers handed on, or a
  /// trace that begins here.
  package static func event(
    for call: HTTPCall, body: [UInt8], function: String, id: String, trace: TraceContext?
  ) -> Event {
    Event(
      id: id, source: "/routes/\(function)", type: type, subject: call.path,
      dataContentType: contentType(of: call, body: body), extensions: trace?.extensions ?? [],
      data: body)
  }

  /// The call without the headers of its connection, in the order they came.
  package static func call(
    method: String, path: String, query: String?, parameters: [HTTPCall.Field],
    headers: [HTTPCall.Field]
  ) -> HTTPCall {
    // A set, as a caller may name thousands; mostly there is none, and no name is made lower case.
    let named = Set(
      headers.filter { $0.isNamed("connection") }
        .flatMap { $0.value.split(separator: ",").map { $0.trimmingSpace.lowercased() } })
    return HTTPCall(
      method: method, path: path, query: query, parameters: parameters,
      headers: headers.filter { field in
        !hopByHopHeaders.contains(field.name)
          && (named.isEmpty || !named.contains(field.name.lowercased()))
      })
  }

  /// The form that goes to the store.
  ///
  /// A repeat of the call finds these headers absent rather than filled with something that is no
  /// secret.
  package static func withoutSecrets(_ call: HTTPCall, isVerified: Bool = false) -> HTTPCall {
    func isSecret(_ field: HTTPCall.Field) -> Bool {
      secretHeaders.contains(field.name) || isVerified && signatureHeaders.contains(field.name)
    }
    // Most calls have none, and both forms are then one.
    guard call.headers.contains(where: isSecret) else { return call }
    var call = call
    call.headers.removeAll(where: isSecret)
    return call
  }

  /// A body that brings no type is JSON if it is JSON, and bytes otherwise.
  private static func contentType(of call: HTTPCall, body: [UInt8]) -> String? {
    if let given = call.headers.first("content-type") { return given }
    guard !body.isEmpty else { return nil }
    do {
      try JSONScanner.validate(body)
      return "application/json"
    } catch { return "application/octet-stream" }
  }
}
