// Events for a test house: messages to queues, and timers fired by hand. Each goes the way that it goes
// in a host, and gets the refusals that it gets there.

import Apus
import Dispatching
import Doors
import EventSources
import HTTP
import Invocations
import Routing

extension TestHost {
  /// An event that was accepted.
  public struct Sent: Sendable, Equatable {
    /// The event's id.
    public let event: String
    /// The invocation that the event became, or the one it repeats.
    public let invocation: String
    /// The event had come before; nothing runs for it.
    public let isDuplicate: Bool
  }

  /// Sends a value to a queue, as `POST /v1/queues/{queue}/messages` does.
  ///
  /// When it returns, the event is on disk and its handler may have begun; ``settle()`` waits for it.
  ///
  /// - Parameters:
  ///   - queue: The queue.
  ///   - value: The event's data, as JSON.
  ///   - id: The event's id, if it is to be recognised when it comes again.
  ///   - type: The event's type.
  ///   - subject: What the event is about.
  ///   - delay: How long it waits before it is due.
  ///   - priority: Which of the waiting events go first, where it is not the function's choice.
  /// - Returns: What a sender is told.
  /// - Throws: ``TestFault/refused(status:code:detail:)`` with the status that a sender would get.
  @discardableResult
  public func send(
    _ queue: String, _ value: some Encodable, id: String? = nil, type: String? = nil,
    subject: String? = nil, delay: Duration = .zero, priority: Priority? = nil
  ) async throws -> Sent {
    try await send(
      queue, bytes: try JSON.encode(value), contentType: "application/json", id: id, type: type,
      subject: subject, delay: delay, priority: priority)
  }

  /// Sends JSON as it is written; all else as for a value.
  ///
  /// - Parameters:
  ///   - queue: The queue.
  ///   - json: The event's data.
  ///   - id: The event's id, if it is to be recognised when it comes again.
  ///   - type: The event's type.
  ///   - subject: What the event is about.
  ///   - delay: How long it waits before it is due.
  ///   - priority: Which of the waiting events go first, where it is not the function's choice.
  /// - Returns: What a sender is told.
  /// - Throws: ``TestFault/refused(status:code:detail:)``, also for what is no JSON.
  @discardableResult
  public func send(
    _ queue: String, json: String, id: String? = nil, type: String? = nil, subject: String? = nil,
    delay: Duration = .zero, priority: Priority? = nil
  ) async throws -> Sent {
    try await send(
      queue, bytes: Array(json.utf8), contentType: "application/json", id: id, type: type,
      subject: subject, delay: delay, priority: priority)
  }

  /// Sends bytes of any media type, a CloudEvent among them; all else as for a value.
  ///
  /// - Parameters:
  ///   - queue: The queue.
  ///   - bytes: The body of the request.
  ///   - contentType: Its media type, such as `application/cloudevents+json`.
  ///   - id: The event's id, if it is to be recognised when it comes again.
  ///   - type: The event's type.
  ///   - subject: What the event is about.
  ///   - delay: How long it waits before it is due.
  ///   - priority: Which of the waiting events go first, where it is not the function's choice.
  /// - Returns: What a sender is told; of many events, of the first.
  /// - Throws: ``TestFault/refused(status:code:detail:)`` with the status that a sender would get.
  @discardableResult
  public func send(
    _ queue: String, bytes: [UInt8], contentType: String, id: String? = nil, type: String? = nil,
    subject: String? = nil, delay: Duration = .zero, priority: Priority? = nil
  ) async throws -> Sent {
    guard let function = router.function(forQueue: queue) else {
      let known = dispatcher.declarations.flatMap(\.queues).sorted()
      throw TestFault(HTTPProblem.unknownQueue(queue, known: known))
    }
    let ingest = try ingest(
      bytes, from: "/queues/\(queue)", for: function, contentType: contentType,
      options: [
        ("apus-id", id), ("apus-type", type), ("apus-subject", subject),
        ("apus-priority", priority?.rawValue),
      ])
    let proposals = ingest.events.map { event in
      Proposal(
        function: function.name, trigger: "queue:\(queue)", queue: queue, event: event,
        key: function.idempotency.key == nil && ingest.idsAreGiven
          ? ProposedKey(text: "\(event.source) \(event.id)") : nil,
        dueAt: delay > .zero ? clocks.wall + delay : nil, priority: ingest.priority)
    }
    return try await accept(proposals)
  }

  /// Fires a timer now, outside of its schedule.
  ///
  /// - Parameter timer: The function's name and the place of the trigger in its manifest, such as
  ///   `report-status/0`.
  /// - Returns: What an operator is told.
  /// - Throws: ``TestFault/unknown(_:)`` when there is no such timer.
  @discardableResult
  public func fire(_ timer: String) async throws -> Sent {
    let id = ids.next(at: clocks.wall)
    guard let proposal = timers.proposal(firing: timer, id: id) else {
      throw TestFault.unknown(
        "there is no timer '\(timer)'; there are: \(timers.names.joined(separator: ", "))")
    }
    return try await accept([proposal])
  }

  /// Sends a dead letter again, as `apus dead-letters redrive` does.
  ///
  /// - Parameter letter: One of ``deadLetters``.
  /// - Returns: What an operator is told; the invocation is a new one.
  /// - Throws: ``TestFault/unknown(_:)`` for what is no dead letter.
  @discardableResult
  public func redrive(_ letter: Invocation) async throws -> Sent {
    guard let id = InvocationID(letter.id), ledger.dead.contains(id),
      let acceptance = ledger.stories[id]?.acceptance
    else { throw TestFault.unknown("'\(letter.id)' is no dead letter, or was sent again") }
    return try await acknowledged { dispatcher.redrive(acceptance, answered: $0) }
  }

  func ingest(
    _ bytes: [UInt8], from source: String, for function: FunctionDeclaration, contentType: String,
    options: [(String, String?)] = []
  ) throws -> Ingest {
    let decoder = CloudEventDecoder(source: source, payloadBytesMax: function.payloadBytesMax)
    let given = options.compactMap { name, value in
      value.map { HTTPCall.Field(name: name, value: $0) }
    }
    do {
      return try decoder.decode(
        headers: [HTTPCall.Field(name: "content-type", value: contentType)] + given, query: nil,
        body: bytes, now: clocks.wall, ids: &ids)
    } catch {
      throw TestFault.refused(
        status: error.status, code: error.code.rawValue, detail: error.message)
    }
  }

  private func accept(_ proposals: [Proposal]) async throws -> Sent {
    try await acknowledged { dispatcher.accept(proposals, answered: $0) }
  }

  private func acknowledged(
    _ ask: (@escaping (Result<[Accepted], Refusal>) -> Void) -> Void
  ) async throws -> Sent {
    var outcome: Result<[Accepted], Refusal>?
    ask { outcome = $0 }
    try await step(until: { outcome != nil })
    switch outcome {
    case .success(let items):
      guard let item = items.first else { throw TestFault.noAnswer("no event was sent") }
      return Sent(
        event: item.event, invocation: "\(item.invocation)", isDuplicate: item.isDuplicate)
    case .failure(let refusal): throw TestFault(HTTPProblem(refusal))
    case nil: throw TestFault.noAnswer("the event was neither accepted nor refused")
    }
  }
}

extension TestFault {
  init(_ problem: HTTPProblem) {
    self = .refused(status: problem.status, code: problem.code, detail: problem.detail)
  }
}
