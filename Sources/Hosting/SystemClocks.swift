// The machine's clocks.

import EventLoop
import Glibc
package import Invocations

package struct SystemClocks: Clocks, Sendable {
  package init() {}

  package var wall: WallTime {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return WallTime(milliseconds: Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000)
  }

  package var monotonic: UInt64 { EventLoop.monotonicNow() }
}
