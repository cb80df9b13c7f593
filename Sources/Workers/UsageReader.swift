// What processes have of the machine, read on a thread of its own: the kernel's files are files too,
// and the loop reads none. So many looks wait at most.

import Dispatch
import Synchronization

package final class UsageReader: Sendable {
  package static let looksMax = 16

  // A serial queue is one thread at a time, made when there is something to do.
  private let thread = DispatchQueue(label: "apus.usage")
  private let waiting = Mutex(0)

  package init() {}

  /// Those that are gone are left out; false, and no answer, when too many looks wait.
  package func read(
    _ pids: [Int32], then: @escaping @Sendable ([Int32: WorkerUsage.Reading]) -> Void
  ) -> Bool {
    let isTaken = waiting.withLock { count in
      guard count < Self.looksMax else { return false }
      count += 1
      return true
    }
    guard isTaken else { return false }
    thread.async { [self] in
      var found: [Int32: WorkerUsage.Reading] = [:]
      for pid in pids { found[pid] = WorkerUsage.read(pid: pid) }
      waiting.withLock { $0 -= 1 }
      then(found)
    }
    return true
  }
}
