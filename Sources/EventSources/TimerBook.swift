// How far the timers of the live release have come, kept in step with the store: what is due is offered
// as one with the mark that says so, and what was refused is offered again. It owns no timer and no
// thread; whoever holds it looks when `nextWake` has come.

package import Invocations

package final class TimerBook {
  /// Takes a firing, the mark and the missed instants as one, and answers when it is on disk or
  /// refused.
  package typealias Intake = (
    _ proposals: [Proposal], _ mark: TimerAdvance,
    _ answered: @escaping (Result<[Accepted], Refusal>) -> Void
  ) -> Void

  private var source: TimerSource
  private let clocks: any Clocks
  private let accept: Intake
  private var marks: [String: TimerMark]
  /// Of timers that are new: not yet on their way to the store.
  private var unrecorded: [String: TimerMark] = [:]
  private let awakeSince: WallTime
  /// What the live release declares, to build the source anew when a firing was refused.
  private var declarations: [FunctionDeclaration]
  private var queueLimits: [String: Int]
  /// After a refusal (the queue is full, the store stalled): when to look again.
  private var notBefore: UInt64 = 0

  /// Told of instants that did not fire, once that is on disk.
  package var missed: (_ timer: String, [MissedInstant]) -> Void = { _, _ in }
  /// Told that a firing was refused: `nextWake` is another now.
  package var tookBack: () -> Void = {}

  private static let retryPause = Duration.seconds(1)
  /// The wall clock can be set forward while its owner sleeps; it is looked at this often.
  private static let lookPause = Duration.seconds(10)

  package init(
    _ declarations: [FunctionDeclaration], recovered: [TimerAdvance], clocks: any Clocks,
    accept: @escaping Intake
  ) throws(TimerFault) {
    self.clocks = clocks
    self.accept = accept
    self.declarations = declarations
    queueLimits = Self.queueLimits(declarations)
    awakeSince = clocks.wall
    marks = Dictionary(
      recovered.map { ($0.name, TimerMark(name: $0.name, rule: $0.rule, last: $0.last)) },
      uniquingKeysWith: { $1 })
    source = try TimerSource(
      declarations, marks: Array(marks.values), now: clocks.wall, awakeSince: awakeSince)
    noteNewMarks()
  }

  package var statuses: [TimerSource.Status] { source.statuses }

  package func upcoming(_ name: String, count: Int) -> [WallTime] {
    source.upcoming(name, count: count)
  }

  /// An event outside of the schedule; nil when there is no such timer.
  package func manual(_ name: String, id: String) -> Proposal? {
    guard let status = source.statuses.first(where: { $0.name == name }),
      let event = source.manualEvent(ofTimer: name, now: clocks.wall, id: id)
    else { return nil }
    return Proposal(function: status.function, trigger: "timer:\(name)", event: event)
  }

  package func redeclare(_ declarations: [FunctionDeclaration]) throws(TimerFault) {
    noteMarks()
    source = try TimerSource(
      declarations, marks: Array(marks.values), now: clocks.wall, awakeSince: awakeSince)
    self.declarations = declarations
    queueLimits = Self.queueLimits(declarations)
    noteNewMarks()
  }

  private static func queueLimits(_ declarations: [FunctionDeclaration]) -> [String: Int] {
    Dictionary(declarations.map { ($0.name, $0.queueLimit) }, uniquingKeysWith: { $1 })
  }

  private func noteMarks() {
    for status in source.statuses {
      marks[status.name] = TimerMark(name: status.name, rule: status.rule, last: status.last)
    }
  }

  private func noteNewMarks() {
    for mark in source.newMarks { unrecorded[mark.name] = mark }
  }

  // MARK: Looking

  /// When the next instant is due; nil when none ever is.
  package var nextInstant: WallTime? {
    guard let next = source.next else { return nil }
    guard notBefore > clocks.monotonic else { return next }
    // Times of day are whole milliseconds: never before the pause is over.
    let pause = (notBefore - clocks.monotonic + 999_999) / 1_000_000
    return max(next, clocks.wall + .milliseconds(Int64(clamping: pause)))
  }

  /// The monotonic time of the next look.
  package var nextWake: UInt64 {
    let now = clocks.wall
    var pause = Self.lookPause
    if let next = source.next {
      pause = min(pause, .milliseconds(max(0, next.milliseconds - now.milliseconds)))
    }
    return max(clocks.monotonic + pause.nanoseconds, notBefore)
  }

  /// From then on an instant that passes while no host runs is found to be missed.
  package func recordNewMarks() {
    let new = unrecorded.values.sorted { $0.name < $1.name }
    unrecorded = [:]
    for mark in new {
      accept([], TimerAdvance(name: mark.name, rule: mark.rule, last: mark.last)) { _ in }
    }
  }

  /// Offers what is due; says whether anything was.
  @discardableResult
  package func look() -> Bool {
    guard clocks.monotonic >= notBefore else { return false }
    noteMarks()
    let firings = source.due(at: clocks.wall)
    for firing in firings { offer(firing, before: marks[firing.timer]) }
    return !firings.isEmpty
  }

  private func offer(_ firing: TimerFiring, before: TimerMark?) {
    // More instants than the queue ever holds would be refused for ever: the newest count.
    let fired = firing.occurrences.suffix(queueLimits[firing.function] ?? 1)
    var missed = Self.missed(of: firing)
    missed += firing.occurrences.dropLast(fired.count).map {
      MissedInstant(instant: $0.instant, reason: "queue-limit")
    }
    let advance = TimerAdvance(
      name: firing.timer, rule: firing.mark.rule, last: firing.mark.last, missed: missed)
    let proposals = fired.map {
      Proposal(function: firing.function, trigger: "timer:\(firing.timer)", event: $0.event)
    }
    accept(proposals, advance) { [weak self] outcome in
      switch outcome {
      case .success: if !missed.isEmpty { self?.missed(firing.timer, missed) }
      case .failure: self?.takeBack(firing, to: before)
      }
    }
  }

  /// Nothing of the firing is on disk, its mark included: the same instants are offered again, in a
  /// while, and as many as are due by then are one firing.
  private func takeBack(_ firing: TimerFiring, to before: TimerMark?) {
    guard let before else { return }
    noteMarks()
    marks[firing.timer] = before
    do {
      source = try TimerSource(
        declarations, marks: Array(marks.values), now: clocks.wall, awakeSince: awakeSince)
    } catch { preconditionFailure("timers that were built before: \(error)") }
    notBefore = clocks.monotonic + Self.retryPause.nanoseconds
    tookBack()
  }

  private static func missed(of firing: TimerFiring) -> [MissedInstant] {
    guard let missed = firing.missed else { return [] }
    let reason = missed.reason.rawValue
    var list = missed.listed.map { MissedInstant(instant: $0, reason: reason) }
    if missed.unlistedCount > 0, let oldest = missed.listed.first {
      list.insert(
        MissedInstant(
          instant: WallTime(milliseconds: oldest.milliseconds - 1), count: missed.unlistedCount,
          reason: reason), at: 0)
    }
    return list
  }
}
