// How often a host is asked whether it is done: seldom while much is left, since each question takes
// time from what is measured, and often towards the end, which is then known to 5 ms.

struct FinishLooks {
  static let napMilliseconds = 5...250

  let expected: Int
  private(set) var finished = 0
  private var first: (at: UInt64, finished: Int)?
  private var nap = FinishLooks.napMilliseconds.lowerBound

  init(expected: Int) { self.expected = expected }

  /// In milliseconds.
  mutating func nap(afterSeeing finished: Int, at now: UInt64) -> Int {
    self.finished = finished
    let first = first ?? (now, finished)
    self.first = first
    let seconds = Double(now - first.at) / 1e9
    let done = Double(finished - first.finished)
    // Nothing moves yet: timers, or a host that has just begun.
    guard done > 0, seconds > 0 else {
      nap = min(nap * 2, Self.napMilliseconds.upperBound)
      return nap
    }
    let left = Double(max(0, expected - finished)) * seconds / done
    nap = min(
      max(Int(left * 1000 / 4), Self.napMilliseconds.lowerBound),
      Self.napMilliseconds.upperBound)
    return nap
  }
}
