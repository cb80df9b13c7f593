// One statement as a person wrote it: exactly one, without parameters, that only reads. Its rows are
// taken whole before anybody sees them, so that a slow reader of the answer holds no snapshot.
import GRDBSQLite

struct ShellStatement: ~Copyable {
  private let raw: OpaquePointer
  private let connection: Connection

  init(_ sql: String, on connection: Connection) throws(SQLiteFailure) {
    let bytes = Array(sql.utf8CString)
    let (first, place) = try Self.prepare(bytes, at: 0, on: connection)
    guard let first else { throw Self.failure("there is no statement") }
    var fault: SQLiteFailure?
    if sqlite3_bind_parameter_count(first) > 0 {
      fault = Self.failure("a parameter has no value here; write the value itself")
    } else if sqlite3_stmt_readonly(first) == 0 {
      fault = Self.failure("it would write, and here is only reading")
    } else {
      fault = Self.behind(bytes, at: place, on: connection)
    }
    if let fault {
      sqlite3_finalize(first)
      throw fault
    }
    raw = first
    self.connection = connection
  }

  deinit { sqlite3_finalize(raw) }

  /// Comments and semicolons may follow; another statement would not be run, which nobody expects.
  private static func behind(
    _ sql: [CChar], at place: Int, on connection: Connection
  ) -> SQLiteFailure? {
    var place = place
    while place < sql.count - 1 {
      do throws(SQLiteFailure) {
        let (next, end) = try prepare(sql, at: place, on: connection)
        guard next == nil else {
          sqlite3_finalize(next)
          return failure("one statement at a time; there is another one behind the first")
        }
        guard end > place else { return nil }
        place = end
      } catch { return error }
    }
    return nil
  }

  private static func prepare(
    _ sql: [CChar], at place: Int, on connection: Connection
  ) throws(SQLiteFailure) -> (statement: OpaquePointer?, end: Int) {
    var prepared: OpaquePointer?
    var end = place
    var code = SQLITE_ERROR
    sql.withUnsafeBufferPointer { text in
      guard let start = text.baseAddress else { return }
      var tail: UnsafePointer<CChar>?
      code = sqlite3_prepare_v2(connection.raw, start + place, -1, &prepared, &tail)
      end = tail.map { $0 - start } ?? place
    }
    guard code == SQLITE_OK else { throw SQLiteFailure(of: connection.raw) }
    return (prepared, end)
  }

  private static func failure(_ message: String) -> SQLiteFailure {
    SQLiteFailure(code: SQLITE_ERROR, message: message)
  }

  // MARK: Rows

  func read(rowsMax: Int) throws(SQLiteFailure) -> ShellAnswer {
    var answer = ShellAnswer(columns: columns, rows: [], hasMore: false)
    var bytes = 0
    while true {
      switch sqlite3_step(raw) {
      case SQLITE_DONE: return answer
      case SQLITE_ROW:
        guard answer.rows.count < rowsMax, bytes <= StoreLimits.shellBytesMax else {
          answer.hasMore = true
          return answer
        }
        let row = row
        bytes += row.reduce(0) { $0 + $1.bytes }
        answer.rows.append(row)
      default: throw SQLiteFailure(of: connection.raw)
      }
    }
  }

  /// Each with a name of its own: `id`, `id_2`.
  private var columns: [String] {
    var seen: [String: Int] = [:]
    return (0..<sqlite3_column_count(raw)).map { place in
      let name = sqlite3_column_name(raw, place).map { String(cString: $0) } ?? "column"
      seen[name, default: 0] += 1
      let count = seen[name] ?? 1
      return count == 1 ? name : "\(name)_\(count)"
    }
  }

  private var row: [ShellValue] {
    (0..<sqlite3_column_count(raw)).map { place in
      switch sqlite3_column_type(raw, place) {
      case SQLITE_NULL: .null
      case SQLITE_INTEGER: .integer(sqlite3_column_int64(raw, place))
      case SQLITE_FLOAT: .real(sqlite3_column_double(raw, place))
      case SQLITE_TEXT:
        .text(String(decoding: bytes(sqlite3_column_text(raw, place), place), as: UTF8.self))
      default: .blob(bytes(sqlite3_column_blob(raw, place), place))
      }
    }
  }

  private func bytes(_ start: UnsafeRawPointer?, _ place: Int32) -> [UInt8] {
    guard let start else { return [] }
    return Array(
      UnsafeRawBufferPointer(start: start, count: Int(sqlite3_column_bytes(raw, place))))
  }
}

extension ShellValue {
  /// With what a value costs in memory beside its own bytes.
  fileprivate var bytes: Int {
    switch self {
    case .null, .integer, .real: 16
    case .text(let text): 16 + text.utf8.count
    case .blob(let blob): 16 + blob.count
    }
  }
}

extension StoreLimits {
  /// Of one value, and of an answer, which ends early rather than hold more.
  package static let shellBytesMax = 64 << 20
}
