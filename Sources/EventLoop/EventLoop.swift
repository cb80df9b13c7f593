// One libuv loop on one thread of its own: the executor of `LoopActor`. It runs Swift jobs and
// submitted work between I/O, in order, a bounded number of rounds a turn.
// It never runs a job inside `enqueue`, and it is never stopped: it ends with the process.
import CLibuv
import Glibc
import Synchronization

// Unchecked: fields marked "loop" are touched on the loop's thread only (all methods that do so are
// `@LoopActor` or ask `isCurrent` first), the rest is constant, atomic or locked.
package final class EventLoop: SerialExecutor, @unchecked Sendable {
  package static let shared = EventLoop()

  /// For `Task(executorPreference:)`.
  ///
  /// Without it a resumed continuation takes the way round by the global executor, two wake-ups of
  /// threads longer. A second object, because `enqueue` of one object could not tell which of its
  /// two roles was meant.
  package let tasks = LoopTaskExecutor()

  enum Entry: Sendable {
    /// Of any task that wants the loop's isolation.
    case isolatedJob(UnownedJob)
    /// Of a task that prefers the loop.
    case preferringJob(UnownedJob)
    case work(@Sendable @LoopActor () -> Void)
  }

  /// A job that always enqueues another would keep the loop from its I/O; after this many rounds
  /// the rest waits until descriptors and timers have had their turn.
  private static let roundsMax = 8
  static let readSlabBytes = 65_536

  let raw = EventLoop.allocateLoop()
  /// Read callbacks are synchronous, so that one slab serves all streams.
  let readSlab = UnsafeMutableRawPointer.allocate(byteCount: readSlabBytes, alignment: 16)
  /// Loop: set while timers fire; see `LoopTimer.arm`.
  var firesTimers = false

  private let wake = allocateHandle(UV_ASYNC, as: uv_async_t.self)
  private let beforePoll = allocateHandle(UV_PREPARE, as: uv_prepare_t.self)
  private let afterPoll = allocateHandle(UV_CHECK, as: uv_check_t.self)
  /// Active while work is left over: makes the poll return at once.
  private let leftover = allocateHandle(UV_IDLE, as: uv_idle_t.self)

  /// The loop's thread; 0 until it runs.
  private let owner = Atomic<UInt>(0)
  /// What other threads brought.
  ///
  /// Without a limit, as an executor cannot refuse a job; each producer bounds what it has under
  /// way.
  private let remote = Lock<[Entry]>([])
  private let remoteIsFilled = Atomic<Bool>(false)
  /// True while the loop polls or is about to: only then does a push from outside need a wake-up.
  private let sleeps = Atomic<Bool>(false)

  private var pending: [Entry] = []  // loop
  private var running: [Entry] = []  // loop
  private var turnEnds: [@LoopActor () -> Void] = []  // loop
  private var runningTurnEnds: [@LoopActor () -> Void] = []  // loop

  private init() {
    // A peer that went away is an error of that write (EPIPE), never the death of the host.
    signal(SIGPIPE, SIG_IGN)
    prepareHandles()
    startThread()
  }

  // MARK: work

  /// From any thread, in the order of the calls; while the loop sleeps, many calls cost one
  /// wake-up.
  package func submit(_ work: @escaping @Sendable @LoopActor () -> Void) {
    push(.work(work))
  }

  package func enqueue(_ job: consuming ExecutorJob) {
    push(.isolatedJob(UnownedJob(job)))
  }

  func push(_ entry: Entry) {
    if isCurrent {
      pending.append(entry)
      return
    }
    remote.withLock { $0.append(entry) }
    remoteIsFilled.store(true, ordering: .sequentiallyConsistent)
    if sleeps.load(ordering: .sequentiallyConsistent) { uv_async_send(wake) }
  }

  /// Runs the work once, when the callbacks and jobs of this turn are through and before the loop
  /// sleeps again.
  ///
  /// Writes use it to leave together.
  @LoopActor
  package func afterTurn(_ work: @escaping @LoopActor () -> Void) {
    turnEnds.append(work)
  }

  // MARK: identity

  package var isCurrent: Bool { owner.load(ordering: .relaxed) == UInt(pthread_self()) }

  package func asUnownedSerialExecutor() -> UnownedSerialExecutor {
    UnownedSerialExecutor(ordinary: self)
  }

  package func checkIsolated() {
    precondition(isCurrent, "@LoopActor code was called on a thread that is not the loop's")
  }

  package func isIsolatingCurrentContext() -> Bool? { isCurrent }

  // MARK: time

  /// Monotonic nanoseconds, read fresh.
  package var now: UInt64 { EventLoop.monotonicNow() }

  package static func monotonicNow() -> UInt64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
  }

  // MARK: the turn

  @LoopActor
  private func willPoll() {
    runTurn()
    sleeps.store(true, ordering: .sequentiallyConsistent)
    // A push that came between the last look and the line above saw a loop that was awake.
    if remoteIsFilled.load(ordering: .sequentiallyConsistent) { uv_async_send(wake) }
  }

  @LoopActor
  private func didPoll() {
    sleeps.store(false, ordering: .sequentiallyConsistent)
    runTurn()
  }

  @LoopActor
  private func runTurn() {
    runPending()
    runTurnEnds()
    if pending.isEmpty && turnEnds.isEmpty {
      uv_idle_stop(leftover)
    } else {
      uv_idle_start(leftover) { _ in }
    }
  }

  @LoopActor
  private func runPending() {
    for _ in 0..<EventLoop.roundsMax {
      collectRemote()
      if pending.isEmpty { return }
      swap(&pending, &running)
      for entry in running { run(entry) }
      running.removeAll(keepingCapacity: running.count <= 4096)
    }
  }

  @LoopActor
  private func collectRemote() {
    guard remoteIsFilled.exchange(false, ordering: .sequentiallyConsistent) else { return }
    let arrived = remote.withLock { entries in
      let arrived = entries
      entries = []
      return arrived
    }
    pending.append(contentsOf: arrived)
  }

  @LoopActor
  private func run(_ entry: Entry) {
    switch entry {
    // The runtime skips a hop only where both ids, of isolation and of preference, are those the
    // task asks for. A hop that is not skipped lets other work in between, which would surprise
    // whoever looks at state and then awaits a continuation; so each kind runs under its own ids.
    case .isolatedJob(let job):
      job.runSynchronously(on: asUnownedSerialExecutor())
    case .preferringJob(let job):
      job.runSynchronously(
        isolatedTo: asUnownedSerialExecutor(), taskExecutor: tasks.asUnownedTaskExecutor())
    case .work(let work):
      work()
    }
  }

  @LoopActor
  private func runTurnEnds() {
    for _ in 0..<EventLoop.roundsMax {
      if turnEnds.isEmpty { return }
      swap(&turnEnds, &runningTurnEnds)
      for work in runningTurnEnds { work() }
      runningTurnEnds.removeAll(keepingCapacity: true)
    }
  }

  // MARK: start

  private static func allocateLoop() -> UnsafeMutablePointer<uv_loop_t> {
    // The size of the library that runs, not of the header that was compiled.
    let bytes = max(uv_loop_size(), MemoryLayout<uv_loop_t>.size)
    return UnsafeMutableRawPointer.allocate(byteCount: bytes, alignment: 16)
      .assumingMemoryBound(to: uv_loop_t.self)
  }

  private func prepareHandles() {
    var code = uv_loop_init(raw)
    code = min(code, uv_async_init(raw, wake) { _ in })
    code = min(code, uv_prepare_init(raw, beforePoll))
    code = min(code, uv_check_init(raw, afterPoll))
    code = min(code, uv_idle_init(raw, leftover))
    code = min(
      code,
      uv_prepare_start(beforePoll) { _ in
        LoopActor.assumeIsolated { EventLoop.shared.willPoll() }
      })
    code = min(
      code,
      uv_check_start(afterPoll) { _ in
        LoopActor.assumeIsolated { EventLoop.shared.didPoll() }
      })
    precondition(code == 0, "the event loop cannot be made: \(describeError(code))")
  }

  private func startThread() {
    var thread = pthread_t()
    let code = pthread_create(
      &thread, nil,
      { _ in
        EventLoop.shared.runUntilProcessEnds()
        return nil
      }, nil)
    precondition(code == 0, "no thread for the event loop: \(describeError(-code))")
    pthread_detach(thread)
  }

  private func runUntilProcessEnds() {
    owner.store(UInt(pthread_self()), ordering: .relaxed)
    // Whoever started the process may have left signals blocked: then no child would be seen to end
    // and no SIGTERM would arrive.
    var none = sigset_t()
    sigemptyset(&none)
    pthread_sigmask(SIG_SETMASK, &none, nil)
    uv_run(raw, UV_RUN_DEFAULT)
    preconditionFailure("the event loop ended, although its wake-up handle keeps it alive")
  }
}

/// The loop in its second role, as the preferred executor of tasks.
package final class LoopTaskExecutor: TaskExecutor {
  package func enqueue(_ job: consuming ExecutorJob) {
    EventLoop.shared.push(.preferringJob(UnownedJob(job)))
  }
}
