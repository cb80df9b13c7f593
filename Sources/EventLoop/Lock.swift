// A value behind a pthread mutex. For state that several threads share in short critical sections.
// Not `Synchronization.Mutex`: that is a bare futex, which ThreadSanitizer cannot follow, so it
// reports races that are none. Never hold it across a call into code of others.
import Glibc

package final class Lock<State> {
  private let mutex: UnsafeMutablePointer<pthread_mutex_t>
  private var state: State

  package init(_ state: sending State) {
    self.state = state
    mutex = .allocate(capacity: 1)
    let code = pthread_mutex_init(mutex, nil)
    precondition(code == 0, "pthread_mutex_init failed with \(code)")
  }

  /// Not reentrant: taking the lock again inside `body` waits forever.
  package func withLock<Result, Failure: Error>(
    _ body: (inout State) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    return try body(&state)
  }

  deinit {
    pthread_mutex_destroy(mutex)
    mutex.deallocate()
  }
}

// `state` is only reached while `mutex` is held.
extension Lock: @unchecked Sendable where State: Sendable {}
