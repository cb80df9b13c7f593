// Everything the dispatcher keeps for one function: its declaration, its line, what runs, and
// whether it may start more. The permit is decided here and nowhere else.

import DequeModule
import Invocations

final class FunctionDesk {
  var declaration: FunctionDeclaration
  var line: WaitingLine
  /// Accepted and not ended, in memory or in the store.
  var unfinished: Int
  var running = 0
  var pausedSince: WallTime?
  /// Queues of this function that are paused; their work is passed over.
  var pausedQueues: Set<String> = []
  /// Deadlines of the attempts that run, in order, because one function has one timeout.
  ///
  /// Ended attempts are passed over, and swept out when they outnumber the running ones.
  var deadlines = Deque<RunningAttempt>()
  /// What ended or was spilled while rows were being read: the rows may show it as it was before.
  private var goneWhileRefilling: Set<InvocationID> = []
  /// After a read that failed: monotonic nanoseconds before which none is asked for.
  var refillNotBefore: UInt64 = 0
  /// False when a manifest no longer declares it but work of it is still in the store.
  var isDeclared = true

  init(_ declaration: FunctionDeclaration, unfinished: Int) {
    self.declaration = declaration
    self.unfinished = unfinished
    line = WaitingLine(storeHasMore: unfinished > 0)
  }

  var mayStart: Bool {
    isDeclared && pausedSince == nil && running < declaration.concurrency.limit
  }

  func noteGone(_ id: InvocationID) {
    if line.isRefilling { goneWhileRefilling.insert(id) }
  }

  func beginRefill(at now: UInt64) -> Bool {
    guard now >= refillNotBefore, line.beginRefill() else { return false }
    goneWhileRefilling = []
    return true
  }

  func isGone(_ id: InvocationID) -> Bool { goneWhileRefilling.contains(id) }

  func holds(_ queue: String?) -> Bool { queue.map(pausedQueues.contains) ?? false }

  func passes(_ work: Work) -> Bool {
    !holds(work.acceptance.queue)
  }

  func noteDeadline(_ attempt: RunningAttempt) {
    // Nearly always at the end; an attempt under an older, longer timeout may stand behind it.
    var place = deadlines.count
    while place > 0, deadlines[place - 1].deadline > attempt.deadline { place -= 1 }
    deadlines.insert(attempt, at: place)
    if deadlines.count > 2 * running + 64 {
      deadlines = Deque(deadlines.filter(\.isRunning))
    }
  }

  /// The first attempt that still runs within its time.
  func nextDeadline() -> RunningAttempt? {
    while let first = deadlines.first, !first.isRunning || first.isToldToStop {
      deadlines.removeFirst()
    }
    return deadlines.first
  }
}

extension RunningAttempt {
  var isRunning: Bool { work.invocation.state == .running(attempt: name.attempt) }
}
