// Answers: what the workers say, held against the fence, applied to the state, written and told.

package import Invocations

extension Dispatcher {
  package func hear(_ news: WorkerNews) {
    defer { settle() }
    switch news {
    case .answered(let name, let answer): take(answer, for: name)
    case .waits(let name): waits(name)
    case .begins(let name, let worker): begins(name, worker)
    case .logged(let line): log(line)
    case .streamBegan(let name, let status, let headers):
      guard running[name] != nil else { return observer.saw(.fenced(name)) }
      for listener in listeners[name.id] ?? [] {
        listener.streamBegan(name, status: status, headers: headers)
      }
    case .streamed(let name, let bytes):
      guard running[name] != nil else { return observer.saw(.fenced(name)) }
      for listener in listeners[name.id] ?? [] { listener.streamed(name, bytes) }
    case .lost(let worker): lose(worker)
    case .roomAgain: pump()
    case .unhealthy(let functions, let reason):
      observer.saw(.unhealthy(functions: functions, reason: reason))
    case .healthy(let functions):
      observer.saw(.healthy(functions: functions))
      pump()
    case .workerStarted(let pid, let executable):
      observer.saw(.workerStarted(pid: pid, executable: executable))
    case .workerEnded(let pid, let how, let expected):
      observer.saw(.workerEnded(pid: pid, how: how, expected: expected))
    }
  }

  private func log(_ line: LogLine) {
    let line = redacted(line)
    // A line may come after its attempt's answer, never before its start: a known id is enough.
    let acceptance = acceptance(of: line.invocation)
    // Nobody waits for a line, and it is no reason to sync.
    guard logBacklog.admits(line) else { return }
    record([.log(line)], durability: acceptance?.durability ?? .os)
    logBacklog.took(line, as: appended)
    let function = acceptance?.function ?? ""
    observer.saw(.logged(line, function: function))
  }

  /// Before the end of the attempt is written.
  private func tellDroppedLines(of attempt: RunningAttempt) {
    guard let count = logBacklog.takeDropped(of: attempt.name.id) else { return }
    let line = LogLine(
      invocation: attempt.name.id, attempt: attempt.name.attempt, time: clocks.wall,
      level: "warning",
      message: "\(count) lines of this log were dropped: they came faster than the disk writes")
    record([.log(line)], durability: attempt.work.acceptance.durability)
    observer.saw(.logged(line, function: attempt.work.acceptance.function))
  }

  private func take(_ answer: AttemptAnswer, for name: AttemptName) {
    guard let attempt = running[name] else { return observer.saw(.fenced(name)) }
    switch answer {
    case .succeeded(let value, let emitted, let cpu, let memory):
      succeed(attempt, value, emitted, Used(cpu, memory))
    case .failed(let failure, let cpu, let memory):
      // Told to stop, a handler may throw whatever its libraries throw then.
      if attempt.isCancelledByOperator {
        cancelled(attempt, Used(cpu, memory))
      } else {
        fail(attempt, failure, Used(cpu, memory))
      }
    case .notBegun:
      if attempt.isCancelledByOperator {
        cancelled(attempt, .unknown)
      } else {
        giveBack(attempt, because: "every thread of its worker was taken until its deadline")
      }
    case .cancelled(let cpu, let memory):
      let used = Used(cpu, memory)
      if attempt.isCancelledByOperator {
        cancelled(attempt, used)
      } else if attempt.hasTimedOut {
        fail(attempt, timeout(of: attempt), used)
      } else {
        // It cancelled itself: an error like any other.
        let error = ErrorRecord(
          code: "cancelled", message: "the handler threw CancellationError",
          type: "CancellationError")
        fail(attempt, Failure(kind: .thrown, error: error), used)
      }
    }
  }

  private func timeout(of attempt: RunningAttempt) -> Failure {
    let error = ErrorRecord(
      code: "timed-out", message: "did not end within its timeout of \(attempt.declaration.timeout)"
    )
    return Failure(kind: .timedOut, error: error)
  }

  /// Whoever waits for a process is not late.
  private func waits(_ name: AttemptName) {
    guard let attempt = running[name] else { return }
    desk(of: attempt.work)?.forgetDeadline(attempt)
  }

  private func begins(_ name: AttemptName, _ worker: Int32) {
    guard let attempt = running[name], let desk = desk(of: attempt.work) else {
      return
    }
    attempt.begin(
      at: clocks.wall, worker: worker,
      deadline: clocks.monotonic.addingReportingOverflow(
        attempt.declaration.timeout.nanoseconds
      ).partialValue)
    desk.forgetDeadline(attempt)
    desk.noteDeadline(attempt)
    noteStart(of: attempt)
  }

  // MARK: Ends of an attempt

  private func succeed(
    _ attempt: RunningAttempt, _ value: HandlerValue, _ emitted: [EmittedEvent], _ used: Used
  ) {
    // Past its deadline it has already been counted as late, whatever it says now.
    guard !attempt.hasTimedOut else { return fail(attempt, timeout(of: attempt), used) }
    let emission: Emission
    switch route(emitted, from: attempt.work) {
    case .success(let routed): emission = routed
    case .failure(let failure): return fail(attempt, failure, used)
    }
    leave(attempt)
    _ = apply(.succeeded(attempt: attempt.name.attempt), to: attempt.work, attempt.declared)
    var ending = ending(
      of: attempt.work, attempt: ended(attempt, .succeeded, nil, used), error: nil)
    ending.result = stored(value)
    end(attempt.work, ending, emission)
  }

  private func stored(_ value: HandlerValue) -> StoredResult? {
    switch value {
    case .nothing: nil
    case .json(let bytes): StoredResult(status: 200, headers: [], body: bytes)
    case .response(let status, let headers, let body):
      StoredResult(status: status, headers: headers, body: body)
    case .streamed: StoredResult(status: 200, headers: [], body: [], isWhole: false)
    }
  }

  func fail(_ attempt: RunningAttempt, _ failure: Failure, _ used: Used) {
    var failure = redacted(failure, of: attempt.work)
    if attempt.hasTimedOut, failure.kind != .timedOut { failure = timeout(of: attempt) }
    leave(attempt)
    let number = attempt.name.attempt
    let effect = apply(.failed(attempt: number, failure), to: attempt.work, attempt.declared)
    let record = ended(attempt, outcome(of: failure.kind), failure.error, used)
    follow(effect, attempt, record, error: failure.error)
  }

  private func cancelled(_ attempt: RunningAttempt, _ used: Used) {
    leave(attempt)
    let number = attempt.name.attempt
    let effect = apply(.cancelled(attempt: number), to: attempt.work, attempt.declared)
    follow(effect, attempt, ended(attempt, .cancelled, nil, used), error: nil)
  }

  func giveBack(_ attempt: RunningAttempt, because reason: String) {
    leave(attempt)
    let number = attempt.name.attempt
    let effect = apply(.returned(attempt: number), to: attempt.work, attempt.declared)
    attempt.work.due = attempt.work.acceptance.dueAt
    let error = ErrorRecord(code: "returned", message: reason)
    follow(effect, attempt, ended(attempt, .returned, error, .unknown), error: error)
  }

  private func follow(
    _ effect: Invocation.Effect, _ attempt: RunningAttempt, _ record: AttemptRecord,
    error: ErrorRecord?
  ) {
    let work = attempt.work
    switch effect {
    case .run: preconditionFailure("the end of an attempt does not start another")
    case .end: end(work, ending(of: work, attempt: record, error: error))
    case .wait(let until):
      work.due = until
      goOn(work, record)
    case .queueAgain, .hold: goOn(work, record)
    }
  }

  private func goOn(_ work: Work, _ attempt: AttemptRecord) {
    let function = work.acceptance.function
    let state = work.invocation.state.word
    guard !work.wasRefused else { return }
    for listener in listeners[work.id] ?? [] { listener.streamBroke() }
    let change = RecordChange.goOn(
      attempt, function: function, state: state, due: work.due, failures: work.invocation.failures)
    if state == .held {
      let waiting = listeners.removeValue(forKey: work.id) ?? []
      record([change], durability: work.acceptance.durability) {
        for listener in waiting { listener.callEnded(.held(work.id)) }
      }
    } else {
      record([change], entering: [work], durability: work.acceptance.durability)
    }
    if state == .held {
      live[work.id] = nil
      unheld.forget(work.id)
    }
    observer.saw(.goesOn(attempt, function: function, state: state, due: work.due))
    touch(work)
  }

  /// The attempt is no longer with a worker; its permit is free.
  private func leave(_ attempt: RunningAttempt) {
    tellDroppedLines(of: attempt)
    running[attempt.name] = nil
    if let desk = desk(of: attempt.work) {
      desk.attempts -= 1
      desk.lanes?.left(attempt.work)
      // A batch is one run of the handler, until the last of it has its answer.
      if attempt.batch?.leave() ?? true { desk.running -= 1 }
    }
    if attempt.hasTimedOut || attempt.isCancelledByOperator {
      stopping.removeAll { $0.attempt === attempt }
    }
  }

  private func ended(
    _ attempt: RunningAttempt, _ outcome: AttemptRecord.Outcome, _ error: ErrorRecord?,
    _ used: Used
  ) -> AttemptRecord {
    AttemptRecord(
      invocation: attempt.work.id, number: attempt.name.attempt, boot: boot,
      worker: attempt.worker, startedAt: attempt.startedAt, endedAt: clocks.wall, outcome: outcome,
      error: error, cpuMicroseconds: used.cpuMicroseconds, memoryBytes: used.memoryBytes,
      release: attempt.release)
  }

  private func outcome(of kind: Failure.Kind) -> AttemptRecord.Outcome {
    switch kind {
    case .thrown: .thrown
    case .rejected: .rejected
    case .undecodable: .undecodable
    case .timedOut: .timedOut
    case .crashed: .crashed
    case .missingHandler: .missingHandler
    }
  }

  // MARK: Lost workers and late attempts

  private func lose(_ worker: LostWorker) {
    for name in worker.culprits {
      guard let attempt = running[name] else { continue }
      if attempt.isCancelledByOperator {
        cancelled(attempt, .unknown)
      } else if attempt.hasTimedOut {
        fail(attempt, timeout(of: attempt), .unknown)
      } else {
        let words = worker.lastWords.map { ": \($0)" } ?? ""
        let error = ErrorRecord(
          code: worker.code, message: "the worker ended with \(worker.how)\(words)")
        fail(attempt, Failure(kind: .crashed, error: error), .unknown)
      }
    }
    for name in worker.others {
      guard let attempt = running[name] else { continue }
      if attempt.isCancelledByOperator {
        cancelled(attempt, .unknown)
      } else if attempt.hasTimedOut {
        fail(attempt, timeout(of: attempt), .unknown)
      } else {
        giveBack(attempt, because: "its worker \(worker.pid) ended with \(worker.how)")
      }
    }
  }

  func stopLateAttempts() {
    let now = clocks.monotonic
    for desk in desks.values {
      while let late = desk.nextDeadline(), late.deadline <= now {
        late.hasTimedOut = true
        stop(late)
      }
    }
  }

  func stop(_ attempt: RunningAttempt) {
    workers.cancel(attempt.name)
    stopping.append(
      (attempt, clocks.monotonic.addingReportingOverflow(grace.nanoseconds).partialValue))
  }

  func killDeafAttempts() {
    let now = clocks.monotonic
    for deaf in stopping where deaf.killAt <= now { workers.kill(deaf.attempt.name) }
    stopping.removeAll { $0.killAt <= now }
  }
}

/// What an attempt used, in its worker's words.
struct Used {
  /// Its worker did not live to tell.
  static let unknown = Used(0, 0)

  let cpuMicroseconds: Int64
  let memoryBytes: Int64

  init(_ cpuMicroseconds: Int64, _ memoryBytes: Int64) {
    self.cpuMicroseconds = cpuMicroseconds
    self.memoryBytes = memoryBytes
  }
}
