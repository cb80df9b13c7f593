// `apus_ids`, a table that holds nothing: each invocation's number beside its id as text. Joined into a
// view it makes `id = '06E3…'` a look-up by number, which no function on a column can be.
import GRDBSQLite
import Invocations

final class ShellIDs {
  private let module = UnsafeMutablePointer<sqlite3_module>.allocate(capacity: 1)

  private struct Cursor {
    /// First, because SQLite knows only this part.
    var base = sqlite3_vtab_cursor()
    /// Nil behind the one row.
    var number: Int64?
  }

  private static let columnOfText: Int32 = 1
  private static let byNumber: Int32 = 0
  private static let byText: Int32 = 1

  init() {
    var methods = sqlite3_module()
    methods.xConnect = { database, _, _, _, table, _ in
      let code = sqlite3_declare_vtab(database, "CREATE TABLE x (n INTEGER, text TEXT)")
      guard code == SQLITE_OK else { return code }
      let fresh = UnsafeMutablePointer<sqlite3_vtab>.allocate(capacity: 1)
      fresh.initialize(to: sqlite3_vtab())
      table?.pointee = fresh
      return SQLITE_OK
    }
    methods.xDisconnect = { table in
      table?.deallocate()
      return SQLITE_OK
    }
    methods.xBestIndex = { _, plan in ShellIDs.choose(plan) }
    methods.xOpen = { _, cursor in
      let fresh = UnsafeMutablePointer<Cursor>.allocate(capacity: 1)
      fresh.initialize(to: Cursor())
      cursor?.pointee = UnsafeMutableRawPointer(fresh).assumingMemoryBound(
        to: sqlite3_vtab_cursor.self)
      return SQLITE_OK
    }
    methods.xClose = { cursor in
      ShellIDs.own(cursor)?.deallocate()
      return SQLITE_OK
    }
    methods.xFilter = { cursor, plan, _, count, values in
      let value = count == 1 ? values?[0] : nil
      ShellIDs.own(cursor)?.pointee.number = value.flatMap { ShellIDs.number($0, plan) }
      return SQLITE_OK
    }
    methods.xNext = { cursor in
      ShellIDs.own(cursor)?.pointee.number = nil
      return SQLITE_OK
    }
    methods.xEof = { cursor in ShellIDs.own(cursor)?.pointee.number == nil ? 1 : 0 }
    methods.xColumn = { cursor, context, column in
      let number = ShellIDs.own(cursor)?.pointee.number ?? 0
      if column == ShellIDs.columnOfText {
        ShellFunctions.answer("\(InvocationID(rawValue: number))", context)
      } else {
        sqlite3_result_int64(context, number)
      }
      return SQLITE_OK
    }
    methods.xRowid = { cursor, number in
      number?.pointee = ShellIDs.own(cursor)?.pointee.number ?? 0
      return SQLITE_OK
    }
    module.initialize(to: methods)
  }

  deinit { module.deallocate() }

  /// SQLite calls the module until the connection is closed, and then lets go of this object.
  func add(to connection: Connection) throws(SQLiteFailure) {
    let code = sqlite3_create_module_v2(
      connection.raw, "apus_ids", module, Unmanaged.passRetained(self).toOpaque(),
      { context in
        guard let context else { return }
        Unmanaged<ShellIDs>.fromOpaque(context).release()
      })
    guard code == SQLITE_OK else { throw SQLiteFailure(of: connection.raw) }
  }

  private static func own(
    _ cursor: UnsafeMutablePointer<sqlite3_vtab_cursor>?
  ) -> UnsafeMutablePointer<Cursor>? {
    UnsafeMutableRawPointer(cursor)?.assumingMemoryBound(to: Cursor.self)
  }

  /// An id is found by the text or by the number; all ids are no table that could be walked.
  private static func choose(_ plan: UnsafeMutablePointer<sqlite3_index_info>?) -> Int32 {
    guard let plan else { return SQLITE_ERROR }
    var best: Int?
    for place in 0..<Int(plan.pointee.nConstraint) {
      let constraint = plan.pointee.aConstraint[place]
      guard constraint.usable != 0, constraint.op == UInt8(SQLITE_INDEX_CONSTRAINT_EQ)
      else { continue }
      if best == nil || constraint.iColumn == columnOfText { best = place }
    }
    guard let best else { return SQLITE_CONSTRAINT }
    let isText = plan.pointee.aConstraint[best].iColumn == columnOfText
    plan.pointee.aConstraintUsage[best].argvIndex = 1
    // An id in small letters is the same id, which SQLite's own comparison would not find.
    plan.pointee.aConstraintUsage[best].omit = 1
    plan.pointee.idxNum = isText ? byText : byNumber
    plan.pointee.estimatedCost = 1
    plan.pointee.estimatedRows = 1
    plan.pointee.idxFlags = SQLITE_INDEX_SCAN_UNIQUE
    return SQLITE_OK
  }

  private static func number(_ value: OpaquePointer, _ plan: Int32) -> Int64? {
    guard plan == byText else {
      return sqlite3_value_type(value) == SQLITE_INTEGER ? sqlite3_value_int64(value) : nil
    }
    return sqlite3_value_text(value).flatMap { InvocationID(String(cString: $0))?.rawValue }
  }
}
