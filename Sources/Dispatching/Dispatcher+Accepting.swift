// Accepting: from a proposal to an obligation on disk. All of one request is accepted or none of it.

package import Invocations

extension Dispatcher {
  /// Emitted events may go this deep; deeper is a loop.
  package static let hopsMax = 16

  /// Accepts events whose senders wait only for the disk.
  ///
  /// `answered` comes once, later, in the order of the events.
  package func accept(
    _ proposals: [Proposal], advancing timer: TimerAdvance? = nil,
    answered: @escaping (Result<[Accepted], Refusal>) -> Void
  ) {
    if let refusal = refusal(of: proposals) {
      answered(.failure(refusal))
      return
    }
    var items: [Accepted] = []
    var changes: [RecordChange] = []
    var entering: [Work] = []
    // What duplicates stand for: a duplicate of something that the disk refuses is refused with it.
    var originals: [Work] = []
    for proposal in proposals {
      let (item, work) = take(proposal, into: &changes)
      items.append(item)
      if let work {
        entering.append(work)
      } else if let first = live[item.invocation] ?? leaving[item.invocation] {
        originals.append(first)
      }
    }
    if let timer { changes.append(.timer(timer)) }
    guard !changes.isEmpty else {
      return afterAllOnDisk { answered(Self.answer(items, entering, originals)) }
    }
    let durability = durability(of: entering, originals, timer)
    // Nothing was promised that the disk would have to keep.
    guard durability != .memory else {
      record(changes, entering: entering, durability: durability)
      return answered(Self.answer(items, entering, originals))
    }
    record(
      changes, entering: entering, durability: durability,
      then: .acknowledge(items, originals: originals, answered))
  }

  /// The firmest of what goes together; a timer's mark is what keeps an instant from firing twice.
  private func durability(
    of entering: [Work], _ originals: [Work], _ timer: TimerAdvance?
  ) -> Durability {
    guard timer == nil, !entering.isEmpty || !originals.isEmpty else { return .disk }
    let firmest = entering.reduce(Durability.memory) { min($0, $1.acceptance.durability) }
    return originals.reduce(firmest) { min($0, $1.acceptance.durability) }
  }

  static func answer(
    _ items: [Accepted], _ entering: [Work], _ originals: [Work]
  ) -> Result<[Accepted], Refusal> {
    // The commit failed: the disk has none of the request, because one append is all or nothing.
    entering.contains(where: \.wasRefused) || originals.contains(where: \.wasRefused)
      ? .failure(.storeStalled(reason: "the record could not be written")) : .success(items)
  }

  /// Accepts a call whose caller waits for the handler's answer.
  ///
  /// It may start while its record is on its way to disk: nothing has been acknowledged, and its
  /// answer waits for the record.
  package func call(_ proposal: Proposal, listener: any CallListener) {
    if let refusal = refusal(of: [proposal]) { return listener.callEnded(.refused(refusal)) }
    if desk(named: proposal.function)?.pausedSince != nil, known(proposal) == nil {
      return listener.callEnded(.refused(.functionPaused(proposal.function)))
    }
    if let known = known(proposal) { return answerAgain(proposal, known, listener) }
    var changes: [RecordChange] = []
    let (_, work) = take(proposal, into: &changes)
    guard let work else { return }
    listeners[work.id] = [listener]
    listener.callBegan(work.id)
    let desk = desk(named: proposal.function)
    let isNext = desk.map { $0.isFree && $0.mayStart(at: clocks.monotonic) } ?? false
    guard let desk, isNext, work.due <= clocks.wall, workers.hasRoom(for: desk.declared) else {
      return record(changes, entering: [work], durability: work.acceptance.durability)
    }
    record(changes, durability: work.acceptance.durability)
    if canStart(work, at: desk) { start(work, at: desk) }
    settle()
  }

  private func refusal(of proposals: [Proposal]) -> Refusal? {
    if isDraining { return .draining }
    if let stalledReason { return .storeStalled(reason: stalledReason) }
    if log.backlog >= RecordLimits.backlogMax { return .busy }
    // The events of a request are mostly one function's: only where it changes is anything looked up.
    var wanted: (desk: FunctionDesk?, count: Int) = (nil, 0)
    var earlier: [ObjectIdentifier: Int] = [:]
    for proposal in proposals {
      guard let desk = desk(named: proposal.function), desk.isDeclared else {
        return .unknownFunction(proposal.function)
      }
      let bytes = proposal.event.data.count
      guard bytes <= desk.declaration.payloadBytesMax else {
        return .payloadTooLarge(
          function: proposal.function, bytes: bytes, bytesMax: desk.declaration.payloadBytesMax)
      }
      if wanted.desk !== desk {
        if let former = wanted.desk { earlier[ObjectIdentifier(former)] = wanted.count }
        wanted = (desk, earlier[ObjectIdentifier(desk)] ?? 0)
      }
      wanted.count += 1
      if let path = missingKey(of: proposal, at: desk) {
        return .keyMissing(function: proposal.function, path: path)
      }
      if proposal.priority != nil, desk.declaration.order != nil {
        return .orderedFunction(proposal.function)
      }
      guard desk.unfinished + wanted.count <= desk.declaration.queueLimit else {
        return .queueFull(function: proposal.function, limit: desk.declaration.queueLimit)
      }
      if keys.isFull, keyText(of: proposal) != nil { return .keysFull }
    }
    return nil
  }

  /// Where the key had to be.
  ///
  /// A timer's event is not its sender's to mend.
  private func missingKey(of proposal: Proposal, at desk: FunctionDesk) -> String? {
    let policy = desk.declaration.idempotency
    guard policy.isRequired, let path = policy.key, !proposal.trigger.hasPrefix("timer:"),
      keyText(of: proposal)?.isEmpty ?? true
    else { return nil }
    return path.source
  }

  // MARK: Keys

  struct KnownKey {
    var digest: Digest
    var entry: KeyBook.Entry
  }

  func keyText(of proposal: Proposal) -> String? {
    if let given = proposal.key?.text { return given }
    return desk(named: proposal.function)?.declaration.idempotency.key?.value(in: proposal.event)
  }

  private func known(_ proposal: Proposal) -> KnownKey? {
    guard let text = keyText(of: proposal) else { return nil }
    let digest = hasher.digest(function: proposal.function, key: text)
    return kept(digest).map { KnownKey(digest: digest, entry: $0) }
  }

  /// The key's entry, unless its time is over: sweeping lags behind the clock.
  func kept(_ digest: Digest) -> KeyBook.Entry? {
    guard let entry = keys[digest] else { return nil }
    return entry.isFinished && entry.expiresAt <= clocks.wall ? nil : entry
  }

  /// A call whose key came before: another body, still running, or the stored answer.
  private func answerAgain(
    _ proposal: Proposal, _ known: KnownKey, _ listener: any CallListener
  ) {
    let id = known.entry.invocation
    let duplicate = RecordChange.duplicate(id)
    observer.saw(.duplicate(of: id, function: proposal.function))
    if let body = proposal.key?.body, let first = keys.body(of: known.digest),
      hasher.digest(body) != first
    {
      record([duplicate])
      return listener.callEnded(.refused(.keyReused(id)))
    }
    guard known.entry.isFinished else {
      record([duplicate])
      return join(id, proposal.function, listener)
    }
    nextReplay += 1
    let token = nextReplay
    replays[token] = listener
    // The end may still be on its way to disk, and the reader sees only the disk.
    record([duplicate]) { [self] in log.read(.replay(id, token: token)) }
  }

  /// Callers who share one invocation's answer.
  package static let joinedMax = 1_000

  /// The first call with the key still runs: the second one shares its answer, or is refused.
  private func join(_ id: InvocationID, _ function: String, _ listener: any CallListener) {
    guard desks[function]?.declaration.idempotency.whenRunning == .join else {
      return listener.callEnded(.refused(.keyRunning(id)))
    }
    guard listeners[id, default: []].count < Self.joinedMax else {
      return listener.callEnded(.refused(.tooManyJoined(id, limit: Self.joinedMax)))
    }
    listeners[id, default: []].append(listener)
    listener.callBegan(id)
  }

  // MARK: Taking

  /// Turns a proposal into an acceptance, or into the duplicate of an earlier one (then no work).
  func take(_ proposal: Proposal, into changes: inout [RecordChange]) -> (Accepted, Work?) {
    if let known = known(proposal) {
      changes.append(.duplicate(known.entry.invocation))
      observer.saw(.duplicate(of: known.entry.invocation, function: proposal.function))
      let item = Accepted(
        event: proposal.event.id, invocation: known.entry.invocation, isDuplicate: true)
      return (item, nil)
    }
    let work = Work(acceptance(of: proposal))
    if proposal.call == proposal.storedCall {
      changes.append(.accepted(work.accepted))
    } else {
      var stored = work.acceptance
      stored.call = proposal.storedCall
      changes.append(.accept(stored))
    }
    enrol(work)
    let item = Accepted(event: proposal.event.id, invocation: work.id, isDuplicate: false)
    return (item, work)
  }

  private func acceptance(of proposal: Proposal) -> Acceptance {
    let now = clocks.wall
    let desk = desk(named: proposal.function)
    let policy = desk?.declaration.retry ?? RetryPolicy()
    let isCall = proposal.call != nil
    let dueAt = max(now, proposal.dueAt ?? now)
    let standing = standing(
      of: proposal.event, priority: proposal.priority, at: proposal.function, dueAt)
    return Acceptance(
      id: ids.next(at: now), function: proposal.function, trigger: proposal.trigger,
      queue: proposal.queue, event: proposal.event, call: proposal.call,
      key: key(of: proposal, keep: desk?.declaration.idempotency.keep ?? .zero, now: now),
      cause: proposal.cause, redriveOf: proposal.redriveOf, hops: proposal.hops, createdAt: now,
      dueAt: quietEnd(of: standing, dueAt, desk?.declaration.debounce),
      attemptsMax: isCall && !policy.attemptsAreGiven ? 1 : policy.attemptsMax,
      priority: proposal.priority, standing: standing,
      durability: desk.map { durability(of: $0.declaration) } ?? durability,
      fields: desk?.declaration.fields ?? [])
  }

  /// How an event stands among the others of its function, under the manifest of this moment.
  func standing(
    of event: Event, priority: Priority?, at function: String, _ dueAt: WallTime
  ) -> Standing {
    guard let desk = desk(named: function) else { return Standing() }
    // With an order all stand in one line, whatever the manifest says now or said before.
    let effective = desk.declaration.order != nil ? .normal : priority ?? desk.declaration.priority
    return Standing(
      priority: effective, lane: desk.lanes?.lane(of: event, effective),
      debounce: debounce(of: event, at: desk, dueAt))
  }

  private func key(of proposal: Proposal, keep: Duration, now: WallTime) -> IdempotencyKey? {
    guard let text = keyText(of: proposal) else { return nil }
    return IdempotencyKey(
      text: text, digest: hasher.digest(function: proposal.function, key: text),
      body: proposal.key?.body.map { hasher.digest($0) }, expiresAt: now + keep)
  }

  /// Puts new work under the dispatcher's eyes; it enters its line when its record is on disk.
  func enrol(_ work: Work) {
    live[work.id] = work
    rememberDebounce(of: work)
    if let key = work.acceptance.key {
      // A little of the sweep with every key, so that the book shrinks as fast as it grows.
      keys.expire(at: clocks.wall, limit: 8)
      let keep = desk(of: work)?.declaration.idempotency.keep ?? .zero
      keys.remember(key, for: work.id, keep: keep)
    }
    desk(of: work)?.unfinished += 1
    observer.saw(.accepted(work.accepted))
  }
}
