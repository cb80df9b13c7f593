// The port `WorkerPool` over real processes: the current release, the one before that still drains,
// the one that comes up. It hands attempts to workers and what they say to the dispatcher; it does
// not know limits, retries or records.
package import EventLoop
package import Invocations

import WorkerProtocol

@LoopActor
package final class ProcessWorkerPool: @LoopActor WorkerPool {
  /// Lines that belong to no attempt, with the worker's process id; for the live log.
  package var printed: (@LoopActor (Int32, String) -> Void)?

  let settings: WorkerSettings
  /// Called on the loop, never from within a call of the port.
  let news: @LoopActor (WorkerNews) -> Void
  private(set) var suspects: Suspects

  /// All processes that are not yet reported as ended.
  private(set) var workers: [WorkerProcess] = []
  private(set) var current: ReleaseInUse? {
    didSet { lastAsked = nil }
  }
  /// A line is worked through for one function, and each start asks several times.
  private var lastAsked: (function: Shared<FunctionDeclaration>, group: WorkerGroup)?
  private var launching: ReleaseInUse?
  /// Those whose workers still run something, oldest first.
  private var retired: [ReleaseInUse] = []
  private var stopDone: [@LoopActor () -> Void] = []
  private var isStopping = false
  private var roomNewsIsPlanned = false
  private var timer: LoopTimer?
  private var armedFor: UInt64?
  private var memoryWatch: MemoryWatch?

  package init(settings: WorkerSettings, news: @escaping @LoopActor (WorkerNews) -> Void) {
    precondition(settings.workersPerGroup > 0, "a group without workers runs nothing")
    self.settings = settings
    self.news = news
    suspects = Suspects(limit: settings.suspectsMax)
    timer = LoopTimer { [weak self] in self?.tick() }
    memoryWatch = MemoryWatch(
      reader: settings.usageReader, every: settings.memoryInterval, of: self)
  }

  package var statistics: [WorkerStatistics] { workers.map(\.statistics) }

  // MARK: the port

  package func hasRoom(for function: Shared<FunctionDeclaration>) -> Bool {
    group(of: function)?.askForRoom() ?? false
  }

  package func start(_ assignment: Assignment) -> Int32 {
    guard let group = group(of: assignment.declared) else {
      preconditionFailure("start() of a function without a worker; ask hasRoom(for:) before")
    }
    return suspects.contains(assignment.name.id)
      ? group.isolate(assignment) : group.start(assignment)
  }

  private func group(of function: Shared<FunctionDeclaration>) -> WorkerGroup? {
    if let lastAsked, lastAsked.function === function { return lastAsked.group }
    guard let group = current?.groupOf[function.value.name] else { return nil }
    lastAsked = (function, group)
    return group
  }

  package func start(batch: [Assignment]) -> Int32 {
    precondition(
      1...BatchLimits.sizeMax ~= batch.count, "a batch has 1 to \(BatchLimits.sizeMax) attempts")
    let name = batch[0].declared.value.name
    precondition(batch.allSatisfy { $0.declared.value.name == name }, "a batch is of one function")
    precondition(
      batch.count == 1
        || batch.reduce(0) { $0 + $1.accepted.value.event.data.count } <= BatchLimits.bytesMax,
      "a batch has at most \(BatchLimits.bytesMax) bytes of data")
    guard let group = current?.groupOf[name] else {
      preconditionFailure("start() of a function without a worker; ask hasRoom(for:) before")
    }
    return group.start(batch: batch)
  }

  package func cancel(_ attempt: AttemptName) {
    if let worker = worker(of: attempt) {
      worker.cancel(attempt)
    } else {
      _ = current?.groups.contains { $0.withdraw(attempt) }
    }
  }

  package func kill(_ attempt: AttemptName) {
    worker(of: attempt)?.killOverdue(attempt)
  }

  package func pauseStream(_ attempt: AttemptName) {
    worker(of: attempt)?.send(.pause, attempt)
  }

  package func resumeStream(_ attempt: AttemptName) {
    worker(of: attempt)?.send(.resume, attempt)
  }

  /// A handful of workers, and rare questions: not worth an index that each attempt would pay for.
  private func worker(of attempt: AttemptName) -> WorkerProcess? {
    workers.first { $0.inFlight[attempt] != nil }
  }

  // MARK: releases

  /// Starts the release's workers.
  ///
  /// When all have said hello, new attempts go to them, and the workers of the release before
  /// finish what they run. `ready` is called once, in a later turn; on a failure everything is as
  /// it was.
  package func launch(
    _ release: WorkerRelease,
    review: @escaping LaunchReview = { _, verdict in verdict([]) },
    ready: @escaping @LoopActor (Result<WorkerRoster, WorkerFault>) -> Void
  ) {
    guard !isStopping else {
      return EventLoop.shared.afterTurn { ready(.failure(.stopped)) }
    }
    giveUpLaunch(.superseded)
    let launch = ReleaseInUse(release, review: review, ready)
    launching = launch
    do {
      let plans = try planGroups(of: release.functions, settings)
      launch.adopt(plans.map { WorkerGroup($0, of: release, in: self) })
      for group in launch.groups { try group.open() }
    } catch {
      return giveUpLaunch(error)
    }
    rearm()
    if launch.groups.isEmpty { EventLoop.shared.afterTurn { self.advanceLaunch() } }
  }

  func advanceLaunch() {
    guard let launch = launching, launch.groups.allSatisfy(\.isReady) else { return }
    let roster = launch.groups.first?.roster ?? WorkerRoster()
    guard launch.beginReview() else { return }
    launch.review(LaunchedWorkers(roster: roster, launch: launch)) { [weak self, weak launch] in
      // Superseded, given up or stopped meanwhile: somebody else has told why.
      guard let self, let launch, launching === launch else { return }
      guard $0.isEmpty else { return giveUpLaunch(.objectedTo($0)) }
      // One that died during the review is about to be reported, and ends the launch then.
      guard launch.groups.allSatisfy(\.isReady) else { return }
      goLive(launch, roster)
    }
  }

  private func goLive(_ launch: ReleaseInUse, _ roster: WorkerRoster) {
    launching = nil
    for group in launch.groups { group.serve() }
    let before = current
    current = launch
    if let before { retire(before) }
    rearm()
    planRoomNews()
    launch.ready(.success(roster))
  }

  /// What runs ends where it runs, by its own deadline.
  ///
  /// Only where releases follow each other faster than that, the oldest are given less time.
  private func retire(_ release: ReleaseInUse) {
    release.retire(until: now + release.release.drainTime(settings).nanoseconds)
    retired.removeAll { old in !workers.contains { $0.group.isOf(old) } }
    retired.append(release)
    guard retired.count > settings.retiredReleasesMax else { return }
    let oldest = retired.removeFirst()
    for worker in workers where worker.group.isOf(oldest) {
      worker.drain(until: now + settings.drainTimeout.nanoseconds)
    }
  }

  private func giveUpLaunch(_ fault: WorkerFault) {
    guard let launch = launching else { return }
    launching = nil
    // Workers that are up and not wanted leave by themselves; there is nothing to wait for.
    launch.retire(until: launch.isInReview ? now + Self.leavePause : now)
    rearm()
    EventLoop.shared.afterTurn { launch.ready(.failure(fault)) }
  }

  /// Drains all workers; what still runs after `giveBackAfter` is killed and given back.
  ///
  /// `done` is called once no process is left. A second call may shorten the time, never lengthen
  /// it.
  package func stop(giveBackAfter: Duration, done: @escaping @LoopActor () -> Void) {
    isStopping = true
    stopDone.append(done)
    giveUpLaunch(.stopped)
    let deadline = now + giveBackAfter.nanoseconds
    let last = current
    current = nil
    last?.retire(until: deadline)
    for worker in workers { worker.drain(until: deadline) }
    rearm()
    EventLoop.shared.afterTurn { self.finishStop() }
  }

  private func finishStop() {
    guard isStopping, workers.isEmpty else { return }
    timer?.close()
    timer = nil
    memoryWatch?.close()
    memoryWatch = nil
    let done = stopDone
    stopDone = []
    for call in done { call() }
  }

  // MARK: what workers report

  func spawn(_ role: WorkerProcess.Role, in group: WorkerGroup) throws(LoopFault) -> WorkerProcess {
    let worker = try WorkerProcess.spawn(role, in: group)
    workers.append(worker)
    memoryWatch?.wake()
    post(.workerStarted(pid: worker.pid, executable: group.release.executable))
    return worker
  }

  func answered(_ name: AttemptName, _ answer: AttemptAnswer, by worker: WorkerProcess) {
    suspects.forget(name.id)
    news(.answered(name, answer))
    worker.group.freed(worker)
  }

  func ended(_ worker: WorkerProcess, _ exit: ChildExit) {
    workers.removeAll { $0 === worker }
    let how = describe(exit, worker.ending) + worker.memoryWords
    reportLoss(of: worker, how: how)
    news(.workerEnded(pid: worker.pid, how: how, expected: worker.isDismissed))
    if let launch = launching, launch.groups.contains(where: { $0 === worker.group }) {
      giveUpLaunch(fault(of: worker, how))
    }
    worker.group.ended(worker, how: how)
    rearm()
    finishStop()
  }

  private func reportLoss(of worker: WorkerProcess, how: String) {
    let verdict = Verdict(
      inFlight: worker.inFlight.keys, batches: worker.batchesInFlight, crashed: worker.crashed,
      ending: worker.ending)
    guard !worker.inFlight.isEmpty else { return }
    if let lines = worker.crashLines?.lines {
      logCrash(of: verdict.culprits + verdict.crashedTogether, batches: worker.batches, lines)
    }
    worker.inFlight = [:]
    worker.batches = [:]
    suspects.remember(verdict.suspects.map(\.id))
    news(
      .lost(
        LostWorker(
          pid: worker.pid, how: how, culprits: verdict.culprits, others: verdict.others,
          wasKilledByHost: verdict.wasKilledByHost,
          lastWords: worker.crashLines.flatMap { CrashWords($0.lines)?.text },
          code: worker.crashCode)))
  }

  /// The lines of a batch are in the log of its first attempt; the others' logs say where.
  private func logCrash(
    of culprits: [AttemptName], batches: [AttemptName: BatchInFlight], _ lines: [String]
  ) {
    for name in culprits {
      guard let first = batches[name]?.first, first != name else {
        logCrash(of: name, lines)
        continue
      }
      logCrash(
        of: name, ["the worker crashed in this batch; the log of \(first.id) has its last words"])
    }
  }

  private func logCrash(of name: AttemptName, _ lines: [String]) {
    let time = wallTimeNow()
    for line in lines {
      news(
        .logged(
          LogLine(
            invocation: name.id, attempt: name.attempt, time: time, level: "stderr", message: line)
        ))
    }
  }

  /// In the words of a launch; also the reason of `.unhealthy`.
  func fault(of worker: WorkerProcess, _ how: String) -> WorkerFault {
    let executable = worker.group.release.executable
    let lines = worker.lastLines.all
    return switch worker.ending {
    case .saidNoHello:
      .saidNoHello(executable: executable, within: settings.helloTimeout, lines: lines)
    case .broken(let words):
      .spokeNonsense(executable: executable, reason: words, lines: lines)
    default:
      .ended(executable: executable, how: how, lines: lines)
    }
  }

  // MARK: news and time

  /// For news that arises within a call of the port.
  func post(_ item: WorkerNews) {
    EventLoop.shared.afterTurn { self.news(item) }
  }

  /// Once a turn, however many attempts end in it.
  func planRoomNews() {
    guard !roomNewsIsPlanned else { return }
    roomNewsIsPlanned = true
    EventLoop.shared.afterTurn {
      self.roomNewsIsPlanned = false
      self.news(.roomAgain)
    }
  }

  private static let leavePause: UInt64 = 2_000_000_000

  var now: UInt64 { EventLoop.monotonicNow() }

  /// After any change of a deadline to an earlier one.
  func rearm() {
    let deadlines = workers.compactMap(\.deadline) + (current?.groups.compactMap(\.fillDue) ?? [])
    guard let due = deadlines.min() else {
      armedFor = nil
      timer?.disarm()
      return
    }
    guard due != armedFor else { return }
    armedFor = due
    timer?.arm(atMonotonic: due)
  }

  /// A tick later than this was not the loop's usual lateness: the host was stopped, and what
  /// workers said meanwhile is still unread.
  private static let latenessMax: UInt64 = 1_000_000_000

  private func tick() {
    let now = now
    let lateness = now - min(now, armedFor ?? now)
    armedFor = nil
    if lateness > ProcessWorkerPool.latenessMax {
      for worker in workers { worker.forgive(lateness) }
    }
    for worker in workers where worker.deadline.map({ $0 <= now }) == true {
      worker.expire(at: now)
    }
    for group in current?.groups ?? [] { group.fill() }
    rearm()
  }
}
