// How much of a function's history is kept, by number and by size: past it the oldest that succeeded or
// were cancelled go. Dead letters go by their age alone.
import Invocations

final class AmountRule {
  private let function: StoredName
  private let keeping: Keeping
  private let triggers: [StoredName]
  /// Of each trigger everything up to here was looked at in this round.
  private var seen: [StoredName: Int64] = [:]

  init(_ function: StoredName, _ keeping: Keeping, triggers: [StoredName]) {
    self.function = function
    self.keeping = keeping
    self.triggers = triggers
  }

  /// The oldest that are too many, at most as many as one step takes.
  func due(on connection: Connection) throws(SQLiteFailure) -> [Int64] {
    let excess = try excess(on: connection)
    guard excess > 0 else { return [] }
    let query = try connection.statement(SQL.oldestEnded)
    var found: [Int64] = []
    for trigger in triggers {
      query.begin().add(trigger)
      query.add(function)
      query.add(seen[trigger] ?? 0)
      query.add(StoreLimits.endedPerPruning)
      while try query.next() { found.append(query.integer()) }
      query.reset()
    }
    found.sort()
    let due = Array(found.prefix(min(excess, StoreLimits.endedPerPruning)))
    if let last = due.last {
      for trigger in triggers { seen[trigger] = max(seen[trigger] ?? 0, last) }
    }
    return due
  }

  private func excess(on connection: Connection) throws(SQLiteFailure) -> Int {
    let query = try connection.statement(SQL.functionTotals)
    query.begin().add(function)
    var counts: [Int: Int] = [:]
    var bytes: [Int: Int] = [:]
    while try query.next() {
      let kind = Int(query.integer())
      counts[kind] = Int(query.integer())
      bytes[kind] = Int(query.integer())
    }
    let well = [StateWord.succeeded.rawValue, StateWord.cancelled.rawValue]
    let count = well.reduce(0) { $0 + counts[$1, default: 0] }
    guard count > 0 else { return 0 }
    let tooMany = keeping.count.map { max(0, count - $0) } ?? 0
    guard let limit = keeping.bytes else { return tooMany }
    // Events are counted together, however they ended: theirs is their share of them.
    let accepted = max(1, counts[TotalTables.acceptedKind, default: 0])
    let events = Double(bytes[TotalTables.acceptedKind, default: 0]) / Double(accepted)
    let results = Double(well.reduce(0) { $0 + bytes[$1, default: 0] }) / Double(count)
    let each = max(1, events + results)
    return max(tooMany, count - Int(Double(limit) / each))
  }
}

extension Pruner {
  func amountRules(_ keeping: [StoredName: Keeping]) throws(SQLiteFailure) -> [AmountRule] {
    var rules: [AmountRule] = []
    for (function, keeping) in keeping where keeping.count != nil || keeping.bytes != nil {
      rules.append(AmountRule(function, keeping, triggers: try triggers(of: function)))
    }
    return rules
  }

  private func triggers(of function: StoredName) throws(SQLiteFailure) -> [StoredName] {
    let pairs = try TriggerPairs(on: connection).all { $0.function == function }
    return (pairs ?? []).map(\.trigger)
  }
}
