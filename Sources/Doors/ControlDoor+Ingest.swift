// Ingest: events for queues, and direct invocation of a function. 202 means on disk.

import EventLoop
import EventSources
import HTTP
import Invocations
import Routing

extension ControlDoor {
  func queues(_ exchange: HTTPExchange, _ path: [String]) throws(RequestFault) {
    guard let name = path.first else {
      _ = try RequestQuery(exchange.request.query, allowed: [])
      return listQueues(exchange)
    }
    guard let function = house.router.function(forQueue: name) else {
      return exchange.respond(.problem(.unknownQueue(name, known: house.queueNames)))
    }
    switch (exchange.request.method, path.dropFirst().first) {
    case ("POST", "messages"): try send(exchange, to: name, function)
    case (_, "messages"): try peek(exchange, name)
    case (_, "pause"): pause(exchange, "queue:\(name)", true)
    case (_, "resume"): pause(exchange, "queue:\(name)", false)
    case (_, "purge"): purge(exchange, queue: name)
    default: show(exchange, queue: name)
    }
  }

  private func listQueues(_ exchange: HTTPExchange) {
    house.queues { [weak self] outcome in
      self?.tell(exchange, outcome) { json, queues, now in
        json.object { json in
          json.array("items") { json in for queue in queues { json.queue(queue, at: now) } }
          json.field("next", nil as String?)
        }
      }
    }
  }

  private func show(_ exchange: HTTPExchange, queue name: String) {
    house.queues { [weak self] outcome in
      let found = outcome.map { queues in queues.first { $0.name == name } }
      // It was there a moment ago; a deployment took it.
      if case .success(nil) = found {
        return exchange.respond(.problem(.unknown("queue", name)))
      }
      self?.tell(exchange, found) { json, queue, now in
        if let queue { json.queue(queue, at: now) }
      }
    }
  }

  /// What the record answered, as it is at this moment.
  private func tell<Value>(
    _ exchange: HTTPExchange, _ outcome: Result<Value, InspectionFault>,
    _ write: (inout JSONWriter, Value, WallTime) -> Void
  ) {
    switch outcome {
    case .success(let value): respond(exchange) { write(&$0, value, house.clocks.wall) }
    case .failure(let fault): exchange.respond(.problem(.inspection(fault)))
    }
  }

  private func send(
    _ exchange: HTTPExchange, to queue: String, _ function: FunctionDeclaration
  ) throws(RequestFault) {
    let request = exchange.request
    let decoder = CloudEventDecoder(
      source: "/queues/\(queue)", payloadBytesMax: function.payloadBytesMax)
    let ingest: Ingest
    do {
      ingest = try decoder.decode(
        headers: request.fields,
        query: request.query, body: request.body, now: house.clocks.wall, ids: &ids)
    } catch {
      return exchange.respond(
        .problem(
          HTTPProblem(
            status: error.status, code: error.code.rawValue, title: "The events were not accepted",
            detail: error.message)))
    }
    let proposals = ingest.events.map { event in
      Proposal(
        function: function.name, trigger: "queue:\(queue)", queue: queue, event: event,
        key: Self.key(of: event, isGiven: ingest.idsAreGiven, function), dueAt: ingest.dueAt,
        priority: ingest.priority)
    }
    house.accept(proposals) { outcome in Self.acknowledge(outcome, exchange) }
  }

  /// An id that Apus made up cannot come twice, so that no key is kept for it.
  private static func key(
    of event: Event, isGiven: Bool, _ function: FunctionDeclaration
  ) -> ProposedKey? {
    guard function.idempotency.key == nil, isGiven else { return nil }
    return ProposedKey(text: "\(event.source) \(event.id)")
  }

  private static func acknowledge(
    _ outcome: Result<[Accepted], Refusal>, _ exchange: HTTPExchange
  ) {
    switch outcome {
    case .success(let items):
      var json = JSONWriter(capacity: 96 * items.count + 32)
      json.accepted(items)
      exchange.respond(.json(202, json.bytes))
    case .failure(let refusal): exchange.respond(.problem(HTTPProblem(refusal)))
    }
  }

  /// Events that no queue is named for need a bus, which is not there yet.
  func events(_ exchange: HTTPExchange) {
    exchange.respond(
      .problem(
        HTTPProblem(
          status: 404, code: "no-bus", title: "Events are sent to queues",
          detail: "there is no bus that routes events by their content; "
            + "use POST /v1/queues/{queue}/messages")))
  }

  // MARK: invoke

  func invoke(_ exchange: HTTPExchange, _ function: FunctionDeclaration) throws(RequestFault) {
    let request = exchange.request
    let decoder = CloudEventDecoder(
      source: "/invoke/\(function.name)", payloadBytesMax: function.payloadBytesMax)
    let body = request.body.isEmpty ? Array("null".utf8) : request.body
    let ingest: Ingest
    do {
      ingest = try decoder.decode(
        headers: request.fields,
        query: request.query, body: body, now: house.clocks.wall, ids: &ids)
    } catch {
      return exchange.respond(
        .problem(
          HTTPProblem(
            status: error.status, code: error.code.rawValue, title: "The event was not accepted",
            detail: error.message)))
    }
    guard let event = ingest.events.first, ingest.events.count == 1 else {
      throw RequestFault("one-event", "invoke takes one event; send many to a queue")
    }
    let preference = Preference(request.headers.all("Prefer"))
    let proposal = Proposal(
      function: function.name, trigger: "invoke", event: event,
      key: try invocationKey(request, event, ingest, function), dueAt: ingest.dueAt,
      priority: ingest.priority
    )
    if preference.isAnsweredAtOnce || ingest.dueAt != nil {
      return house.accept([proposal]) { outcome in
        switch outcome {
        case .success(let items):
          guard let item = items.first else { return exchange.abort() }
          exchange.respond(.accepted(item.invocation, preference: "respond-async"))
        case .failure(let refusal): exchange.respond(.problem(HTTPProblem(refusal)))
        }
      }
    }
    let listener = CallExchange(exchange, house: house, answer: .invocation)
    if let wait = preference.wait { listener.waitAtMost(wait) }
    house.call(proposal, listener: listener)
  }

  private func invocationKey(
    _ request: HTTPRequest, _ event: Event, _ ingest: Ingest, _ function: FunctionDeclaration
  ) throws(RequestFault) -> ProposedKey? {
    do {
      if let text = try IdempotencyKeyField.key(in: request.fields) {
        return ProposedKey(text: text, body: request.body)
      }
    } catch {
      throw RequestFault("bad-idempotency-key", error.message)
    }
    if ingest.idsAreGiven { return ProposedKey(text: "\(event.source) \(event.id)") }
    guard function.idempotency.isRequired, function.idempotency.key == nil else { return nil }
    throw .keyMissing
  }
}
