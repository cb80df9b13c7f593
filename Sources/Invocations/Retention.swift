// How long the record remembers what is over.

/// How long ended invocations are kept; nil is for ever.
package struct Retention: Sendable, Equatable {
  /// Succeeded and cancelled ones.
  package var succeeded: Duration?
  package var dead: Duration?

  package static let standard = Retention(
    succeeded: .seconds(7 * 86_400), dead: .seconds(30 * 86_400))
  package static let forever = Retention(succeeded: nil, dead: nil)

  package init(succeeded: Duration?, dead: Duration?) {
    self.succeeded = succeeded
    self.dead = dead
  }

  /// Nothing that ended later can be due.
  package var shortest: Duration? { [succeeded, dead].compactMap(\.self).min() }

  package func isOver(_ state: StateWord, endedAt: WallTime, at now: WallTime) -> Bool {
    guard let keep = state == .dead ? dead : succeeded else { return false }
    return endedAt.milliseconds + keep.milliseconds <= now.milliseconds
  }
}
