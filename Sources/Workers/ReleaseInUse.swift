// One launched release: its groups, and which of them runs a function.
import Invocations

import EventLoop

@LoopActor
final class ReleaseInUse {
  let release: WorkerRelease
  let ready: @LoopActor (Result<WorkerRoster, WorkerFault>) -> Void
  private(set) var groups: [WorkerGroup] = []
  private(set) var groupOf: [String: WorkerGroup] = [:]

  init(
    _ release: WorkerRelease,
    _ ready: @escaping @LoopActor (Result<WorkerRoster, WorkerFault>) -> Void
  ) {
    self.release = release
    self.ready = ready
  }

  func adopt(_ groups: [WorkerGroup]) {
    self.groups = groups
    for group in groups {
      for function in group.functions { groupOf[function] = group }
    }
  }

  func retire(until deadline: UInt64) {
    for group in groups { group.retire(until: deadline) }
  }
}
