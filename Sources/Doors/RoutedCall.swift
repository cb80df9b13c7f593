// What a call to the function door becomes: the proposal of an invocation, or the answer that its
// route, its path or its key deserve. It knows no connection, so that a test house asks it too.

import EventSources
package import HTTP
package import Invocations
package import Routing

package enum RoutedCall {
  case proposal(Proposal)
  case answer(HTTPResponse)

  /// `id` is the new event's, if there comes to be one.
  package static func read(
    method: String, path: String, query: String?, fields: [HTTPCall.Field], body: [UInt8],
    router: Router, id: String
  ) -> RoutedCall {
    let match = router.match(method: method, path: path)
    guard case .found(let function, let route, let parameters) = match else {
      return .answer(refusal(of: match, method: method, path: path))
    }
    let key: ProposedKey?
    do throws(RequestFault) {
      // One key for another path or query is one key with another request.
      let fingerprint = { Array("\(method) \(path)?\(query ?? "")\n".utf8) + body }
      key = try idempotencyKey(in: fields, fingerprint: fingerprint, for: function)
    } catch {
      return .answer(error.response)
    }
    let call = HTTPEventSource.call(
      method: method, path: path, query: query, parameters: parameters, headers: fields)
    let event = HTTPEventSource.event(
      for: call, body: body, function: function.name, id: id, trace: TraceContext(headers: fields))
    return .proposal(
      Proposal(
        function: function.name, trigger: "http:\(route.method) \(route.pattern)", event: event,
        call: call, storedCall: HTTPEventSource.withoutSecrets(call), key: key))
  }

  /// The answer where no route takes the call; 404 too for one that was taken when it was asked.
  static func refusal(of match: RouteMatch, method: String, path: String) -> HTTPResponse {
    switch match {
    case .methodNotAllowed(let allow) where method == "OPTIONS":
      HTTPResponse(status: 204, headers: HTTPFields([("Allow", allow.joined(separator: ", "))]))
    case .methodNotAllowed(let allow): .problem(.methodNotAllowed(allow))
    case .badPath(let reason): .problem(.badRequest("bad-path", reason))
    case .found, .notFound:
      .problem(
        HTTPProblem(
          status: 404, code: "no-route", title: "No such route",
          detail: "no function has an http trigger for \(path)"))
    }
  }

  private static func idempotencyKey(
    in fields: [HTTPCall.Field], fingerprint: () -> [UInt8], for function: FunctionDeclaration
  ) throws(RequestFault) -> ProposedKey? {
    let text: String?
    do {
      text = try IdempotencyKeyField.key(in: fields)
    } catch {
      throw RequestFault("bad-idempotency-key", error.message)
    }
    if let text { return ProposedKey(text: text, body: fingerprint()) }
    guard function.idempotency.isRequired, function.idempotency.key == nil else { return nil }
    throw .keyMissing
  }
}
