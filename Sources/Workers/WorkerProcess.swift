// One worker process: its start, what it has in flight, its phases and its end. It reports to the
// pool and decides nothing about others: no restarts, no choice of a worker, no retries.
import EventLoop
import Invocations
import WorkerProtocol

import Glibc

@LoopActor
final class WorkerProcess {
  enum Role { case member, isolation }
  typealias Phase = WorkerStatistics.State

  /// A turn with much to start lets the worker begin before it is over.
  private static let earlyFlushBytes = 4 << 10

  let role: Role
  let group: WorkerGroup
  /// Lives until its last worker has ended.
  let pool: ProcessWorkerPool
  let startedAt = wallTimeNow()
  private(set) var pid: Int32 = 0
  private(set) var phase = Phase.starting
  private(set) var roster = WorkerRoster()
  /// Said hello, at some time.
  private(set) var wasReady = false
  /// Told to go: its end is no surprise.
  private(set) var isDismissed = false
  /// At `attemptsInFlightMax` nothing more is started; a batch may pass it by its own size.
  var inFlight: [AttemptName: Flight] = [:]
  /// Of those in flight that are in a batch; one object for a batch.
  var batches: [AttemptName: BatchInFlight] = [:]
  /// Answered since the last frame to this worker.
  ///
  /// Its streams are read in any order, so that what they printed may come after their answers.
  var lately = Lately()
  private(set) var answered = 0
  var ignoredFrames = 0
  /// Events that are being decoded and no more; asked one after the other, so there are few.
  var probes: [Int64: @LoopActor (String?) -> Void] = [:]
  private var lastProbe: Int64 = 0
  /// Named by the worker's signal handler.
  var crashed: Set<AttemptName> = []
  private(set) var ending: HostEnding?
  var lastLines = LastLines()
  var looseLines = LooseLines()
  /// From the crash on.
  var crashLines: CrashLines?
  /// As of the latest look; 0 before the first.
  var memoryBytes: Int64 = 0
  /// Why it is replaced, or would be if that helped.
  var excess: MemoryExcess?
  /// When this worker needs the pool's timer: hello, ping, kill or report, by phase.
  private(set) var deadline: UInt64?

  /// Nil before the start and after the end.
  private var child: ChildProcess?
  private var exit: ChildExit?
  private var openStreams = 0
  private var reader = FrameReader()
  private var outputCutter = LineCutter()
  private var errorsCutter = LineCutter()
  /// What leaves at the end of this turn.
  private var outgoing = FrameWriter(capacity: 2 * earlyFlushBytes)
  private var flushIsPlanned = false
  private var pingSentAt: UInt64?

  private init(_ role: Role, in group: WorkerGroup) {
    self.role = role
    self.group = group
    pool = group.pool
  }

  static func spawn(_ role: Role, in group: WorkerGroup) throws(LoopFault) -> WorkerProcess {
    let worker = WorkerProcess(role, in: group)
    let release = group.release
    var options = ChildProcess.Options(
      executable: release.executable, arguments: release.arguments,
      environment: group.environment, workingDirectory: worker.pool.settings.workingDirectory,
      channel: true)
    options.confinement = group.confinement
    options.endsItsGroup = true
    let child = try ChildProcess.spawn(options) { worker.didExit($0) }
    worker.child = child
    worker.pid = child.pid
    worker.deadline = worker.pool.now + worker.pool.settings.helloTimeout.nanoseconds
    worker.listen(to: child)
    return worker
  }

  var statistics: WorkerStatistics {
    WorkerStatistics(
      pid: pid, release: group.release.number, functions: group.functions,
      isIsolation: role == .isolation, state: phase, inFlight: inFlight.count, answered: answered,
      ignoredFrames: ignoredFrames, startedAt: startedAt, handlers: roster.handlers.count)
  }

  var hasRoom: Bool {
    phase == .ready && inFlight.count < pool.settings.attemptsInFlightMax
      && unsentBytes < pool.settings.unsentBytesMax
  }

  private var unsentBytes: Int { outgoing.count + (child?.channel?.unsentBytes ?? 0) }

  // MARK: sending

  /// False, and nothing sent, when the frame would be larger than the protocol allows.
  func start(_ assignment: Assignment, remainingNanoseconds: UInt64) -> Bool {
    let start = Start(assignment, remainingNanoseconds: remainingNanoseconds)
    guard send(.start, assignment.name, { start.write(to: &$0) }) else { return false }
    inFlight[assignment.name] = Flight(assignment.declared.value.limits)
    return true
  }

  /// False, and nothing sent, when the frame would be larger than the protocol allows.
  func start(batch: [Assignment]) -> Bool {
    let frame = StartBatch(batch)
    guard send(.startBatch, nil, { frame.write(to: &$0) }) else { return false }
    let together = BatchInFlight(batch.map(\.name))
    for assignment in batch {
      inFlight[assignment.name] = Flight(assignment.declared.value.limits)
      batches[assignment.name] = together
    }
    return true
  }

  /// Asks whether the event decodes to its handler's input; the answer is nil, or the handler's words.
  ///
  /// Never answered by a worker that ends before.
  func probe(
    _ acceptance: Acceptance, for function: FunctionDeclaration,
    then: @escaping @LoopActor (String?) -> Void
  ) {
    lastProbe += 1
    let start = Start(probing: acceptance, for: function)
    let token = AttemptName(id: InvocationID(rawValue: lastProbe), attempt: 0)
    probes[lastProbe] = then
    // What does not fit a frame is told when it is its turn to run, as ever.
    if !send(.probe, token, { start.write(to: &$0) }) { takeProbed(lastProbe, Probed(fault: nil)) }
  }

  func takeProbed(_ token: Int64, _ probed: Probed) {
    guard let then = probes.removeValue(forKey: token) else { return }
    EventLoop.shared.afterTurn { then(probed.fault) }
  }

  @discardableResult
  func send(
    _ kind: FrameKind, _ name: AttemptName? = nil, _ payload: (inout FrameWriter) -> Void = { _ in }
  ) -> Bool {
    let attempt = UInt16(exactly: name?.attempt ?? 0)
    guard let attempt else { preconditionFailure("an attempt number that does not fit a frame") }
    let fits = outgoing.append(kind, attempt: attempt, invocation: name?.id.rawValue ?? 0, payload)
    if outgoing.count >= Self.earlyFlushBytes {
      flush()
    } else if !flushIsPlanned {
      flushIsPlanned = true
      EventLoop.shared.afterTurn { self.flushPlanned() }
    }
    return fits
  }

  private func flushPlanned() {
    flushIsPlanned = false
    if !outgoing.isEmpty { flush() }
  }

  private func flush() {
    lately = Lately()
    child?.channel?.write(outgoing.take())
  }

  // MARK: phases

  func becomeReady(_ roster: WorkerRoster) {
    self.roster = roster
    wasReady = true
    phase = .ready
    deadline = pool.now + pool.settings.pingInterval.nanoseconds
  }

  /// It finishes what it runs, or is killed at `deadline`.
  ///
  /// Also shortens an earlier grace.
  func drain(until deadline: UInt64) {
    isDismissed = true
    switch phase {
    case .starting:
      kill(.dismissed)
    case .ready:
      phase = .draining
      self.deadline = deadline
      send(.drain)
    case .draining:
      self.deadline = min(deadline, self.deadline ?? deadline)
    case .leaving:
      break
    }
  }

  /// SIGKILL to the worker and all it started.
  ///
  /// What it answered before still counts.
  func kill(_ reason: HostEnding) {
    switch (ending, reason) {
    case (.overdue(let names), .overdue(let more)): ending = .overdue(names.union(more))
    case (nil, _): ending = reason
    default: break
    }
    child?.signal(SIGKILL)
    leave(within: nil)
  }

  /// The worker's signal handler spoke: what it prints from here on is its backtrace.
  func beginCrash(of name: AttemptName) {
    if inFlight[name] != nil { crashed.insert(name) }
    // With one in flight, what came before is in its log already.
    let before = inFlight.count == 1 || onlyBatch != nil ? [] : lastLines.sinceFatalError()
    if crashLines == nil {
      crashLines = CrashLines(before)
      // Until the process is gone none of them can answer; it is not theirs to be late.
      for name in inFlight.keys { pool.news(.waits(name)) }
    }
    leave(within: pool.settings.crashTimeout)
  }

  func breakOff(_ reason: String) {
    kill(.broken(reason))
    if child?.channel?.onEnd != nil { endStream(child?.channel) }
  }

  /// Takes no more attempts; a member's replacement starts now, not after the last words are read.
  private func leave(within grace: Duration?) {
    guard phase != .leaving else { return }
    let wasServing = phase == .ready
    phase = .leaving
    if exit == nil { deadline = grace.map { pool.now + $0.nanoseconds } }
    if wasServing { group.left(self) }
    pool.rearm()
  }

  /// The pool's timer, at or after `deadline`.
  func expire(at now: UInt64) {
    let settings = pool.settings
    guard exit == nil else { return finish() }
    switch phase {
    case .starting:
      kill(.saidNoHello)
    case .ready where pingSentAt != nil:
      kill(.silent)
    case .ready:
      send(.ping)
      pingSentAt = now
      deadline = now + settings.pingTimeout.nanoseconds
    case .draining:
      kill(.drainTimeout)
    case .leaving:
      deadline = nil
      child?.signal(SIGKILL)
    }
  }

  func tookPing() {
    guard pingSentAt != nil else { return }
    pingSentAt = nil
    if phase == .ready { deadline = pool.now + pool.settings.pingInterval.nanoseconds }
  }

  /// The host itself stood still for so long: the worker could not be heard.
  func forgive(_ nanoseconds: UInt64) {
    deadline = deadline.map { $0 + nanoseconds }
  }
}

// MARK: - streams and the end

extension WorkerProcess {
  private func listen(to child: ChildProcess) {
    if let channel = child.channel {
      open(channel) { self.read($0) }
      channel.onDrained = { self.group.freed(self) }
    }
    open(child.output) { bytes in
      self.outputCutter.cut(bytes) { self.printed($0, on: "stdout") }
    }
    open(child.errors) { bytes in
      self.errorsCutter.cut(bytes) { self.printed($0, on: "stderr") }
    }
  }

  private func open(
    _ stream: ByteStream, _ read: @escaping @LoopActor (UnsafeRawBufferPointer) -> Void
  ) {
    openStreams += 1
    stream.onRead = read
    stream.onEnd = { [weak stream] _ in self.endStream(stream) }
    stream.startReading()
  }

  private func read(_ bytes: UnsafeRawBufferPointer) {
    do {
      try reader.read(bytes) { head, payload in try take(head, payload) }
    } catch {
      breakOff("\(error)")
    }
  }

  private func endStream(_ stream: ByteStream?) {
    guard let stream else { return }
    stream.close()
    openStreams -= 1
    // Without its channel it is of no use; the exit, if it comes by itself, says more than a kill.
    if stream === child?.channel { leave(within: pool.settings.outputTimeout) }
    finishIfAllIsRead()
  }

  private func didExit(_ exit: ChildExit) {
    self.exit = exit
    leave(within: nil)
    // What it wrote before its end is still in the streams.
    deadline = pool.now + pool.settings.outputTimeout.nanoseconds
    pool.rearm()
    finishIfAllIsRead()
  }

  private func finishIfAllIsRead() {
    if exit != nil && openStreams == 0 { finish() }
  }

  private func finish() {
    guard let child, let exit else { return }
    self.child = nil
    deadline = nil
    for stream in [child.channel, child.output, child.errors] { stream?.close() }
    outputCutter.finish { printed($0, on: "stdout") }
    errorsCutter.finish { printed($0, on: "stderr") }
    remarkDropped()
    pool.ended(self, exit)
  }

  /// An answered attempt leaves the table.
  func finishFlight(at place: Dictionary<AttemptName, Flight>.Index) {
    let (name, flight) = inFlight.remove(at: place)
    let batch = batches.isEmpty ? nil : leaveBatch(name)
    answered += 1
    if batch != nil && batch === lately.batch { return }
    lately.runs += 1
    lately.batch = batch
    lately.name = name
    lately.flight = flight
  }
}
