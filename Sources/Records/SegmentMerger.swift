// Full segments of fields become fewer: as soon as there are sixteen of one size they are merged into one
// of the next, a couple of thousand rows at a time, between commits. The old ones stand until the new one
// is whole; then their rows go, as slowly. What a kill leaves half done is found at the next start.
import Invocations

final class SegmentMerger {
  /// Merged segments are numbered from here, so that they lie behind all others in the file and are
  /// written at its end.
  static let numbersFrom: Int64 = 1 << 40

  private struct Row: Comparable {
    var digest: Int64
    var invocation: Int64

    static func < (left: Self, right: Self) -> Bool {
      (left.digest, left.invocation) < (right.digest, right.invocation)
    }
  }

  /// What is left of one source, read a part at a time.
  private struct Source {
    let number: Int64
    var rows: ArraySlice<Row> = []
    var last: Row?
    var isRead = false
  }

  private struct Merge {
    var sources: [Source]
    let target: Int64
    let level: Int64
    let least: Int64
    let greatest: Int64
  }

  private let connection: Connection
  private let add: Statement
  private let sameDigest: Statement
  private let laterDigests: Statement
  private let prune: Statement
  private var merge: Merge?
  /// Segments that stand for nothing, with rows left.
  private var leavings: [Int64]

  init(on connection: Connection) throws(SQLiteFailure) {
    self.connection = connection
    add = try connection.statement(SQL.addField)
    sameDigest = try connection.statement(SQL.sameDigest)
    laterDigests = try connection.statement(SQL.laterDigests)
    prune = try connection.statement(SQL.pruneSegment)
    leavings = try Self.unlisted(on: connection)
  }

  private static func unlisted(on connection: Connection) throws(SQLiteFailure) -> [Int64] {
    let next = try connection.statement(SQL.nextWithRows)
    let isSegment = try connection.statement(SQL.isSegment)
    var found: [Int64] = []
    var place = Int64.min
    while true {
      next.begin().add(place)
      defer { next.reset() }
      guard try next.next() else { return found }
      place = next.integer()
      isSegment.begin().add(place)
      if try !isSegment.next() { found.append(place) }
      isSegment.reset()
    }
  }

  /// False where there is nothing to do.
  func step() throws(SQLiteFailure) -> Bool {
    if let leaving = leavings.last {
      prune.begin().add(leaving)
      prune.add(StoreLimits.mergedRowsPerStep)
      if try prune.run() == 0 { leavings.removeLast() }
      return true
    }
    if merge == nil { merge = try begin() }
    guard var merge else { return false }
    // Read anew from the last row that is on disk, should the step fail.
    self.merge = nil
    do throws(SQLiteFailure) {
      let isDone = try advance(&merge)
      if isDone { leavings = merge.sources.map(\.number) } else { self.merge = merge }
      return true
    } catch {
      leavings.append(merge.target)
      throw error
    }
  }

  // MARK: A merge

  private func begin() throws(SQLiteFailure) -> Merge? {
    let crowded = try connection.statement(SQL.crowdedLevel)
    crowded.begin().add(StoreLimits.segmentsPerMerge)
    crowded.add(StoreLimits.segmentLevelMax)
    guard try crowded.next() else { return nil }
    let level = crowded.integer()
    crowded.reset()
    let oldest = try connection.statement(SQL.oldestSegments)
    oldest.begin().add(level)
    oldest.add(StoreLimits.segmentsPerMerge)
    var sources: [Source] = []
    var least = Int64.max
    var greatest = Int64.min
    while try oldest.next() {
      sources.append(Source(number: oldest.integer()))
      least = min(least, oldest.integer())
      greatest = max(greatest, oldest.integer())
    }
    let highest = try connection.number(SQL.greatestNumber) ?? 0
    return Merge(
      sources: sources, target: max(highest, Self.numbersFrom) + 1, level: level + 1, least: least,
      greatest: greatest)
  }

  /// True when the new segment is whole.
  private func advance(_ merge: inout Merge) throws(SQLiteFailure) -> Bool {
    let rows = try next(of: &merge)
    let isDone = rows.count < StoreLimits.mergedRowsPerStep
    let merge = merge
    try connection.transaction { () throws(SQLiteFailure) in
      for row in rows {
        add.begin().add(merge.target)
        add.add(row.digest)
        add.add(row.invocation)
        try add.run()
      }
      if isDone { try replace(merge) }
    }
    return isDone
  }

  private func replace(_ merge: Merge) throws(SQLiteFailure) {
    let drop = try connection.statement(SQL.dropSegment)
    for source in merge.sources {
      drop.begin().add(source.number)
      try drop.run()
    }
    let list = try connection.statement(SQL.addMerged)
    list.begin().add(merge.target)
    list.add(merge.least)
    list.add(merge.greatest)
    list.add(merge.level)
    try list.run()
  }

  private func next(of merge: inout Merge) throws(SQLiteFailure) -> [Row] {
    var rows: [Row] = []
    while rows.count < StoreLimits.mergedRowsPerStep {
      for place in merge.sources.indices { try fill(&merge.sources[place]) }
      let open = merge.sources.indices.filter { !merge.sources[$0].rows.isEmpty }
      let first = open.min { left, right in
        guard let one = merge.sources[left].rows.first, let other = merge.sources[right].rows.first
        else { return false }
        return one < other
      }
      guard let first, let row = merge.sources[first].rows.popFirst() else { return rows }
      rows.append(row)
    }
    return rows
  }

  private func fill(_ source: inout Source) throws(SQLiteFailure) {
    guard source.rows.isEmpty, !source.isRead else { return }
    var rows: [Row] = []
    if let last = source.last {
      sameDigest.begin().add(source.number)
      sameDigest.add(last.digest)
      sameDigest.add(last.invocation)
      sameDigest.add(StoreLimits.mergedRowsRead)
      try read(sameDigest, into: &rows)
    }
    if rows.count < StoreLimits.mergedRowsRead {
      laterDigests.begin().add(source.number)
      laterDigests.add(source.last?.digest ?? .min)
      laterDigests.add(StoreLimits.mergedRowsRead - rows.count)
      try read(laterDigests, into: &rows)
    }
    source.isRead = rows.isEmpty
    source.last = rows.last ?? source.last
    source.rows = rows[...]
  }

  private func read(_ query: Statement, into rows: inout [Row]) throws(SQLiteFailure) {
    defer { query.reset() }
    while try query.next() {
      rows.append(Row(digest: query.integer(), invocation: query.integer()))
    }
  }
}
