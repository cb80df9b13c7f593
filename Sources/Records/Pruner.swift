// What has ended is kept for a while and then goes, with its attempts and log lines: a few rows at a
// time, oldest first, between commits. What is unfinished is in another table and never looked at;
// what has a key stays until the key has expired, because a repeat is answered from it.
import Invocations

final class Pruner {
  private let connection: Connection
  private let retention: Retention
  private let ended: Statement
  private let deletes: [Statement]
  /// Everything up to this id was looked at in this round.
  private var seen: Int64 = 0

  init(on connection: Connection, _ retention: Retention) throws(SQLiteFailure) {
    self.connection = connection
    self.retention = retention
    ended = try connection.statement(SQL.ended)
    var deletes: [Statement] = []
    for sql in SQL.forget { deletes.append(try connection.statement(sql)) }
    self.deletes = deletes
  }

  /// What became of one step.
  enum Outcome: Equatable {
    /// There may be more behind it.
    case pruned(Int)
    /// The round is over: what is left is not due.
    case done
  }

  func step(at now: WallTime) throws(SQLiteFailure) -> Outcome {
    guard let shortest = retention.shortest else { return .done }
    // Whatever was accepted after this moment has not been ended for long enough.
    let horizon = WallTime(milliseconds: max(0, now.milliseconds - shortest.milliseconds))
    let (due, last) = try look(before: InvocationID.first(at: horizon).rawValue, now)
    guard let last else {
      seen = 0
      return .done
    }
    if !due.isEmpty {
      try connection.transaction { () throws(SQLiteFailure) in
        for id in due { try forget(id) }
      }
    }
    seen = last
    return .pruned(due.count)
  }

  private func look(
    before end: Int64, _ now: WallTime
  ) throws(SQLiteFailure) -> (due: [Int64], last: Int64?) {
    ended.begin()
    ended.add(seen)
    ended.add(end)
    ended.add(StoreLimits.endedPerPruning)
    defer { ended.reset() }
    var due: [Int64] = []
    var last: Int64?
    while try ended.next() {
      let id = ended.integer()
      let state = StateWord(rawValue: Int(ended.integer())) ?? .succeeded
      let endedAt = WallTime(milliseconds: ended.integer())
      let hasKey = ended.integer() == 1
      if !hasKey, retention.isOver(state, endedAt: endedAt, at: now) { due.append(id) }
      last = id
    }
    return (due, last)
  }

  private func forget(_ id: Int64) throws(SQLiteFailure) {
    for statement in deletes {
      statement.begin().add(id)
      try statement.run()
    }
  }
}
