// What has ended is kept for a while and then goes, with its attempts and log lines: a few rows at a
// time, oldest first, between commits. What is unfinished is in another table and never looked at;
// what has a key stays until the key has expired, because a repeat is answered from it.
import Invocations

final class Pruner {
  let connection: Connection
  private let retention: Retention
  /// Of functions whose manifests say otherwise.
  private var rules: [String: Keeping]
  /// The same by the names in rows, which a function has from its first event on.
  private var keeping: [StoredName: Keeping] = [:]
  private let names: NameCache
  private let ended: Statement
  private let weight: Statement
  private let forget: [Statement]
  private let totals: TotalTables
  /// Everything up to this id was looked at in this round.
  private var seen: Int64 = 0
  private var round: [AmountRule] = []

  init(
    on connection: Connection, _ retention: Retention, _ keeping: [String: Keeping] = [:]
  ) throws(SQLiteFailure) {
    self.connection = connection
    self.retention = retention
    rules = keeping
    names = try NameCache(on: connection)
    ended = try connection.statement(SQL.ended)
    weight = try connection.statement(SQL.weight)
    totals = try TotalTables(on: connection)
    var forget: [Statement] = []
    for sql in SQL.forget { forget.append(try connection.statement(sql)) }
    self.forget = forget
  }

  /// A new round begins, by these rules.
  func keep(_ rules: [String: Keeping]) {
    self.rules = rules
    seen = 0
    round = []
  }

  private func beginRound() throws(SQLiteFailure) {
    keeping = [:]
    for (function, rule) in rules { keeping[try names.name(of: function)] = rule }
  }

  /// What became of one step.
  enum Outcome: Equatable {
    /// There may be more behind it.
    case pruned(Int)
    /// The round is over: what is left is not due.
    case done
  }

  func step(at now: WallTime) throws(SQLiteFailure) -> Outcome {
    if seen == 0, round.isEmpty { try beginRound() }
    if let outcome = try ageStep(at: now) { return outcome }
    if round.isEmpty { round = try amountRules(keeping) }
    while let rule = round.last {
      let due = try rule.due(on: connection)
      guard !due.isEmpty else {
        round.removeLast()
        continue
      }
      try forget(due)
      return .pruned(due.count)
    }
    seen = 0
    try tidy()
    return .done
  }

  // MARK: By age

  /// nil where there is nothing more to look at in this round.
  private func ageStep(at now: WallTime) throws(SQLiteFailure) -> Outcome? {
    let ages = keeping.values.flatMap { [$0.succeeded, $0.dead] } + [retention.shortest]
    guard let shortest = ages.compactMap(\.self).min() else { return nil }
    // Whatever was accepted after this moment has not been ended for long enough.
    let horizon = WallTime(milliseconds: max(0, now.milliseconds - shortest.milliseconds))
    let (due, last) = try look(before: InvocationID.first(at: horizon).rawValue, now)
    guard let last else { return nil }
    if !due.isEmpty { try forget(due) }
    seen = last
    return .pruned(due.count)
  }

  private func look(
    before end: Int64, _ now: WallTime
  ) throws(SQLiteFailure) -> (due: [Int64], last: Int64?) {
    ended.begin().add(seen)
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
      let function = ended.optionalName()
      let rule = retention.changed(by: function.flatMap { keeping[$0] })
      if !hasKey, rule.isOver(state, endedAt: endedAt, at: now) { due.append(id) }
      last = id
    }
    return (due, last)
  }

  // MARK: What goes

  private func forget(_ ids: [Int64]) throws(SQLiteFailure) {
    do throws(SQLiteFailure) {
      try connection.transaction { () throws(SQLiteFailure) in
        for id in ids { try forget(id) }
        try totals.flush()
      }
    } catch {
      totals.rolledBack()
      throw error
    }
  }

  private func forget(_ id: Int64) throws(SQLiteFailure) {
    weight.begin().add(id)
    if try weight.next(), let function = weight.optionalName() {
      let event = Int(weight.integer())
      let state = Int(weight.integer())
      totals.note(function, kind: TotalTables.acceptedKind, count: -1, bytes: -event)
      totals.note(function, kind: state, count: -1, bytes: -Int(weight.integer()))
    }
    weight.reset()
    for statement in forget {
      statement.begin().add(id)
      try statement.run()
    }
  }

  /// What stands for nothing that is kept any more.
  private func tidy() throws(SQLiteFailure) {
    try connection.execute(SQL.pruneForgottenErrors)
    let empty = try connection.statement(SQL.emptySegment)
    guard try empty.next() else { return }
    let number = empty.integer()
    empty.reset()
    let part = try connection.statement(SQL.pruneSegment)
    part.begin().add(number)
    part.add(StoreLimits.segmentRowsMax)
    try part.run()
    try connection.execute("DELETE FROM segments WHERE number = \(number)")
  }
}

extension Retention {
  fileprivate func changed(by keeping: Keeping?) -> Retention {
    guard let keeping else { return self }
    return Retention(succeeded: keeping.succeeded ?? succeeded, dead: keeping.dead ?? dead)
  }
}
