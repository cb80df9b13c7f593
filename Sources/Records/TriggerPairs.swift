// Which triggers have brought events to which functions, without a walk over the events: a step of the
// index for each pair.
import Invocations

struct TriggerPairs {
  typealias Pair = (trigger: StoredName, function: StoredName)

  private let first: Statement
  private let nextFunction: Statement
  private let nextTrigger: Statement

  init(on connection: Connection) throws(SQLiteFailure) {
    first = try connection.statement(SQL.firstTrigger)
    nextFunction = try connection.statement(SQL.nextFunction)
    nextTrigger = try connection.statement(SQL.nextTrigger)
  }

  /// All of them that `wants` wants; nil where there are too many to look through.
  func all(_ wants: (Pair) -> Bool) throws(SQLiteFailure) -> [Pair]? {
    var found: [Pair] = []
    var place = try pair(first.begin())
    for _ in 0..<StoreLimits.triggersMax {
      guard let pair = place else { return found }
      if wants(pair) { found.append(pair) }
      place = try next(after: pair)
    }
    return nil
  }

  private func next(after pair: Pair) throws(SQLiteFailure) -> Pair? {
    nextFunction.begin().add(pair.trigger)
    nextFunction.add(pair.function)
    if let next = try self.pair(nextFunction) { return next }
    nextTrigger.begin().add(pair.trigger)
    return try self.pair(nextTrigger)
  }

  private func pair(_ query: Statement) throws(SQLiteFailure) -> Pair? {
    defer { query.reset() }
    guard try query.next(), let trigger = query.optionalName(), let function = query.optionalName()
    else { return nil }
    return (trigger, function)
  }
}
