// The control door: ingest, inspection, operation, health. It checks who asks (token, Host, Origin)
// and finds the call; the calls themselves are in the files beside it.

package import EventLoop
import EventSources
package import HTTP
import Invocations

@LoopActor
package final class ControlDoor: HTTPResponder {
  /// Of a batch of events: larger than any payload limit.
  package static let batchBytesMax = 64 << 20
  /// Of one event: above the largest payload limit, which the function's own then judges.
  package static let eventBytesMax = 16 << 20
  /// Of every call that carries no event.
  package static let wishBytesMax = 1 << 20
  /// Of a deployment: its manifests as JSON, with room for what has to be escaped.
  package static let deploymentBytesMax = 16 << 20

  unowned let house: any House
  private let guards: DoorGuard
  private let access: DoorAccess
  var ids = UUIDv7Generator()
  var streams: [EventStream.Name: EventStream] = [:]

  package init(house: any House, guards: DoorGuard, access: DoorAccess) {
    self.house = house
    self.guards = guards
    self.access = access
  }

  /// Streams never end by themselves; a host that stops ends them.
  package func endStreams() {
    for stream in Array(streams.values) { stream.close() }
  }

  /// Streams go on for hours: those whose token opens no doors any more end when the tokens change.
  package func accessChanged() {
    for stream in Array(streams.values) {
      let path = segments(of: stream.request.path)
      if case .failure = bearer(of: stream.request, Call.form(for: path)) { stream.close() }
    }
  }

  package func admit(_ head: HTTPRequest) -> HTTPAdmission {
    let path = segments(of: head.path)
    let form = Call.form(for: path)
    if case .failure(let problem) = bearer(of: head, form) {
      return .refuse(.problem(problem.value))
    }
    if head.path == "*" { return .refuse(.optionsOfServer) }
    guard let form else {
      return .refuse(.problem(.notFound(head.path)))
    }
    guard form.access(for: head.method) != nil else {
      return .refuse(.problem(.methodNotAllowed(form.methods)))
    }
    return .accept(bodyBytesMax: bodyBytesMax(of: path))
  }

  /// Who makes this call, if they may; of what is no call nothing but a token is asked.
  private func bearer(of head: HTTPRequest, _ form: CallForm?) -> Result<Bearer, Turned> {
    let problem = guards.refusal(
      path: head.path, headers: head.headers, asksForToken: access.asksOverTCP)
    if let problem { return .failure(Turned(value: problem)) }
    let needed = form?.access(for: head.method)
    if needed == .anybody { return .success(.unasked) }
    switch access.bearer(head.headers, isUnixSocket: guards.isUnixSocket) {
    case .failure(let denial):
      return .failure(
        Turned(value: access.denied(denial, call: Self.name(of: head), peer: head.peer)))
    case .success(let bearer):
      guard case .holders(let scope)? = needed, !bearer.may(scope) else { return .success(bearer) }
      return .failure(
        Turned(value: access.outOfScope(bearer, scope, call: Self.name(of: head), peer: head.peer)))
    }
  }

  private static func name(of head: HTTPRequest) -> String { "\(head.method) \(head.path)" }

  private struct Turned: Error { let value: HTTPProblem }

  private func bodyBytesMax(of path: [String]) -> Int {
    switch path.last {
    case "messages": Self.batchBytesMax
    case "invoke": Self.eventBytesMax
    case "releases": Self.deploymentBytesMax
    case _ where path.dropFirst().first == "executables": ExecutablePart.bytesMax
    default: Self.wishBytesMax
    }
  }

  package func handle(_ exchange: HTTPExchange) {
    let path = segments(of: exchange.request.path)
    // Again: a body may take its time, and a token be revoked meanwhile.
    switch bearer(of: exchange.request, Call.form(for: path)) {
    case .failure(let problem): return exchange.respond(.problem(problem.value))
    case .success(let bearer): exchange.asker = bearer.name
    }
    do throws(RequestFault) {
      try answer(exchange, path)
    } catch {
      exchange.respond(error.response)
    }
  }

  /// Names in paths are kebab-case or ids, so that percent-encoding never has to be undone; a timer's
  /// name has a slash, which is `%2F` in a path or is written as it is: `report/0`.
  private func segments(of path: String) -> [String] {
    var segments = path.split(separator: "/").map {
      String($0).replacing("%2F", with: "/").replacing("%2f", with: "/")
    }
    if segments.count > 3, segments[1] == "timers", Int(segments[3]) != nil {
      segments[2] += "/" + segments.remove(at: 3)
    }
    return segments
  }

  private func answer(_ exchange: HTTPExchange, _ path: [String]) throws(RequestFault) {
    // A misspelt wish must not be carried out as if it had not been made.
    if Call.takesNoQuery(path, method: exchange.request.method) {
      _ = try RequestQuery(exchange.request.query, allowed: [])
    }
    let isRead = exchange.request.method == "GET" || exchange.request.method == "HEAD"
    switch (path.first, path.dropFirst().first, isRead) {
    case ("healthz", nil, _): exchange.respond(HTTPResponse(status: 200, body: Array("ok\n".utf8)))
    case ("readyz", nil, _): readiness(exchange)
    case ("metrics", nil, _): metrics(exchange)
    case ("v1", "queues", _): try queues(exchange, Array(path.dropFirst(2)))
    case ("v1", "events", _): events(exchange)
    case ("v1", "functions", _): try functions(exchange, Array(path.dropFirst(2)))
    case ("v1", "timers", _): try timers(exchange, Array(path.dropFirst(2)))
    case ("v1", "invocations", _): try invocations(exchange, Array(path.dropFirst(2)))
    case ("v1", "dead-letters", _): try deadLetters(exchange, Array(path.dropFirst(2)))
    case ("v1", "errors", _): try errors(exchange, Array(path.dropFirst(2)))
    case ("v1", "actions", _): try actions(exchange, Array(path.dropFirst(2)))
    case ("v1", "stream", _): try stream(exchange)
    case ("v1", "host", _): host(exchange)
    case ("v1", "workers", _): workers(exchange)
    case ("v1", "store", _): store(exchange)
    case ("v1", "backups", _): backup(exchange)
    case ("v1", "releases", _): try releases(exchange, Array(path.dropFirst(2)))
    case ("v1", "executables", _): try executables(exchange, Array(path.dropFirst(2)))
    default: exchange.respond(.problem(.notFound(exchange.request.path)))
    }
  }

  // MARK: Health

  private func readiness(_ exchange: HTTPExchange) {
    let health = house.health
    guard health.obstacles.isEmpty else {
      return exchange.respond(
        .problem(
          HTTPProblem(
            status: 503, code: "not-ready", title: "Not ready",
            detail: health.obstacles.joined(separator: "; "))))
    }
    var json = JSONWriter()
    json.object { json in
      json.field("ready", true)
      json.field("boot", health.bootNumber)
      json.field("version", health.version)
    }
    exchange.respond(.json(200, json.bytes))
  }

  private func metrics(_ exchange: HTTPExchange) {
    exchange.respond(
      HTTPResponse(
        status: 200,
        headers: HTTPFields([("Content-Type", "text/plain; version=0.0.4; charset=utf-8")]),
        body: house.metrics))
  }

  func respond(_ exchange: HTTPExchange, _ status: Int = 200, _ write: (inout JSONWriter) -> Void) {
    var json = JSONWriter()
    write(&json)
    exchange.respond(.json(status, json.bytes))
  }
}
