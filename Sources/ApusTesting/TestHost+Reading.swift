// What a test reads of its house: every invocation with its story, dead letters, emitted events. It is
// what was handed to the store, and after `settle` what is on disk.

import Invocations
import Schedules

extension TestHost {
  /// Every invocation, in the order of acceptance.
  public var invocations: [Invocation] { ledger.order.compactMap(story(of:)) }

  /// The invocations of a function, in the order of acceptance.
  public func invocations(of function: String) -> [Invocation] {
    ledger.order.filter { ledger.stories[$0]?.acceptance.function == function }
      .compactMap(story(of:))
  }

  /// The invocations that ended dead and were not sent again, in the order of their end.
  public var deadLetters: [Invocation] { ledger.dead.compactMap(story(of:)) }

  /// The invocations that have not ended: they wait for time to pass.
  public var unfinished: [Invocation] { invocations.filter { !$0.state.isFinal } }

  /// The events that came to a queue from inside, in the order in which they came.
  ///
  /// These are what functions emitted and dead letters on their way to the queue of their manifest. An
  /// event whose idempotency key was known is not among them.
  public func emitted(to queue: String) -> [Event] {
    ledger.order.compactMap { ledger.stories[$0]?.acceptance }
      .filter { $0.queue == queue && $0.cause != nil }.map(Event.init)
  }

  /// What became of an event.
  ///
  /// - Parameter sent: What the event's sender was told.
  /// - Returns: The invocation, as it stands when nothing more happens without time passing.
  /// - Throws: As ``settle()``.
  public func outcome(of sent: Sent) async throws -> Invocation {
    try await settle()
    guard let id = InvocationID(sent.invocation) else {
      throw TestFault.unknown("'\(sent.invocation)' is no invocation")
    }
    return try invocation(id)
  }

  /// What became of a call.
  ///
  /// - Parameter response: The answer to the call.
  /// - Returns: The invocation, as it stands when nothing more happens without time passing.
  /// - Throws: As ``settle()``, and ``TestFault/unknown(_:)`` for a call that became no invocation.
  public func outcome(of response: Response) async throws -> Invocation {
    try await settle()
    guard let id = response["Apus-Invocation"].flatMap(InvocationID.init) else {
      throw TestFault.unknown(
        "the call was answered with \(response.status) and became no invocation")
    }
    return try invocation(id)
  }

  /// How many attempts of a function have run at once, at most.
  public func mostAtOnce(_ function: String) -> Int { workers.mostAtOnce[function] ?? 0 }

  func invocation(_ id: InvocationID?) throws(TestFault) -> Invocation {
    guard let id, let invocation = story(of: id) else {
      throw .unknown("there is no invocation '\(id.map { "\($0)" } ?? "")'")
    }
    return invocation
  }

  private func story(of id: InvocationID) -> Invocation? {
    ledger.stories[id].map(Invocation.init)
  }
}

extension TestHost: CustomStringConvertible {
  /// The house's time and a line for each invocation, for the comment of an expectation.
  public var description: String {
    let lines = invocations.map { one in
      let reason = one.reason.map { " (\($0.rawValue))" } ?? ""
      let error = one.error.map { ": \($0.message)" } ?? ""
      let due = one.state.isFinal ? "" : ", due \(one.dueAt)"
      return "\(one.createdAt) \(one.id) \(one.function) \(one.state.rawValue)\(reason), "
        + "attempts \(one.attempts.count)\(due)\(error)"
    }
    return (["it is \(now)"] + lines).joined(separator: "\n")
  }
}
