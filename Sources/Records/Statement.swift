// One prepared statement on the raw connection, bound and read by position. Used by one thread at
// a time; it is finalized with its last reference.
import GRDBSQLite

final class Statement {
  /// Kept until the statement is finalized: a connection must not close before.
  private let connection: Connection
  private let raw: OpaquePointer
  /// The parameter or column that comes next.
  private var place: Int32 = 0
  /// Where short texts and blobs stay until the next `begin`: SQLite would ask for memory for each of
  /// them, and give it back.
  private var held: UnsafeMutableRawPointer?
  private var heldCount = 0
  /// What is longer is copied by SQLite.
  private static let heldMax = 4096

  init(_ sql: String, on connection: Connection) throws(SQLiteFailure) {
    var prepared: OpaquePointer?
    let code = sqlite3_prepare_v3(
      connection.raw, sql, -1, UInt32(SQLITE_PREPARE_PERSISTENT), &prepared, nil)
    guard code == SQLITE_OK, let prepared else { throw SQLiteFailure(of: connection.raw) }
    self.connection = connection
    raw = prepared
  }

  deinit {
    sqlite3_finalize(raw)
    held?.deallocate()
  }

  // MARK: Parameters, in order

  /// Starts with the first parameter again.
  @discardableResult
  func begin() -> Self {
    place = 0
    heldCount = 0
    return self
  }

  func add(_ number: Int64) {
    place += 1
    sqlite3_bind_int64(raw, place, number)
  }

  func add(_ number: Int) { add(Int64(number)) }

  func addNull() {
    place += 1
    sqlite3_bind_null(raw, place)
  }

  func add(_ number: Int64?) {
    if let number { add(number) } else { addNull() }
  }

  func add(_ text: String) {
    var text = text
    text.withUTF8 { add(text: UnsafeRawBufferPointer($0)) }
  }

  func add(_ text: String?) {
    if let text { add(text) } else { addNull() }
  }

  /// UTF-8 that is in bytes already.
  func add(text bytes: [UInt8]?) {
    guard let bytes else { return addNull() }
    bytes.withUnsafeBytes { add(text: $0) }
  }

  private func add(text bytes: UnsafeRawBufferPointer) {
    place += 1
    let held = hold(bytes)
    sqlite3_bind_text64(
      raw, place, (held ?? bytes.baseAddress)?.assumingMemoryBound(to: CChar.self),
      UInt64(bytes.count), held == nil ? Self.copied : nil, UInt8(SQLITE_UTF8))
  }

  func add(_ blob: [UInt8]) {
    place += 1
    // An empty array has no address, and no address would mean NULL.
    guard !blob.isEmpty else {
      sqlite3_bind_zeroblob(raw, place, 0)
      return
    }
    blob.withUnsafeBytes { bytes in
      let held = hold(bytes)
      _ = sqlite3_bind_blob64(
        raw, place, held ?? bytes.baseAddress, UInt64(bytes.count),
        held == nil ? Self.copied : nil)
    }
  }

  /// Where the bytes stay as they are until the next `begin`; nil where there is no room for them.
  private func hold(_ bytes: UnsafeRawBufferPointer) -> UnsafeRawPointer? {
    guard let start = bytes.baseAddress, bytes.count <= Self.heldMax - heldCount else { return nil }
    let all = held ?? .allocate(byteCount: Self.heldMax, alignment: 8)
    held = all
    let place = all + heldCount
    place.copyMemory(from: start, byteCount: bytes.count)
    heldCount += bytes.count
    return UnsafeRawPointer(place)
  }

  func add(_ blob: [UInt8]?) {
    if let blob { add(blob) } else { addNull() }
  }

  func add(_ name: StoredName) {
    switch name {
    case .number(let number): add(number)
    case .text(let text): add(text)
    }
  }

  func add(_ name: StoredName?) {
    if let name { add(name) } else { addNull() }
  }

  // SQLITE_TRANSIENT: SQLite copies the bytes before the call returns.
  static var copied: sqlite3_destructor_type? {
    unsafeBitCast(-1, to: sqlite3_destructor_type.self)
  }

  // MARK: Running

  /// Runs a statement that gives no rows; returns how many rows it changed.
  @discardableResult
  func run() throws(SQLiteFailure) -> Int {
    let code = sqlite3_step(raw)
    guard code == SQLITE_DONE || code == SQLITE_ROW else { throw failed() }
    sqlite3_reset(raw)
    return Int(sqlite3_changes(connection.raw))
  }

  /// Steps to the next row and its first column; false behind the last one.
  func next() throws(SQLiteFailure) -> Bool {
    place = -1
    switch sqlite3_step(raw) {
    case SQLITE_ROW: return true
    case SQLITE_DONE: return false
    default: throw failed()
    }
  }

  /// Ends the reading, so that the snapshot it holds can go.
  func reset() { sqlite3_reset(raw) }

  /// Instructions of SQLite's machine since the last call: what a query really cost.
  func takeSteps() -> Int { Int(sqlite3_stmt_status(raw, SQLITE_STMTSTATUS_VM_STEP, 1)) }

  private func failed() -> SQLiteFailure {
    let failure = SQLiteFailure(of: connection.raw)
    sqlite3_reset(raw)
    return failure
  }

  // MARK: Columns, in order

  func integer() -> Int64 {
    place += 1
    return sqlite3_column_int64(raw, place)
  }

  func optionalInteger() -> Int64? {
    let number = integer()
    return isNull ? nil : number
  }

  func text() -> String {
    place += 1
    guard let bytes = sqlite3_column_text(raw, place) else { return "" }
    let count = Int(sqlite3_column_bytes(raw, place))
    return String(decoding: UnsafeBufferPointer(start: bytes, count: count), as: UTF8.self)
  }

  func optionalText() -> String? {
    let text = text()
    return isNull ? nil : text
  }

  func blob() -> [UInt8] {
    place += 1
    guard let bytes = sqlite3_column_blob(raw, place) else { return [] }
    let count = Int(sqlite3_column_bytes(raw, place))
    return Array(UnsafeRawBufferPointer(start: bytes, count: count))
  }

  func optionalBlob() -> [UInt8]? {
    let blob = blob()
    return isNull ? nil : blob
  }

  func optionalName() -> StoredName? {
    place += 1
    switch sqlite3_column_type(raw, place) {
    case SQLITE_NULL: return nil
    case SQLITE_INTEGER: return .number(sqlite3_column_int64(raw, place))
    default:
      place -= 1
      return .text(text())
    }
  }

  /// Passes over columns that belong to nothing.
  func skip(_ columns: Int32) { place += columns }

  /// Of the column read last.
  private var isNull: Bool { sqlite3_column_type(raw, place) == SQLITE_NULL }
}
