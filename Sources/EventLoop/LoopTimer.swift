// One deadline on the loop. Millisecond steps, never early. For the few timers a room owns (one over
// a wheel or heap of its deadlines); not one for each event.
import CLibuv

@LoopActor
package final class LoopTimer {
  /// Nil once closed, as the handle: what it holds on to may hold on to the timer.
  private var fired: (@LoopActor () -> Void)?
  private var handle: UnsafeMutablePointer<uv_timer_t>?

  /// The timer lives until `close()`, whoever still refers to it.
  package init(_ fired: @escaping @LoopActor () -> Void) {
    self.fired = fired
    let handle = allocateHandle(UV_TIMER, as: uv_timer_t.self)
    // Cannot fail: it only fills in the structure.
    uv_timer_init(EventLoop.shared.raw, handle)
    self.handle = handle
    own(handle, by: self)
  }

  /// Fires at `deadline`, in nanoseconds of `EventLoop.now`.
  ///
  /// One that has passed fires in the next turn; arming again replaces the deadline.
  package func arm(atMonotonic deadline: UInt64) {
    guard let handle else { return }
    let dueMilliseconds = deadline / 1_000_000 + (deadline % 1_000_000 == 0 ? 0 : 1)
    let nowMilliseconds = uv_now(EventLoop.shared.raw)
    var delay = dueMilliseconds > nowMilliseconds ? dueMilliseconds - nowMilliseconds : 0
    // libuv fires all that is due before it does anything else: a timer that arms itself for now
    // would keep it there for ever.
    if EventLoop.shared.firesTimers { delay = max(delay, 1) }
    uv_timer_start(
      handle,
      { handle in
        guard let timer = owner(of: handle?.pointee.data, as: LoopTimer.self) else { return }
        LoopActor.assumeIsolated { timer.fire() }
      }, delay, 0)
  }

  package func disarm() {
    if let handle { uv_timer_stop(handle) }
  }

  package func close() {
    guard let handle else { return }
    self.handle = nil
    fired = nil
    closeHandle(handle)
  }

  private func fire() {
    EventLoop.shared.firesTimers = true
    fired?()
    EventLoop.shared.firesTimers = false
  }
}
