// When an invocation may start, and what becomes of it: the one place where the state machine, the
// lines, the limits and the record meet. It lives on the loop, decides in memory, and hands what it
// decided to the record log and the workers through their ports; it never waits.
//
//   accept → on disk → line → permit → start → answer → record → next
//
// Dispatcher+Accepting, +Starting, +Answers and +Operating are those stops.

import DequeModule
package import Invocations

package final class Dispatcher {
  let log: any RecordLog
  let workers: any WorkerPool
  /// Never step back: the places in the lines depend on it.
  package let clocks: any Clocks
  let observer: any Observer
  /// Uniform in 0..<1: the jitter of backoff.
  let chance: () -> Double
  let hasher: SipHasher
  let boot: Int
  let grace: Duration
  let laneLimits: LaneLimits
  /// Of the whole store: no promise is firmer.
  let durability: Durability
  /// When this host started, if others ran on its store before: what they took of a rate is unknown.
  let emptyAt: UInt64?

  var ids: InvocationIDGenerator
  var desks: [String: FunctionDesk] = [:]
  private var lastNamed: FunctionDesk?
  /// The same desks in the order of the manifests, for a fair round.
  var round: [FunctionDesk] = []
  var roundStart = 0
  var queueOwners: [String: String] = [:]
  /// Everything unfinished that memory knows of: in line, running, or on its way to disk.
  var live: [InvocationID: Work] = [:]
  /// Ended, with the end on its way to disk.
  var leaving: [InvocationID: Work] = [:]
  var running: [AttemptName: RunningAttempt] = [:]
  /// Attempts told to stop, with the monotonic time at which their worker is killed.
  var stopping: [(attempt: RunningAttempt, killAt: UInt64)] = []
  var listeners: [InvocationID: [any CallListener]] = [:]
  var keys: KeyBook
  var waitingForDisk = Deque<WaitingForDisk>()
  /// Functions for which something changed; `settle` lets them start what they now may.
  var touched: [FunctionDesk] = []
  var replays: [UInt64: any CallListener] = [:]
  var nextReplay: UInt64 = 0
  /// What came last of the log; an answer that must not run ahead of it waits for this number.
  var appended: UInt64 = 0
  var logBacklog = LogBacklog()
  /// How far the disk is.
  var onDisk: UInt64 = 0
  /// Something could have started but for the disk.
  var waitsForDisk = false
  var stalledReason: String?
  /// A manifest says, or has said, that values of its events are not to be shown.
  private(set) var isRedacting = false
  var redriven = RecentIDs()
  /// Held work that an operator let go on or ended.
  var unheld = RecentIDs()
  /// Work that only the store had, and that an operator ended.
  var endedInStore = RecentIDs()
  /// Runs what starts from now on.
  package var release: Int?
  /// True once the record is about to close: nothing may be appended any more.
  package var isClosed = false
  package internal(set) var isDraining = false

  /// Someone to tell when the log has reached a number.
  struct WaitingForDisk {
    var sequence: UInt64
    /// Work that may enter its line then.
    var entering: [Work]
    var then: Then

    /// What every event waits for has cases of its own: a closure would take memory for each.
    enum Then {
      case nothing
      case acknowledge(
        [Accepted], originals: [Work], (Result<[Accepted], Refusal>) -> Void)
      case leave(Work, Shared<Ending>, [any CallListener])
      case tell(() -> Void)

      var isNothing: Bool { if case .nothing = self { true } else { false } }
    }
  }

  package init(
    functions: [FunctionDeclaration], recovery: Recovery, log: any RecordLog,
    workers: any WorkerPool, clocks: any Clocks, observer: any Observer, host: Int = 0,
    grace: Duration = .seconds(5), durability: Durability = .disk,
    laneLimits: LaneLimits = LaneLimits(),
    chance: @escaping () -> Double = { .random(in: 0..<1) }
  ) {
    self.log = log
    self.workers = workers
    self.clocks = SteadyClocks(clocks, notBefore: recovery.lastID.time)
    self.observer = observer
    self.chance = chance
    self.grace = grace
    self.durability = durability
    self.laneLimits = laneLimits
    hasher = SipHasher(key: recovery.digestKey)
    boot = recovery.boot
    emptyAt = recovery.boot > 1 ? clocks.monotonic : nil
    ids = InvocationIDGenerator(host: host, after: recovery.lastID)
    keys = KeyBook(recovery.keys)
    declare(functions, unfinished: recovery.unfinished)
    for one in recovery.debounced { remember(one) }
    for (subject, since) in recovery.paused { setPause(subject, since: since) }
  }

  // MARK: Functions

  /// Takes a new set of declarations; attempts that run end under the old ones.
  ///
  /// Work of functions that are gone stays in the store and waits for its function to come back.
  package func redeclare(_ functions: [FunctionDeclaration]) {
    var kept: [String: Int] = [:]
    for (name, desk) in desks { kept[name] = desk.unfinished }
    declare(functions, unfinished: kept)
    pump()
  }

  private func declare(_ functions: [FunctionDeclaration], unfinished: [String: Int]) {
    queueOwners = [:]
    if functions.contains(where: { $0.redact != nil }) { isRedacting = true }
    let declared = Set(functions.map(\.name))
    for (name, desk) in desks where !declared.contains(name) { close(desk) }
    for function in functions {
      let desk =
        desks[function.name]
        ?? makeDesk(function, unfinished: unfinished[function.name] ?? 0)
      let wasClosed = !desk.isDeclared
      switch desk.adopt(function, at: clocks.monotonic) {
      case .otherLanes:
        readAnew(desk)
        noteRunning(of: desk)
      case .otherBatches: readAnew(desk)
      // What came to disk in the meantime entered no line.
      case .nothing: if wasClosed { readAnew(desk) }
      }
      desks[function.name] = desk
      for queue in function.queues { queueOwners[queue] = function.name }
    }
    // A queue stays paused, whoever has it now.
    for queue in desks.values.reduce(into: Set(), { $0.formUnion($1.pausedQueues) }) {
      queueOwners[queue].flatMap { desks[$0] }?.pausedQueues.insert(queue)
    }
    for (name, count) in unfinished where count > 0 && desks[name] == nil {
      let gone = makeDesk(
        FunctionDeclaration(name: name, handler: "", triggers: []), unfinished: count)
      gone.isDeclared = false
      desks[name] = gone
    }
    round = desks.values.filter(\.isDeclared).sorted { $0.declaration.name < $1.declaration.name }
  }

  /// What its acknowledgements are worth on this store.
  func durability(of function: FunctionDeclaration) -> Durability {
    max(function.durability, durability)
  }

  /// The events of a request are mostly one function's, and most of a hot path was hashing of names.
  func desk(named name: String) -> FunctionDesk? {
    if let lastNamed, lastNamed.declaration.name == name { return lastNamed }
    lastNamed = desks[name]
    return lastNamed
  }

  /// Found once for each: a desk stays for good.
  func desk(of work: Work) -> FunctionDesk? {
    if let desk = work.desk { return desk }
    let desk = desk(named: work.acceptance.function)
    work.desk = desk
    return desk
  }

  private func makeDesk(_ function: FunctionDeclaration, unfinished: Int) -> FunctionDesk {
    FunctionDesk(
      function, unfinished: unfinished, hasher: hasher, laneLimits: laneLimits, emptyAt: emptyAt)
  }

  /// The rules by which its events wait for each other are new: what runs counts under them at once.
  private func noteRunning(of desk: FunctionDesk) {
    guard desk.lanes != nil else { return }
    for attempt in running.values where self.desk(of: attempt.work) === desk {
      desk.lanes?.noteRunning(attempt.work)
    }
  }

  /// Its work stays in the store; if it is declared again, its line is read from the beginning.
  private func close(_ desk: FunctionDesk) {
    desk.isDeclared = false
    for dropped in desk.forgetWaiting() { live[dropped.id] = nil }
  }

  package func function(forQueue queue: String) -> FunctionDeclaration? {
    queueOwners[queue].flatMap { desks[$0] }?.declaration
  }

  package func function(named name: String) -> FunctionDeclaration? {
    guard let desk = desks[name], desk.isDeclared else { return nil }
    return desk.declaration
  }

  // MARK: The log and the clock

  /// Appends, remembers the number, and tells when it is on disk.
  func record(
    _ changes: [RecordChange], entering: [Work] = [], durability: Durability = .disk,
    then told: @escaping () -> Void
  ) {
    record(changes, entering: entering, durability: durability, then: .tell(told))
  }

  func record(
    _ changes: [RecordChange], entering: [Work] = [], durability: Durability = .disk,
    then: WaitingForDisk.Then = .nothing
  ) {
    guard !isClosed else { return }
    let isAwaited = !then.isNothing || !entering.isEmpty
    appended = log.append(changes, CommitTerms(isAwaited: isAwaited, durability: durability))
    for work in entering { work.isEntering = true }
    guard isAwaited else { return }
    waitingForDisk.append(
      WaitingForDisk(sequence: appended, entering: entering, then: then))
  }

  /// Runs `told` once everything appended so far is on disk.
  func afterAllOnDisk(_ told: @escaping () -> Void) {
    guard onDisk < appended else { return told() }
    waitingForDisk.append(WaitingForDisk(sequence: appended, entering: [], then: .tell(told)))
  }

  /// The monotonic time at which `tick` has something to do; nil when only news can change that.
  package func nextWake() -> UInt64? {
    var next = stopping.map(\.killAt).min()
    let now = clocks.wall
    let monotonic = clocks.monotonic
    for desk in round {
      if let deadline = desk.nextDeadline()?.deadline { next = min(next ?? deadline, deadline) }
      if desk.readNotBefore > monotonic, desk.lines.storeHasMore || desk.begun != .known {
        next = min(next ?? desk.readNotBefore, desk.readNotBefore)
      }
      guard !isDraining, stalledReason == nil, let at = nextStart(at: desk, now, monotonic) else {
        continue
      }
      next = min(next ?? at, at)
    }
    return next
  }

  /// The monotonic time at which the function may start something, if time alone brings it.
  private func nextStart(at desk: FunctionDesk, _ now: WallTime, _ monotonic: UInt64) -> UInt64? {
    let opens = desk.rateOpens(at: monotonic)
    guard opens != nil || desk.mayStart(at: monotonic), workers.hasRoom(for: desk.declared)
    else { return nil }
    // Lines that are not read on have nothing to wait for but an end.
    var due = desk.lanes?.isFull == true ? nil : desk.lines.nextDue
    if desk.lanes?.hasReady == true { due = now }
    if let rule = desk.declaration.batch, let end = desk.gathered.endsAt(rule) {
      due = min(due ?? end, end)
    }
    // What came due since the last look is due now: nobody else may come to look at it.
    let wait = due.map { max(0, $0.milliseconds - now.milliseconds) }
    let at = wait.map { wait -> UInt64 in
      let (nanoseconds, overflow) = UInt64(wait).multipliedReportingOverflow(by: 1_000_000)
      return overflow ? .max : monotonic.addingReportingOverflow(nanoseconds).partialValue
    }
    guard let first = [at, desk.lanes?.nextWake].compactMap(\.self).min() else { return nil }
    return max(first, opens ?? first)
  }

  /// Deadlines, backoffs and expiries that have come.
  package func tick() {
    stopLateAttempts()
    killDeafAttempts()
    keys.expire(at: clocks.wall)
    pump()
    settle()
  }
}
