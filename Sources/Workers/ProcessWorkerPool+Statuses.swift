// The worker processes for an operator's eyes. What they cost is in files of the kernel, which the
// loop does not read: see `WorkerUsage`.
package import Invocations

extension ProcessWorkerPool {
  /// All that are not yet reported as ended; memory and CPU time are left at 0.
  package var statuses: [WorkerStatus] {
    workers.map { worker in
      let seen = worker.statistics
      return WorkerStatus(
        pid: seen.pid, executable: worker.group.release.executable,
        release: worker.group.release.recorded, functions: seen.functions,
        state: seen.state.word, startedAt: seen.startedAt, inFlight: seen.inFlight,
        attempts: seen.answered + seen.inFlight, memoryBytesMax: worker.group.memoryBytesMax)
    }
  }
}

extension WorkerStatistics.State {
  fileprivate var word: String {
    switch self {
    case .starting: "starting"
    case .ready: "ready"
    case .draining, .leaving: "leaving"
    }
  }
}
