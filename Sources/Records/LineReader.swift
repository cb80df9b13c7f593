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
  private let waiting: Statement
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
    waiting = try connection.statement(SQL.waiting)
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
    waiting.begin()
    waiting.add(try names.name(of: function))
    waiting.add(after?.due.milliseconds ?? .min)
    waiting.add(after?.id.rawValue ?? .min)
    waiting.add(limit + 1)
    defer {
      waiting.reset()
      requests.note(steps: waiting.takeSteps())
    }
    var records: [WaitingRecord] = []
    var bytes = 0
    while try waiting.next() {
      guard records.count < limit, bytes < StoreLimits.pageBytesMax else {
        return .waiting(function: function, after: after, records, hasMore: true)
      }
      let record = try rows.waiting(waiting)
      bytes += record.acceptance.event.data.count
      records.append(record)
    }
    return .waiting(function: function, after: after, records, hasMore: false)
  }

  private func readReplay(_ id: InvocationID) throws(SQLiteFailure) -> Replay? {
    replay.begin().add(id.rawValue)
    defer { replay.reset() }
    return try replay.next() ? rows.replay(replay, of: id) : nil
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
