// Clocks that stand still until a test moves them.

package import Invocations

package final class ManualClocks: Clocks {
  package var wall: WallTime
  package var monotonic: UInt64

  package init(wall: WallTime = WallTime(milliseconds: 1_800_000_000_000)) {
    self.wall = wall
    monotonic = 1_000_000_000
  }

  package func advance(by duration: Duration) {
    wall = wall + duration
    monotonic += duration.nanoseconds
  }
}
