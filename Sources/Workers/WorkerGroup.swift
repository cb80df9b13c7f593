// The processes that run the same functions in the same environment: how many there are, which one
// takes the next attempt, when a dead one is replaced. Suspects wait here for their turn to run apart.
import EventLoop
import Invocations

@LoopActor
final class WorkerGroup {
  enum Stage { case launching, serving, retired }

  let pool: ProcessWorkerPool
  let release: WorkerRelease
  let functions: [String]
  let environment: [String: String]
  /// Of each of its processes.
  let memoryBytesMax: Int
  /// Over all that its workers say to people.
  let mask: TextMask?
  private(set) var stage = Stage.launching
  /// Starting and ready.
  private(set) var members: [WorkerProcess] = []
  /// Runs suspects, those of one half at a time.
  ///
  /// There while suspects wait or run, and not otherwise.
  private(set) var isolation: WorkerProcess?
  /// Suspects in the order of their starts; each invocation once, so never more than `suspectsMax`.
  private var waiting: [Assignment] = []
  private var pause = RestartPause()
  private var isolationPause = RestartPause()
  private var recyclePause = RestartPause()
  /// The first leaves as soon as the second is ready.
  private var succession: (former: WorkerProcess, next: WorkerProcess)?
  private var isReportedUnhealthy = false
  /// Somebody asked for room when there was none.
  private var lacksRoom = false

  init(_ plan: GroupPlan, of release: WorkerRelease, in pool: ProcessWorkerPool) {
    self.pool = pool
    self.release = release
    functions = plan.functions
    environment = plan.environment
    memoryBytesMax = plan.memoryBytesMax
    mask = plan.mask
  }

  var confinement: Confinement {
    var confinement = pool.settings.confinement
    if pool.settings.boundsData {
      confinement.dataBytesMax = MemoryExcess.dataBytes(memoryBytesMax)
    }
    return confinement
  }

  // MARK: stages

  func open() throws(WorkerFault) {
    for _ in 0..<pool.settings.workersPerGroup {
      do {
        members.append(try pool.spawn(.member, in: self))
      } catch {
        throw .cannotStart(executable: release.executable, reason: "\(error)")
      }
    }
  }

  func isOf(_ other: ReleaseInUse) -> Bool { other.groups.contains { $0 === self } }

  var isReady: Bool { members.allSatisfy { $0.phase == .ready } }
  var roster: WorkerRoster? { members.first?.roster }

  func serve() { stage = .serving }

  /// No more attempts.
  ///
  /// Suspects that still wait are given back: the next release runs them.
  func retire(until deadline: UInt64) {
    stage = .retired
    for assignment in waiting { giveBack(assignment.name) }
    waiting = []
    let leaving = members + [isolation].compactMap(\.self)
    members = []
    isolation = nil
    succession = nil
    for worker in leaving { worker.drain(until: deadline) }
  }

  // MARK: attempts

  /// Remembers a no, so that the pool tells when it has become a yes.
  func askForRoom() -> Bool {
    if members.contains(where: \.hasRoom) { return true }
    lacksRoom = true
    return false
  }

  func start(_ assignment: Assignment) -> Int32 {
    guard let free = leastLoaded else {
      preconditionFailure("start() without asking hasRoom(for:) before")
    }
    send(assignment, to: free, remainingNanoseconds: assignment.remainingNanoseconds)
    return free.pid
  }

  /// Returns 0 where no process is there yet for the first that runs apart.
  func start(batch: [Assignment]) -> Int32 {
    let together = batch.filter { !pool.suspects.contains($0.name.id) }
    let alone = batch.filter { pool.suspects.contains($0.name.id) }
    var pid: Int32 = 0
    if !together.isEmpty {
      guard let free = leastLoaded else {
        preconditionFailure("start(batch:) without asking hasRoom(for:) before")
      }
      send(batch: together[...], to: free)
      pid = free.pid
    }
    for assignment in alone {
      let other = isolate(assignment)
      if pid == 0 { pid = other }
    }
    return pid
  }

  /// Attributes may make a batch larger than a frame; then it goes in two halves.
  private func send(batch: ArraySlice<Assignment>, to worker: WorkerProcess) {
    guard batch.count > 1 else {
      for one in batch {
        send(one, to: worker, remainingNanoseconds: one.remainingNanoseconds)
      }
      return
    }
    guard !worker.start(batch: Array(batch)) else { return }
    let half = batch.startIndex + batch.count / 2
    send(batch: batch[..<half], to: worker)
    send(batch: batch[half...], to: worker)
  }

  private var leastLoaded: WorkerProcess? {
    var best: WorkerProcess?
    for worker in members where worker.hasRoom {
      if worker.inFlight.count < best?.inFlight.count ?? .max { best = worker }
    }
    return best
  }

  /// Returns 0 where the process that will run it is not there yet.
  func isolate(_ assignment: Assignment) -> Int32 {
    waiting.append(assignment)
    advanceIsolation()
    if waiting.contains(where: { $0.name == assignment.name }) {
      pool.post(.waits(assignment.name))
    }
    return isolation?.pid ?? 0
  }

  /// A cancelled suspect that still waits is given back: it had no chance to run.
  ///
  /// True if it waited.
  func withdraw(_ name: AttemptName) -> Bool {
    guard let place = waiting.firstIndex(where: { $0.name == name }) else {
      return false
    }
    waiting.remove(at: place)
    giveBack(name)
    return true
  }

  private func giveBack(_ name: AttemptName) {
    let lost = LostWorker(
      pid: isolation?.pid ?? 0, how: "it waited to run apart", culprits: [], others: [name],
      wasKilledByHost: false)
    pool.post(.lost(lost))
  }

  private func send(
    _ assignment: Assignment, to worker: WorkerProcess, remainingNanoseconds: UInt64
  ) {
    guard !worker.start(assignment, remainingNanoseconds: remainingNanoseconds) else { return }
    let error = ErrorRecord(
      code: "payload-too-large",
      message: "the event and its call do not fit a worker's frame of 16 MiB")
    pool.post(
      .answered(
        assignment.name,
        .failed(Failure(kind: .undecodable, error: error), cpuMicroseconds: 0)))
  }

  private func advanceIsolation() {
    guard stage == .serving else { return }
    guard let worker = isolation else { return fill() }
    guard worker.phase == .ready, worker.inFlight.isEmpty else { return }
    while worker.inFlight.isEmpty, !waiting.isEmpty {
      for next in takeTogether() {
        pool.post(.begins(next.name, worker: worker.pid))
        send(next, to: worker, remainingNanoseconds: next.remainingNanoseconds)
      }
    }
    if worker.inFlight.isEmpty { dismissIsolation(worker) }
  }

  /// The first that waits, and those of its half that wait as well.
  private func takeTogether() -> [Assignment] {
    let half = waiting.first.flatMap { pool.suspects.half(of: $0.name.id) }
    guard let half else { return [waiting.removeFirst()] }
    let together = waiting.filter { pool.suspects.half(of: $0.name.id) == half }
    waiting.removeAll { pool.suspects.half(of: $0.name.id) == half }
    return together
  }

  private func dismissIsolation(_ worker: WorkerProcess) {
    isolation = nil
    worker.drain(until: pool.now + pool.settings.drainTimeout.nanoseconds)
    pool.rearm()
  }

  // MARK: what workers report

  /// An attempt ended, or bytes left.
  func freed(_ worker: WorkerProcess) {
    if worker.role == .isolation {
      if worker === isolation { advanceIsolation() }
    } else if lacksRoom && worker.hasRoom {
      lacksRoom = false
      pool.planRoomNews()
    }
  }

  func becameReady(_ worker: WorkerProcess) {
    pool.rearm()
    guard worker.role == .member else {
      isolationPause.started()
      return advanceIsolation()
    }
    pause.started()
    if worker === succession?.next { succeed() }
    if isReportedUnhealthy {
      isReportedUnhealthy = false
      pool.news(.healthy(functions: functions))
    }
    switch stage {
    case .launching: pool.advanceLaunch()
    case .serving: pool.planRoomNews()
    case .retired: break
    }
  }

  /// It was ready and takes no more: a crash, a kill, an exit of its own.
  func left(_ worker: WorkerProcess) {
    guard stage == .serving else { return }
    remove(worker)
    // A kill for a deadline is the handler's doing, and no sign that workers cannot live.
    if case .overdue = worker.ending { return fill() }
    if worker.role == .member {
      pause.crashed(at: pool.now)
    } else {
      isolationPause.crashed(at: pool.now)
    }
    fill()
  }

  /// All that it said has been read.
  func ended(_ worker: WorkerProcess, how: String) {
    guard !worker.wasReady, stage == .serving else { return }
    remove(worker)
    startFailed(worker.role, reason: "\(pool.fault(of: worker, how))")
  }

  private func remove(_ worker: WorkerProcess) {
    members.removeAll { $0 === worker }
    if worker === isolation { isolation = nil }
    if worker === succession?.former || worker === succession?.next { succession = nil }
  }

  // MARK: replacements

  /// When `fill` has something to do; nil if nothing is missing.
  var fillDue: UInt64? {
    guard stage == .serving else { return nil }
    let member = members.count < pool.settings.workersPerGroup ? pause.due : UInt64.max
    let alone = isolation == nil && !waiting.isEmpty ? isolationPause.due : UInt64.max
    let due = min(member, alone)
    return due == .max ? nil : due
  }

  /// Starts what is missing and may start now; the pool's timer calls again for the rest.
  func fill() {
    guard stage == .serving else { return }
    let now = pool.now
    while members.count < pool.settings.workersPerGroup, pause.due <= now {
      guard let worker = replace(.member) else { break }
      members.append(worker)
    }
    if isolation == nil, !waiting.isEmpty, isolationPause.due <= now {
      isolation = replace(.isolation)
    }
    pool.rearm()
  }

  /// A replacement first, so that nothing waits; then the worker ends what it runs, and goes.
  func recycle(_ worker: WorkerProcess, _ excess: MemoryExcess) {
    guard stage == .serving, worker.phase == .ready, succession == nil,
      recyclePause.due <= pool.now,
      let next = replace(.member)
    else { return }
    recyclePause.crashed(at: pool.now)
    worker.excess = excess
    members.append(next)
    succession = (worker, next)
    pool.rearm()
  }

  private func succeed() {
    guard let former = succession?.former else { return }
    succession = nil
    members.removeAll { $0 === former }
    former.drain(until: pool.now + release.drainTime(pool.settings).nanoseconds)
    pool.rearm()
  }

  private func replace(_ role: WorkerProcess.Role) -> WorkerProcess? {
    do {
      return try pool.spawn(role, in: self)
    } catch {
      let fault = WorkerFault.cannotStart(executable: release.executable, reason: "\(error)")
      startFailed(role, reason: "\(fault)")
      return nil
    }
  }

  private func startFailed(_ role: WorkerProcess.Role, reason: String) {
    if role == .isolation {
      isolationPause.startFailed(at: pool.now)
    } else {
      pause.startFailed(at: pool.now)
      if !isReportedUnhealthy && !members.contains(where: { $0.phase == .ready }) {
        isReportedUnhealthy = true
        pool.post(.unhealthy(functions: functions, reason: reason))
      }
    }
    pool.rearm()
  }
}
