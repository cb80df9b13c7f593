// SQL of a person over the store's file, for what no call answers. It reads, whether a host runs or
// not, on a connection of its own; it refuses whatever would write, and ends when its time is over.
import GRDBSQLite
import Glibc
package import Invocations

package final class StoreShell {
  private let connection: Connection
  private let watch: Watch

  /// Opens the store in a data directory; makes nothing that is not there.
  ///
  /// `now` is what times back from now are counted from. Once `stop` is raised, a query ends.
  package init(
    directory: String, now: WallTime, stop: ShellStop = ShellStop()
  ) throws(ShellFault) {
    let path = "\(directory)/apus.db"
    // Not opened to find out: to close it would let go of every lock that this process has on it.
    guard access(path, R_OK) == 0 else {
      guard errno == EACCES else { throw .missing(path: path) }
      throw .store(Looking.denied(path))
    }
    guard FileSize.bytes(of: path) > 0 else { throw .missing(path: path) }
    watch = Watch(stop)
    do throws(SQLiteFailure) {
      connection = try Looking.connection(path)
    } catch {
      throw Looking.fault(of: path).map { .store($0) } ?? ShellFault(opening: error, path)
    }
    var fault: ShellFault?
    do throws(SQLiteFailure) {
      fault = try connection.use { () throws(SQLiteFailure) in
        if let fault = try identityFault() { return fault }
        try ShellIDs().add(to: connection)
        try ShellFunctions.add(to: connection, now: now)
        try connection.execute(StoreView.all.map(\.sql).joined(separator: ";\n"))
        try connection.execute("PRAGMA query_only = 1; PRAGMA cache_size = -65536")
        return nil
      }
    } catch { throw ShellFault(opening: error, path) }
    if let fault { throw fault }
    guardReading()
  }

  deinit {
    // Both point to what goes with this object, before the connection does.
    sqlite3_progress_handler(connection.raw, 0, nil, nil)
    sqlite3_set_authorizer(connection.raw, nil, nil)
  }

  private func identityFault() throws(SQLiteFailure) -> ShellFault? {
    let path = connection.path
    let application = try connection.number("PRAGMA application_id") ?? 0
    let version = Int(try connection.number("PRAGMA user_version") ?? 0)
    guard application == Schema.applicationID else { return .store(.foreign(path: path)) }
    guard version <= Schema.version else {
      return .store(.newer(path: path, version: version, known: Schema.version))
    }
    guard version == Schema.version else {
      return .older(path: path, version: version, known: Schema.version)
    }
    return nil
  }

  private func guardReading() {
    let context = Unmanaged.passUnretained(watch).toOpaque()
    sqlite3_limit(connection.raw, SQLITE_LIMIT_LENGTH, Int32(StoreLimits.shellBytesMax))
    sqlite3_set_authorizer(
      connection.raw,
      { context, action, first, second, _, _ in
        guard let context else { return SQLITE_DENY }
        let watch = Unmanaged<Watch>.fromOpaque(context).takeUnretainedValue()
        return watch.permits(action, first, second) ? SQLITE_OK : SQLITE_DENY
      }, context)
    // SQLite asks every few thousand instructions.
    sqlite3_progress_handler(
      connection.raw, 10_000,
      { context in
        guard let context else { return 1 }
        return Unmanaged<Watch>.fromOpaque(context).takeUnretainedValue().isOver ? 1 : 0
      }, context)
  }

  // MARK: Asking

  /// All rows of one statement, or the first ones, from one moment of the store.
  package func ask(
    _ sql: String, rowsMax: Int, timeout: Duration
  ) throws(ShellFault) -> ShellAnswer {
    watch.begin(timeout)
    defer { watch.end() }
    do throws(SQLiteFailure) {
      return try connection.use { () throws(SQLiteFailure) in
        let statement = try ShellStatement(sql, on: connection)
        return try statement.read(rowsMax: rowsMax)
      }
    } catch { throw fault(error, timeout) }
  }

  private func fault(_ failure: SQLiteFailure, _ timeout: Duration) -> ShellFault {
    if let refused = watch.refused { return .refused(refused) }
    switch failure.primaryCode {
    case SQLITE_INTERRUPT: return watch.isStopped ? .interrupted : .tooLong(timeout)
    case SQLITE_BUSY, SQLITE_LOCKED: return .busy
    case SQLITE_ERROR, SQLITE_RANGE, SQLITE_TOOBIG, SQLITE_MISMATCH, SQLITE_MISUSE, SQLITE_READONLY:
      return .badStatement(failure.message)
    default: return .store(failure.fault(at: connection.path))
    }
  }
}

/// What ends a query from another thread.
package struct ShellStop: Sendable {
  private let flag = Flag()

  package init() {}

  package func interrupt() { flag.raise() }

  package var isRaised: Bool { flag.isRaised }
}

package enum ShellValue: Sendable, Equatable {
  case null
  case integer(Int64)
  case real(Double)
  case text(String)
  case blob([UInt8])
}

package struct ShellAnswer: Sendable, Equatable {
  package var columns: [String]
  package var rows: [[ShellValue]]
  /// There were more rows, or more bytes, than may be.
  package var hasMore: Bool

  package init(columns: [String], rows: [[ShellValue]], hasMore: Bool) {
    self.columns = columns
    self.rows = rows
    self.hasMore = hasMore
  }
}

package enum ShellFault: Error, Equatable, Sendable {
  case missing(path: String)
  case older(path: String, version: Int, known: Int)
  case store(RecordFault)
  /// SQLite's words about the statement.
  case badStatement(String)
  /// It would do more than read.
  case refused(String)
  case tooLong(Duration)
  case interrupted
  /// The file is locked by somebody for longer than a reader waits.
  case busy

  init(opening failure: SQLiteFailure, _ path: String) {
    switch failure.primaryCode {
    case SQLITE_BUSY, SQLITE_LOCKED: self = .busy
    case SQLITE_NOTADB: self = .store(.foreign(path: path))
    default: self = .store(failure.fault(at: path))
    }
  }
}

/// What the statement that runs may do, and for how long; used on the thread that runs it.
private final class Watch {
  private let stop: ShellStop
  private var deadline = UInt64.max
  private(set) var refused: String?

  init(_ stop: ShellStop) { self.stop = stop }

  var isStopped: Bool { stop.isRaised }
  var isOver: Bool { isStopped || MonotonicTime.now > deadline }

  func begin(_ timeout: Duration) {
    refused = nil
    let (sum, overflow) = MonotonicTime.now.addingReportingOverflow(timeout.nanoseconds)
    deadline = overflow ? .max : sum
  }

  func end() { deadline = .max }

  typealias Word = UnsafePointer<CChar>

  func permits(_ action: Int32, _ first: Word?, _ second: Word?) -> Bool {
    let name = first.map { String(cString: $0) } ?? ""
    switch action {
    case SQLITE_SELECT, SQLITE_READ, SQLITE_RECURSIVE: return true
    case SQLITE_FUNCTION:
      let function = second.map { String(cString: $0) } ?? ""
      if function.lowercased() != "load_extension" { return true }
      refused = refused ?? "load_extension()"
    case SQLITE_PRAGMA:
      if Self.describingPragmas.contains(name.lowercased()) { return true }
      if second == nil, Self.readablePragmas.contains(name.lowercased()) { return true }
      refused = refused ?? "PRAGMA \(name)"
    // Asked when a table such as json_each is met for the first time. Nobody changes this one in
    // earnest: SQLite refuses it, and the connection only reads.
    case SQLITE_UPDATE where name == "sqlite_master": return true
    default: refused = refused ?? Self.words[action] ?? "this statement"
    }
    return false
  }

  /// Their argument names what they tell of.
  private static let describingPragmas: Set<String> = [
    "table_info", "table_xinfo", "table_list", "index_list", "index_info", "index_xinfo",
  ]
  /// With an argument they would set something.
  private static let readablePragmas: Set<String> = [
    "application_id", "user_version", "schema_version", "page_count", "page_size",
    "freelist_count", "journal_mode", "encoding", "database_list", "function_list",
    "module_list", "pragma_list", "collation_list", "compile_options", "query_only", "cache_size",
  ]

  private static let words: [Int32: String] = [
    SQLITE_INSERT: "INSERT", SQLITE_UPDATE: "UPDATE", SQLITE_DELETE: "DELETE",
    SQLITE_ATTACH: "ATTACH", SQLITE_DETACH: "DETACH", SQLITE_TRANSACTION: "a transaction",
    SQLITE_SAVEPOINT: "a savepoint", SQLITE_ALTER_TABLE: "ALTER TABLE", SQLITE_REINDEX: "REINDEX",
    SQLITE_ANALYZE: "ANALYZE",
  ]
}
