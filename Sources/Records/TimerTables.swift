// What is written of timers: how far each has come, what it missed, and what it fired. Both lists
// are bounded; a timer that runs for years keeps its latest.
import Invocations

final class TimerTables {
  private let advanceTimer: Statement
  private let miss: Statement
  private let fire: Statement
  private let pruneMissed: Statement
  private let pruneFirings: Statement

  init(on connection: Connection) throws(SQLiteFailure) {
    advanceTimer = try connection.statement(SQL.advanceTimer)
    miss = try connection.statement(SQL.miss)
    fire = try connection.statement(SQL.fire)
    pruneMissed = try connection.statement(SQL.pruneMissed)
    pruneFirings = try connection.statement(SQL.pruneFirings)
  }

  func advance(_ timer: TimerAdvance) throws(SQLiteFailure) {
    advanceTimer.begin()
    advanceTimer.add(timer.name)
    advanceTimer.add(timer.rule)
    advanceTimer.add(timer.last.milliseconds)
    try advanceTimer.run()
    guard !timer.missed.isEmpty else { return }
    for missed in timer.missed.suffix(StoreLimits.timerHistoryMax) {
      miss.begin()
      miss.add(timer.name)
      miss.add(missed.instant.milliseconds)
      miss.add(missed.count)
      miss.add(missed.reason)
      try miss.run()
    }
    try prune(pruneMissed, timer: timer.name)
  }

  /// Notes an invocation that a timer made.
  func fired(_ acceptance: Acceptance) throws(SQLiteFailure) {
    guard let timer = Self.timer(of: acceptance.trigger) else { return }
    fire.begin()
    fire.add(timer)
    fire.add(acceptance.id.rawValue)
    try fire.run()
    // By chance and not by count: a count would always fall on the same of two timers that
    // fire in turn.
    guard Int.random(in: 0..<StoreLimits.timerPruneEvery) == 0 else { return }
    try prune(pruneFirings, timer: timer)
  }

  /// `timer:charge-payment/0` is the trigger of the timer `charge-payment/0`.
  private static func timer(of trigger: String) -> String? {
    let prefix = "timer:"
    return trigger.hasPrefix(prefix) ? String(trigger.dropFirst(prefix.count)) : nil
  }

  private func prune(_ statement: Statement, timer: String) throws(SQLiteFailure) {
    statement.begin()
    statement.add(timer)
    statement.add(StoreLimits.timerHistoryMax)
    try statement.run()
  }
}
