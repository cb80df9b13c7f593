// The statements of a checkup, one method each. The first few cost the same on ten invocations and on
// ten million: they read totals, first and last rows, and what is unfinished up to a limit.
import GRDBSQLite
import Invocations

struct StoreReading {
  private let connection: Connection

  init(_ connection: Connection) { self.connection = connection }

  func read(into report: inout StoreReport) throws(SQLiteFailure) {
    report.pageBytes = try number("PRAGMA page_size")
    report.pages = try number("PRAGMA page_count")
    report.freePages = try number("PRAGMA freelist_count")
    guard try connection.number("PRAGMA application_id") == Schema.applicationID else {
      report.fault = .foreign(path: connection.path)
      return
    }
    let version = try number("PRAGMA user_version")
    report.schema = version
    guard version <= Schema.version else {
      report.fault = .newer(path: connection.path, version: version, known: Schema.version)
      return
    }
    // An older store has no totals yet; the next host brings it up to date.
    guard version == Schema.version else { return }
    try readHost(into: &report)
    report.oldest = try invocation("SELECT min(id) FROM accepted")
    report.newest = try invocation("SELECT max(id) FROM accepted")
    report.functions = try functions()
    report.deadLetters = try deadLetters()
    try readHeld(into: &report)
    report.paused = try pauses()
  }

  private func number(_ sql: String) throws(SQLiteFailure) -> Int {
    Int(try connection.number(sql) ?? 0)
  }

  private func invocation(_ sql: String) throws(SQLiteFailure) -> InvocationID? {
    let query = try connection.statement(sql)
    guard try query.next() else { return nil }
    return query.optionalInteger().map { InvocationID(rawValue: $0) }
  }

  // MARK: Look-ups

  private static let name = """
    iif(typeof(function) = 'integer', (SELECT text FROM names WHERE id = function), function)
    """

  private func readHost(into report: inout StoreReport) throws(SQLiteFailure) {
    let query = try connection.statement("SELECT boot, clean FROM host")
    guard try query.next() else { return }
    report.boot = Int(query.integer())
    report.stoppedCleanly = query.integer() == 1
  }

  private func functions() throws(SQLiteFailure) -> [FunctionSpace] {
    let query = try connection.statement(
      "SELECT \(Self.name), kind, count, bytes FROM totals ORDER BY function")
    var found: [String: FunctionSpace] = [:]
    while try query.next() {
      let name = query.text()
      let kind = Int(query.integer())
      let count = Int(query.integer())
      let bytes = Int(query.integer())
      found[name, default: FunctionSpace(name: name)].add(kind, count, bytes)
    }
    // A function whose history has gone stands there with zeroes.
    return found.values.filter { $0.kept > 0 || $0.ended > 0 }.sorted {
      ($1.estimatedBytes, $0.name) < ($0.estimatedBytes, $1.name)
    }
  }

  private func deadLetters() throws(SQLiteFailure) -> BoundedCount {
    let limit = StoreLimits.checkedRowsMax
    let count = try number(
      "SELECT count(*) FROM (SELECT 1 FROM dead ORDER BY id LIMIT \(limit + 1))")
    return BoundedCount(min(count, limit), isPartial: count > limit)
  }

  /// The oldest work first: what is held has waited for a person.
  private func readHeld(into report: inout StoreReport) throws(SQLiteFailure) {
    let limit = StoreLimits.checkedRowsMax
    let query = try connection.statement(
      """
      SELECT \(Self.name), count(*)
      FROM (SELECT function, state FROM unfinished ORDER BY id LIMIT \(limit))
      WHERE state = \(StateWord.held.rawValue) GROUP BY function
      """)
    while try query.next() {
      report.held.append(HeldWork(function: query.text(), count: Int(query.integer())))
    }
    report.held.sort { $0.function < $1.function }
    let unfinished = report.functions.reduce(0) { $0 + $1.unfinished }
    report.heldIsPartial = unfinished > limit
  }

  private func pauses() throws(SQLiteFailure) -> [Pause] {
    let query = try connection.statement(
      "SELECT subject, since FROM paused ORDER BY since LIMIT \(StoreLimits.checkedPausesMax)")
    var found: [Pause] = []
    while try query.next() {
      let subject = query.text()
      found.append(Pause(subject: subject, since: WallTime(milliseconds: query.integer())))
    }
    return found
  }

  // MARK: Every page

  func hasPageStatistics() throws(SQLiteFailure) -> Bool {
    try connection.number("SELECT 1 FROM pragma_module_list WHERE name = 'dbstat'") == 1
  }

  /// One at a time, so that no snapshot is held longer than the largest takes.
  ///
  /// Page by page: where `dbstat` adds them up itself it counts in 32 bits, wrong past 2 GiB, and
  /// asks nobody whether the time is over before it has read the whole tree.
  func parts(
    until isOver: () -> Bool, told: StoreCheckup.Progress
  ) throws(SQLiteFailure) -> StoreParts {
    let list = try trees()
    let size = try connection.statement(
      "SELECT sum(pgsize) FROM dbstat WHERE name = ?1")
    var parts: [StoreParts.Part] = []
    for (place, tree) in list.enumerated() {
      told(place, list.count)
      size.begin().add(tree.name)
      defer { size.reset() }
      do throws(SQLiteFailure) {
        guard try size.next() else { continue }
        parts.append(
          StoreParts.Part(
            name: tree.name, kind: tree.kind, bytes: Int(size.optionalInteger() ?? 0)))
      } catch {
        guard error.primaryCode == SQLITE_INTERRUPT, isOver() else { throw error }
        return StoreParts(parts: Self.sorted(parts), isWhole: false)
      }
    }
    told(list.count, list.count)
    return StoreParts(parts: Self.sorted(parts))
  }

  private static func sorted(_ parts: [StoreParts.Part]) -> [StoreParts.Part] {
    parts.sorted { ($1.bytes, $0.name) < ($0.bytes, $1.name) }
  }

  private func trees() throws(SQLiteFailure) -> [(name: String, kind: StoreParts.Kind)] {
    let query = try connection.statement(
      "SELECT name, type FROM sqlite_master WHERE rootpage > 0 ORDER BY name")
    var found: [(name: String, kind: StoreParts.Kind)] = [("sqlite_schema", .others)]
    while try query.next() {
      let name = query.text()
      found.append((name, query.text() == "index" ? .indexes : Self.kind(of: name)))
    }
    return found
  }

  private static func kind(of table: String) -> StoreParts.Kind {
    switch table {
    case "accepted": .events
    case "finished": .results
    case "attempts": .attempts
    case "logs": .logs
    default: .others
    }
  }

  /// Empty of a sound file.
  func damage() throws(SQLiteFailure) -> [String] {
    let query = try connection.statement("PRAGMA quick_check(\(StoreLimits.damageLinesMax))")
    var lines: [String] = []
    while try query.next() { lines.append(query.text()) }
    return lines == ["ok"] ? [] : lines
  }
}

extension FunctionSpace {
  fileprivate mutating func add(_ kind: Int, _ count: Int, _ bytes: Int) {
    guard kind != TotalTables.acceptedKind else {
      kept += count
      eventBytes += bytes
      return
    }
    resultBytes += bytes
    switch StateWord(rawValue: kind) {
    case .succeeded: succeeded += count
    case .dead: dead += count
    case .cancelled: cancelled += count
    case .queued, .running, .waiting, .held, nil: break
    }
  }
}
