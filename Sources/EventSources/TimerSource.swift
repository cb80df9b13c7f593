// The timers of a release: when the next one is due, and what is due now. A value that is told the
// time and owns no clock. An instant of a timer is given at most once, because they only grow.

package import Invocations
import Schedules

package struct TimerSource: Sendable {
  package static let type = "apus.timer"
  /// How late an instant may be found by a running host and still count as on time; more means
  /// that the clock jumped or the machine slept, and `missed: skip` skips it.
  package static let onTimeWithin = Duration.seconds(5)

  private struct Timer: Sendable {
    let name: String
    let function: String
    let rule: TimerRule
    let missed: TimerTrigger.Missed
    var last: Int64
    var next: Int64?
  }

  /// For inspection, in the order of the declarations.
  package struct Status: Sendable, Equatable {
    package let name: String
    package let function: String
    package let rule: String
    package let missed: TimerTrigger.Missed
    package let last: WallTime
    package let next: WallTime?
  }

  private var timers: [Timer] = []
  private let awakeSince: WallTime

  /// Marks of timers that are new or have another rule than before.
  ///
  /// They are stored before the first wait, so that an instant that passes while the host is down
  /// is found to be missed.
  package private(set) var newMarks: [TimerMark] = []

  /// `marks` are what the store has; those of timers that no longer exist are ignored.
  ///
  /// `awakeSince` is when this host began to watch: instants before it passed while no host was
  /// running. nil means `now`; a deployment to a running host gives the host's own start.
  package init(
    _ declarations: [FunctionDeclaration], marks: [TimerMark], now: WallTime,
    awakeSince: WallTime? = nil
  ) throws(TimerFault) {
    self.awakeSince = awakeSince ?? now
    let known = Dictionary(marks.map { ($0.name, $0) }, uniquingKeysWith: { $1 })
    var zones: [String: TimeZoneRules] = [:]
    for declaration in declarations {
      for (place, trigger) in declaration.triggers.enumerated() {
        guard case .timer(let timer) = trigger else { continue }
        let name = "\(declaration.name)/\(place)"
        do {
          let rule = try TimerRule(timer.rule, zones: &zones)
          add(name, of: declaration.name, rule, timer.missed, mark: known[name], now: now)
        } catch { throw TimerFault(timer: name, reason: error.reason) }
      }
    }
  }

  private mutating func add(
    _ name: String, of function: String, _ rule: TimerRule, _ missed: TimerTrigger.Missed,
    mark: TimerMark?, now: WallTime
  ) {
    let isContinued = mark?.rule == rule.text
    // A mark ahead of the clock means that the clock stepped back: no instant comes twice.
    let last =
      isContinued
      ? mark?.last ?? now : max(now, mark?.last ?? now)
    timers.append(
      Timer(
        name: name, function: function, rule: rule, missed: missed, last: last.milliseconds,
        next: rule.schedule.next(after: last.milliseconds)))
    if !isContinued { newMarks.append(TimerMark(name: name, rule: rule.text, last: last)) }
  }

  /// When `due` has something to give; in the past where something was missed.
  package var next: WallTime? { next(besides: []) }

  package func next(besides others: Set<String>) -> WallTime? {
    timers.lazy.filter { !others.contains($0.name) }.compactMap(\.next).min()
      .map(WallTime.init(milliseconds:))
  }

  package var statuses: [Status] {
    timers.map { timer in
      Status(
        name: timer.name, function: timer.function, rule: timer.rule.text, missed: timer.missed,
        last: WallTime(milliseconds: timer.last),
        next: timer.next.map(WallTime.init(milliseconds:)))
    }
  }

  /// Instants to come, the next one first.
  package func upcoming(_ name: String, count: Int) -> [WallTime] {
    guard let timer = timers.first(where: { $0.name == name }) else { return [] }
    var instants: [WallTime] = []
    var next = timer.next
    while let instant = next, instants.count < count {
      instants.append(WallTime(milliseconds: instant))
      next = timer.rule.schedule.next(after: instant)
    }
    return instants
  }

  /// Everything that became due up to and including `now`, a firing for each timer.
  ///
  /// It is given once: what the caller does not record is lost, so it records all of a firing in
  /// one commit. `others` are not asked.
  package mutating func due(at now: WallTime, besides others: Set<String> = []) -> [TimerFiring] {
    timers.indices.compactMap { place in
      guard let next = timers[place].next, next <= now.milliseconds,
        !others.contains(timers[place].name)
      else { return nil }
      return fire(&timers[place], at: now)
    }
  }

  private func fire(_ timer: inout Timer, at now: WallTime) -> TimerFiring? {
    let firedMax = firedMax(timer, at: now)
    let (due, olderCount) = timer.rule.newest(
      firedMax + MissedInstants.listedMax, after: timer.last, through: now.milliseconds)
    guard let newest = due.last else { return nil }
    timer.last = newest
    timer.next = timer.rule.schedule.next(after: newest)
    let fired = due.suffix(firedMax).map(WallTime.init(milliseconds:))
    let missed = due.dropLast(fired.count).map(WallTime.init(milliseconds:))
    return TimerFiring(
      timer: timer.name, function: timer.function,
      occurrences: fired.map { occurrence(of: timer, at: $0) },
      missed: missed.isEmpty
        ? nil
        : MissedInstants(
          listed: missed, unlistedCount: olderCount, reason: timer.missed.reason),
      next: timer.next.map(WallTime.init(milliseconds:)),
      mark: TimerMark(
        name: timer.name, rule: timer.rule.text, last: WallTime(milliseconds: newest)))
  }

  /// What a running host finds within `onTimeWithin` is not missed, however many it is.
  private func firedMax(_ timer: Timer, at now: WallTime) -> Int {
    let onTime = onTimeCount(timer, at: now)
    return switch timer.missed {
    case .skip: onTime
    case .latest: Swift.max(onTime, 1)
    case .all(let max): Swift.max(onTime, min(Swift.max(max, 1), MissedInstants.listedMax))
    }
  }

  private func onTimeCount(_ timer: Timer, at now: WallTime) -> Int {
    let from = Swift.max(
      timer.last, awakeSince.milliseconds, now.milliseconds - Self.onTimeWithin.milliseconds - 1)
    guard from < now.milliseconds else { return 0 }
    return timer.rule.schedule.instants(
      after: from, through: now.milliseconds, limit: MissedInstants.listedMax
    ).count
  }

  private func occurrence(of timer: Timer, at instant: WallTime) -> TimerFiring.Occurrence {
    TimerFiring.Occurrence(
      instant: instant,
      event: Self.event(timer: timer.name, instant: instant, id: Self.text(instant)))
  }

  /// A firing by hand, outside of the schedule.
  ///
  /// `id` has to be new each time, where a scheduled event's id is its instant; the mark does not
  /// move.
  package func manualEvent(ofTimer name: String, now: WallTime, id: String) -> Event? {
    timers.contains { $0.name == name } ? Self.event(timer: name, instant: now, id: id) : nil
  }

  private static func event(timer: String, instant: WallTime, id: String) -> Event {
    var json = JSONWriter(capacity: 96)
    json.object {
      $0.field("instant", text(instant))
      $0.field("timer", timer)
    }
    return Event(
      id: id, source: "/timers/\(timer)", type: type, subject: timer, time: text(instant),
      data: json.bytes)
  }

  private static func text(_ instant: WallTime) -> String {
    CivilTime.formatRFC3339(milliseconds: instant.milliseconds)
  }
}

extension TimerTrigger.Missed {
  fileprivate var reason: MissedInstants.Reason {
    switch self {
    case .skip: .skipped
    case .latest: .superseded
    case .all: .overMax
    }
  }
}
