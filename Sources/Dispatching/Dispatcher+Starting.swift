// Starting: a permit first, then the claim, then the frame. No permit, no claim, no attempt used.

import Invocations

extension Dispatcher {
  /// Starts what may start, one function after another, beginning with another one each time so
  /// that a busy function cannot keep the workers from the others.
  func pump() {
    guard !isDraining, stalledReason == nil, !round.isEmpty else { return }
    roundStart = (roundStart + 1) % round.count
    for offset in round.indices { pump(round[(roundStart + offset) % round.count]) }
  }

  /// Something of this work's function changed: a permit came free, work entered its line.
  func touch(_ work: Work) {
    guard let desk = desk(of: work), touched.last !== desk else { return }
    touched.append(desk)
  }

  /// Called once at the end of whatever came in, never from within: ends that end others would
  /// otherwise nest as deep as a line is long.
  func settle() {
    while let desk = touched.popLast() { pump(desk) }
  }

  func pump(_ desk: FunctionDesk) {
    guard !isDraining, stalledReason == nil else { return }
    if desk.declaration.batch != nil {
      pumpBatches(desk)
    } else {
      while desk.mayStart(at: clocks.monotonic), workers.hasRoom(for: desk.declared), diskKeepsUp()
      {
        guard let work = nextWork(at: desk) else { break }
        if canStart(work, at: desk) { start(work, at: desk) }
      }
    }
    refill(desk)
  }

  /// False while the disk is so far behind that a start had better wait; `reached` goes on then.
  func diskKeepsUp() -> Bool {
    waitsForDisk = appended &- onDisk >= UInt64(RecordLimits.startingBacklogMax)
    return !waitsForDisk
  }

  /// The next due work whose turn it is; from its line, or by way of the lanes.
  func nextWork(at desk: FunctionDesk) -> Work? {
    guard let lanes = desk.lanes else {
      while let work = desk.lines.popDue(at: clocks.wall) {
        if desk.passes(work) { return work }
        // Its queue is paused. It stays in the store; resuming reads the line anew.
        live[work.id] = nil
      }
      return nil
    }
    var isFilled = false
    repeat {
      isFilled = fill(lanes, from: desk)
      let work = lanes.next(
        at: clocks.monotonic, isPaused: { !desk.passes($0) }, dropped: { live[$0.id] = nil })
      if let work { return work }
      // Lanes that had to step aside have made room for others.
    } while isFilled
    return nil
  }

  /// All that is due goes to the lane of its value; false where there was nothing, or no room.
  private func fill(_ lanes: Lanes, from desk: FunctionDesk) -> Bool {
    var hasFilled = false
    while !lanes.isFull, let work = desk.lines.popDue(at: clocks.wall) {
      hasFilled = true
      switch lanes.add(work) {
      case .taken: break
      case .leftToStore:
        live[work.id] = nil
      case .staleInStore(let lane):
        // Left there under its old lane it would not be found again.
        work.relane(lane)
        record([.relane(work.id, lane: lane)]) { [self] in
          guard live[work.id] === work else { return }
          if desk.lanes?.relaned(work, lane) ?? false {
            live[work.id] = nil
          } else {
            enterLine(work)
          }
          touch(work)
        }
      }
    }
    return hasFilled
  }

  /// False when the work ended here instead of starting.
  func canStart(_ work: Work, at desk: FunctionDesk) -> Bool {
    guard workers.hasRoom(for: desk.declared) else { return false }
    if work.acceptance.hops >= Self.hopsMax {
      let error = ErrorRecord(
        code: "hops", message: "the event has come through \(Self.hopsMax) functions: a loop?")
      refuse(work, .hops, error)
      return false
    }
    if clocks.wall > work.invocation.createdAt + desk.declaration.retry.maxAge {
      let error = ErrorRecord(code: "expired", message: "older than maxAge before it could start")
      refuse(work, .expired, error)
      return false
    }
    return true
  }

  func start(_ work: Work, at desk: FunctionDesk) {
    guard case .run(let number) = apply(.claimed, to: work, desk.declared) else { return }
    let name = AttemptName(id: work.id, attempt: number)
    let remaining = desk.declaration.timeout.nanoseconds
    let attempt = RunningAttempt(
      work: work, name: name, declared: desk.declared, startedAt: clocks.wall,
      deadline: clocks.monotonic.addingReportingOverflow(remaining).partialValue,
      release: release)
    running[name] = attempt
    desk.running += 1
    desk.attempts += 1
    desk.began(work, at: clocks.monotonic)
    work.isAheadOfStore = false
    forgetDebounce(of: work, at: desk)
    desk.noteDeadline(attempt)
    attempt.worker = workers.start(assignment(of: attempt, remaining: remaining))
    noteStarted(attempt)
  }

  func noteStarted(_ attempt: RunningAttempt) {
    let work = attempt.work
    noteStart(of: attempt)
    observer.saw(
      .started(
        work.id, function: work.acceptance.function, attempt: attempt.name.attempt,
        worker: attempt.worker))
  }

  /// Written again where the attempt waited for a process first: the later one stands.
  func noteStart(of attempt: RunningAttempt) {
    record(
      [
        .start(
          AttemptStart(
            id: attempt.work.id, attempt: attempt.name.attempt, boot: boot, worker: attempt.worker,
            at: attempt.startedAt, release: attempt.release))
      ], durability: attempt.work.acceptance.durability)
  }

  func assignment(of attempt: RunningAttempt, remaining: UInt64) -> Assignment {
    Assignment(
      name: attempt.name, declared: attempt.declared,
      attemptsMax: attempt.work.acceptance.attemptsMax,
      failures: attempt.work.invocation.failures, accepted: attempt.work.accepted,
      remainingNanoseconds: remaining)
  }

  /// Moves the state and returns the effect.
  ///
  /// A change that the state cannot take is a mistake of this room, not of a user: the fence has
  /// let through what it should have stopped.
  func apply(
    _ change: Invocation.Change, to work: Work, _ declared: Shared<FunctionDeclaration>
  ) -> Invocation.Effect {
    // Only a failure needs it, and the system's is a call into the kernel.
    let chance = if case .failed = change { self.chance() } else { 0.0 }
    let rule = RetryRule(
      policy: declared.value.retry, attemptsMax: work.accepted.value.attemptsMax,
      onCrash: declared.value.onCrash, now: clocks.wall, chance: chance)
    do {
      return try work.invocation.apply(change, retrying: rule)
    } catch {
      preconditionFailure("invocation \(work.id): \(error)")
    }
  }

  /// Asks the store for the next part of the line when memory runs low.
  func refill(_ desk: FunctionDesk) {
    guard desk.isDeclared, desk.pausedSince == nil else { return }
    let name = desk.declaration.name
    for priority in Priority.allCases where desk.beginRefill(priority, at: clocks.monotonic) {
      log.read(
        .waiting(
          function: name, priority: priority, after: desk.lines[priority].horizon,
          limit: desk.lines[priority].refillCount))
    }
    guard clocks.monotonic >= desk.readNotBefore else { return }
    if desk.begun == .unknown {
      desk.begun = .beingRead
      // What has begun a moment ago may be on its way to disk, and the reader sees only the disk.
      let round = desk.begunRound
      afterAllOnDisk { [self] in
        guard desk.begunRound == round, desk.begun == .beingRead else { return }
        desk.begunReadsUnderWay += 1
        log.read(.begun(function: name, after: nil, limit: WaitingLine.refillMax))
      }
    }
    while let read = desk.lanes?.nextRead(function: name) { log.read(read) }
  }

  // MARK: Lines

  func enterLine(_ work: Work) {
    guard let desk = desk(of: work) else { return }
    guard !replaceFormer(of: work, at: desk) else { return }
    guard desk.isDeclared, desk.lines.insert(work) else {
      live[work.id] = nil
      desk.noteGone(work)
      return
    }
    for dropped in desk.lines.trim() { live[dropped.id] = nil }
  }

  /// Rows from the store.
  ///
  /// What memory knows already is running, or came by another way.
  func enterLine(
    _ rows: ArraySlice<WaitingRecord>, _ priority: Priority, at desk: FunctionDesk
  ) {
    for row in rows {
      let id = row.acceptance.id
      guard live[id] == nil, leaving[id] == nil, !desk.lines[priority].isGone(id) else { continue }
      let work = Work(row)
      live[work.id] = work
      if !desk.lines.insert(work) { live[work.id] = nil }
    }
    for dropped in desk.lines.trim() { live[dropped.id] = nil }
  }

  /// Forgets a line in memory and reads it anew: after a pause, or a read that failed.
  func readAnew(_ desk: FunctionDesk) {
    desk.askAgainWhatHasBegun()
    for dropped in desk.forgetWaiting() { live[dropped.id] = nil }
    touched.append(desk)
  }
}
