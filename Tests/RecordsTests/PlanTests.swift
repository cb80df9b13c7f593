// No question that is asked while a host runs may walk the whole history: what SQLite means to do, for
// each statement.
import Invocations
import Testing

@testable import Records

struct PlanTests {
  private static let statements: [(name: String, sql: String)] = [
    ("waitingThen", SQL.waitingThen), ("waitingLater", SQL.waitingLater),
    ("laneThen", SQL.laneThen), ("laneLater", SQL.laneLater), ("begun", SQL.begun),
    ("aheadInLine", SQL.aheadInLine), ("aheadInLane", SQL.aheadInLane), ("replay", SQL.replay),
    ("record", SQL.record), ("attempts", SQL.attempts), ("logs", SQL.logs),
    ("emitted", SQL.emitted), ("missed", SQL.missed), ("firings", SQL.firings),
    ("releases", SQL.releases), ("oneRelease", SQL.oneRelease),
    ("sampleWaiting", SQL.sampleWaiting),
    ("countQueues", SQL.countQueues), ("queueLoads", SQL.queueLoads), ("countDead", SQL.countDead),
    ("errors", SQL.errors), ("errorShares", SQL.errorShares), ("segments", SQL.segments),
    ("actions", SQL.actions), ("oneAction", SQL.oneAction), ("openActions", SQL.openActions),
    ("totals", SQL.totals), ("nextFunction", SQL.nextFunction), ("nextTrigger", SQL.nextTrigger),
    ("firstTrigger", SQL.firstTrigger), ("ended", SQL.ended), ("weight", SQL.weight),
    ("oldestEnded", SQL.oldestEnded), ("emptySegment", SQL.emptySegment),
    ("releaseEnd", SQL.releaseEnd), ("declaring", SQL.declaring), ("withEvents", SQL.withEvents),
    ("segmentRows", SQL.segmentRows), ("sameDigest", SQL.sameDigest),
    ("laterDigests", SQL.laterDigests), ("nextWithRows", SQL.nextWithRows),
    ("greatestNumber", SQL.greatestNumber), ("pruneSegment", SQL.pruneSegment),
  ]

  private static let ranges: [WalkRange] = [
    .history, .unfinished, .dead, .deadOf(Fingerprint(rawValue: 1)), .ended(.dead),
    .failed(Fingerprint(rawValue: 1)), .trigger(.number(1), .number(1)),
    .field(segment: 1, digest: 1), .logs, .attempts,
  ]

  /// Tables that grow with everything that ever ran.
  private static let long = [
    "accepted", "a", "finished", "f", "attempts", "t", "logs", "l", "fields",
  ]

  private func plan(of sql: String, on connection: Connection) throws(SQLiteFailure) -> [String] {
    let query = try connection.statement("EXPLAIN QUERY PLAN " + sql)
    var steps: [String] = []
    while try query.next() {
      query.skip(3)
      steps.append(query.text())
    }
    return steps
  }

  @Test func `nothing that is asked reads the history from end to end`() throws {
    let test = try TestStore()
    let connection = try Connection(path: test.file, readOnly: true)
    let walks = Self.ranges.map { (name: "\($0)", sql: $0.sql) }
    for statement in Self.statements + walks {
      let steps = try connection.use { () throws(SQLiteFailure) in
        try plan(of: statement.sql, on: connection)
      }
      #expect(!steps.isEmpty, "\(statement.name)")
      for step in steps where step.hasPrefix("SCAN ") {
        let table = step.split(separator: " ")[1]
        let isOneStep = ["firstTrigger", "greatestNumber"].contains(statement.name)
        #expect(!Self.long.contains(String(table)) || isOneStep, "\(statement.name): \(step)")
      }
      // A walk goes down its range in order; a sort would read all of it first.
      if walks.contains(where: { $0.name == statement.name }) {
        #expect(!steps.contains { $0.contains("TEMP B-TREE") }, "\(statement.name): \(steps)")
      }
    }
  }
}
