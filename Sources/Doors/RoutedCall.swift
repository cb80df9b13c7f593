// What a call to the function door becomes: the proposal of an invocation, or the answer that its
// route, its path or its key deserve. It knows no connection, so that a test house asks it too.

package import EventSources
package import HTTP
package import Invocations
package import Routing

package enum RoutedCall {
  case proposal(Proposal)
  case answer(HTTPResponse)
  /// Not signed as the function's manifest asks.
  case unsigned(WebhookFault, HTTPResponse, function: String)

  package enum Checking {
    /// At this time, with the secrets of the release.
    case by(WebhookRules, now: WallTime)
    /// Whoever calls is the test itself.
    case nobody
  }

  /// `id` is the new event's, if there comes to be one and its sender has no name for it.
  package static func read(
    method: String, path: String, query: String?, fields: [HTTPCall.Field], body: [UInt8],
    router: Router, id: String, checking: Checking
  ) -> RoutedCall {
    let match = router.match(method: method, path: path)
    guard case .found(let function, let route, let parameters) = match else {
      return .answer(refusal(of: match, method: method, path: path))
    }
    let policy = function.webhooks[route]
    var delivery: String?
    let key: ProposedKey?
    if let policy {
      do throws(WebhookFault) {
        delivery = try self.delivery(fields, body, route, policy, checking)
      } catch {
        let response = HTTPResponse.problem(HTTPProblem(error, policy.scheme))
        return .unsigned(error, response, function: function.name)
      }
      key = delivery.flatMap { self.key(of: $0, at: path, for: function) }
    } else {
      do throws(RequestFault) {
        // One key for another path or query is one key with another request.
        let fingerprint = { Array("\(method) \(path)?\(query ?? "")\n".utf8) + body }
        key = try idempotencyKey(in: fields, fingerprint: fingerprint, for: function)
      } catch {
        return .answer(error.response)
      }
    }
    let call = HTTPEventSource.call(
      method: method, path: path, query: query, parameters: parameters, headers: fields)
    let event = HTTPEventSource.event(
      for: call, body: body, function: function.name, id: delivery ?? id,
      trace: TraceContext(headers: fields))
    return .proposal(
      Proposal(
        function: function.name, trigger: "http:\(route.method) \(route.pattern)", event: event,
        call: call,
        storedCall: HTTPEventSource.withoutSecrets(call, isVerified: policy != nil), key: key))
  }

  // MARK: Webhooks

  /// The name of a call that is signed as it should be.
  private static func delivery(
    _ fields: [HTTPCall.Field], _ body: [UInt8], _ route: HTTPRoute, _ policy: WebhookPolicy,
    _ checking: Checking
  ) throws(WebhookFault) -> String? {
    if case .by(let rules, let now) = checking {
      guard let rule = rules[route] else { throw .noRule }
      try rule.check(fields, body: body, now: now)
    }
    return try WebhookRule.id(of: fields, body: body, policy.scheme)
  }

  /// A delivery that comes again is the same event.
  ///
  /// An `Idempotency-Key` is not heeded: nobody signed it, so that with another one a call that was
  /// overheard would run again.
  ///
  /// Two routes may hear of one event under one name, and each of them wants it: so the path is part of
  /// the key. The body is not: some senders change a little of it.
  private static func key(
    of delivery: String, at path: String, for function: FunctionDeclaration
  ) -> ProposedKey? {
    function.idempotency.key == nil ? ProposedKey(text: "\(path) \(delivery)") : nil
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
