// From a file to a connection that may write. Nothing is written before the file is known to be ours
// and of a version we know.
import Invocations

enum Opening {
  /// Of this version, whatever it was before.
  static func writer(
    file: String, durability: Durability, tuning: RecordTuning = RecordTuning()
  ) throws(RecordFault) -> Connection {
    let connection = try unchanged(file: file, durability: durability)
    _ = try Upgrade(of: connection, tuning, hadStore: false).run()
    return connection
  }

  /// Known to be ours, and of this version or one before.
  static func unchanged(
    file: String, durability: Durability
  ) throws(RecordFault) -> Connection {
    let connection: Connection
    let fault: RecordFault?
    do throws(SQLiteFailure) {
      connection = try Connection(path: file, readOnly: false)
      fault = try connection.use { () throws(SQLiteFailure) in
        if let fault = try identityFault(of: connection) { return fault }
        try prepare(connection, durability)
        return nil
      }
    } catch {
      throw error.fault(at: file)
    }
    if let fault { throw fault }
    return connection
  }

  /// What can be read of the log goes into the file, and the log begins anew: else what cannot be read
  /// would stand behind the new commits, and be found again.
  static func endLog(
    of connection: Connection, in directory: DataDirectory
  ) throws(RecordFault) {
    directory.noteLogEnd()
    do throws(SQLiteFailure) {
      try connection.use { () throws(SQLiteFailure) in
        try connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
      }
    } catch { throw error.fault(at: directory.file) }
  }

  /// Its statements end early once `stop` is raised.
  static func reader(file: String, stop: Flag) throws(SQLiteFailure) -> Connection {
    let connection = try Connection(path: file, readOnly: true, stop: stop)
    try connection.use { () throws(SQLiteFailure) in
      try connection.execute("PRAGMA query_only = 1; PRAGMA cache_size = -16384")
    }
    return connection
  }

  static func identityFault(
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
      PRAGMA secure_delete = FAST;
      """)
  }
}
