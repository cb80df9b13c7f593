// A walk from the newest invocation that a filter could mean to the oldest, over one range or several
// at once. It says which fit; it looks at no more than it is asked for.
import Invocations

final class Walk {
  enum Step {
    case row(InvocationID, fits: Bool)
    /// Nothing has come for as long as it may take: everything from here on is done.
    case pause(before: InvocationID)
    case end
  }

  private struct Strand {
    let statement: Statement
    let range: WalkRange
    var head: Int64
    var fits: Bool
  }

  private let connection: Connection
  private let bounds: WalkBounds
  private var strands: [Strand] = []
  /// Segments of fields that have not been looked into, the one with the newest first.
  private var segments: ArraySlice<(range: WalkRange, greatest: Int64)>
  private var free: [String: [Statement]] = [:]

  init(
    _ ranges: [WalkRange], segments: [(range: WalkRange, greatest: Int64)], _ bounds: WalkBounds,
    on connection: Connection
  ) throws(SQLiteFailure) {
    self.connection = connection
    self.bounds = bounds
    self.segments = segments[...]
    for range in ranges { try open(range) }
  }

  func step(until deadline: UInt64) throws(SQLiteFailure) -> Step {
    while true {
      let best = strands.indices.max { strands[$0].head < strands[$1].head }
      if let segment = segments.first, best.map({ strands[$0].head <= segment.greatest }) ?? true {
        guard MonotonicTime.now < deadline else {
          return .pause(before: InvocationID(rawValue: max(segment.greatest, bestHead(best)) + 1))
        }
        segments.removeFirst()
        try open(segment.range)
        continue
      }
      guard let best else { return .end }
      let row = strands[best]
      try advance(best)
      return .row(InvocationID(rawValue: row.head), fits: row.fits)
    }
  }

  private func bestHead(_ best: Int?) -> Int64 { best.map { strands[$0].head } ?? .min }

  /// Frees the snapshot.
  func end() {
    for strand in strands { strand.statement.reset() }
    strands = []
  }

  private func open(_ range: WalkRange) throws(SQLiteFailure) {
    let sql = range.sql
    let statement: Statement
    if let used = free[sql, default: []].popLast() {
      statement = used
    } else {
      statement = try connection.statement(sql)
    }
    bounds.bind(to: statement.begin())
    range.bind(to: statement)
    statement.add(bounds.filter.eventText.map(WalkBounds.lowered))
    guard try statement.next() else {
      statement.reset()
      free[sql, default: []].append(statement)
      return
    }
    strands.append(
      Strand(
        statement: statement, range: range, head: statement.integer(),
        fits: statement.integer() == 1))
  }

  private func advance(_ place: Int) throws(SQLiteFailure) {
    let statement = strands[place].statement
    if try statement.next() {
      strands[place].head = statement.integer()
      strands[place].fits = statement.integer() == 1
    } else {
      statement.reset()
      free[strands[place].range.sql, default: []].append(statement)
      strands.remove(at: place)
    }
  }
}

/// What every range of a walk is held against: ?1 to ?10, and ?13 beside them.
struct WalkBounds {
  var end: Int64
  var start: Int64
  var function: StoredName?
  var queue: StoredName?
  var filter: InvocationFilter

  func bind(to statement: Statement) {
    statement.add(end)
    statement.add(start)
    statement.add(function)
    statement.add(queue)
    statement.add(filter.key)
    statement.add(filter.states.reduce(Int64(0)) { $0 | 1 << $1.rawValue })
    statement.add(filter.reason.map { Int64($0.rawValue) })
    statement.add(filter.text.map(Self.lowered))
    statement.add(filter.release.map { Int64($0) })
    statement.add(filter.fingerprint?.rawValue)
  }

  /// As SQLite's `lower` does it: no letter beyond ASCII changes.
  static func lowered(_ text: String) -> String {
    String(decoding: text.utf8.map { (65...90).contains($0) ? $0 + 32 : $0 }, as: UTF8.self)
  }
}
