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
  var ids = UUIDv7Generator()
  var streams: [EventStream.Name: EventStream] = [:]

  package init(house: any House, guards: DoorGuard) {
    self.house = house
    self.guards = guards
  }

  /// Streams never end by themselves; a host that stops ends them.
  package func endStreams() {
    for stream in Array(streams.values) { stream.close() }
  }

  package func admit(_ head: HTTPRequest) -> HTTPAdmission {
    if let problem = guards.refusal(path: head.path, headers: head.headers) {
      return .refuse(.problem(problem))
    }
    if head.path == "*" { return .refuse(.optionsOfServer) }
    let path = segments(of: head.path)
    guard let methods = Call.methods(for: path) else {
      return .refuse(.problem(.notFound(head.path)))
    }
    let method = head.method == "HEAD" ? "GET" : head.method
    guard methods.contains(method) else {
      return .refuse(.problem(.methodNotAllowed(methods)))
    }
    return .accept(bodyBytesMax: bodyBytesMax(of: path))
  }

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

/// Which paths exist and what they take; everything else is 404 or 405 before a body is read.
enum Call {
  static func methods(for path: [String]) -> [String]? {
    switch path.count {
    case 1: return ["healthz", "readyz", "metrics"].contains(path[0]) ? ["GET"] : nil
    case 2...4 where path[0] == "v1": return methods(below: Array(path.dropFirst()))
    default: return nil
    }
  }

  /// Those that are left read their own.
  static func takesNoQuery(_ path: [String], method: String) -> Bool {
    guard path.first == "v1", let verb = path.last else { return false }
    guard method == "POST" else { return takesNoQuery(reading: path) }
    switch verb {
    case "pause", "resume", "fire", "releases", "backups": return true
    // Of one; of many they take filters.
    case "retry", "cancel": return path.count > 3
    case "purge": return path.dropFirst().first == "queues"
    case "abort": return true
    default: return false
    }
  }

  /// One of something, and all timers; lists have filters or at least pages.
  private static func takesNoQuery(reading path: [String]) -> Bool {
    switch (path.count > 1 ? path[1] : "", path.count) {
    case ("timers", 2...3), ("queues", 3), ("functions", 3), ("invocations", 3...4),
      ("releases", 3), ("dead-letters", 3), ("actions", 3), ("errors", 3), ("host", 2),
      ("workers", 2), ("store", 2):
      true
    default: false
    }
  }

  private static func methods(below path: [String]) -> [String]? {
    switch (path[0], path.count, path.last) {
    case ("invocations", 2, "retry"), ("invocations", 2, "cancel"): ["POST"]
    case ("queues", 1, _), ("queues", 2, _), ("functions", 1, _), ("functions", 2, _),
      ("timers", 1, _), ("timers", 2, _), ("invocations", 1, _), ("invocations", 2, _),
      ("invocations", 3, "why"), ("invocations", 3, "chain"), ("dead-letters", 1, _),
      ("stream", 1, _), ("releases", 2, _), ("errors", 1, _), ("errors", 2, _), ("actions", 1, _),
      ("actions", 2, _), ("host", 1, _), ("workers", 1, _), ("store", 1, _):
      ["GET"]
    case ("events", 1, _), ("backups", 1, _), ("dead-letters", 2, "redrive"),
      ("dead-letters", 2, "purge"),
      ("queues", 3, "pause"), ("queues", 3, "resume"), ("queues", 3, "purge"),
      ("functions", 3, "pause"), ("functions", 3, "resume"), ("functions", 3, "invoke"),
      ("timers", 3, "fire"), ("invocations", 3, "retry"), ("invocations", 3, "cancel"),
      ("actions", 3, "abort"):
      ["POST"]
    case ("queues", 3, "messages"), ("releases", 1, _): ["GET", "POST"]
    case ("releases", 3, "activate"): ["POST"]
    case ("executables", 2, _): ["GET", "PUT"]
    case ("dead-letters", 2, _): ["GET"]
    default: nil
    }
  }
}
