// A timer's rule: its schedule, its canonical text, and which of its instants lie in a stretch of
// time, found from the newest end so that a long stretch costs little.

import Invocations
import Schedules

struct TimerRule: Sendable {
  let text: String
  let schedule: Schedule

  init(
    _ rule: TimerTrigger.Rule, zones: inout [String: TimeZoneRules]
  ) throws(TimerRuleFault) {
    switch rule {
    case .cron(let expression, let timezone):
      let zone = try Self.zone(timezone, &zones)
      schedule = .cron(try Self.cron(expression), zone)
      let fields = expression.split(whereSeparator: \.isWhitespace).joined(separator: " ")
      text = "cron \(fields) \(timezone)"
    case .every(let interval):
      guard interval.milliseconds > 0 else {
        throw TimerRuleFault(reason: "an interval is at least 1ms")
      }
      // Anchored at the epoch, so that a restart keeps the rhythm.
      schedule = .every(milliseconds: interval.milliseconds, anchor: 0)
      text = "every \(interval.milliseconds)ms"
    case .at(let instant):
      schedule = .at(instant.milliseconds)
      text = "at \(CivilTime.formatRFC3339(milliseconds: instant.milliseconds))"
    }
  }

  private static func cron(_ text: String) throws(TimerRuleFault) -> CronExpression {
    do { return try CronExpression(parsing: text) } catch {
      throw TimerRuleFault(reason: "'\(text)', column \(error.column): \(error.message)")
    }
  }

  private static func zone(
    _ name: String, _ zones: inout [String: TimeZoneRules]
  ) throws(TimerRuleFault) -> TimeZoneRules {
    if let zone = zones[name] { return zone }
    do {
      let zone = try TimeZoneRules.named(name)
      zones[name] = zone
      return zone
    } catch { throw TimerRuleFault(reason: error.message) }
  }

  /// The newest `wanted` instants in `(start, end]`, oldest first, and how many are older.
  func newest(
    _ wanted: Int, after start: Int64, through end: Int64
  ) -> (instants: [Int64], olderCount: Int) {
    switch schedule {
    case .at: (schedule.instants(after: start, through: end, limit: 1), 0)
    case .every(let interval, _): newestOnGrid(wanted, interval, after: start, through: end)
    case .cron: newestByCalendar(wanted, after: start, through: end)
    }
  }

  private func newestOnGrid(
    _ wanted: Int, _ interval: Int64, after start: Int64, through end: Int64
  ) -> (instants: [Int64], olderCount: Int) {
    guard let first = schedule.next(after: start), first <= end,
      let last = schedule.latest(after: start, through: end)
    else { return ([], 0) }
    let steps = (last - first) / interval
    let listed = min(steps, Int64(wanted) - 1)
    let instants = (0...listed).map { last - (listed - $0) * interval }
    return (instants, Int(steps - listed))
  }

  /// Looks at ever longer stretches before `end`.
  ///
  /// A cron fires once a minute at most, so none holds many more instants than are wanted.
  private func newestByCalendar(
    _ wanted: Int, after start: Int64, through end: Int64
  ) -> (instants: [Int64], olderCount: Int) {
    var stretch = Int64(wanted) * 60_000
    while true {
      let from = stretch < .max / 4 && end - stretch > start ? end - stretch : start
      let found = schedule.instants(after: from, through: end, limit: .max)
      if from == start || found.count >= wanted {
        let instants = Array(found.suffix(wanted))
        let older = instants.first.map { counted(after: start, before: $0) } ?? 0
        return (instants, older)
      }
      stretch *= 4
    }
  }

  private func counted(after start: Int64, before end: Int64) -> Int {
    schedule.instants(after: start, through: end - 1, limit: MissedInstants.countedMax).count
  }
}

struct TimerRuleFault: Error {
  let reason: String
}
