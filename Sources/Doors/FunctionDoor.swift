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
    if head.path == "*" { return .refuse(.optionsOfServer) }
    let match = house.router.match(method: head.method, path: head.path)
    if case .found(let function, _, _) = match {
      return .accept(bodyBytesMax: function.payloadBytesMax)
    }
    return .refuse(RoutedCall.refusal(of: match, method: head.method, path: head.path))
  }

  package func handle(_ exchange: HTTPExchange) {
    let request = exchange.request
    let call = RoutedCall.read(
      method: request.method, path: request.path, query: request.query, fields: request.fields,
      body: request.body, router: house.router, id: ids.next(at: house.clocks.wall),
      checking: .by(house.webhooks, now: house.clocks.wall))
    switch call {
    case .answer(let response): exchange.respond(response)
    case .unsigned(let fault, let response, let function):
      house.noteUnsigned(fault.code, function: function)
      exchange.respond(response)
    case .proposal(let proposal):
      start(proposal, exchange)
    }
  }

  private func start(_ proposal: Proposal, _ exchange: HTTPExchange) {
    let preference = Preference(exchange.request.headers.all("Prefer"))
    if preference.isAnsweredAtOnce {
      let address = house.controlDoorAddress
      return house.accept([proposal]) { outcome in
        Self.acknowledge(outcome, exchange, at: address)
      }
    }
    let listener = CallExchange(exchange, house: house, answer: .response)
    if let wait = preference.wait { listener.waitAtMost(wait) }
    house.call(proposal, listener: listener)
  }

  private static func acknowledge(
    _ outcome: Result<[Accepted], Refusal>, _ exchange: HTTPExchange, at address: String
  ) {
    switch outcome {
    case .success(let items):
      guard let item = items.first else { return exchange.abort() }
      exchange.respond(
        .accepted(item.invocation, preference: "respond-async", at: address))
    case .failure(let refusal): exchange.respond(.problem(HTTPProblem(refusal)))
    }
  }
}

extension HTTPRequest {
  /// The headers in the words of the rooms behind the doors.
  var fields: [HTTPCall.Field] {
    headers.entries.map { HTTPCall.Field(name: $0.0, value: $0.1) }
  }
}

/// The `Prefer` header (RFC 7240), as far as the doors heed it.
struct Preference {
  var isAsynchronous = false
  var wait: Duration?

  /// A caller may hold its connection this long at most.
  static let waitMax = 3600

  /// What it does not know or cannot read is ignored, as if it had not been sent (RFC 7240 §2).
  init(_ values: [String]) {
    for part in values.flatMap({ $0.split(separator: ",") }) {
      let word = part.prefix { $0 != ";" }.filter { $0 != " " && $0 != "\t" }.lowercased()
      if word == "respond-async" { isAsynchronous = true }
      guard word.hasPrefix("wait="), wait == nil,
        let seconds = Int(word.dropFirst(5).filter { $0 != "\"" }), seconds >= 0
      else { continue }
      wait = .seconds(min(seconds, Self.waitMax))
    }
  }

  /// Asked for both, the answer is awaited for that long and only then taken later (RFC 7240 §4.3).
  var isAnsweredAtOnce: Bool { isAsynchronous && (wait ?? .zero) == .zero }
}
