// The dispatcher's reader: the next waiting work of a function and stored results. It has a thread
// and a connection of its own, so that no operator's question delays it.
import Invocations
import Synchronization

final class LineReader {
  private let connection: Connection
  private let requests: LineRequests
  private let deliver: @Sendable (RecordNews) -> Void
  private let names: NameCache
  private let rows: RecordRows
  private let waitingThen: Statement
  private let waitingLater: Statement
  private let replay: Statement

  init(
    connection: Connection, requests: LineRequests, hasher: SipHasher,
    deliver: @escaping @Sendable (RecordNews) -> Void
  ) throws(SQLiteFailure) {
    self.connection = connection
    self.requests = requests
    self.deliver = deliver
    names = try NameCache(on: connection)
    rows = RecordRows(names: names, hasher: hasher)
    waitingThen = try connection.statement(SQL.waitingThen)
    waitingLater = try connection.statement(SQL.waitingLater)
    replay = try connection.statement(SQL.replay)
  }

  /// Returns when the requests are closed; what waits then is not answered.
  func run() {
    while let turn = requests.next() {
      for request in turn.refused {
        let words = "\(StoreLimits.lineRequestsMax) reads wait already; ask again in a moment"
        deliver(request.failed(because: words))
      }
      if let request = turn.request { deliver(answer(request)) }
    }
  }

  private func answer(_ request: LineRequest) -> RecordNews {
    do throws(SQLiteFailure) {
      return try connection.use { () throws(SQLiteFailure) in
        switch request {
        case .waiting(let function, let after, let limit):
          return try readWaiting(function, after, limit)
        case .replay(let id, let token): return .replay(token: token, try readReplay(id))
        }
      }
    } catch {
      return request.failed(because: error.fault(at: connection.path).description)
    }
  }

  private func readWaiting(
    _ function: String, _ after: LinePlace?, _ limit: Int
  ) throws(SQLiteFailure) -> RecordNews {
    var page = LinePage(limit: limit)
    // One snapshot: work that changes its place between the two walks must not be missed.
    try connection.transaction("BEGIN") { () throws(SQLiteFailure) in
      let name = try names.name(of: function)
      if let after {
        waitingThen.begin().add(name)
        waitingThen.add(after.due.milliseconds)
        waitingThen.add(after.id.rawValue)
        waitingThen.add(limit + 1)
        try read(waitingThen, into: &page)
      }
      guard !page.isFull else { return }
      waitingLater.begin().add(name)
      waitingLater.add(after?.due.milliseconds ?? .min)
      waitingLater.add(limit - page.records.count + 1)
      try read(waitingLater, into: &page)
    }
    return .waiting(function: function, after: after, page.records, hasMore: page.isFull)
  }

  private func read(_ query: Statement, into page: inout LinePage) throws(SQLiteFailure) {
    defer {
      query.reset()
      requests.note(steps: query.takeSteps())
    }
    while try query.next() {
      guard page.hasRoom else {
        page.isFull = true
        return
      }
      page.add(try rows.waiting(query))
    }
  }

  private func readReplay(_ id: InvocationID) throws(SQLiteFailure) -> Replay? {
    replay.begin().add(id.rawValue)
    defer { replay.reset() }
    return try replay.next() ? rows.replay(replay, of: id) : nil
  }
}

private struct LinePage {
  let limit: Int
  private(set) var records: [WaitingRecord] = []
  private var bytes = 0
  /// There is more than these.
  var isFull = false

  init(limit: Int) { self.limit = limit }

  var hasRoom: Bool { records.count < limit && bytes < StoreLimits.pageBytesMax }

  mutating func add(_ record: WaitingRecord) {
    records.append(record)
    bytes += record.acceptance.event.data.count
  }
}

enum LineRequest {
  case waiting(function: String, after: LinePlace?, limit: Int)
  case replay(InvocationID, token: UInt64)

  func failed(because reason: String) -> RecordNews {
    switch self {
    case .waiting(let function, _, _):
      .readFailed(reason: reason, function: function, token: nil)
    case .replay(_, let token): .readFailed(reason: reason, function: nil, token: token)
    }
  }
}

/// What the dispatcher asked and has not been answered.
final class LineRequests: Sendable {
  private struct State {
    /// Oldest first, from `head` on.
    var requests: [LineRequest] = []
    var head = 0
    /// Past the limit: each is answered with that before the next read.
    var refused: [LineRequest] = []
    var isClosed = false
  }

  private let state = Monitor(State())
  private let steps = Atomic<Int>(0)

  /// SQLite's instructions spent on `readWaiting` so far.
  var stepsSpent: Int { steps.load(ordering: .relaxed) }

  func note(steps count: Int) { steps.add(count, ordering: .relaxed) }

  func add(_ request: LineRequest) {
    state.change { state in
      if state.requests.count - state.head < StoreLimits.lineRequestsMax {
        state.requests.append(request)
      } else {
        state.refused.append(request)
      }
    }
  }

  func close() { state.change { $0.isClosed = true } }

  /// Waits; nil when closed.
  func next() -> (request: LineRequest?, refused: [LineRequest])? {
    let turn = state.wait(until: nil) {
      state -> (isOpen: Bool, request: LineRequest?, refused: [LineRequest])? in
      if state.isClosed { return (false, nil, []) }
      guard state.head < state.requests.count || !state.refused.isEmpty else { return nil }
      let refused = state.refused
      state.refused = []
      return (true, Self.takeFirst(&state), refused)
    }
    guard let turn, turn.isOpen else { return nil }
    return (turn.request, turn.refused)
  }

  private static func takeFirst(_ state: inout State) -> LineRequest? {
    guard state.head < state.requests.count else { return nil }
    let request = state.requests[state.head]
    state.head += 1
    // The taken ones go in lumps, so that taking stays cheap.
    if state.head >= 1_024 {
      state.requests.removeFirst(state.head)
      state.head = 0
    }
    return request
  }
}
