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

  func passes(_ work: Work) -> Bool {
    guard let queue = work.acceptance.queue else { return true }
    return !pausedQueues.contains(queue)
  }

  func noteDeadline(_ attempt: RunningAttempt) {
    deadlines.append(attempt)
    if deadlines.count > 2 * running + 64 {
      deadlines = Deque(deadlines.filter(\.isRunning))
    }
  }

  /// The first attempt that still runs within its time.
  func nextDeadline() -> RunningAttempt? {
    while let first = deadlines.first, !first.isRunning || first.hasTimedOut {
      deadlines.removeFirst()
    }
    return deadlines.first
  }
}

extension RunningAttempt {
  var isRunning: Bool { work.invocation.state == .running(attempt: name.attempt) }
}
