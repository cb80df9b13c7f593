// What happened, told once, to whoever listens: the live log, the event stream, the counters and
// the tests. An observer never changes anything and never blocks.

package protocol Observer: AnyObject {
  func saw(_ happening: Happening)
}

package enum Happening: Sendable {
  case accepted(Shared<Acceptance>)
  case duplicate(of: InvocationID, function: String)
  case started(InvocationID, function: String, attempt: Int, worker: Int32)
  /// An attempt ended and the invocation goes on.
  case goesOn(AttemptRecord, function: String, state: StateWord, due: WallTime)
  case ended(Shared<Ending>, acceptedAt: WallTime)
  case logged(LogLine, function: String)
  /// An answer from an attempt that is no longer the live one.
  case fenced(AttemptName)
  case workerStarted(pid: Int32, executable: String)
  case workerEnded(pid: Int32, how: String, expected: Bool)
  case unhealthy(functions: [String], reason: String)
  case healthy(functions: [String])
  case missed(timer: String, [MissedInstant])
  case paused(subject: String)
  case resumed(subject: String)
  case storeStalled(reason: String)
  case storeHealed
  /// Calls whose signature was not good, since this was told last; told at most every ten seconds.
  case webhooksRefused(function: String, code: String, count: Int)
  /// An operator's action began, got on or ended.
  case action(OperatorAction)
}
