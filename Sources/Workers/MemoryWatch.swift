// Looks at what the workers hold of memory, at intervals, while there are any. The kernel's files are
// read by another thread; what follows from them is the group's to decide.
import EventLoop
import Invocations

@LoopActor
final class MemoryWatch {
  private let reader: UsageReader
  private let interval: Duration
  private var timer: LoopTimer?
  /// Asked for and not heard yet: the next look waits for it.
  private var isLooking = false
  private var isArmed = false
  private weak var pool: ProcessWorkerPool?

  init(reader: UsageReader, every interval: Duration, of pool: ProcessWorkerPool) {
    self.reader = reader
    self.interval = interval
    self.pool = pool
    timer = LoopTimer { [weak self] in self?.look() }
  }

  /// Called when a worker has started; without workers it sleeps.
  func wake() {
    guard !isArmed, !isLooking else { return }
    isArmed = true
    timer?.arm(atMonotonic: EventLoop.monotonicNow() + interval.nanoseconds)
  }

  func close() {
    timer?.close()
    timer = nil
  }

  private func look() {
    isArmed = false
    guard let pool, !pool.workers.isEmpty else { return }
    isLooking = reader.read(pool.workers.map(\.pid)) { [weak self] found in
      EventLoop.shared.submit { self?.saw(found) }
    }
    // So many others look just now that there is no room for this one.
    if !isLooking { wake() }
  }

  private func saw(_ found: [Int32: WorkerUsage.Reading]) {
    isLooking = false
    guard let pool else { return }
    for worker in pool.workers {
      if let reading = found[worker.pid] { worker.group.measured(worker, reading.memoryBytes) }
    }
    if !pool.workers.isEmpty { wake() }
  }
}
