// Where the main thread waits for what the loop tells it. A message that waits already is not put
// twice, so that there are never more than there are different ones.

import Glibc

// Unchecked: `waiting` is only touched while `mutex` is held.
final class Inbox<Message: Hashable & Sendable>: @unchecked Sendable {
  private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
  private let arrived = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
  private var waiting: Set<Message> = []

  init() {
    pthread_mutex_init(mutex, nil)
    pthread_cond_init(arrived, nil)
  }

  deinit {
    pthread_cond_destroy(arrived)
    pthread_mutex_destroy(mutex)
    arrived.deallocate()
    mutex.deallocate()
  }

  func put(_ message: Message) {
    pthread_mutex_lock(mutex)
    waiting.insert(message)
    pthread_cond_signal(arrived)
    pthread_mutex_unlock(mutex)
  }

  /// Everything that has come since the last time; blocks while that is nothing.
  func take() -> Set<Message> {
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    while waiting.isEmpty { pthread_cond_wait(arrived, mutex) }
    defer { waiting = [] }
    return waiting
  }

  /// Takes nothing out.
  func isWaiting(_ message: Message) -> Bool {
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    return waiting.contains(message)
  }
}
