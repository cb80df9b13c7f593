// The timers of a test house: the host's own schedule, asked whenever the house's time has come to an
// instant. A firing, its mark and its invocations go to the store as one.

import Dispatching
import EventSources
import Invocations

final class VirtualTimers {
  private var source: TimerSource
  private let declarations: [FunctionDeclaration]
  private let dispatcher: Dispatcher
  private let clocks: VirtualClocks
  private let awakeSince: WallTime
  /// After a refusal (the queue is full): when the same instants are offered again.
  private var notBefore: WallTime?

  private static let retryPause = Duration.seconds(1)

  init(
    _ declarations: [FunctionDeclaration], dispatcher: Dispatcher, clocks: VirtualClocks
  ) throws(TimerFault) {
    self.declarations = declarations
    self.dispatcher = dispatcher
    self.clocks = clocks
    awakeSince = clocks.wall
    source = try TimerSource(
      declarations, marks: [], now: awakeSince, awakeSince: awakeSince)
    for mark in source.newMarks {
      dispatcher.accept(
        [], advancing: TimerAdvance(name: mark.name, rule: mark.rule, last: mark.last)
      ) { _ in }
    }
  }

  /// nil when no timer fires ever again.
  var next: WallTime? { source.next.map { max($0, notBefore ?? $0) } }

  var names: [String] { source.statuses.map(\.name) }

  /// True when something fired.
  func fireDue() -> Bool {
    let now = clocks.wall
    guard let next, next <= now else { return false }
    notBefore = nil
    let before = source.statuses
    let firings = source.due(at: now)
    for firing in firings { record(firing, before: before) }
    return !firings.isEmpty
  }

  private func record(_ firing: TimerFiring, before: [TimerSource.Status]) {
    let missed = (firing.missed?.listed ?? []).map {
      MissedInstant(instant: $0, reason: firing.missed?.reason.rawValue ?? "")
    }
    let advance = TimerAdvance(
      name: firing.timer, rule: firing.mark.rule, last: firing.mark.last, missed: missed)
    let proposals = firing.occurrences.map {
      Proposal(function: firing.function, trigger: "timer:\(firing.timer)", event: $0.event)
    }
    dispatcher.accept(proposals, advancing: advance) { [weak self] outcome in
      if case .failure = outcome { self?.takeBack(firing.timer, before: before) }
    }
  }

  private func takeBack(_ timer: String, before: [TimerSource.Status]) {
    let marks = source.statuses.map { now in
      let kept = before.first { $0.name == timer && $0.name == now.name } ?? now
      return TimerMark(name: kept.name, rule: kept.rule, last: kept.last)
    }
    do {
      source = try TimerSource(
        declarations, marks: marks, now: clocks.wall, awakeSince: awakeSince)
    } catch { preconditionFailure("timers that were built before: \(error)") }
    notBefore = clocks.wall + Self.retryPause
  }

  /// Outside of the schedule; nil when there is no such timer.
  func proposal(firing timer: String, id: String) -> Proposal? {
    guard let status = source.statuses.first(where: { $0.name == timer }),
      let event = source.manualEvent(ofTimer: timer, now: clocks.wall, id: id)
    else { return nil }
    return Proposal(function: status.function, trigger: "timer:\(timer)", event: event)
  }
}
