// Plain SQL on a store of a simulated disk, by a connection of its own: what the books are checked
// against is what the file says, not what the rooms believe.
import GRDBSQLite

package final class StoreLook {
  package struct Failure: Error, CustomStringConvertible { package let description: String }

  private var connection: OpaquePointer?

  package init(_ path: String) throws(Failure) {
    let flags = SQLITE_OPEN_READWRITE
    guard sqlite3_open_v2(path, &connection, flags, nil) == SQLITE_OK else {
      let words = connection.map { String(cString: sqlite3_errmsg($0)) } ?? "no memory"
      sqlite3_close_v2(connection)
      throw Failure(description: "\(path) cannot be opened: \(words)")
    }
  }

  deinit { sqlite3_close_v2(connection) }

  /// Every row, its columns as text; NULL is empty.
  package func rows(_ sql: String) throws(Failure) -> [[String]] {
    var statement: OpaquePointer?
    guard sqlite3_prepare_v2(connection, sql, -1, &statement, nil) == SQLITE_OK else {
      throw failure(sql)
    }
    defer { sqlite3_finalize(statement) }
    var rows: [[String]] = []
    while true {
      switch sqlite3_step(statement) {
      case SQLITE_ROW:
        rows.append(
          (0..<sqlite3_column_count(statement)).map { column in
            sqlite3_column_text(statement, column).map { String(cString: $0) } ?? ""
          })
      case SQLITE_DONE: return rows
      default: throw failure(sql)
      }
    }
  }

  func numbers(_ sql: String) throws(Failure) -> [Int64] {
    try rows(sql).compactMap { $0.first.flatMap { Int64($0) } }
  }

  package func number(_ sql: String) throws(Failure) -> Int64 { try numbers(sql).first ?? 0 }

  func execute(_ sql: String) throws(Failure) {
    guard sqlite3_exec(connection, sql, nil, nil, nil) == SQLITE_OK else { throw failure(sql) }
  }

  private func failure(_ sql: String) -> Failure {
    Failure(description: "\(String(cString: sqlite3_errmsg(connection))) in \(sql)")
  }
}
