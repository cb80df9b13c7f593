// One SQLite connection, opened by GRDB and used raw. It belongs to one thread at a time.
import CSQLite
import GRDB
import GRDBSQLite

final class Connection {
  let path: String
  let raw: OpaquePointer
  private let queue: DatabaseQueue
  private let stop: Flag?

  /// Of the whole process, before its first connection.
  private static let isSQLiteLean = csqlite_count_no_memory()

  /// Sees the file as it is: nothing is written until somebody asks for it.
  ///
  /// `isStill` of a file that nobody can write to and that has no log: nothing is made beside it.
  init(
    path: String, readOnly: Bool, isStill: Bool = false, stop: Flag? = nil
  ) throws(SQLiteFailure) {
    _ = Self.isSQLiteLean
    self.path = path
    self.stop = stop
    var configuration = Configuration()
    configuration.readonly = readOnly
    configuration.foreignKeysEnabled = false
    configuration.label = readOnly ? "apus.reader" : "apus.writer"
    // Only a person with a shell on the file can hold its lock.
    configuration.busyMode = .timeout(1)
    configuration.allowsUnsafeTransactions = true
    do {
      queue = try DatabaseQueue(
        path: isStill ? Self.still(path) : path, configuration: configuration)
      raw = try queue.inDatabase { try Self.handle(of: $0) }
    } catch {
      throw SQLiteFailure(error)
    }
    if let stop { heed(stop) }
  }

  /// SQLite asks every few thousand instructions; the flag lives as long as the connection.
  private func heed(_ stop: Flag) {
    sqlite3_progress_handler(
      raw, 10_000,
      { context in
        guard let context else { return 0 }
        return Unmanaged<Flag>.fromOpaque(context).takeUnretainedValue().isRaised ? 1 : 0
      }, Unmanaged.passUnretained(stop).toOpaque())
  }

  /// As a URI (sqlite.org/uri.html).
  private static func still(_ path: String) -> String {
    let safe = path.utf8.map { byte in
      let isPlain = byte >= 0x41 && byte <= 0x5A || byte >= 0x61 && byte <= 0x7A
      let isOther = byte >= 0x2D && byte <= 0x39 || byte == 0x5F
      let digits = String(byte, radix: 16)
      return isPlain || isOther
        ? String(UnicodeScalar(byte)) : "%\(byte < 16 ? "0" : "")\(digits)"
    }
    return "file:\(safe.joined())?immutable=1"
  }

  private static func handle(of database: Database) throws -> OpaquePointer {
    guard let raw = database.sqliteConnection else {
      throw DatabaseError(resultCode: .SQLITE_MISUSE)
    }
    return raw
  }

  /// Everything that touches the connection happens in here: GRDB keeps other threads off.
  func use<Result, Failure: Error>(
    _ body: () throws(Failure) -> Result
  ) throws(Failure) -> Result {
    var outcome: Swift.Result<Result, Failure>?
    queue.inDatabase { _ in
      do throws(Failure) { outcome = .success(try body()) } catch { outcome = .failure(error) }
    }
    guard let outcome else { preconditionFailure("GRDB did not run what it was given") }
    return try outcome.get()
  }

  /// All or nothing.
  ///
  /// `ROLLBACK` may fail where SQLite has rolled back by itself.
  func transaction<Result>(
    _ begin: String = "BEGIN IMMEDIATE", _ body: () throws(SQLiteFailure) -> Result
  ) throws(SQLiteFailure) -> Result {
    try execute(begin)
    do throws(SQLiteFailure) {
      let result = try body()
      try execute("COMMIT")
      return result
    } catch {
      sqlite3_exec(raw, "ROLLBACK", nil, nil, nil)
      throw error
    }
  }

  func execute(_ sql: String) throws(SQLiteFailure) {
    guard sqlite3_exec(raw, sql, nil, nil, nil) == SQLITE_OK else {
      throw SQLiteFailure(of: raw)
    }
  }

  func statement(_ sql: String) throws(SQLiteFailure) -> Statement {
    try Statement(sql, on: self)
  }

  /// The first column of the first row; nil where there is no row.
  func number(_ sql: String) throws(SQLiteFailure) -> Int64? {
    let query = try statement(sql)
    return try query.next() ? query.integer() : nil
  }
}
