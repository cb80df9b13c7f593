// What a timer remembers and what it gives: marks for the store, and firings with what was missed.

package import Invocations

/// How far a timer has come.
///
/// It is written in the same commit as what the timer fired.
package struct TimerMark: Sendable, Equatable {
  /// `FUNCTION/0`: the function and the place of the trigger in its manifest.
  package var name: String
  /// Canonical text of the rule; a mark of another rule is not continued.
  package var rule: String
  /// Every instant up to and including this one was fired or listed as missed.
  package var last: WallTime

  package init(name: String, rule: String, last: WallTime) {
    self.name = name
    self.rule = rule
    self.last = last
  }
}

/// All that became due at one timer at one time.
package struct TimerFiring: Sendable, Equatable {
  package struct Occurrence: Sendable, Equatable {
    package let instant: WallTime
    package let event: Event
  }

  package let timer: String
  package let function: String
  /// Oldest first; empty when everything that was due was missed.
  package let occurrences: [Occurrence]
  package let missed: MissedInstants?
  package let next: WallTime?
  /// Takes the place of the timer's mark in the store.
  package let mark: TimerMark
}

package struct MissedInstants: Sendable, Equatable {
  package enum Reason: String, Sendable {
    /// `missed: skip`.
    case skipped
    /// `missed: latest`, and a later instant was fired.
    case superseded
    /// `missed: all`, and more were missed than its `max`.
    case overMax = "over-max"
  }

  /// The newest are listed; older ones are counted.
  package static let listedMax = 10_000
  /// Counting a cron's older instants stops here; a larger `unlistedCount` of an interval is exact.
  package static let countedMax = 100_000

  /// Oldest first.
  package let listed: [WallTime]
  package let unlistedCount: Int
  package let reason: Reason
}

/// A rule that Schedules does not take.
///
/// Manifests are checked before, so this is a bug or a store of another version.
package struct TimerFault: Error, Equatable, Sendable {
  package let timer: String
  package let reason: String
}
