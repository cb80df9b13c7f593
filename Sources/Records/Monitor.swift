// State that several threads share, and threads that wait for it to change. Critical sections are
// short: no file, database or foreign code is called inside.
import Glibc

package final class Monitor<State> {
  private let mutex: UnsafeMutablePointer<pthread_mutex_t>
  private let changed: UnsafeMutablePointer<pthread_cond_t>
  private var state: State

  package init(_ state: sending State) {
    self.state = state
    mutex = .allocate(capacity: 1)
    changed = .allocate(capacity: 1)
    var attributes = pthread_condattr_t()
    pthread_condattr_init(&attributes)
    // Deadlines must not jump with the wall clock.
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
    let codes = [pthread_mutex_init(mutex, nil), pthread_cond_init(changed, &attributes)]
    pthread_condattr_destroy(&attributes)
    precondition(codes == [0, 0], "a mutex or condition could not be made: \(codes)")
  }

  package func withLock<Result>(_ body: (inout State) -> sending Result) -> sending Result {
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    return body(&state)
  }

  /// Changes the state and wakes one waiting thread, or all.
  package func change<Result>(
    wakingAll: Bool = false, _ body: (inout State) -> sending Result
  ) -> sending Result {
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    let result = body(&state)
    if wakingAll { pthread_cond_broadcast(changed) } else { pthread_cond_signal(changed) }
    return result
  }

  /// Waits until `body` gives something; nil when `deadline` (monotonic nanoseconds) came first.
  package func wait<Result>(
    until deadline: UInt64?, _ body: (inout State) -> sending Result?
  ) -> sending Result? {
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    while true {
      if let result = body(&state) { return result }
      guard let deadline else {
        pthread_cond_wait(changed, mutex)
        continue
      }
      guard deadline > MonotonicTime.now else { return nil }
      var time = timespec(
        tv_sec: Int(deadline / 1_000_000_000), tv_nsec: Int(deadline % 1_000_000_000))
      pthread_cond_timedwait(changed, mutex, &time)
    }
  }

  deinit {
    pthread_cond_destroy(changed)
    pthread_mutex_destroy(mutex)
    changed.deallocate()
    mutex.deallocate()
  }
}

// `state` is only reached while `mutex` is held.
extension Monitor: @unchecked Sendable where State: Sendable {}
