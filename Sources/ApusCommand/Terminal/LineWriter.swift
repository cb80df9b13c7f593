// Lines from any thread to a stream, written by a thread of its own: whoever has something to say
// is never held up by a slow terminal. What does not fit into the buffer is counted and said.

import Glibc

// Unchecked: `state` is only touched while `mutex` is held.
final class LineWriter: @unchecked Sendable {
  /// Entries that wait to be written; more are dropped.
  static let linesMax = 10_000

  private struct State {
    var waiting: [@Sendable () -> String?] = []
    var dropped = 0
    var isEnding = false
    var hasEnded = false
  }

  private let descriptor: Int32
  private let linesMax: Int
  private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
  private let changed = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
  private var state = State()

  /// Nothing is written before `begin()`.
  ///
  /// The writer lives as long as the process, so that nothing is freed.
  init(to descriptor: Int32, linesMax: Int = LineWriter.linesMax) {
    self.descriptor = descriptor
    self.linesMax = linesMax
    pthread_mutex_init(mutex, nil)
    pthread_cond_init(changed, nil)
  }

  func begin() {
    var thread = pthread_t()
    let code = pthread_create(
      &thread, nil,
      { context in
        guard let context else { return nil }
        Unmanaged<LineWriter>.fromOpaque(context).takeRetainedValue().writeUntilEnd()
        return nil
      }, Unmanaged.passRetained(self).toOpaque())
    precondition(code == 0, "no thread for the output: \(String(cString: strerror(code)))")
    pthread_detach(thread)
  }

  func write(_ line: String) { write { line } }

  /// The text is made by the writing thread; nil writes nothing.
  func write(_ line: @escaping @Sendable () -> String?) {
    locked {
      guard state.waiting.count < linesMax else { return state.dropped += 1 }
      state.waiting.append(line)
    }
  }

  /// Returns when all that was handed over is written.
  func finish() {
    pthread_mutex_lock(mutex)
    state.isEnding = true
    pthread_cond_broadcast(changed)
    while !state.hasEnded { pthread_cond_wait(changed, mutex) }
    pthread_mutex_unlock(mutex)
  }

  private func locked(_ body: () -> Void) {
    pthread_mutex_lock(mutex)
    body()
    pthread_cond_broadcast(changed)
    pthread_mutex_unlock(mutex)
  }

  private func writeUntilEnd() {
    while let (lines, dropped) = take() {
      var text = ""
      for line in lines {
        if let line = line() { text += line + "\n" }
      }
      if dropped > 0 { text += "… \(dropped) lines were dropped: the output is too slow\n" }
      Terminal.write(text, to: descriptor)
    }
    locked { state.hasEnded = true }
  }

  /// Nil when all is written and nothing more will come.
  private func take() -> (lines: [@Sendable () -> String?], dropped: Int)? {
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    while state.waiting.isEmpty && state.dropped == 0 {
      if state.isEnding { return nil }
      pthread_cond_wait(changed, mutex)
    }
    defer {
      state.waiting = []
      state.dropped = 0
    }
    return (state.waiting, state.dropped)
  }
}
