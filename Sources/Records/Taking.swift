// What the former host left behind, taken up in one transaction: counts, keys, timers, pauses, and
// the attempts it did not see the end of.
import Invocations

struct Taking {
  let connection: Connection
  let now: WallTime

  func recover() throws(SQLiteFailure) -> Recovery {
    try connection.use { () throws(SQLiteFailure) in
      try connection.transaction { () throws(SQLiteFailure) in
        let (boot, digestKey, wasStoppedCleanly) = try nextBoot()
        let unfinished = try unfinished()
        if unfinished.running > 0 { try requeueInterrupted() }
        var recovery = Recovery(
          boot: boot, lastID: try lastID(), unfinished: try named(unfinished.counts),
          interrupted: unfinished.running, keys: try keys(unfinished: unfinished.ids),
          debounced: try debounced(), timers: try timers(), paused: try paused(),
          digestKey: digestKey,
          wasStoppedCleanly: wasStoppedCleanly, releases: try ReleaseRows.book(on: connection))
        recovery.openActions = try openActions()
        recovery.lastAction =
          Int(try connection.number("SELECT max(number) FROM actions") ?? 0)
        return recovery
      }
    }
  }

  private func nextBoot() throws(SQLiteFailure) -> (Int, Digest, Bool) {
    let host = try connection.statement("SELECT boot, clean, digest_high, digest_low FROM host")
    guard try host.next() else { return (1, try makeHost(), true) }
    let boot = Int(host.integer()) + 1
    let wasStoppedCleanly = host.integer() == 1
    let high = UInt64(bitPattern: host.integer())
    let low = UInt64(bitPattern: host.integer())
    host.reset()
    try connection.execute("UPDATE host SET boot = \(boot), clean = 0")
    return (boot, Digest(high: high, low: low), wasStoppedCleanly)
  }

  private func makeHost() throws(SQLiteFailure) -> Digest {
    let key = Digest(high: .random(in: .min ... .max), low: .random(in: .min ... .max))
    let insert = try connection.statement(
      "INSERT INTO host (boot, clean, digest_high, digest_low) VALUES (1, 0, ?1, ?2)")
    insert.begin()
    insert.add(Int64(bitPattern: key.high))
    insert.add(Int64(bitPattern: key.low))
    try insert.run()
    return key
  }

  private func lastID() throws(SQLiteFailure) -> InvocationID {
    InvocationID(rawValue: try connection.number("SELECT max(id) FROM accepted") ?? 0)
  }

  /// One walk over the unfinished, whatever is asked of it: it is the long part of a start.
  private func unfinished() throws(SQLiteFailure) -> Unfinished {
    let query = try connection.statement("SELECT id, function, state FROM unfinished ORDER BY id")
    var unfinished = Unfinished()
    while try query.next() {
      unfinished.ids.append(query.integer())
      if let function = query.optionalName() { unfinished.counts[function, default: 0] += 1 }
      if query.integer() == StateWord.running.rawValue { unfinished.running += 1 }
    }
    return unfinished
  }

  private struct Unfinished {
    /// Ascending.
    var ids: [Int64] = []
    var counts: [StoredName: Int] = [:]
    var running = 0
  }

  private func named(_ counts: [StoredName: Int]) throws(SQLiteFailure) -> [String: Int] {
    let names = try NameCache(on: connection)
    var named: [String: Int] = [:]
    for (name, count) in counts { named[try names.text(of: name) ?? "", default: 0] += count }
    return named
  }

  /// The number of the attempt stays used; the failures and the due time stay as they were.
  private func requeueInterrupted() throws(SQLiteFailure) {
    let keep = try connection.statement(
      """
      INSERT OR REPLACE INTO attempts (invocation, number, boot, worker, started, ended, outcome,
        cpu, error_code, error_message, error_type, release)
      SELECT id, attempts, boot, worker, coalesce(started, ?1), ?1, ?2, 0, ?3, ?4, '', release
      FROM unfinished WHERE state = 2
      """)
    keep.begin()
    keep.add(now.milliseconds)
    keep.add(AttemptRecord.Outcome.returned.rawValue)
    keep.add(RecordFault.interruptedCode)
    keep.add("the host stopped while the attempt ran")
    try keep.run()
    try connection.execute(
      "UPDATE unfinished SET state = 1, worker = NULL, boot = NULL WHERE state = 2")
  }

  /// Both are in the order of the invocations, so that they are walked side by side.
  private func keys(unfinished: [Int64]) throws(SQLiteFailure) -> [RememberedKey] {
    let query = try connection.statement(
      """
      SELECT invocation, high, low, body_high, body_low, expires FROM keys WHERE expires > ?1
      ORDER BY invocation
      """)
    query.begin().add(now.milliseconds)
    var keys: [RememberedKey] = []
    var place = 0
    while try query.next() {
      let id = query.integer()
      while place < unfinished.count, unfinished[place] < id { place += 1 }
      let isFinished = place == unfinished.count || unfinished[place] != id
      let digest = Digest(
        high: UInt64(bitPattern: query.integer()), low: UInt64(bitPattern: query.integer()))
      let body = RecordRows.digest(query.optionalInteger(), query.optionalInteger())
      keys.append(
        RememberedKey(
          digest: digest, body: body, invocation: InvocationID(rawValue: id),
          expiresAt: WallTime(milliseconds: query.integer()), isFinished: isFinished))
    }
    return keys
  }

  /// Events that wait for their quiet time; one for each value, and most functions have none.
  private func debounced() throws(SQLiteFailure) -> [DebouncedRecord] {
    let names = try NameCache(on: connection)
    let query = try connection.statement(
      """
      SELECT u.id, u.function, u.due, u.priority, u.debounce, u.debounce_since, k.high, k.low,
        k.expires
      FROM unfinished u INDEXED BY unfinished_debounce LEFT JOIN keys k ON k.invocation = u.id
      WHERE u.debounce IS NOT NULL AND u.state = 1 AND u.attempts = 0 ORDER BY u.id
      """)
    var records: [DebouncedRecord] = []
    while try query.next() {
      let id = InvocationID(rawValue: query.integer())
      let function = try names.text(of: query.optionalName()) ?? ""
      let due = WallTime(milliseconds: query.integer())
      let priority = Priority(rawValue: Int(query.integer())) ?? .normal
      let value = query.integer()
      let since = WallTime(milliseconds: query.integer())
      let digest = RecordRows.digest(query.optionalInteger(), query.optionalInteger())
      let expires = WallTime(milliseconds: query.optionalInteger() ?? 0)
      records.append(
        DebouncedRecord(
          function: function, id: id, due: due, priority: priority,
          debounce: Standing.Debounce(value: value, since: since),
          key: digest.map { IdempotencyKey(text: "", digest: $0, body: nil, expiresAt: expires) }))
    }
    return records
  }

  private func timers() throws(SQLiteFailure) -> [TimerAdvance] {
    let query = try connection.statement("SELECT name, rule, last FROM timers")
    var timers: [TimerAdvance] = []
    while try query.next() {
      timers.append(
        TimerAdvance(
          name: query.text(), rule: query.text(), last: WallTime(milliseconds: query.integer())))
    }
    return timers
  }

  private func openActions() throws(SQLiteFailure) -> [OperatorAction] {
    let query = try connection.statement(SQL.openActions)
    var actions: [OperatorAction] = []
    while try query.next() {
      var action = ActionRows.action(query)
      // A kill may have cut short what it had written down of itself.
      if action.verb == .redrive || action.verb == .purge {
        let done = "SELECT count(*) FROM settled WHERE action = \(action.number)"
        action.done = Int(try connection.number(done) ?? 0)
      }
      actions.append(action)
    }
    return actions
  }

  private func paused() throws(SQLiteFailure) -> [String: WallTime] {
    let query = try connection.statement("SELECT subject, since FROM paused")
    var paused: [String: WallTime] = [:]
    while try query.next() {
      let subject = query.text()
      paused[subject] = WallTime(milliseconds: query.integer())
    }
    return paused
  }
}
