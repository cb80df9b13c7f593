// One unfinished invocation in memory: what was asked and where its life stands. The dispatcher
// owns it; a line and the table of running attempts point at it.

package import Invocations

package final class Work {
  package let acceptance: Acceptance
  package internal(set) var invocation: Invocation
  /// When it may start; of a retry, the end of its backoff.
  var due: WallTime
  /// True from the moment its record was refused: the store will never have it.
  var wasRefused = false
  /// What it emitted, until that is on disk: refused with it, if it comes to that.
  var children: [Work] = []

  init(_ acceptance: Acceptance) {
    self.acceptance = acceptance
    invocation = Invocation(createdAt: Self.ageBegins(acceptance))
    due = acceptance.dueAt
  }

  init(_ row: WaitingRecord) {
    acceptance = row.acceptance
    due = row.due
    let state: Invocation.State = row.state == .waiting ? .waiting(until: row.due) : .queued
    invocation = Invocation(
      createdAt: Self.ageBegins(row.acceptance), state: state, attempts: row.attempts,
      failures: row.failures)
  }

  /// `maxAge` counts from when it could first have run: a sender may ask for tomorrow.
  private static func ageBegins(_ acceptance: Acceptance) -> WallTime {
    max(acceptance.createdAt, acceptance.dueAt)
  }

  var id: InvocationID { acceptance.id }
  var place: LinePlace { LinePlace(due: due, id: acceptance.id) }
  /// About what it keeps in memory beside the object itself.
  var payloadBytes: Int { acceptance.event.data.count + 512 }

  func isWaiting(at place: LinePlace) -> Bool {
    guard place == self.place else { return false }
    switch invocation.state {
    case .queued, .waiting: return true
    case .running, .held, .succeeded, .dead, .cancelled: return false
    }
  }
}

/// An attempt that is with a worker now.
final class RunningAttempt {
  let work: Work
  let name: AttemptName
  let declaration: FunctionDeclaration
  let startedAt: WallTime
  /// Monotonic nanoseconds.
  let deadline: UInt64
  var worker: Int32 = 0
  var hasTimedOut = false
  var isCancelledByOperator = false
  var isToldToStop: Bool { hasTimedOut || isCancelledByOperator }

  init(
    work: Work, name: AttemptName, declaration: FunctionDeclaration, startedAt: WallTime,
    deadline: UInt64
  ) {
    self.work = work
    self.name = name
    self.declaration = declaration
    self.startedAt = startedAt
    self.deadline = deadline
  }
}
