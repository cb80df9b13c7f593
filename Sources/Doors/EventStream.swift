// `GET /v1/stream`: server-sent events (WHATWG HTML §9.2), one for each change of state and each log
// line, with the same filters as the list. A reader that is too slow misses events, is told how
// many, and holds nothing up.

import EventLoop
import HTTP
import Invocations

@LoopActor
final class EventStream: HappeningListener {
  /// Streams open at once.
  static let streamsMax = 64
  /// Unsent bytes past which events are counted and not sent.
  private static let unsentBytesMax = 1 << 20
  /// Past it they are asked for again.
  private static let selectedMax = 10_000
  private static let heartbeat = Duration.seconds(15)

  struct Name: Hashable { let id: ObjectIdentifier }

  private let exchange: HTTPExchange
  private unowned let house: any House
  private let filter: InvocationFilter
  private let ended: (EventStream) -> Void
  /// Invocations that the filter's queue, key and text have let through.
  private var selected: Set<InvocationID> = []
  private var missed = 0
  private var timer: LoopTimer?
  private var hasEnded = false

  init(
    _ exchange: HTTPExchange, house: any House, filter: InvocationFilter,
    ended: @escaping (EventStream) -> Void
  ) {
    self.exchange = exchange
    self.house = house
    self.filter = filter
    self.ended = ended
  }

  var name: Name { Name(id: ObjectIdentifier(self)) }
  /// What was asked, and by whom.
  var request: HTTPRequest { exchange.request }

  func begin() {
    exchange.onClientGone = { [self] in
      end()
      exchange.abort()
    }
    exchange.startStream(
      status: 200,
      headers: HTTPFields([
        ("Content-Type", "text/event-stream"), ("Cache-Control", "no-store"),
      ]))
    exchange.send(Array(": connected\n\n".utf8))
    let timer = LoopTimer { [weak self] in self?.beat() }
    self.timer = timer
    beat()
    house.follow(self)
  }

  private func beat() {
    // Also how a client that vanished without a word is noticed: the write fails.
    if exchange.unsentBytes == 0 { exchange.send(Array(": alive\n\n".utf8)) }
    timer?.arm(atMonotonic: EventLoop.shared.now + Self.heartbeat.nanoseconds)
  }

  /// The host stops: the stream is whole as far as it goes.
  func close() {
    exchange.endStream()
    end()
  }

  private func end() {
    guard !hasEnded else { return }
    hasEnded = true
    timer?.close()
    house.unfollow(self)
    ended(self)
  }

  func saw(_ happening: Happening) {
    guard let line = HappeningLine(happening), line.passes(filter), selects(happening) else {
      return
    }
    guard exchange.unsentBytes < Self.unsentBytesMax else {
      missed += 1
      return
    }
    if missed > 0 {
      exchange.send(Array("event: dropped\ndata: {\"count\":\(missed)}\n\n".utf8))
      missed = 0
    }
    var bytes = Array("event: \(line.name)\ndata: ".utf8)
    bytes += line.json
    bytes += Array("\n\n".utf8)
    exchange.send(bytes)
  }
}

extension EventStream {
  /// What a happening does not say itself, its invocation's acceptance does.
  private func selects(_ happening: Happening) -> Bool {
    guard
      filter.queue != nil || filter.key != nil || filter.eventText != nil
        || !filter.matches.isEmpty
    else { return true }
    guard let id = happening.invocation else { return false }
    defer { if case .ended = happening { selected.remove(id) } }
    if selected.contains(id) { return true }
    var acceptance = house.acceptance(of: id)
    if case .accepted(let new) = happening { acceptance = new.value }
    guard let acceptance, filter.selects(acceptance) else { return false }
    if selected.count >= Self.selectedMax { selected = [] }
    selected.insert(id)
    return true
  }
}

extension Happening {
  /// The invocation that it is about.
  fileprivate var invocation: InvocationID? {
    switch self {
    case .accepted(let acceptance): acceptance.value.id
    case .duplicate(let id, _), .started(let id, _, _, _): id
    case .goesOn(let attempt, _, _, _): attempt.invocation
    case .ended(let ending, _): ending.value.id
    case .logged(let line, _): line.invocation
    case .fenced(let name): name.id
    default: nil
    }
  }
}

extension InvocationFilter {
  fileprivate func selects(_ acceptance: Acceptance) -> Bool {
    if let queue, queue != acceptance.queue { return false }
    if let key, key != acceptance.key?.text { return false }
    guard matches.allSatisfy({ $0.path.value(in: acceptance.event) == $0.value }) else {
      return false
    }
    guard let text = eventText else { return true }
    return Self.lowered(acceptance.event.data).contains(Self.lowered(Array(text.utf8)))
  }

  /// Letters beyond ASCII as they are, as in a listing.
  private static func lowered(_ bytes: [UInt8]) -> [UInt8] {
    bytes.map { (65...90).contains($0) ? $0 + 32 : $0 }
  }
}

extension ControlDoor {
  func stream(_ exchange: HTTPExchange) throws(RequestFault) {
    // What has happened is listed; a stream tells what happens.
    let allowed = RequestQuery.filters.subtracting(["since", "until", "limit", "cursor", "release"])
    let query = try RequestQuery(exchange.request.query, allowed: allowed)
    let filter = try filter(of: query)
    guard streams.count < EventStream.streamsMax else {
      return exchange.respond(
        .problem(
          HTTPProblem(
            status: 503, code: "too-many-streams", title: "Too many streams are open",
            detail: "\(EventStream.streamsMax) streams are open; close one",
            headers: HTTPFields([("Retry-After", "5")]))))
    }
    let stream = EventStream(exchange, house: house, filter: filter) { [weak self] stream in
      self?.streams[stream.name] = nil
    }
    streams[stream.name] = stream
    stream.begin()
  }
}
