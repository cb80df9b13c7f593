// The wall clock as the records have it: milliseconds since 1970 in UTC, as CONTRACT's times are.
// Leases, deadlines and backoff that must not jump use the monotonic clock instead.

package struct WallTime: Hashable, Comparable, Sendable {
  package var milliseconds: Int64

  package init(milliseconds: Int64) { self.milliseconds = milliseconds }

  package static func < (left: Self, right: Self) -> Bool {
    left.milliseconds < right.milliseconds
  }

  package static func + (time: Self, duration: Duration) -> Self {
    Self(milliseconds: time.milliseconds.addingClamped(duration.milliseconds))
  }

  package static let distantFuture = WallTime(milliseconds: .max)
}

extension Duration {
  /// Whole milliseconds, rounded towards zero; durations past 292 million years are cut to that.
  package var milliseconds: Int64 {
    let (seconds, attoseconds) = components
    let (whole, overflow) = seconds.multipliedReportingOverflow(by: 1000)
    guard !overflow else { return seconds < 0 ? .min : .max }
    return whole.addingClamped(attoseconds / 1_000_000_000_000_000)
  }

  /// Whole nanoseconds for the loop's monotonic clock; a negative duration is 0.
  package var nanoseconds: UInt64 {
    let milliseconds = UInt64(max(0, milliseconds))
    let (whole, overflow) = milliseconds.multipliedReportingOverflow(by: 1_000_000)
    guard !overflow else { return .max }
    let (_, attoseconds) = components
    return whole + UInt64(max(0, attoseconds / 1_000_000_000 % 1_000_000))
  }
}

extension Int64 {
  func addingClamped(_ other: Int64) -> Int64 {
    let (sum, overflow) = addingReportingOverflow(other)
    guard overflow else { return sum }
    return other < 0 ? .min : .max
  }
}

/// The two clocks that a room needs, injected so that tests and simulations own the time.
package protocol Clocks {
  /// UTC now.
  var wall: WallTime { get }
  /// Nanoseconds that never step back.
  var monotonic: UInt64 { get }
}
