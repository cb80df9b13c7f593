// The timers of the live release: one loop timer for the earliest instant. A firing, the mark that
// says so and the invocations it makes go to the store as one.

import Dispatching
import EventLoop
import EventSources
import Invocations

@LoopActor
final class TimerDesk {
  private var source: TimerSource
  private let dispatcher: Dispatcher
  private let clocks: any Clocks
  private let observer: any Observer
  private var timer: LoopTimer?
  private var marks: [String: TimerMark]
  /// Of timers that are new: not yet on their way to the store.
  private var unrecorded: [String: TimerMark] = [:]
  private let awakeSince: WallTime
  /// What the live release declares, to build the source anew when a firing was refused.
  private var declarations: [FunctionDeclaration]
  /// After a refusal (the queue is full, the store stalled): when to look again.
  private var notBefore: UInt64 = 0
  private var manualIDs = UUIDv7Generator()

  private static let retryPause = Duration.seconds(1)
  /// The wall clock can be set forward while the loop sleeps; it is looked at this often.
  private static let lookPause = Duration.seconds(10)

  init(
    _ declarations: [FunctionDeclaration], recovered: [TimerAdvance], dispatcher: Dispatcher,
    clocks: any Clocks, observer: any Observer
  ) throws(TimerFault) {
    self.dispatcher = dispatcher
    self.clocks = clocks
    self.observer = observer
    self.declarations = declarations
    awakeSince = clocks.wall
    marks = Dictionary(
      recovered.map { ($0.name, TimerMark(name: $0.name, rule: $0.rule, last: $0.last)) },
      uniquingKeysWith: { $1 })
    source = try TimerSource(
      declarations, marks: Array(marks.values), now: clocks.wall, awakeSince: awakeSince)
    noteNewMarks()
  }

  var statuses: [TimerSource.Status] { source.statuses }

  func upcoming(_ name: String, count: Int) -> [WallTime] { source.upcoming(name, count: count) }

  func start() {
    timer = LoopTimer { [weak self] in self?.look() }
    recordNewMarks()
    look()
  }

  func stop() {
    timer?.close()
    timer = nil
  }

  func redeclare(_ declarations: [FunctionDeclaration]) throws(TimerFault) {
    noteMarks()
    source = try TimerSource(
      declarations, marks: Array(marks.values), now: clocks.wall, awakeSince: awakeSince)
    self.declarations = declarations
    noteNewMarks()
    // Before the start there is nothing to wait for; the start records what is new.
    guard timer != nil else { return }
    recordNewMarks()
    arm()
  }

  private func noteMarks() {
    for status in source.statuses {
      marks[status.name] = TimerMark(name: status.name, rule: status.rule, last: status.last)
    }
  }

  /// Outside of the schedule; false when there is no such timer.
  func fire(_ name: String, then: @escaping (Result<[Accepted], Refusal>) -> Void) -> Bool {
    let now = clocks.wall
    guard let status = source.statuses.first(where: { $0.name == name }),
      let event = source.manualEvent(ofTimer: name, now: now, id: manualIDs.next(at: now))
    else { return false }
    let proposal = Proposal(function: status.function, trigger: "timer:\(name)", event: event)
    dispatcher.accept([proposal], answered: then)
    return true
  }

  private func noteNewMarks() {
    for mark in source.newMarks { unrecorded[mark.name] = mark }
  }

  /// From then on an instant that passes while no host runs is found to be missed.
  private func recordNewMarks() {
    let new = unrecorded.values
    unrecorded = [:]
    for mark in new {
      dispatcher.accept(
        [], advancing: TimerAdvance(name: mark.name, rule: mark.rule, last: mark.last)
      ) { _ in }
    }
  }

  private func look() {
    guard clocks.monotonic >= notBefore else { return arm() }
    noteMarks()
    for firing in source.due(at: clocks.wall) { record(firing, before: marks[firing.timer]) }
    arm()
  }

  private func record(_ firing: TimerFiring, before: TimerMark?) {
    // More instants than the queue ever holds would be refused for ever: the newest count.
    let limit = dispatcher.function(named: firing.function)?.queueLimit ?? 1
    let fired = firing.occurrences.suffix(limit)
    var missed = Self.missed(of: firing)
    missed += firing.occurrences.dropLast(fired.count).map {
      MissedInstant(instant: $0.instant, reason: "queue-limit")
    }
    let advance = TimerAdvance(
      name: firing.timer, rule: firing.mark.rule, last: firing.mark.last, missed: missed)
    let proposals = fired.map {
      Proposal(function: firing.function, trigger: "timer:\(firing.timer)", event: $0.event)
    }
    dispatcher.accept(proposals, advancing: advance) { [weak self, observer] outcome in
      switch outcome {
      case .success: if !missed.isEmpty { observer.saw(.missed(timer: firing.timer, missed)) }
      case .failure: self?.takeBack(firing, to: before)
      }
    }
  }

  /// Nothing of the firing is on disk, its mark included: the same instants are offered again, in a
  /// while, and as many as are due by then are one firing.
  private func takeBack(_ firing: TimerFiring, to before: TimerMark?) {
    guard !dispatcher.isDraining, let before else { return }
    noteMarks()
    marks[firing.timer] = before
    do {
      source = try TimerSource(
        declarations, marks: Array(marks.values), now: clocks.wall, awakeSince: awakeSince)
    } catch { preconditionFailure("timers that were built before: \(error)") }
    notBefore = clocks.monotonic + Self.retryPause.nanoseconds
    arm()
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

  private func arm() {
    let now = clocks.wall
    var pause = Self.lookPause
    if let next = source.next {
      pause = min(pause, .milliseconds(max(0, next.milliseconds - now.milliseconds)))
    }
    timer?.arm(atMonotonic: max(clocks.monotonic + pause.nanoseconds, notBefore))
  }
}
