// The worker's end of the socket. Whoever finds the channel idle writes what is there, everybody
// else only appends: wake-ups of other threads cost more than the writing. While handlers queue for
// threads, a few frames gather first; the reader thread sees to it that none waits for long. No
// caller ever blocks in a write: when the socket is full, the reader thread takes over.
import CCrash
import Glibc
import WorkerProtocol

final class WorkerChannel: Sendable {
  /// Past this, log lines are dropped and results wait.
  static let unsentBytesMax = 8 << 20

  /// So many frames gather at most.
  static let gatheredFramesMax = 16

  private struct Waiting: Sendable {
    var frames: [UInt8]
    var continuation: CheckedContinuation<Void, Never>
  }

  private struct State: Sendable {
    /// Not yet handed to the thread that flushes.
    var pending: [UInt8] = []
    /// The reader thread comes by within a millisecond, so frames may gather.
    var isWatched = false
    var gatheredFrames = 0
    /// What the socket did not take; set only while `isBlocked`.
    var remainder: ArraySlice<UInt8> = []
    var unsentBytes = 0
    /// One thread at a time writes to the socket.
    var isFlushing = false
    /// The reader thread owns the flush and waits for the socket to take more.
    var isBlocked = false
    /// Oldest first; at most one for each attempt in flight.
    var waiting: [Waiting] = []
    var isBroken = false
    var flushed: (@Sendable () -> Void)?
  }

  let descriptor: Int32
  private let state = Locked(State())
  private let wakeReader: @Sendable () -> Void
  private let broken: @Sendable () -> Void
  /// Only one channel in a process can be the one that the crash handler writes to.
  private let sharesWithCrashHandler: Bool

  init(
    descriptor: Int32, sharesWithCrashHandler: Bool, wakeReader: @escaping @Sendable () -> Void,
    broken: @escaping @Sendable () -> Void
  ) {
    self.descriptor = descriptor
    self.sharesWithCrashHandler = sharesWithCrashHandler
    self.wakeReader = wakeReader
    self.broken = broken
  }

  var isBlocked: Bool { state.withLock { $0.isBlocked } }

  /// Appends in any case: for small answers of the reader thread, which must not wait.
  func post(_ frames: [UInt8]) {
    let flushes = state.withLock { Self.append(frames, to: &$0, gathers: false) }
    if flushes { flush() }
  }

  /// Appends unless too much is unsent; false then.
  func offer(_ frames: [UInt8], gathers: Bool = true) -> Bool {
    let gathers = gathers && HandlerPool.shared.hasQueuedWork
    let flushes: Bool? = state.withLock { state in
      guard state.unsentBytes <= Self.unsentBytesMax else { return nil }
      return Self.append(frames, to: &state, gathers: gathers)
    }
    if flushes == true { flush() }
    return flushes != nil
  }

  /// Appends, and returns when there was room for it.
  func send(_ frames: [UInt8]) async {
    guard !offer(frames) else { return }
    await withCheckedContinuation { continuation in
      let flushes: Bool? = state.withLock { state in
        guard state.unsentBytes > Self.unsentBytesMax else {
          return Self.append(frames, to: &state, gathers: false)
        }
        state.waiting.append(Waiting(frames: frames, continuation: continuation))
        return nil
      }
      guard let flushes else { return }
      if flushes { flush() }
      continuation.resume()
    }
  }

  /// Calls `flushed` once everything has left, at once if it has.
  func whenFlushed(_ flushed: @escaping @Sendable () -> Void) {
    let isFlushed = state.withLock { state in
      guard state.unsentBytes > 0 else { return true }
      state.flushed = flushed
      return false
    }
    if isFlushed { flushed() }
  }

  /// Called by the reader thread before it waits: for a millisecond at most, or for as long as it takes.
  func watch(_ isWatched: Bool) {
    state.withLock { $0.isWatched = isWatched }
    if !isWatched { flushGathered() }
  }

  /// Called by a thread that has nothing else to do.
  func flushGathered() {
    let flushes = state.withLock { state in
      guard !state.isFlushing, !state.pending.isEmpty else { return false }
      state.isFlushing = true
      return true
    }
    if flushes { flush() }
  }

  /// Called by the reader thread when the socket takes bytes again.
  func continueBlockedFlush() {
    let remainder: ArraySlice<UInt8>? = state.withLock { state in
      guard state.isBlocked else { return nil }
      state.isBlocked = false
      defer { state.remainder = [] }
      return state.remainder
    }
    if let remainder { flush(from: remainder) }
  }

  /// True when the caller must flush.
  private static func append(_ frames: [UInt8], to state: inout State, gathers: Bool) -> Bool {
    guard !state.isBroken else { return false }
    state.pending.append(contentsOf: frames)
    state.unsentBytes += frames.count
    guard !state.isFlushing else { return false }
    state.gatheredFrames += 1
    guard !gathers || !state.isWatched || state.gatheredFrames >= gatheredFramesMax else {
      return false
    }
    state.isFlushing = true
    return true
  }

  private func flush() {
    if sharesWithCrashHandler { apus_channel_enter() }
    flush(from: [])
  }

  /// Writes until nothing is left or the socket is full; the caller owns the flush.
  private func flush(from remainder: ArraySlice<UInt8>) {
    var rest = remainder
    while true {
      if rest.isEmpty {
        guard let batch = takePending() else { return }
        rest = batch
      }
      let count = rest.withUnsafeBytes {
        Glibc.send(
          descriptor, $0.baseAddress, $0.count,
          Int32(MSG_DONTWAIT) | Int32(MSG_NOSIGNAL))
      }
      if count >= 0 {
        rest = rest.dropFirst(count)
        sent(count)
      } else if errno == EAGAIN || errno == EWOULDBLOCK {
        return handOver(rest)
      } else if errno != EINTR {
        return breakOff()
      }
    }
  }

  /// Nil, and the flush given up, when there is nothing.
  private func takePending() -> ArraySlice<UInt8>? {
    var flushed: (@Sendable () -> Void)?
    let batch: ArraySlice<UInt8>? = state.withLock { state in
      state.gatheredFrames = 0
      guard state.pending.isEmpty else {
        defer { state.pending = [] }
        return state.pending[...]
      }
      if sharesWithCrashHandler { apus_channel_leave() }
      state.isFlushing = false
      (flushed, state.flushed) = (state.flushed, nil)
      return nil
    }
    flushed?()
    return batch
  }

  private func sent(_ count: Int) {
    let resumed: [Waiting] = state.withLock { state in
      state.unsentBytes -= count
      guard !state.waiting.isEmpty else { return [] }
      return Self.admit(&state)
    }
    for waiting in resumed { waiting.continuation.resume() }
  }

  /// Moves frames that waited into the buffer, oldest first, as far as there is room.
  private static func admit(_ state: inout State) -> [Waiting] {
    var count = 0
    while count < state.waiting.count, state.unsentBytes <= unsentBytesMax {
      state.pending.append(contentsOf: state.waiting[count].frames)
      state.unsentBytes += state.waiting[count].frames.count
      count += 1
    }
    defer { state.waiting.removeFirst(count) }
    return Array(state.waiting[..<count])
  }

  private func handOver(_ rest: ArraySlice<UInt8>) {
    state.withLock { state in
      state.remainder = rest
      state.isBlocked = true
    }
    wakeReader()
  }

  private func breakOff() {
    let waiting: [Waiting] = state.withLock { state in
      state.isBroken = true
      state.pending = []
      state.unsentBytes = 0
      defer { state.waiting = [] }
      return state.waiting
    }
    if sharesWithCrashHandler { apus_channel_leave() }
    broken()
    for waiting in waiting { waiting.continuation.resume() }
  }
}
