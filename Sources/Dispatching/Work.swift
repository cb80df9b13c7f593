// One unfinished invocation in memory: what was asked and where its life stands. The dispatcher
// owns it; a line and the table of running attempts point at it.

package import Invocations

package final class Work {
  private(set) var accepted: Shared<Acceptance>
  package internal(set) var invocation: Invocation
  /// Its function's, once somebody has asked for it.
  unowned var desk: FunctionDesk?
  /// When it may start; of a retry, the end of its backoff.
  var due: WallTime
  /// True from the moment its record was refused: the store will never have it.
  var wasRefused = false
  /// The gates it has to pass, once its function's lanes have looked at it.
  var gates: FlowRule.Gates?
  /// The event whose quiet time it ended, until its own record is on disk.
  var replaces: FunctionDesk.Debounced?
  /// An operator brought it forward: the store has it for a later moment.
  var isAheadOfStore = false
  /// A token of its value's rate is taken for the next attempt.
  var hasToken = false
  /// It enters its line when its record is on disk.
  var isEntering = false
  /// Hides what its manifest says is not to be shown, once something was said about it.
  private(set) lazy var mask = desk?.declaration.redact?.mask(for: acceptance.event)
  /// What it emitted, until that is on disk: refused with it, if it comes to that.
  var children: [Work] = []

  init(_ acceptance: consuming Acceptance) {
    let accepted = Shared(acceptance)
    self.accepted = accepted
    invocation = Invocation(createdAt: Self.ageBegins(accepted.value))
    due = accepted.value.dueAt
  }

  init(_ row: WaitingRecord) {
    accepted = Shared(row.acceptance)
    due = row.due
    let state: Invocation.State =
      switch row.state {
      case .waiting: .waiting(until: row.due)
      case .held: .held
      case .queued, .running, .succeeded, .dead, .cancelled: .queued
      }
    invocation = Invocation(
      createdAt: Self.ageBegins(row.acceptance), state: state, attempts: row.attempts,
      failures: row.failures)
  }

  /// `maxAge` counts from when it could first have run: a sender may ask for tomorrow.
  private static func ageBegins(_ acceptance: Acceptance) -> WallTime {
    max(acceptance.createdAt, acceptance.dueAt)
  }

  /// The lane that the store must know it by, before it can be left to the store.
  func relane(_ lane: Int64?) {
    var acceptance = acceptance
    acceptance.standing.lane = lane
    accepted = Shared(acceptance)
  }

  package var acceptance: Acceptance { accepted.value }
  var id: InvocationID { acceptance.id }
  var priority: Priority { acceptance.standing.priority }
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

/// One run of a handler for several invocations.
final class BatchRun {
  private var open: Int

  init(count: Int) { open = count }

  /// True when the last of it has left.
  func leave() -> Bool {
    open -= 1
    return open == 0
  }
}

/// An attempt that is with a worker now.
final class RunningAttempt {
  let work: Work
  let name: AttemptName
  let declared: Shared<FunctionDeclaration>
  private(set) var startedAt: WallTime
  /// Monotonic nanoseconds.
  private(set) var deadline: UInt64
  let release: Int?
  var worker: Int32 = 0
  /// The run of the handler that it shares with others.
  var batch: BatchRun?
  var hasTimedOut = false
  var isCancelledByOperator = false
  var declaration: FunctionDeclaration { declared.value }
  var isToldToStop: Bool { hasTimedOut || isCancelledByOperator }

  /// After it waited for a process.
  func begin(at startedAt: WallTime, worker: Int32, deadline: UInt64) {
    self.startedAt = startedAt
    self.worker = worker
    self.deadline = deadline
  }

  init(
    work: Work, name: AttemptName, declared: Shared<FunctionDeclaration>, startedAt: WallTime,
    deadline: UInt64, release: Int?
  ) {
    self.work = work
    self.name = name
    self.declared = declared
    self.startedAt = startedAt
    self.deadline = deadline
    self.release = release
  }
}
