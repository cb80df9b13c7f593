// SQL functions for people who ask the store: ids and times as they are written everywhere else.
import GRDBSQLite
import Invocations
import Schedules

enum ShellFunctions {
  static func add(to connection: Connection, now: WallTime) throws(SQLiteFailure) {
    try add("apus_id", to: connection) { context, _, values in
      guard let number = ShellFunctions.number(values) else { return sqlite3_result_null(context) }
      ShellFunctions.answer("\(InvocationID(rawValue: number))", context)
    }
    try add("apus_rowid", to: connection) { context, _, values in
      guard let text = ShellFunctions.text(values) else { return sqlite3_result_null(context) }
      guard let id = InvocationID(text) else {
        return ShellFunctions.fail(
          "'\(text)' is no invocation's id; an id has 13 characters, such as 06E3T8J9M0000", context
        )
      }
      sqlite3_result_int64(context, id.rawValue)
    }
    try add("apus_time", to: connection) { context, _, values in
      guard let number = ShellFunctions.number(values) else { return sqlite3_result_null(context) }
      ShellFunctions.answer(CivilTime.formatRFC3339(milliseconds: number), context)
    }
    // "Now" stands still while the shell is open: so the function's answer never changes, and SQLite
    // asks it once for a whole query.
    let moment = UnsafeMutableRawPointer(bitPattern: Int(now.milliseconds))
    try add("apus_rowid_at", to: connection, holding: moment) { context, _, values in
      guard let text = ShellFunctions.text(values) else { return sqlite3_result_null(context) }
      let now = Int64(Int(bitPattern: sqlite3_user_data(context)))
      guard let time = ShellFunctions.time(text, now: WallTime(milliseconds: now)) else {
        return ShellFunctions.fail(
          "'\(text)' is no time; write 2027-01-01T00:00:00Z, or a time back from now such as 2h",
          context)
      }
      sqlite3_result_int64(context, InvocationID.first(at: time).rawValue)
    }
  }

  private typealias Values = UnsafeMutablePointer<OpaquePointer?>?

  /// All take one value and answer the same for the same.
  private static func add(
    _ name: String, to connection: Connection, holding data: UnsafeMutableRawPointer? = nil,
    _ function: @escaping @convention(c) (OpaquePointer?, Int32, Values) -> Void
  ) throws(SQLiteFailure) {
    let flags = SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_INNOCUOUS
    let code = sqlite3_create_function_v2(
      connection.raw, name, 1, flags, data, function, nil, nil, nil)
    guard code == SQLITE_OK else { throw SQLiteFailure(of: connection.raw) }
  }

  // MARK: Values in and out

  private static func number(_ values: Values) -> Int64? {
    guard let value = values?[0], sqlite3_value_type(value) != SQLITE_NULL else { return nil }
    return sqlite3_value_int64(value)
  }

  private static func text(_ values: Values) -> String? {
    guard let value = values?[0] else { return nil }
    return sqlite3_value_text(value).map { String(cString: $0) }
  }

  static func answer(_ text: String, _ context: OpaquePointer?) {
    var text = text
    text.withUTF8 { bytes in
      bytes.withMemoryRebound(to: CChar.self) { characters in
        sqlite3_result_text(
          context, characters.baseAddress, Int32(characters.count), Statement.copied)
      }
    }
  }

  private static func fail(_ message: String, _ context: OpaquePointer?) {
    sqlite3_result_error(context, message, -1)
  }

  /// RFC 3339, or a duration back from now, as the filters of listings have it.
  static func time(_ text: String, now: WallTime) -> WallTime? {
    let units: [Character: Int64] = ["s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000]
    if let unit = text.last.flatMap({ units[$0] }), let count = Int64(text.dropLast()),
      (0...36_500_000).contains(count)
    {
      return WallTime(milliseconds: now.milliseconds - count * unit)
    }
    // What is no time is said to be none.
    return (try? CivilTime.parseRFC3339(text)).map { WallTime(milliseconds: $0) }
  }
}
