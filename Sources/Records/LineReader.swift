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
  private let laneThen: Statement
  private let laneLater: Statement
  private let begun: Statement
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
    laneThen = try connection.statement(SQL.laneThen)
    laneLater = try connection.statement(SQL.laneLater)
    begun = try connection.statement(SQL.begun)
    replay = try connection.statement(SQL.replay)
  }

  /// Returns when the requests are closed; what waits then is not answered.
  func run() {
    while let turn = requests.next() { take(turn) }
  }

  func take(_ turn: LineRequests.Turn) {
    for request in turn.refused {
      let words = "\(StoreLimits.lineRequestsMax) reads wait already; ask again in a moment"
      deliver(.readFailed(request, reason: words))
    }
    if let request = turn.request { deliver(answer(request)) }
  }

  private func answer(_ request: RecordRead) -> RecordNews {
    do throws(SQLiteFailure) {
      return try connection.use { () throws(SQLiteFailure) in
        switch request {
        case .waiting(_, _, _, let limit), .lane(_, _, _, _, let limit), .begun(_, _, let limit):
          return try read(request, limit: limit)
        case .replay(let id, let token): return .replay(token: token, try readReplay(id))
        }
      }
    } catch {
      return .readFailed(request, reason: error.fault(at: connection.path).description)
    }
  }

  private func read(_ request: RecordRead, limit: Int) throws(SQLiteFailure) -> RecordNews {
    var page = LinePage(limit: limit)
    // One snapshot: work that changes its place between two walks must not be missed.
    try connection.transaction("BEGIN") { () throws(SQLiteFailure) in
      switch request {
      case .waiting(let function, let priority, let after, _):
        try readLine(try names.name(of: function), priority, after, into: &page)
      case .lane(let function, let lane, let from, let dueBy, _):
        try readLane(try names.name(of: function), lane, from, dueBy, into: &page)
      case .begun(let function, let after, _):
        begun.begin().add(try names.name(of: function))
        begun.add(after?.rawValue ?? .min)
        begun.add(page.rowsWanted)
        try read(begun, into: &page)
      case .replay: break
      }
    }
    return .rows(of: request, page.records, hasMore: page.isFull)
  }

  private func readLine(
    _ function: StoredName?, _ priority: Priority, _ after: LinePlace?, into page: inout LinePage
  ) throws(SQLiteFailure) {
    if let after {
      waitingThen.begin().add(function)
      waitingThen.add(priority.rawValue)
      waitingThen.add(after.due.milliseconds)
      waitingThen.add(after.id.rawValue)
      waitingThen.add(page.rowsWanted)
      try read(waitingThen, into: &page)
    }
    guard !page.isFull else { return }
    waitingLater.begin().add(function)
    waitingLater.add(priority.rawValue)
    waitingLater.add(after?.due.milliseconds ?? .min)
    waitingLater.add(page.rowsWanted)
    try read(waitingLater, into: &page)
  }

  private func readLane(
    _ function: StoredName?, _ lane: Int64, _ from: LinePlace, _ dueBy: WallTime,
    into page: inout LinePage
  ) throws(SQLiteFailure) {
    laneThen.begin().add(function)
    laneThen.add(lane)
    laneThen.add(from.due.milliseconds)
    laneThen.add(from.id.rawValue)
    laneThen.add(page.rowsWanted)
    try read(laneThen, into: &page)
    guard !page.isFull else { return }
    laneLater.begin().add(function)
    laneLater.add(lane)
    laneLater.add(from.due.milliseconds)
    laneLater.add(dueBy.milliseconds)
    laneLater.add(page.rowsWanted)
    try read(laneLater, into: &page)
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

  /// One more than there is room for says whether there is more.
  var rowsWanted: Int { limit - records.count + 1 }

  var hasRoom: Bool { records.count < limit && bytes < StoreLimits.pageBytesMax }

  mutating func add(_ record: WaitingRecord) {
    records.append(record)
    bytes += record.acceptance.event.data.count
  }
}

/// What the dispatcher asked and has not been answered.
final class LineRequests: Sendable {
  private struct State {
    /// Oldest first, from `head` on.
    var requests: [RecordRead] = []
    var head = 0
    /// Past the limit: each is answered with that before the next read.
    var refused: [RecordRead] = []
    var isClosed = false
  }

  private let state = Monitor(State())
  private let steps = Atomic<Int>(0)

  /// SQLite's instructions spent on waiting work so far.
  var stepsSpent: Int { steps.load(ordering: .relaxed) }

  func note(steps count: Int) { steps.add(count, ordering: .relaxed) }

  func add(_ request: RecordRead) {
    state.change { state in
      if state.requests.count - state.head < StoreLimits.lineRequestsMax {
        state.requests.append(request)
      } else {
        state.refused.append(request)
      }
    }
  }

  func close() { state.change { $0.isClosed = true } }

  typealias Turn = (request: RecordRead?, refused: [RecordRead])

  /// Waits; nil when closed.
  func next() -> Turn? {
    let turn = state.wait(until: nil) { state -> (isOpen: Bool, turn: Turn)? in
      if state.isClosed { return (false, (nil, [])) }
      return Self.takeTurn(&state).map { (true, $0) }
    }
    guard let turn, turn.isOpen else { return nil }
    return turn.turn
  }

  /// The same without a wait; nil where nothing is asked.
  func nextNow() -> Turn? { state.withLock { Self.takeTurn(&$0) } }

  private static func takeTurn(_ state: inout State) -> Turn? {
    guard state.head < state.requests.count || !state.refused.isEmpty else { return nil }
    let refused = state.refused
    state.refused = []
    return (takeFirst(&state), refused)
  }

  private static func takeFirst(_ state: inout State) -> RecordRead? {
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
