// Answers operators' questions on a read-only connection: listings, whole stories, counts. Every
// answer is bounded in rows, bytes and time; it may stop early and say where to go on.
import Invocations

final class Inspector {
  let connection: Connection
  let names: NameCache
  let hasher: SipHasher
  private let rows: RecordRows
  private let record: Statement
  private let attempts: Statement
  private let logs: Statement
  private let emitted: Statement

  init(on connection: Connection, hasher: SipHasher) throws(SQLiteFailure) {
    self.connection = connection
    self.hasher = hasher
    names = try NameCache(on: connection)
    rows = RecordRows(names: names, hasher: hasher)
    record = try connection.statement(SQL.record)
    attempts = try connection.statement(SQL.attempts)
    logs = try connection.statement(SQL.logs)
    emitted = try connection.statement(SQL.emitted)
  }

  func story(of id: InvocationID) throws(SQLiteFailure) -> RecordRows.Story? {
    record.begin().add(id.rawValue)
    defer { record.reset() }
    return try record.next() ? rows.story(record) : nil
  }

  // MARK: One story

  func show(_ id: InvocationID) throws(SQLiteFailure) -> InvocationRecord? {
    try connection.transaction("BEGIN") { () throws(SQLiteFailure) in
      guard var story = try story(of: id) else { return nil }
      story.record.history = try attempts(of: id)
      if let last = story.lastAttempt { story.record.history.append(last) }
      story.record.logs = try logs(of: id)
      story.record.emitted = try emitted(by: id)
      return story.record
    }
  }

  private func attempts(of id: InvocationID) throws(SQLiteFailure) -> [AttemptRecord] {
    attempts.begin()
    attempts.add(id.rawValue)
    attempts.add(Invocation.attemptNumbersMax)
    defer { attempts.reset() }
    var found: [AttemptRecord] = []
    while try attempts.next() { found.append(rows.attempt(attempts, of: id)) }
    return found
  }

  /// The latest lines that fit, oldest first.
  private func logs(of id: InvocationID) throws(SQLiteFailure) -> [LogLine] {
    logs.begin()
    logs.add(id.rawValue)
    logs.add(StoreLimits.shownLogsMax)
    defer { logs.reset() }
    var found: [LogLine] = []
    var bytes = 0
    while bytes < StoreLimits.pageBytesMax, try logs.next() {
      let line = rows.logLine(logs, of: id)
      bytes += line.message.utf8.count
      found.append(line)
    }
    return found.reversed()
  }

  func emitted(by id: InvocationID) throws(SQLiteFailure) -> [InvocationID] {
    emitted.begin()
    emitted.add(id.rawValue)
    emitted.add(StoreLimits.shownEmittedMax)
    defer { emitted.reset() }
    var found: [InvocationID] = []
    while try emitted.next() { found.append(InvocationID(rawValue: emitted.integer())) }
    return found
  }

  // MARK: Counts, sizes and timers

  func health() throws(SQLiteFailure) -> StoreHealth {
    StoreHealth(
      fileBytes: FileSize.bytes(of: connection.path),
      logBytes: FileSize.bytes(of: "\(connection.path)-wal"),
      pages: Int(try connection.number("PRAGMA page_count") ?? 0),
      freePages: Int(try connection.number("PRAGMA freelist_count") ?? 0),
      pageBytes: Int(try connection.number("PRAGMA page_size") ?? 0))
  }

  func counts() throws(SQLiteFailure) -> [String: FunctionCounts] {
    var counts: [String: FunctionCounts] = [:]
    let unfinished = try connection.statement(SQL.countUnfinished)
    while try unfinished.next() {
      let function = try names.text(of: unfinished.optionalName()) ?? ""
      let state = StateWord(rawValue: Int(unfinished.integer())) ?? .queued
      let count = Int(unfinished.integer())
      let due = WallTime(milliseconds: unfinished.integer())
      counts[function, default: FunctionCounts()].add(count, state: state, oldestDue: due)
    }
    let dead = try connection.statement(SQL.countDead)
    while try dead.next() {
      let function = try names.text(of: dead.optionalName()) ?? ""
      counts[function, default: FunctionCounts()].deadLetters += Int(dead.integer())
    }
    return counts
  }

  func queueLoads() throws(SQLiteFailure) -> [String: QueueLoad] {
    var loads: [String: QueueLoad] = [:]
    let query = try connection.statement(SQL.queueLoads)
    while try query.next() {
      let queue = try names.text(of: query.optionalName()) ?? ""
      loads[queue] = QueueLoad(
        unfinished: Int(query.integer()), held: Int(query.integer()),
        oldest: InvocationID(rawValue: query.integer()))
    }
    return loads
  }

  /// Newest first.
  func missed(timer: String, limit: Int) throws(SQLiteFailure) -> [MissedInstant] {
    let query = try timerQuery(SQL.missed, timer, limit)
    var found: [MissedInstant] = []
    while try query.next() {
      found.append(
        MissedInstant(
          instant: WallTime(milliseconds: query.integer()), count: Int(query.integer()),
          reason: query.text()))
    }
    return found
  }

  /// Newest first.
  func firings(timer: String, limit: Int) throws(SQLiteFailure) -> [InvocationRecord] {
    let query = try timerQuery(SQL.firings, timer, limit)
    var found: [InvocationRecord] = []
    while try query.next() {
      if let story = try story(of: InvocationID(rawValue: query.integer())) {
        found.append(story.record)
      }
    }
    return found
  }

  private func timerQuery(
    _ sql: String, _ timer: String, _ limit: Int
  ) throws(SQLiteFailure) -> Statement {
    let query = try connection.statement(sql)
    query.begin()
    query.add(timer)
    query.add(max(1, min(limit, StoreLimits.timerHistoryMax)))
    return query
  }
}
