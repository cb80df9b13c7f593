// A rate with a burst, as one number: the generic cell rate algorithm (ITU-T I.371, as a virtual
// schedule). In any stretch of time t no more than burst + rate × t tokens are taken.

import Invocations

struct TokenBucket {
  /// What a manifest's rate means in nanoseconds.
  struct Rule: Equatable {
    /// Between two tokens; rounded up, so that the rate is never passed.
    let interval: UInt64
    /// How far ahead of its schedule a full bucket may run.
    let tolerance: UInt64
    var burst: Int { Int(clamping: tolerance / interval + 1) }

    init(_ limit: RateLimit) {
      let count = UInt64(limit.count)
      interval = max(1, (limit.period.nanoseconds + count - 1) / count)
      tolerance = interval.multipliedReportingOverflow(by: UInt64(limit.burst - 1)).partialValue
    }
  }

  /// The theoretical arrival time of the next token, by the monotonic clock.
  private(set) var schedule: UInt64 = 0

  /// A full bucket.
  init() {}

  /// An empty one: how much was taken before a host's start is not known to it.
  init(emptyAt now: UInt64, _ rule: Rule) {
    schedule = now + rule.interval + rule.tolerance
  }

  func opensAt(_ rule: Rule) -> UInt64 {
    schedule > rule.tolerance ? schedule - rule.tolerance : 0
  }

  func isOpen(at now: UInt64, _ rule: Rule) -> Bool { opensAt(rule) <= now }

  func isFull(at now: UInt64) -> Bool { schedule <= now }

  /// How many may be taken now.
  func tokens(at now: UInt64, _ rule: Rule) -> Int {
    let (end, next) = (now + rule.tolerance, max(schedule, now))
    return next > end ? 0 : Int(clamping: (end - next) / rule.interval + 1)
  }

  mutating func take(at now: UInt64, _ rule: Rule) {
    schedule = max(schedule, now) + rule.interval
  }

  /// Under another rule an older debt must not last longer than an empty bucket's.
  mutating func adopt(_ rule: Rule, at now: UInt64) {
    schedule = min(schedule, now + rule.interval + rule.tolerance)
  }
}
