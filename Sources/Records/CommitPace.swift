// How long a commit waits for company. A sync costs the same for one change as for a hundred, and on
// a busy machine the time it takes from the others is the larger cost: where several wait for each
// commit anyway, the next one waits until twice as many have come, and never longer than the last
// one took. One who is alone never waits.

struct CommitPace {
  /// Fewer than this in a commit are not a crowd.
  static let crowdMin = 3
  static let waitNanosecondsMax: UInt64 = 1_000_000

  private var lastCount = 0
  private var lastNanoseconds: UInt64 = 0

  mutating func committed(_ awaited: Int, from began: UInt64, to ended: UInt64) {
    lastCount = awaited
    lastNanoseconds = ended - began
  }

  /// How many more are worth waiting for, and until when; nil where none is.
  func wait(with count: Int, at now: UInt64) -> (missing: Int, deadline: UInt64)? {
    let wanted = 2 * lastCount
    guard lastCount >= Self.crowdMin, count < wanted else { return nil }
    return (wanted - count, now + min(lastNanoseconds, Self.waitNanosecondsMax))
  }
}
