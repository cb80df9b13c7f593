// One launched release: its groups, and which of them runs a function.
import Invocations

import EventLoop

@LoopActor
final class ReleaseInUse {
  let release: WorkerRelease
  /// Asked when all workers are up and before anything goes to them.
  let objections: @LoopActor (WorkerRoster) -> [String]
  let ready: @LoopActor (Result<WorkerRoster, WorkerFault>) -> Void
  private(set) var groups: [WorkerGroup] = []
  private(set) var groupOf: [String: WorkerGroup] = [:]

  init(
    _ release: WorkerRelease, objections: @escaping @LoopActor (WorkerRoster) -> [String],
    _ ready: @escaping @LoopActor (Result<WorkerRoster, WorkerFault>) -> Void
  ) {
    self.release = release
    self.objections = objections
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
