// One launched release: its groups, and which of them runs a function.
package import EventLoop
package import Invocations

/// What the workers of a launch are asked before the release goes live.
///
/// They are up and run nothing yet. The verdict is given once, now or later; with objections, the
/// launch is given up.
package typealias LaunchReview =
  @LoopActor (LaunchedWorkers, _ verdict: @escaping @LoopActor ([String]) -> Void) -> Void

/// The workers of a launch, for its review.
@LoopActor
package struct LaunchedWorkers {
  package let roster: WorkerRoster
  let launch: ReleaseInUse

  /// Decodes the event as the function's handler would, and does nothing with it.
  ///
  /// The answer is nil, or the handler's words; none comes from a worker that ends before.
  package func probe(
    _ acceptance: Acceptance, for function: FunctionDeclaration,
    then: @escaping @LoopActor (String?) -> Void
  ) {
    guard let worker = launch.groupOf[function.name]?.members.first else { return }
    worker.probe(acceptance, for: function, then: then)
  }
}

@LoopActor
final class ReleaseInUse {
  let release: WorkerRelease
  /// Asked when all workers are up and before anything goes to them.
  let review: LaunchReview
  private(set) var isInReview = false
  let ready: @LoopActor (Result<WorkerRoster, WorkerFault>) -> Void
  private(set) var groups: [WorkerGroup] = []
  private(set) var groupOf: [String: WorkerGroup] = [:]

  init(
    _ release: WorkerRelease, review: @escaping LaunchReview,
    _ ready: @escaping @LoopActor (Result<WorkerRoster, WorkerFault>) -> Void
  ) {
    self.release = release
    self.review = review
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

  func beginReview() -> Bool {
    defer { isInReview = true }
    return !isInReview
  }

}

extension WorkerRelease {
  /// What an attempt of its functions may still take: each has its own deadline, after which it is
  /// cancelled and then killed.
  func drainTime(_ settings: WorkerSettings) -> Duration {
    let longest = functions.map(\.timeout).max() ?? .zero
    return max(settings.drainTimeout, longest + settings.drainMargin)
  }
}
