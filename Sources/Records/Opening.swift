// From a directory to a connection that may write, and what the former host left behind. Nothing is
// written before the file is known to be ours and of a version we know.
import GRDBSQLite
import Invocations

enum Opening {
  static func writer(
    file: String, durability: Durability
  ) throws(RecordFault) -> Connection {
    let connection: Connection
    let fault: RecordFault?
    do throws(SQLiteFailure) {
      connection = try Connection(path: file, readOnly: false)
      fault = try connection.use { () throws(SQLiteFailure) in
        if let fault = try identityFault(of: connection) { return fault }
        try prepare(connection, durability)
        try migrate(connection)
        return nil
      }
    } catch {
      throw error.fault(at: file)
    }
    if let fault { throw fault }
    return connection
  }

  /// Its statements end early once `stop` is raised.
  static func reader(file: String, stop: Flag) throws(SQLiteFailure) -> Connection {
    let connection = try Connection(path: file, readOnly: true, stop: stop)
    try connection.use { () throws(SQLiteFailure) in
      try connection.execute("PRAGMA query_only = 1; PRAGMA cache_size = -16384")
    }
    return connection
  }

  private static func identityFault(
    of connection: Connection
  ) throws(SQLiteFailure) -> RecordFault? {
    let application = try connection.number("PRAGMA application_id") ?? 0
    let version = Int(try connection.number("PRAGMA user_version") ?? 0)
    let tables = try connection.number("SELECT count(*) FROM sqlite_master") ?? 0
    if application == 0, version == 0, tables == 0 { return nil }
    guard application == Schema.applicationID else { return .foreign(path: connection.path) }
    guard version <= Schema.version else {
      return .newer(path: connection.path, version: version, known: Schema.version)
    }
    return nil
  }

  private static func prepare(
    _ connection: Connection, _ durability: Durability
  ) throws(SQLiteFailure) {
    try connection.execute(
      """
      PRAGMA journal_mode = WAL;
      PRAGMA synchronous = \(durability.synchronous);
      PRAGMA wal_autocheckpoint = 0;
      PRAGMA journal_size_limit = \(64 << 20);
      PRAGMA cache_size = -65536;
      PRAGMA temp_store = MEMORY;
      """)
  }

  private static func migrate(_ connection: Connection) throws(SQLiteFailure) {
    let version = Int(try connection.number("PRAGMA user_version") ?? 0)
    for (index, migration) in Schema.migrations.enumerated() where index >= version {
      try connection.transaction { () throws(SQLiteFailure) in
        try connection.execute(migration)
        try connection.execute(
          """
          PRAGMA application_id = \(Schema.applicationID);
          PRAGMA user_version = \(index + 1);
          """)
      }
    }
  }
}

/// Takes up what the former host left, in one transaction.
struct Taking {
  let connection: Connection
  let now: WallTime

  func recover() throws(SQLiteFailure) -> Recovery {
    try connection.use { () throws(SQLiteFailure) in
      try connection.transaction { () throws(SQLiteFailure) in
        let (boot, digestKey, wasStoppedCleanly) = try nextBoot()
        return Recovery(
          boot: boot, lastID: try lastID(), unfinished: try unfinished(),
          interrupted: try requeueInterrupted(), keys: try keys(), timers: try timers(),
          paused: try paused(), digestKey: digestKey, wasStoppedCleanly: wasStoppedCleanly)
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

  private func unfinished() throws(SQLiteFailure) -> [String: Int] {
    let names = try NameCache(on: connection)
    let query = try connection.statement(
      "SELECT function, count(*) FROM unfinished GROUP BY function")
    var counts: [String: Int] = [:]
    while try query.next() {
      let function = try names.text(of: query.optionalName()) ?? ""
      counts[function, default: 0] += Int(query.integer())
    }
    return counts
  }

  /// The number of the attempt stays used; the failures and the due time stay as they were.
  private func requeueInterrupted() throws(SQLiteFailure) -> Int {
    let keep = try connection.statement(
      """
      INSERT OR REPLACE INTO attempts (invocation, number, boot, worker, started, ended, outcome,
        cpu, error_code, error_message, error_type)
      SELECT id, attempts, boot, worker, coalesce(started, ?1), ?1, ?2, 0, ?3, ?4, ''
      FROM unfinished WHERE state = 2
      """)
    keep.begin()
    keep.add(now.milliseconds)
    keep.add(AttemptRecord.Outcome.returned.rawValue)
    keep.add(RecordFault.interruptedCode)
    keep.add("the host stopped while the attempt ran")
    try keep.run()
    let requeue = try connection.statement(
      "UPDATE unfinished SET state = 1, worker = NULL, boot = NULL WHERE state = 2")
    return try requeue.run()
  }

  private func keys() throws(SQLiteFailure) -> [RememberedKey] {
    let query = try connection.statement(
      """
      SELECT high, low, body_high, body_low, invocation, expires,
        NOT EXISTS (SELECT 1 FROM unfinished WHERE id = invocation)
      FROM keys WHERE expires > ?1
      """)
    query.begin().add(now.milliseconds)
    var keys: [RememberedKey] = []
    while try query.next() {
      let digest = Digest(
        high: UInt64(bitPattern: query.integer()), low: UInt64(bitPattern: query.integer()))
      let body = RecordRows.digest(query.optionalInteger(), query.optionalInteger())
      keys.append(
        RememberedKey(
          digest: digest, body: body, invocation: InvocationID(rawValue: query.integer()),
          expiresAt: WallTime(milliseconds: query.integer()), isFinished: query.integer() == 1))
    }
    return keys
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
