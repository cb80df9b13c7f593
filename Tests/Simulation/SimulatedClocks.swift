// Time as the seed has it: it passes between steps, and the wall clock can be set.
import Invocations

final class SimulatedClocks: Clocks, @unchecked Sendable {
  // A history runs on one thread; the store's tuning asks for what can be sent.
  private(set) var wall = WallTime(milliseconds: 1_800_000_000_000)
  private(set) var monotonic: UInt64 = 1_000_000_000

  func advance(by duration: Duration) {
    wall = wall + duration
    monotonic += duration.nanoseconds
  }

  /// As an operator or a time server does it.
  func set(by duration: Duration) { wall = wall + duration }
}
