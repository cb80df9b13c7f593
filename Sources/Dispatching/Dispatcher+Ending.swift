// Ending: the last record of an invocation, with what leaves in the same commit: the events its
// handler emitted, or the dead letter on its way to its queue.

import Invocations

extension Dispatcher {
  func ending(of work: Work, attempt: AttemptRecord?, error: ErrorRecord?) -> Ending {
    var reason: DeathReason?
    if case .dead(let why) = work.invocation.state { reason = why }
    return Ending(
      id: work.id, function: work.acceptance.function, state: work.invocation.state.word,
      reason: reason, endedAt: clocks.wall, attempt: attempt, error: error)
  }

  func end(_ work: Work, _ ending: Ending, _ emission: Emission = Emission()) {
    live[work.id] = nil
    let desk = desk(of: work)
    desk?.noteGone(work)
    desk?.lanes?.ended(work)
    if let desk { forgetDebounce(of: work, at: desk) }
    let waiting = listeners.removeValue(forKey: work.id) ?? []
    // Its acceptance never reached the disk: it was taken back, and its caller told.
    guard !work.wasRefused else { return }
    var ending = ending
    work.children = emission.children
    if let letter = deadLetter(of: work, ending) { work.children.append(letter) }
    ending.emitted = work.children.map(\.acceptance)
    for child in work.children { enrol(child) }
    desk?.unfinished -= 1
    if let key = work.acceptance.key { keys.finish(key.digest, of: work.id) }
    leaving[work.id] = work
    let ended = Shared(ending)
    var changes: [RecordChange] = [.ended(ended)]
    for id in emission.duplicates { changes.append(.duplicate(id)) }
    let durability = work.children.reduce(work.acceptance.durability) {
      min($0, $1.acceptance.durability)
    }
    // Callers of a function that promises nothing need not wait for the disk.
    let isTold = work.acceptance.durability == .memory
    record(
      changes, entering: work.children, durability: durability,
      then: .leave(work, ended, isTold ? [] : waiting))
    if isTold { for listener in waiting { listener.callEnded(.ended(ended.value)) } }
    touch(work)
  }

  /// The end is on disk, or refused for good.
  func left(_ work: Work, _ ending: Shared<Ending>, _ waiting: [any CallListener]) {
    defer { leaving[work.id] = nil }
    desk(of: work)?.noteGone(work)
    work.children = []
    for listener in waiting {
      let refusal = CallOutcome.refused(.storeStalled(reason: "the record could not be written"))
      listener.callEnded(work.wasRefused ? refusal : .ended(ending.value))
    }
    guard !work.wasRefused else { return }
    observer.saw(.ended(ending, acceptedAt: work.acceptance.createdAt))
  }

  /// Ends work that never ran.
  func refuse(_ work: Work, _ reason: DeathReason, _ error: ErrorRecord) {
    guard let desk = desk(of: work) else { return }
    _ = apply(.refused(reason), to: work, desk.declared)
    end(work, ending(of: work, attempt: nil, error: error))
  }

  // MARK: Emitted events

  /// What a success sends on: new work, and events whose key has come before.
  struct Emission {
    var children: [Work] = []
    var duplicates: [InvocationID] = []
  }

  func route(_ emitted: [EmittedEvent], from work: Work) -> Result<Emission, Failure> {
    var emission = Emission()
    var seen: [Digest: InvocationID] = [:]
    for (index, one) in emitted.enumerated() {
      guard let function = function(forQueue: one.queue) else {
        let error = ErrorRecord(
          code: "unknown-queue",
          message: "emitted to queue '\(one.queue)', which triggers no function")
        return .failure(Failure(kind: .thrown, error: error))
      }
      guard one.data.count <= function.payloadBytesMax else {
        let error = ErrorRecord(
          code: "payload-too-large",
          message: "emitted \(one.data.count) bytes to queue '\(one.queue)'; its function "
            + "'\(function.name)' takes \(function.payloadBytesMax)")
        return .failure(Failure(kind: .rejected, error: error))
      }
      let event = emittedEvent(one, index: index, from: work)
      let child = follower(of: work, event, to: function, queue: one.queue, delay: one.delay)
      if let digest = child.acceptance.key?.digest {
        if let first = kept(digest)?.invocation ?? seen[digest] {
          emission.duplicates.append(first)
          continue
        }
        seen[digest] = child.id
      }
      emission.children.append(child)
    }
    return .success(emission)
  }

  /// The id follows from cause and place unless the handler gave one.
  private func emittedEvent(_ emitted: EmittedEvent, index: Int, from work: Work) -> Event {
    Event(
      id: emitted.id ?? "\(work.id).\(index)", source: "/functions/\(work.acceptance.function)",
      type: emitted.type ?? "apus.emitted", subject: emitted.subject,
      dataContentType: emitted.contentType,
      extensions: Self.lineage(of: work, hops: work.acceptance.hops + 1), data: emitted.data)
  }

  /// Work that another invocation caused.
  ///
  /// Where the manifest names a key, that key decides whether it runs; without one no key is kept,
  /// because one commit makes the event and can only do it once.
  private func follower(
    of work: Work, _ event: Event, to function: FunctionDeclaration, queue: String,
    delay: Duration
  ) -> Work {
    let now = clocks.wall
    let dueAt = now + delay
    let standing = standing(of: event, priority: nil, at: function.name, dueAt)
    let key = function.idempotency.key?.value(in: event).map {
      IdempotencyKey(
        text: $0, digest: hasher.digest(function: function.name, key: $0), body: nil,
        expiresAt: now + function.idempotency.keep)
    }
    let acceptance = Acceptance(
      id: ids.next(at: now), function: function.name, trigger: "queue:\(queue)", queue: queue,
      event: event, key: key, cause: work.id, hops: work.acceptance.hops + 1, createdAt: now,
      dueAt: quietEnd(of: standing, dueAt, function.debounce),
      attemptsMax: function.retry.attemptsMax,
      standing: standing, durability: durability(of: function), fields: function.fields)
    return Work(acceptance)
  }

  static func lineage(of work: Work, hops: Int) -> [Event.Extension] {
    var extensions = work.acceptance.event.extensions.filter {
      $0.name == "traceparent" || $0.name == "tracestate"
    }
    extensions.append(Event.Extension(name: "apuscause", value: .string("\(work.id)")))
    extensions.append(Event.Extension(name: "apushops", value: .integer(Int32(hops))))
    return extensions
  }

  // MARK: Dead letters

  /// The dead letter's way into the queue that its manifest names.
  ///
  /// The letter itself stays in the store in any case.
  private func deadLetter(of work: Work, _ ending: Ending) -> Work? {
    guard ending.state == .dead, let reason = ending.reason,
      let queue = desk(of: work)?.declaration.deadLetter,
      let function = function(forQueue: queue)
    else { return nil }
    var event = work.acceptance.event
    event.id = "\(work.id).dead"
    event.source = "/functions/\(work.acceptance.function)"
    event.extensions.removeAll { $0.name.hasPrefix("apus") }
    event.extensions += Self.lineage(of: work, hops: work.acceptance.hops + 1).filter {
      $0.name.hasPrefix("apus")
    }
    event.extensions.append(
      Event.Extension(name: "apusdeadreason", value: .string("\(reason)")))
    if let error = ending.error {
      event.extensions.append(
        Event.Extension(name: "apusdeaderror", value: .string(String(error.message.prefix(1024)))))
    }
    return follower(of: work, event, to: function, queue: queue, delay: .zero)
  }
}
