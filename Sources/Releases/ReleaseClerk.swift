// The thread on which releases touch files and read manifests. One job after the other; so many
// wait at most, and each answers wherever it was told to.

import Dispatch
import Synchronization

package final class ReleaseClerk: Sendable {
  /// A job may hold a part of an executable, so these are 128 MiB at most.
  package static let jobsMax = 16

  // A serial queue is one thread at a time, made when there is something to do.
  private let thread = DispatchQueue(label: "apus.releases")
  private let jobs = Mutex(0)

  package init() {}

  /// False, and nothing done, when too many jobs wait.
  package func add(_ job: @escaping @Sendable () -> Void) -> Bool {
    let isTaken = jobs.withLock { count in
      guard count < Self.jobsMax else { return false }
      count += 1
      return true
    }
    guard isTaken else { return false }
    thread.async { [self] in
      job()
      jobs.withLock { $0 -= 1 }
    }
    return true
  }

  /// Blocks until everything that was added is done.
  package func finish() { thread.sync {} }
}
