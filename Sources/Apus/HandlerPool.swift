// The threads that handlers run on. Ours rather than the global pool's, because each has a signal
// stack (so that a stack overflow can be named), says whose job slice it runs, and reads the CPU
// clock once between two slices. As many threads as the machine has cores, at least two.
import CCrash
import Glibc
import Synchronization

// Unchecked: the queue and the counters are touched only under the mutex.
final class HandlerPool: @unchecked Sendable {
  static let shared = HandlerPool(threads: max(2, sysconf(Int32(_SC_NPROCESSORS_ONLN))))

  private struct Slice {
    let job: UnownedJob
    let attempt: Attempt
  }

  private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
  private let workArrived = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
  /// Oldest first, from `head` on; bounded by the attempts in flight and what they start themselves.
  private var queue: [Slice] = []
  private var head = 0
  /// The length of the queue, to be read without the mutex.
  private let queued = Atomic<Int>(0)
  private var idleThreads = 0
  /// A thread has been woken and has not looked at the queue yet: one at a time, because a wake-up
  /// costs more than most slices.
  private var isWaking = false

  let threadCount: Int
  private var watchedThreads: [apus_watched_thread] = []
  private let watchBegins = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
  private var watcherSleeps = false

  private init(threads: Int) {
    threadCount = threads
    pthread_mutex_init(mutex, nil)
    pthread_cond_init(workArrived, nil)
    pthread_cond_init(watchBegins, nil)
    for _ in 0..<threads {
      startThread { [unowned self] in
        // Without it only a stack overflow stays unnamed; the handlers run all the same.
        _ = apus_signal_stack_install()
        offerToWatch()
        runSlices()
      }
    }
  }

  /// True when slices wait for a thread: the pool is busy, and frames may gather.
  var hasQueuedWork: Bool { queued.load(ordering: .relaxed) > 0 }

  func submit(_ job: UnownedJob, of attempt: Attempt) {
    pthread_mutex_lock(mutex)
    queue.append(Slice(job: job, attempt: attempt))
    queued.store(queue.count - head, ordering: .relaxed)
    let wakes = claimWakeUp()
    let wakesWatcher = watcherSleeps
    watcherSleeps = false
    pthread_mutex_unlock(mutex)
    if wakes { pthread_cond_signal(workArrived) }
    if wakesWatcher { pthread_cond_signal(watchBegins) }
  }

  /// Under the mutex; true when the caller must signal.
  private func claimWakeUp() -> Bool {
    guard idleThreads > 0, !isWaking, head < queue.count else { return false }
    isWaking = true
    return true
  }

  private func runSlices() {
    var cpu = apus_thread_cpu_nanoseconds()
    // Where frames of this thread's attempts may have gathered.
    var channel: WorkerChannel?
    while true {
      let slice: Slice
      if let next = takeSlice(waits: false) {
        slice = next
      } else {
        channel?.flushGathered()
        channel = nil
        guard let next = takeSlice(waits: true) else { continue }
        slice = next
        // What waiting and writing cost belongs to nobody.
        cpu = apus_thread_cpu_nanoseconds()
      }
      if let channel, channel !== slice.attempt.channel { channel.flushGathered() }
      channel = slice.attempt.channel
      cpu = slice.attempt.run(slice.job, since: cpu)
    }
  }

  private func takeSlice(waits: Bool) -> Slice? {
    pthread_mutex_lock(mutex)
    while head == queue.count {
      guard waits else {
        pthread_mutex_unlock(mutex)
        return nil
      }
      idleThreads += 1
      pthread_cond_wait(workArrived, mutex)
      idleThreads -= 1
      isWaking = false
    }
    let slice = queue[head]
    head += 1
    compact()
    queued.store(queue.count - head, ordering: .relaxed)
    let wakes = claimWakeUp()
    pthread_mutex_unlock(mutex)
    if wakes { pthread_cond_signal(workArrived) }
    return slice
  }

  private func compact() {
    if head == queue.count {
      queue.removeAll(keepingCapacity: head < 4096)
      head = 0
    } else if head >= 1024, head * 2 > queue.count {
      queue.removeFirst(head)
      head = 0
    }
  }
}

// MARK: - for the one thread that watches the others

extension HandlerPool {
  private func offerToWatch() {
    var thread = apus_watched_thread()
    guard apus_watch_this_thread(&thread) else { return }
    pthread_mutex_lock(mutex)
    watchedThreads.append(thread)
    pthread_mutex_unlock(mutex)
  }

  /// Those that have come up so far.
  var watched: [apus_watched_thread] {
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    return watchedThreads
  }

  /// Sleeps as long as there is nothing to run.
  func waitForWork() {
    pthread_mutex_lock(mutex)
    while idleThreads == threadCount, head == queue.count {
      watcherSleeps = true
      pthread_cond_wait(watchBegins, mutex)
    }
    watcherSleeps = false
    pthread_mutex_unlock(mutex)
  }
}

/// Starts a detached thread that is never joined.
package func startThread(_ body: @escaping @Sendable () -> Void) {
  let box = Unmanaged.passRetained(ThreadBody(run: body))
  var attributes = pthread_attr_t()
  pthread_attr_init(&attributes)
  defer { pthread_attr_destroy(&attributes) }
  pthread_attr_setstacksize(&attributes, 8 << 20)
  // Swift does not probe its stack: a large frame would step over one guard page and write on, into
  // the stack of another thread.
  pthread_attr_setguardsize(&attributes, 1 << 20)
  pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
  var thread = pthread_t()
  let status = pthread_create(
    &thread, &attributes,
    { argument in
      if let argument { Unmanaged<ThreadBody>.fromOpaque(argument).takeRetainedValue().run() }
      return nil
    }, box.toOpaque())
  precondition(status == 0, "the system refuses another thread (error \(status))")
}

private final class ThreadBody: Sendable {
  let run: @Sendable () -> Void

  init(run: @escaping @Sendable () -> Void) { self.run = run }
}
