// What an operator may do: pause and resume, cancel, run again, drain; and what they may see.

package import Invocations

/// How a dead letter is sent again.
package struct Redrive {
  /// In the place of the letter's own.
  package var event: Event?
  /// Another function than the letter's own.
  package var function: String?
  /// The operator's action that asked for it.
  package var action: Int?

  package init(event: Event? = nil, function: String? = nil, action: Int? = nil) {
    self.event = event
    self.function = function
    self.action = action
  }
}

extension Dispatcher {
  // MARK: Pause

  /// `function:charge-payment` or `queue:payments`; nil resumes.
  ///
  /// False when there is no such thing.
  @discardableResult
  package func pause(_ subject: String, since: WallTime?, then told: @escaping () -> Void) -> Bool {
    guard setPause(subject, since: since) else { return false }
    defer { settle() }
    record([.pause(subject: subject, since: since)], then: told)
    observer.saw(since == nil ? .resumed(subject: subject) : .paused(subject: subject))
    return true
  }

  @discardableResult
  func setPause(_ subject: String, since: WallTime?) -> Bool {
    let parts = subject.split(separator: ":", maxSplits: 1).map(String.init)
    guard parts.count == 2 else { return false }
    switch parts[0] {
    case "function":
      guard let desk = desks[parts[1]] else { return false }
      desk.pausedSince = since
      touched.append(desk)
    case "queue":
      return since == nil ? resume(queue: parts[1]) : pause(queue: parts[1])
    default: return false
    }
    return true
  }

  private func pause(queue: String) -> Bool {
    guard let desk = queueOwners[queue].flatMap({ desks[$0] }) else { return false }
    desk.pausedQueues.insert(queue)
    for dropped in desk.gathered.removeAll(where: { !desk.passes($0) }) { live[dropped.id] = nil }
    return true
  }

  /// For all functions that have work of it: it may have been another's before.
  private func resume(queue: String) -> Bool {
    var isKnown = queueOwners[queue] != nil
    for desk in desks.values where desk.pausedQueues.remove(queue) != nil {
      isKnown = true
      readAnew(desk)
    }
    return isKnown
  }

  // MARK: One invocation

  /// Ends it `cancelled`: at once where it waits, through its handler's cancellation where it runs.
  ///
  /// `record` is what the store says, for work that memory does not hold. False when it has ended.
  package func cancel(_ record: InvocationRecord, onlyWaiting: Bool = false) -> Bool {
    let id = record.acceptance.id
    guard !isDraining, leaving[id] == nil, let desk = desks[record.acceptance.function],
      let work = live[id] ?? unfinishedWork(record, at: desk)
    else { return false }
    // Who asks twice within a moment has read both times that it waits.
    if live[id] == nil, !endedInStore.note(id) { return false }
    if onlyWaiting, case .running = work.invocation.state { return false }
    if case .running(let number) = work.invocation.state {
      guard let attempt = running[AttemptName(id: id, attempt: number)] else { return false }
      guard !attempt.isCancelledByOperator else { return true }
      attempt.isCancelledByOperator = true
      if !attempt.hasTimedOut { stop(attempt) }
      return true
    }
    _ = apply(.cancelled(attempt: nil), to: work, desk.declared)
    end(work, ending(of: work, attempt: nil, error: nil))
    settle()
    return true
  }

  /// Work that only the store has.
  ///
  /// The record was read a moment ago: what memory covers and does not hold has ended since, unless
  /// its queue is paused and memory passed it over.
  private func unfinishedWork(_ record: InvocationRecord, at desk: FunctionDesk) -> Work? {
    let work = Work(
      WaitingRecord(
        acceptance: record.acceptance, state: record.state, due: record.due,
        attempts: record.attempts, failures: record.failures))
    switch record.state {
    case .queued, .waiting: return desk.covers(work) ? nil : work
    case .held: return unheld.note(work.id) ? work : nil
    case .running, .succeeded, .dead, .cancelled: return nil
    }
  }

  /// Lets held work run again; false when it is not held.
  package func release(_ record: InvocationRecord) -> Bool {
    let id = record.acceptance.id
    guard record.state == .held, !isDraining, live[id] == nil, leaving[id] == nil,
      let desk = desks[record.acceptance.function], let work = unfinishedWork(record, at: desk)
    else { return false }
    _ = apply(.resumed, to: work, desk.declared)
    work.due = clocks.wall
    live[id] = work
    self.record([.release(id, due: work.due)], entering: [work])
    return true
  }

  /// Brings the next attempt of a waiting invocation forward to now.
  ///
  /// `record` is what the store says, for work that memory does not hold. False when it does not
  /// wait.
  package func hurry(_ record: InvocationRecord) -> Bool {
    guard let desk = desks[record.acceptance.function] else { return false }
    guard let work = live[record.acceptance.id] else { return hurryInStore(record, at: desk) }
    guard case .waiting = work.invocation.state else { return false }
    // What is due stands where it should; moved back it could fall behind what memory covers.
    guard work.due > clocks.wall else { return true }
    work.due = clocks.wall
    // What a paused queue holds up is forgotten here and read again: the store has to know.
    guard !desk.holds(work.acceptance.queue) else {
      self.record(
        [.release(work.id, due: work.due)], entering: work.isEntering ? [] : [work])
      return true
    }
    work.isAheadOfStore = true
    // On its way to disk it comes by itself; twice in line it could be taken twice.
    if !work.isEntering { enterLine(work) }
    touched.append(desk)
    settle()
    return true
  }

  /// There it is given its new place, by which it comes like any other.
  private func hurryInStore(_ record: InvocationRecord, at desk: FunctionDesk) -> Bool {
    guard record.state == .waiting, !isDraining, leaving[record.acceptance.id] == nil,
      let work = unfinishedWork(record, at: desk)
    else { return false }
    guard work.due > clocks.wall else { return true }
    work.due = clocks.wall
    live[work.id] = work
    self.record([.release(work.id, due: work.due)], entering: [work])
    return true
  }

  /// Sends a dead letter again as a new invocation that names the old one.
  ///
  package func redrive(
    _ letter: Acceptance, _ wish: Redrive = Redrive(),
    answered: @escaping (Result<[Accepted], Refusal>) -> Void
  ) {
    let function = wish.function ?? letter.function
    guard let desk = desks[function], desk.isDeclared else {
      return answered(.failure(.unknownFunction(function)))
    }
    if isDraining { return answered(.failure(.draining)) }
    let bytes = (wish.event ?? letter.event).data.count
    guard bytes <= desk.declaration.payloadBytesMax else {
      let limit = desk.declaration.payloadBytesMax
      return answered(
        .failure(.payloadTooLarge(function: function, bytes: bytes, bytesMax: limit)))
    }
    let work = Work(again(letter, wish, at: desk))
    guard redriven.note(letter.id) else { return answered(.failure(.alreadyRedriven(letter.id))) }
    if let refusal = refusalOfRedrive(desk) {
      redriven.forget(letter.id)
      return answered(.failure(refusal))
    }
    enrol(work)
    let item = Accepted(event: work.acceptance.event.id, invocation: work.id, isDuplicate: false)
    record(
      [.accepted(work.accepted), .redriven(letter.id, as: work.id, by: wish.action)],
      entering: [work]
    ) { [self] in
      if work.wasRefused { redriven.forget(letter.id) }
      answered(
        work.wasRefused
          ? .failure(.storeStalled(reason: "the record could not be written")) : .success([item]))
    }
  }

  private func again(_ letter: Acceptance, _ wish: Redrive, at desk: FunctionDesk) -> Acceptance {
    let now = clocks.wall
    var again = Acceptance(
      id: ids.next(at: now), function: letter.function, trigger: letter.trigger,
      queue: letter.queue, event: wish.event ?? letter.event, call: letter.call,
      cause: letter.cause, redriveOf: letter.id, hops: 0, createdAt: now, dueAt: now,
      attemptsMax: attemptsMax(of: letter, at: desk), priority: letter.priority,
      durability: durability(of: desk.declaration))
    // No trigger of the other function brought it, and no pause of the queue holds it up.
    if let function = wish.function, function != letter.function {
      again.function = function
      again.trigger = "redrive"
      again.queue = nil
    }
    again.standing = redriveStanding(of: again, at: desk)
    again.fields = desk.declaration.fields
    return again
  }

  /// As the manifest has it now; a call has one attempt unless it says otherwise.
  private func attemptsMax(of letter: Acceptance, at desk: FunctionDesk) -> Int {
    let policy = desk.declaration.retry
    return letter.call != nil && !policy.attemptsAreGiven ? 1 : policy.attemptsMax
  }

  /// A dead letter does not wait for a quiet time again.
  private func redriveStanding(of letter: Acceptance, at desk: FunctionDesk) -> Standing {
    var standing = standing(
      of: letter.event, priority: letter.priority, at: desk.declaration.name, clocks.wall)
    standing.debounce = nil
    return standing
  }

  private func refusalOfRedrive(_ desk: FunctionDesk) -> Refusal? {
    if let stalledReason { return .storeStalled(reason: stalledReason) }
    guard log.backlog < RecordLimits.backlogMax else { return .busy }
    let limit = desk.declaration.queueLimit
    return desk.unfinished < limit
      ? nil : .queueFull(function: desk.declaration.name, limit: limit)
  }

  package func purge(_ ids: [InvocationID], by action: Int?, then told: @escaping () -> Void) {
    record([.purged(ids, by: action)], then: told)
  }

  /// Notes what an operator does, or how far it has come.
  package func note(_ action: OperatorAction, then told: (() -> Void)? = nil) {
    record([.action(action)]) { [self] in
      told?()
      // Who is told of it can read it.
      observer.saw(.action(action))
    }
  }

  /// Tells the record what the live release asks of it.
  package func note(_ rules: RecordRules) { record([.declared(rules)]) }

  /// The listener's client has gone; the invocation goes on without it.
  package func abandon(_ id: InvocationID, _ listener: any CallListener) {
    listeners[id]?.removeAll { $0 === listener }
    if listeners[id]?.isEmpty == true { listeners[id] = nil }
  }

  package func pauseStream(_ attempt: AttemptName) { workers.pauseStream(attempt) }
  package func resumeStream(_ attempt: AttemptName) { workers.resumeStream(attempt) }

  // MARK: Draining

  /// Starts nothing and accepts nothing from now on; what runs may end.
  package func drain() { isDraining = true }

  package var runningCount: Int { running.count }

  // MARK: Counts

  package struct FunctionCounts: Sendable, Equatable {
    package var name: String
    package var isDeclared: Bool
    package var unfinished: Int
    package var running: Int
    package var pausedSince: WallTime?
    package var pausedQueues: [String]
  }

  package var counts: [FunctionCounts] {
    desks.values.map {
      FunctionCounts(
        name: $0.declaration.name, isDeclared: $0.isDeclared, unfinished: $0.unfinished,
        running: $0.running, pausedSince: $0.pausedSince, pausedQueues: $0.pausedQueues.sorted())
    }.sorted { $0.name < $1.name }
  }

  /// Attempts with a worker, by the queue their event came through.
  package var runningByQueue: [String: Int] {
    running.values.reduce(into: [:]) { counts, attempt in
      if let queue = attempt.work.acceptance.queue { counts[queue, default: 0] += 1 }
    }
  }

  /// Of what memory holds; it is there until the observer has been told of its end.
  package func acceptance(of id: InvocationID) -> Acceptance? {
    (live[id] ?? leaving[id])?.acceptance
  }

  package var declarations: [FunctionDeclaration] { round.map(\.declaration) }
  package var isStalled: String? { stalledReason }
  package var liveCount: Int { live.count }
  package var keyCount: Int { keys.count }
}
