// The function door: only the routes of `http` triggers. A request becomes an event and an
// invocation; its answer is the handler's. Nothing else answers here.

package import EventLoop
import EventSources
package import HTTP
import Invocations
import Routing

@LoopActor
package final class FunctionDoor: HTTPResponder {
  private unowned let house: any House
  private var ids = UUIDv7Generator()

  package init(house: any House) { self.house = house }

  package func admit(_ head: HTTPRequest) -> HTTPAdmission {
    switch house.router.match(method: head.method, path: head.path) {
    case .found(let function, _, _): .accept(bodyBytesMax: function.payloadBytesMax)
    case .methodNotAllowed(let allow):
      .refuse(head.method == "OPTIONS" ? .options(allow) : .problem(.methodNotAllowed(allow)))
    case .notFound:
      .refuse(
        .problem(
          HTTPProblem(
            status: 404, code: "no-route", title: "No such route",
            detail: "no function has an http trigger for \(head.method) \(head.path)")))
    case .badPath(let reason): .refuse(.problem(.badRequest("bad-path", reason)))
    }
  }

  package func handle(_ exchange: HTTPExchange) {
    let request = exchange.request
    guard
      case .found(let function, let route, let parameters) = house.router.match(
        method: request.method, path: request.path)
    else {
      // A release changed the routes while the body was on its way.
      return exchange.respond(.problem(.notFound("\(request.method) \(request.path)")))
    }
    do throws(RequestFault) {
      let key = try idempotencyKey(of: request, for: function)
      let proposal = proposal(request, function, route, parameters, key)
      try start(proposal, exchange)
    } catch {
      exchange.respond(error.response)
    }
  }

  private func start(_ proposal: Proposal, _ exchange: HTTPExchange) throws(RequestFault) {
    let preference = try Preference(exchange.request.headers.all("Prefer"))
    if preference.isAsynchronous {
      return house.accept([proposal]) { outcome in Self.acknowledge(outcome, exchange) }
    }
    let listener = CallExchange(exchange, house: house, answer: .response)
    if let wait = preference.wait { listener.waitAtMost(wait) }
    house.call(proposal, listener: listener)
  }

  private static func acknowledge(
    _ outcome: Result<[Accepted], Refusal>, _ exchange: HTTPExchange
  ) {
    switch outcome {
    case .success(let items):
      guard let item = items.first else { return exchange.abort() }
      exchange.respond(.accepted(item.invocation, preference: "respond-async"))
    case .failure(let refusal): exchange.respond(.problem(HTTPProblem(refusal)))
    }
  }

  private func idempotencyKey(
    of request: HTTPRequest, for function: FunctionDeclaration
  ) throws(RequestFault) -> ProposedKey? {
    let text: String?
    do {
      text = try IdempotencyKeyField.key(in: request.fields)
    } catch {
      throw RequestFault("bad-idempotency-key", error.message)
    }
    if let text { return ProposedKey(text: text, body: request.body) }
    guard function.idempotency.isRequired, function.idempotency.key == nil else { return nil }
    throw RequestFault(
      "idempotency-key-missing",
      "this function asks for an Idempotency-Key header; send one that is unique to the request, "
        + "and the same one when you send the request again")
  }

  private func proposal(
    _ request: HTTPRequest, _ function: FunctionDeclaration, _ route: HTTPRoute,
    _ parameters: [HTTPCall.Field], _ key: ProposedKey?
  ) -> Proposal {
    let fields = request.fields
    let call = HTTPEventSource.call(
      method: request.method, path: request.path, query: request.query, parameters: parameters,
      headers: fields)
    let event = HTTPEventSource.event(
      for: call, body: request.body, function: function.name, id: ids.next(at: house.clocks.wall),
      trace: TraceContext(headers: fields))
    return Proposal(
      function: function.name, trigger: "http:\(route.method) \(route.pattern)", event: event,
      call: call, storedCall: HTTPEventSource.withoutSecrets(call), key: key)
  }
}

extension HTTPRequest {
  /// The headers in the words of the rooms behind the doors.
  var fields: [HTTPCall.Field] {
    headers.entries.map { HTTPCall.Field(name: $0.0, value: $0.1) }
  }
}

extension HTTPResponse {
  static func options(_ allow: [String]) -> HTTPResponse {
    HTTPResponse(status: 204, headers: HTTPFields([("Allow", allow.joined(separator: ", "))]))
  }
}

/// The `Prefer` header (RFC 7240), as far as the doors heed it.
struct Preference {
  var isAsynchronous = false
  var wait: Duration?

  /// A caller may hold its connection this long at most.
  static let waitMax = 3600

  init(_ values: [String]) throws(RequestFault) {
    for part in values.flatMap({ $0.split(separator: ",") }) {
      let word = part.prefix { $0 != ";" }.filter { $0 != " " && $0 != "\t" }.lowercased()
      if word == "respond-async" { isAsynchronous = true }
      guard word.hasPrefix("wait=") else { continue }
      guard let seconds = Int(word.dropFirst(5)), (0...Self.waitMax).contains(seconds) else {
        throw RequestFault(
          "bad-preference", "'Prefer: wait=N' takes 0…\(Self.waitMax) seconds; got '\(word)'")
      }
      wait = .seconds(seconds)
    }
  }
}
