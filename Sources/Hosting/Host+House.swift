// The host as the doors see it: each wish handed to the room that can fulfil it, each answer brought
// back to the loop.

import Dispatching
package import Doors
import EventLoop
package import EventSources
package import Invocations
import Records

extension Host: House {
  // MARK: The way in

  package func accept(
    _ proposals: [Proposal], answered: @escaping @LoopActor (Result<[Accepted], Refusal>) -> Void
  ) {
    dispatcher.accept(proposals) { outcome in answered(outcome) }
  }

  package func call(_ proposal: Proposal, listener: any CallListener) {
    dispatcher.call(proposal, listener: listener)
    setAlarm()
  }

  package func noteUnsigned(_ code: WebhookFault.Code, function: String) {
    let kind = UnsignedCalls.Kind(function: function, code: code)
    guard let count = unsignedCalls.count(kind, at: clocks.monotonic) else { return }
    bulletin.saw(.webhooksRefused(function: function, code: code.rawValue, count: count))
  }

  package func abandon(_ id: InvocationID, _ listener: any CallListener) {
    dispatcher.abandon(id, listener)
  }

  package func pauseStream(_ attempt: AttemptName) { dispatcher.pauseStream(attempt) }
  package func resumeStream(_ attempt: AttemptName) { dispatcher.resumeStream(attempt) }

  // MARK: What there is

  package var functions: [FunctionStatus] {
    let declared = Dictionary(
      dispatcher.declarations.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
    // One that is gone is told of as long as it has work.
    let told = dispatcher.counts.filter { $0.isDeclared || $0.unfinished > 0 }
    return told.map { counts in
      let seen = bulletin.statistics.functions[counts.name]
      var declaration =
        declared[counts.name]
        ?? FunctionDeclaration(name: counts.name, handler: "", triggers: [])
      // As it is on this host, whose store may promise less.
      declaration.durability = max(declaration.durability, settings.durability)
      var status = FunctionStatus(
        declaration: declaration,
        isDeclared: counts.isDeclared, unfinished: counts.unfinished, running: counts.running,
        pausedSince: counts.pausedSince, unhealthy: bulletin.statistics.unhealthy[counts.name],
        succeeded: seen?.succeeded ?? 0, dead: seen?.dead ?? 0, retried: seen?.retried ?? 0,
        lastMinute: seen?.minute.sum(at: clocks.monotonic) ?? MinuteCounts(),
        runP50Milliseconds: seen?.runTimes.percentile(0.5),
        runP99Milliseconds: seen?.runTimes.percentile(0.99))
      status.accepted = seen?.accepted ?? 0
      status.started = seen?.started ?? 0
      return status
    }
  }

  package var queueNames: [String] { dispatcher.declarations.flatMap(\.queues).sorted() }

  package func queues(
    then: @escaping @LoopActor (Result<[QueueStatus], InspectionFault>) -> Void
  ) {
    let back = Handover<Result<[String: QueueLoad], RecordFault>> { [self] outcome in
      then(outcome.map(statuses).mapError(InspectionFault.init))
    }
    store.queueLoads { back.give($0) }
  }

  private func statuses(_ loads: [String: QueueLoad]) -> [QueueStatus] {
    let running = dispatcher.runningByQueue
    let paused = Set(dispatcher.counts.flatMap(\.pausedQueues))
    return dispatcher.declarations.flatMap { function in
      function.queues.map { queue in
        let load = loads[queue]
        let running = running[queue] ?? 0
        return QueueStatus(
          name: queue, function: function.name,
          waiting: max(0, (load?.unfinished ?? 0) - running), running: running,
          held: load?.held ?? 0, oldestAt: load?.oldest.time, isPaused: paused.contains(queue))
      }
    }.sorted { $0.name < $1.name }
  }

  package var timerNames: [String] { timerDesk.statuses.map(\.name) }

  package func timers(
    firingsMax: Int,
    then: @escaping @LoopActor (Result<[TimerStatus], InspectionFault>) -> Void
  ) {
    let back = Handover<Result<[String: [InvocationRecord]], RecordFault>> { [self] outcome in
      then(outcome.map(statuses).mapError(InspectionFault.init))
    }
    store.firings(timers: timerNames, limit: firingsMax) { back.give($0) }
  }

  private func statuses(_ firings: [String: [InvocationRecord]]) -> [TimerStatus] {
    timerDesk.statuses.map { timer in
      TimerStatus(
        name: timer.name, function: timer.function, rule: timer.rule,
        upcoming: timerDesk.upcoming(timer.name, count: TimerStatus.upcomingMax),
        mark: timer.last, firings: firings[timer.name] ?? [])
    }
  }

  package var health: HouseHealth {
    var obstacles: [String] = []
    let standstill = store.standstill
    if let reason = dispatcher.isStalled {
      obstacles.append("the record cannot be written: \(reason)")
    } else if standstill >= StoreLimits.standstillMax {
      obstacles.append(
        "the disk is slow: \(store.backlog) changes wait, and none was written for "
          + "\(standstill.components.seconds) s")
    }
    if dispatcher.isDraining { obstacles.append("the host is stopping") }
    for (name, reason) in bulletin.statistics.unhealthy.sorted(by: { $0.key < $1.key }) {
      obstacles.append("workers of '\(name)' do not start: \(reason)")
    }
    return HouseHealth(obstacles: obstacles, bootNumber: boot, version: settings.version)
  }

  // MARK: What happened

  package func invocations(
    _ filter: InvocationFilter, among selection: Selection,
    then: @escaping @LoopActor (Result<Page<InvocationRecord>, InspectionFault>) -> Void
  ) {
    let back = Handover(then)
    switch selection {
    case .all: store.list(filter) { back.give($0.mapError(InspectionFault.init)) }
    case .deadLetters:
      store.listDeadLetters(filter) { back.give($0.mapError(InspectionFault.init)) }
    }
  }

  package func invocation(
    _ id: InvocationID,
    then: @escaping @LoopActor (Result<InvocationRecord?, InspectionFault>) -> Void
  ) {
    let back = Handover(then)
    store.show(id) { back.give($0.mapError(InspectionFault.init)) }
  }

  package func missedInstants(
    of timer: String,
    then: @escaping @LoopActor (Result<[MissedInstant], InspectionFault>) -> Void
  ) {
    let back = Handover(then)
    store.missedInstants(timer: timer, limit: 100) { back.give($0.mapError(InspectionFault.init)) }
  }

  package func ahead(
    of record: InvocationRecord,
    then: @escaping @LoopActor (Result<Int?, InspectionFault>) -> Void
  ) {
    let back = Handover(then)
    store.ahead(of: record) { back.give($0.mapError(InspectionFault.init)) }
  }

  package func cause(of record: InvocationRecord) -> WaitingCause {
    var cause = dispatcher.cause(of: record)
    if case .noWorker = cause.obstacle {
      let reason = bulletin.statistics.unhealthy[record.acceptance.function]
      cause.obstacle = .noWorker(reason: reason)
    }
    return cause
  }

  package func acceptance(of id: InvocationID) -> Acceptance? { dispatcher.acceptance(of: id) }

  package func follow(_ listener: any HappeningListener) { bulletin.add(listener) }
  package func unfollow(_ listener: any HappeningListener) { bulletin.remove(listener) }

  // MARK: What an operator does

  package func pause(
    _ subject: String, _ isPaused: Bool, then: @escaping @LoopActor (Bool) -> Void
  ) {
    let isKnown = dispatcher.pause(subject, since: isPaused ? clocks.wall : nil) { then(true) }
    if !isKnown { then(false) }
    setAlarm()
  }

  package func fire(
    timer: String, then: @escaping @LoopActor (Result<[Accepted], Refusal>) -> Void
  ) -> Bool {
    timerDesk.fire(timer) { then($0) }
  }

  package func cancel(_ record: InvocationRecord, onlyWaiting: Bool) -> Bool {
    defer { setAlarm() }
    return dispatcher.cancel(record, onlyWaiting: onlyWaiting)
  }

  package func release(_ record: InvocationRecord) -> Bool { dispatcher.release(record) }

  package func hurry(_ record: InvocationRecord) -> Bool {
    defer { setAlarm() }
    return dispatcher.hurry(record)
  }

  package func redrive(
    _ letter: Acceptance, by action: Int,
    answered: @escaping @LoopActor (Result<[Accepted], Refusal>) -> Void
  ) {
    dispatcher.redrive(letter, Redrive(action: action)) { answered($0) }
  }
}

extension InspectionFault {
  init(_ fault: RecordFault) { self.init(reason: "\(fault)") }
}

/// Brings an answer from a reader thread back to the loop.
struct Handover<Value: Sendable>: Sendable {
  let receive: @Sendable @LoopActor (Value) -> Void

  @LoopActor
  init(_ receive: @escaping @LoopActor (Value) -> Void) { self.receive = receive }

  func give(_ value: Value) { EventLoop.shared.submit { receive(value) } }
}
