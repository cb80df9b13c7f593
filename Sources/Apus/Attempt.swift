// One attempt to run a function: its task, what it has emitted and logged, and its end, which is one
// frame. It is also the task executor of its task, so that it knows the CPU time it used.
import CCrash
import Synchronization
import WorkerProtocol

/// The running attempt as a crash handler sees it: no references, nothing to retain.
struct AttemptKey: Hashable, Sendable {
  let invocation: Int64
  let number: UInt16

  /// Set in the task of each attempt and all that it starts.
  @TaskLocal static var running: AttemptKey?
}

final class Attempt: TaskExecutor {
  static let emittedMax = 1_000
  /// What it emits and its result, together; the rest of the frame has room beside it.
  static let resultBytesMax = 15 << 20

  struct State: Sendable {
    var task: Task<Void, Never>?
    var isFinished = false
    /// A thread has come to it.
    var hasBegun = false
    /// The host asked for the end, so a CancellationError is no failure of the function.
    var isCancelled = false

    var emitted: [AttemptResult.Emitted] = []
    var emittedBytes = 0
    /// The first reason why what was emitted cannot leave.
    var emitFault: (any Error)?

    var logLines = 0
    var droppedLogLines = 0
    /// Printed and not ended yet.
    var printed = PrintedParts()

    /// The client of the streamed response reads slowly.
    var isPaused = false
    var pausedWriters: [CheckedContinuation<Void, Never>] = []
  }

  let key: AttemptKey
  let start: Start
  let delivery: Delivery
  let deadline: ContinuousClock.Instant
  let channel: WorkerChannel
  let state = Locked(State())
  let cpuNanoseconds = Atomic<UInt64>(0)

  init(key: AttemptKey, start: Start, channel: WorkerChannel) {
    self.key = key
    self.start = start
    self.channel = channel
    delivery = Delivery(
      event: EventAttributes(start.event), data: start.event.data,
      call: start.call.map(HTTPCallFields.init))
    deadline = ContinuousClock.now.advanced(
      by: .nanoseconds(Int64(clamping: start.remainingNanoseconds)))
  }

  /// Starts the task; `ended` is called once, after the attempt's last frame was handed over.
  func begin(with handler: RegisteredHandler, ended: @escaping @Sendable () -> Void) {
    let task = Task(executorPreference: self) {
      await AttemptKey.$running.withValue(self.key) { await self.run(handler) }
      ended()
    }
    // The task may be over already; then nothing may hold on to it.
    state.withLock { if !$0.isFinished { $0.task = task } }
  }

  /// Called by the reader thread, which is never blocked.
  ///
  /// One that has not begun never will: it is answered here, so that the host does not take a full
  /// pool for a slow handler.
  func cancel() {
    let (task, isWithdrawn) = state.withLock { state in
      defer { state.isCancelled = true }
      return (state.task, !state.hasBegun && !state.isCancelled)
    }
    task?.cancel()
    guard isWithdrawn else { return }
    let answer = AttemptFailure(
      kind: .notBegun, type: "", message: "no thread was free", retryAfterMilliseconds: nil,
      cpuMicroseconds: 0, memoryBytes: 0)
    channel.post(frame(.failure) { answer.write(to: &$0) })
  }

  /// False when it was withdrawn before: then the answer has been given.
  private func begins() -> Bool {
    state.withLock { state in
      state.hasBegun = true
      return !state.isCancelled
    }
  }

  private func run(_ handler: RegisteredHandler) async {
    guard begins() else { return }
    let frames: [UInt8]
    do {
      let answer = try await handler.run(delivery, Context(self))
      frames = try await resultFrames(for: answer)
    } catch {
      frames = failureFrames(for: error)
    }
    await channel.send(frames)
  }
}

extension Attempt {
  func enqueue(_ job: consuming ExecutorJob) {
    HandlerPool.shared.submit(UnownedJob(job), of: self)
  }

  /// Runs a slice on a thread of the pool; takes and returns the thread's CPU time.
  func run(_ job: UnownedJob, since began: UInt64) -> UInt64 {
    apus_slice_begin(key.invocation, key.number, began)
    job.runSynchronously(on: asUnownedTaskExecutor())
    defer { apus_slice_end() }
    var counted = began
    _ = apus_slice_began(key.invocation, key.number, &counted)
    // The end of the attempt has counted this slice already; what is left of it is too little to
    // ask the clock again.
    guard counted == began else { return counted }
    let now = apus_thread_cpu_nanoseconds()
    cpuNanoseconds.wrappingAdd(now &- began, ordering: .relaxed)
    return now
  }

  /// Up to now, the running slice included.
  var cpuMicroseconds: UInt64 {
    var began: UInt64 = 0
    if apus_slice_began(key.invocation, key.number, &began) {
      let now = apus_thread_cpu_nanoseconds()
      apus_slice_restart(now)
      cpuNanoseconds.wrappingAdd(now &- began, ordering: .relaxed)
    }
    return cpuNanoseconds.load(ordering: .relaxed) / 1_000
  }
}
