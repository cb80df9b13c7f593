// The port of this room: what the two doors need of the house behind them. `Hosting` is that house.
// Everything is called, and answered, on the loop.

package import EventLoop
package import EventSources
package import Invocations
package import Routing

@LoopActor
package protocol House: HouseVitals {
  /// Routes and queues of the release that is live.
  var router: Router { get }
  /// Of the same release.
  var webhooks: WebhookRules { get }
  /// Where invocations are asked for, such as `http://127.0.0.1:7070`; empty before it is open.
  var controlDoorAddress: String { get }
  var clocks: any Clocks { get }

  // The way in.
  func accept(
    _ proposals: [Proposal], answered: @escaping @LoopActor (Result<[Accepted], Refusal>) -> Void)
  func call(_ proposal: Proposal, listener: any CallListener)
  func abandon(_ id: InvocationID, _ listener: any CallListener)
  func pauseStream(_ attempt: AttemptName)
  func resumeStream(_ attempt: AttemptName)

  /// A call was refused for its signature; it is counted, and told with a bound.
  func noteUnsigned(_ code: WebhookFault.Code, function: String)

  /// What is not to be shown, by function; of one that is gone, what was said of it last.
  var redactions: [String: Redaction] { get }

  // What there is.
  var functions: [FunctionStatus] { get }
  var queueNames: [String] { get }
  func queues(then: @escaping @LoopActor (Result<[QueueStatus], InspectionFault>) -> Void)
  var timerNames: [String] { get }
  /// Each with its latest firings, at most so many.
  func timers(
    firingsMax: Int,
    then: @escaping @LoopActor (Result<[TimerStatus], InspectionFault>) -> Void)
  var health: HouseHealth { get }
  /// Prometheus text exposition, version 0.0.4.
  var metrics: [UInt8] { get }

  // What happened.
  func invocations(
    _ filter: InvocationFilter, among: Selection,
    then: @escaping @LoopActor (Result<Page<InvocationRecord>, InspectionFault>) -> Void)
  func invocation(
    _ id: InvocationID,
    then: @escaping @LoopActor (Result<InvocationRecord?, InspectionFault>) -> Void)
  /// Errors by fingerprint.
  func errors(
    _ filter: ErrorFilter,
    then: @escaping @LoopActor (Result<[ErrorGroup], InspectionFault>) -> Void)
  /// Everything that came of one first event.
  func chain(
    of id: InvocationID,
    then: @escaping @LoopActor (Result<InvocationChain, InspectionFault>) -> Void)
  func missedInstants(
    of timer: String,
    then: @escaping @LoopActor (Result<[MissedInstant], InspectionFault>) -> Void)
  /// How many stand before a waiting one in its line; nil where it does not wait.
  func ahead(
    of record: InvocationRecord, then: @escaping @LoopActor (Result<Int?, InspectionFault>) -> Void)
  /// What an unfinished invocation waits for.
  func cause(of record: InvocationRecord) -> WaitingCause
  /// Of an invocation that has not ended, or ends at this moment.
  func acceptance(of id: InvocationID) -> Acceptance?
  func follow(_ listener: any HappeningListener)
  func unfollow(_ listener: any HappeningListener)

  // What an operator does.
  func pause(_ subject: String, _ isPaused: Bool, then: @escaping @LoopActor (Bool) -> Void)
  func fire(timer: String, then: @escaping @LoopActor (Result<[Accepted], Refusal>) -> Void) -> Bool
  /// `onlyWaiting` leaves alone what has begun to run.
  func cancel(_ record: InvocationRecord, onlyWaiting: Bool) -> Bool
  /// Its next attempt is due now; false when it does not wait.
  func hurry(_ record: InvocationRecord) -> Bool
  /// Lets held work run again; false when it is not held.
  func release(_ record: InvocationRecord) -> Bool
  func redrive(
    _ letter: Acceptance, by action: Int,
    answered: @escaping @LoopActor (Result<[Accepted], Refusal>) -> Void)

  // What an operator does to many, and what they did.
  func count(
    _ filter: InvocationFilter, among: Selection,
    then: @escaping @LoopActor (Result<Int, InspectionFault>) -> Void)
  /// What would become of those that are named.
  func rehearse(
    _ wish: ActionWish,
    then: @escaping @LoopActor (Result<OperatorAction, InspectionFault>) -> Void)
  /// `told` when it has ended; of one with a pace when it is known how many there are.
  func begin(
    _ wish: ActionWish, told: @escaping @LoopActor (OperatorAction) -> Void
  ) throws(ActionFault)
  /// False where no such action runs.
  func abort(action number: Int, by name: String) -> Bool
  func actions(
    before number: Int?, limit: Int,
    then: @escaping @LoopActor (Result<[OperatorAction], InspectionFault>) -> Void)
  func action(
    _ number: Int, then: @escaping @LoopActor (Result<OperatorAction?, InspectionFault>) -> Void)
  /// The latest of its kind on a subject, such as the pause of a queue.
  func lastAction(
    _ verb: OperatorAction.Verb, on subject: String,
    then: @escaping @LoopActor (Result<OperatorAction?, InspectionFault>) -> Void)
  /// Puts a single deed on record; its number.
  @discardableResult
  func note(_ verb: OperatorAction.Verb, _ subject: String, by name: String) -> Int
  /// The deed of that number came to nothing.
  func noteFailure(of number: Int, _ reason: String)

  // Releases.
  func deploy(
    _ deployment: Deployment,
    then: @escaping @LoopActor (Result<DeploymentReport, DeploymentRefusal>) -> Void)
  func releases(
    before number: Int?, limit: Int,
    then: @escaping @LoopActor (Result<[ReleaseLine], InspectionFault>) -> Void)
  func release(
    _ number: Int, then: @escaping @LoopActor (Result<ReleaseLine?, InspectionFault>) -> Void)
  /// Takes a part of an executable, or only tells how much of it is there.
  ///
  /// Nil where the files themselves are live, and nothing is kept.
  func shelve(
    _ part: ExecutablePart?, of hash: String,
    then: @escaping @LoopActor (Result<ShelvedExecutable, ShelfFault>?) -> Void)
}

/// The record could not be read now; nothing is wrong with the question.
package struct InspectionFault: Error, Sendable {
  package var reason: String

  package init(reason: String) { self.reason = reason }
}

/// Someone who follows what happens, as it happens.
@LoopActor
package protocol HappeningListener: AnyObject {
  func saw(_ happening: Happening)
}

package struct FunctionStatus: Sendable {
  package var declaration: FunctionDeclaration
  package var isDeclared: Bool
  package var unfinished: Int
  package var running: Int
  package var pausedSince: WallTime?
  /// Why its workers do not start; nil when they are well.
  package var unhealthy: String?
  package var accepted = 0
  package var started = 0
  package var succeeded: Int
  package var dead: Int
  package var retried: Int
  package var lastMinute: MinuteCounts
  /// Of recent attempts; nil before the first.
  package var runP50Milliseconds: Double?
  package var runP99Milliseconds: Double?

  package init(
    declaration: FunctionDeclaration, isDeclared: Bool, unfinished: Int, running: Int,
    pausedSince: WallTime?, unhealthy: String?, succeeded: Int, dead: Int, retried: Int,
    lastMinute: MinuteCounts, runP50Milliseconds: Double?, runP99Milliseconds: Double?
  ) {
    self.declaration = declaration
    self.isDeclared = isDeclared
    self.unfinished = unfinished
    self.running = running
    self.pausedSince = pausedSince
    self.unhealthy = unhealthy
    self.succeeded = succeeded
    self.dead = dead
    self.retried = retried
    self.lastMinute = lastMinute
    self.runP50Milliseconds = runP50Milliseconds
    self.runP99Milliseconds = runP99Milliseconds
  }
}

/// What became of a function's events in the sixty seconds before now.
package struct MinuteCounts: Sendable, Equatable {
  package var accepted = 0
  package var started = 0
  package var succeeded = 0
  package var failed = 0

  package init() {}
}

package struct QueueStatus: Sendable {
  package var name: String
  package var function: String
  /// Accepted and neither running nor ended, what is held among them.
  package var waiting: Int
  package var running: Int
  package var held: Int
  /// When the oldest that has not ended was accepted.
  package var oldestAt: WallTime?
  package var isPaused: Bool

  package init(
    name: String, function: String, waiting: Int, running: Int, held: Int, oldestAt: WallTime?,
    isPaused: Bool
  ) {
    self.name = name
    self.function = function
    self.waiting = waiting
    self.running = running
    self.held = held
    self.oldestAt = oldestAt
    self.isPaused = isPaused
  }
}

package struct TimerStatus: Sendable {
  package var name: String
  package var function: String
  /// The rule as the manifest has it.
  package var rule: String
  /// Instants to come, the next one first; at most so many.
  package static let upcomingMax = 5
  package var upcoming: [WallTime]
  /// No instant up to here fires any more.
  package var mark: WallTime
  /// Invocations that it made, the newest first.
  package var firings: [InvocationRecord]

  package init(
    name: String, function: String, rule: String, upcoming: [WallTime],
    mark: WallTime, firings: [InvocationRecord]
  ) {
    self.name = name
    self.function = function
    self.rule = rule
    self.upcoming = upcoming
    self.mark = mark
    self.firings = firings
  }
}

package struct HouseHealth: Sendable {
  /// Why it does not take events now; empty when it does.
  package var obstacles: [String]
  package var bootNumber: Int
  package var version: String

  package init(obstacles: [String], bootNumber: Int, version: String) {
    self.obstacles = obstacles
    self.bootNumber = bootNumber
    self.version = version
  }
}
