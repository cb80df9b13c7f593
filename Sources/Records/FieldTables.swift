// Where the values of events lie that manifests declare as `fields`, and the idempotency keys: digests
// in segments of a few thousand, each in the order of its digests. Within the one that is not full, rows
// come in any order and find their pages in memory; full ones are only ever merged, in their order, into
// larger ones (`SegmentMerger`). So a history of any length costs next to nothing more to write, and to
// look something up is a short look into each of a few dozen segments.
import Invocations

final class FieldTables {
  /// Of idempotency keys; no path of an event has a space.
  static let keyPath = " key"

  private struct Segment {
    var number: Int64
    /// It has its row among the segments.
    var isListed = false
    var rows = 0
    var least = Int64.max
    var greatest = Int64.min
  }

  private let hasher: SipHasher
  private let add: Statement
  private let open: Statement
  private let seal: Statement
  private let declare: Statement
  private let forget: Statement
  private var segment: Segment
  /// As it is on disk, for a commit that fails.
  private var onDisk: Segment

  init(on connection: Connection, hasher: SipHasher) throws(SQLiteFailure) {
    self.hasher = hasher
    add = try connection.statement(SQL.addField)
    open = try connection.statement(SQL.openSegment)
    seal = try connection.statement(SQL.sealSegment)
    declare = try connection.statement(SQL.declareField)
    forget = try connection.statement(SQL.forgetDeclared)
    let open = try connection.number("SELECT number FROM segments WHERE level = -1")
    let highest = try connection.number(
      "SELECT max(number) FROM segments WHERE number < \(SegmentMerger.numbersFrom)")
    segment = Segment(number: open ?? (highest ?? 0) + 1, isListed: open != nil)
    let rows = try connection.statement(SQL.segmentRows)
    rows.begin().add(segment.number)
    if try rows.next() {
      segment.rows = Int(rows.integer())
      if segment.rows > 0 {
        segment.least = rows.integer()
        segment.greatest = rows.integer()
      }
    }
    rows.reset()
    onDisk = segment
  }

  func note(_ acceptance: Acceptance) throws(SQLiteFailure) {
    if let key = acceptance.key { try add(Self.keyPath, key.text, acceptance.id) }
    for path in acceptance.fields {
      if let value = path.value(in: acceptance.event) {
        try add(path.source, value, acceptance.id)
      }
    }
  }

  /// Whoever asks for this function's events by this path is answered from here.
  func declare(_ path: String, of function: StoredName) throws(SQLiteFailure) {
    declare.begin().add(path)
    declare.add(function)
    try declare.run()
  }

  /// Before the paths of another release.
  func forgetDeclared() throws(SQLiteFailure) { try forget.begin().run() }

  func noteKey(_ id: Int64, _ text: String) throws(SQLiteFailure) {
    try add(Self.keyPath, text, InvocationID(rawValue: id))
  }

  private func add(_ path: String, _ value: String, _ id: InvocationID) throws(SQLiteFailure) {
    if !segment.isListed {
      open.begin().add(segment.number)
      try open.run()
      segment.isListed = true
    }
    add.begin().add(segment.number)
    add.add(Self.digest(path, value, hasher))
    add.add(id.rawValue)
    try add.run()
    segment.rows += 1
    segment.least = min(segment.least, id.rawValue)
    segment.greatest = max(segment.greatest, id.rawValue)
  }

  static func digest(_ path: String, _ value: String, _ hasher: SipHasher) -> Int64 {
    hasher.lane([path, value])
  }

  /// Full segments so far.
  private(set) var sealed = 0

  /// Within the commit, at its end.
  func flush() throws(SQLiteFailure) {
    guard segment.rows >= StoreLimits.segmentRowsMax else { return }
    seal.begin().add(segment.number)
    seal.add(segment.least)
    seal.add(segment.greatest)
    try seal.run()
    segment = Segment(number: segment.number + 1)
    sealed += 1
  }

  func committed() { onDisk = segment }

  func rolledBack() { segment = onDisk }
}
