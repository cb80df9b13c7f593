// A dispatcher with everything around it under a test's hand: clock, disk and workers.

package import Dispatching
package import Invocations

package final class TestHouse {
  package let clocks = ManualClocks()
  package let log: MemoryRecordLog
  package let workers = ScriptedWorkers()
  package let witness = Witness()
  package private(set) var dispatcher: Dispatcher
  private var declarations: [FunctionDeclaration]
  private let laneLimits: LaneLimits

  package init(
    _ declarations: [FunctionDeclaration], log: MemoryRecordLog = MemoryRecordLog(),
    laneLimits: LaneLimits = LaneLimits()
  ) {
    self.laneLimits = laneLimits
    self.log = log
    self.declarations = declarations
    dispatcher = Dispatcher(
      functions: declarations, recovery: log.restart(), log: log, workers: workers, clocks: clocks,
      observer: witness, laneLimits: laneLimits, chance: { 0.5 })
  }

  /// Everything on its way to disk gets there, and all news are heard, until nothing moves.
  package func settle() {
    while true {
      log.commit()
      let news = log.takeNews()
      guard !news.isEmpty else { return }
      for one in news { dispatcher.hear(one) }
    }
  }

  /// One step of the disk and its news, for tests about the moment between.
  package func hearNews() {
    for one in log.takeNews() { dispatcher.hear(one) }
  }

  /// `kill -9` and a new host on the same disk.
  package func restart(chance: @escaping () -> Double = { 0.5 }) {
    workers.forgetAll()
    dispatcher = Dispatcher(
      functions: declarations, recovery: log.restart(), log: log, workers: workers, clocks: clocks,
      observer: witness, laneLimits: laneLimits, chance: chance)
    dispatcher.tick()
  }

  /// As the door does it: what the store says of it comes along.
  package func hurry(_ id: InvocationID) -> Bool {
    guard let row = log.disk[id] else { return false }
    return dispatcher.hurry(row.record)
  }

  package func redeclare(_ declarations: [FunctionDeclaration]) {
    self.declarations = declarations
    dispatcher.redeclare(declarations)
  }

  @discardableResult
  package func send(
    _ function: String, _ data: String = "{}", id: String? = nil, dueAt: WallTime? = nil
  ) -> Answer {
    let answer = Answer()
    let event = Event(
      id: id ?? "e\(log.appended.count)", source: "/queues/q", type: "apus.message",
      data: Array(data.utf8))
    dispatcher.accept(
      [
        Proposal(
          function: function, trigger: "queue:q", queue: "q", event: event,
          key: id.map { ProposedKey(text: "/queues/q \($0)") }, dueAt: dueAt)
      ]
    ) { answer.outcome = $0 }
    return answer
  }

  package final class Answer {
    package fileprivate(set) var outcome: Result<[Accepted], Refusal>?

    package var accepted: Accepted? {
      guard case .success(let items) = outcome else { return nil }
      return items.first
    }

    package var refusal: Refusal? {
      guard case .failure(let refusal) = outcome else { return nil }
      return refusal
    }
  }

  /// A worker's word, heard and settled.
  package func answer(_ assignment: Assignment, _ answer: AttemptAnswer) {
    dispatcher.hear(workers.answer(assignment.name, answer))
    settle()
  }

  package func succeed(_ assignment: Assignment, emitting emitted: [EmittedEvent] = []) {
    answer(assignment, .succeeded(.nothing, emitted: emitted, cpuMicroseconds: 0))
  }

  package func fail(
    _ assignment: Assignment, _ kind: Failure.Kind = .thrown, after: Duration? = nil
  ) {
    let failure = Failure(
      kind: kind, error: ErrorRecord(code: kind.rawValue, message: "as scripted"),
      retryAfter: after)
    answer(assignment, .failed(failure, cpuMicroseconds: 0))
  }
}

/// A caller that remembers what it was told.
package final class TestCaller: CallListener {
  package private(set) var id: InvocationID?
  package private(set) var outcomes: [CallOutcome] = []

  package init() {}

  package func callBegan(_ id: InvocationID) { self.id = id }
  package func streamBegan(_ attempt: AttemptName, status: Int, headers: [HTTPCall.Field]) {}
  package func streamed(_ attempt: AttemptName, _ bytes: [UInt8]) {}
  package func streamBroke() {}
  package func callEnded(_ outcome: CallOutcome) { outcomes.append(outcome) }
}

package func emitted(to queue: String, _ data: String = "{}", id: String? = nil) -> EmittedEvent {
  EmittedEvent(
    queue: queue, type: nil, subject: nil, id: id, delay: .zero, contentType: "application/json",
    data: Array(data.utf8))
}
