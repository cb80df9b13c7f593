// The time of a test house: it stands still until the house moves it. The store's threads read it
// too, so it is behind a lock.

import Apus
import Invocations

final class VirtualClocks: Clocks, Sendable {
  private let start: WallTime
  private let passed = Locked<UInt64>(0)

  /// Wall and monotonic time begin apart, as everywhere, so that mixing them up shows.
  private static let monotonicStart: UInt64 = 1_000_000_000

  init(startingAt start: WallTime) { self.start = start }

  var wall: WallTime {
    WallTime(milliseconds: start.milliseconds + Int64(passed.withLock { $0 } / 1_000_000))
  }

  var monotonic: UInt64 { Self.monotonicStart + passed.withLock { $0 } }

  /// When the wall clock reaches `time`, in monotonic time; at once for what is past.
  func monotonic(at time: WallTime) -> UInt64 {
    let milliseconds = UInt64(max(0, time.milliseconds - start.milliseconds))
    let (nanoseconds, overflow) = milliseconds.multipliedReportingOverflow(by: 1_000_000)
    return overflow ? .max : Self.monotonicStart.addingReportingOverflow(nanoseconds).partialValue
  }

  /// Never back.
  func move(toMonotonic instant: UInt64) {
    passed.withLock { $0 = max($0, instant - Self.monotonicStart) }
  }
}

/// The chance of a test house (the jitter of backoff): the same seed, the same delays.
///
/// SplitMix64.
struct SeededRandom: RandomNumberGenerator, Sendable {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }
}
