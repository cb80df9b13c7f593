// Batch handlers over a real socket: one run, and an answer for each event.
import Apus
import Testing
import WorkerProtocol

private struct Reading: Codable { var meter: Int }

private struct StoreReadings: BatchFunction {
  func run(_ events: [Event<Reading>], context: BatchContext) async throws {
    context.logger.info("\(events.map(\.data.meter))")
    for event in events { context.done(event) }
  }
}

private enum BankError: Error { case closed(hour: Int) }

@Suite(.timeLimit(.minutes(5))) struct BatchTests {
  /// Answers each event as its data says.
  private func sorter() throws -> WorkerInProcess {
    try WorkerInProcess {
      BatchHandler("Sort") { (events: [Event<String>], context) in
        for event in events {
          switch event.data {
          case "done": context.done(event)
          case "retry": context.retry(event, after: .seconds(30), "busy")
          case "reject": context.reject(event, "not ours")
          default: break
          }
        }
      }
    }
  }

  @Test func `hello says that the handler takes batches`() async throws {
    let worker = try WorkerInProcess {
      StoreReadings()
      Handler("One") { (_: NoInput, _) in 1 }
    }
    #expect(
      try await worker.host.hello().handlers == [
        .init(name: "One", kind: .event, input: "NoInput", output: "Int"),
        .init(name: "StoreReadings", kind: .batch, input: "Reading", output: "Void"),
      ])
  }

  @Test func `the events of a batch are handled in one run, in their order`() async throws {
    let worker = try WorkerInProcess { StoreReadings() }
    worker.host.startBatch("StoreReadings", from: 7, (1...3).map { #"{"meter":\#($0)}"# })
    var order: [Int64] = []
    var log: [String] = []
    while order.count < 3 {
      let ending = try await worker.host.ending()
      #expect(ending.result?.value == .nothing)
      order.append(ending.invocation)
      log += ending.log
    }
    #expect(order == [7, 8, 9])
    #expect(log == ["[1, 2, 3]"])
  }

  @Test func `each event gets its own answer`() async throws {
    let worker = try sorter()
    worker.host.startBatch("Sort", [#""done""#, #""retry""#, #""reject""#, #""nothing""#])
    let endings = try await worker.host.endings(4)
    #expect(endings[1]?.result?.value == .nothing)
    #expect(endings[2]?.failure?.kind == .thrown)
    #expect(endings[2]?.failure?.retryAfterMilliseconds == 30_000)
    #expect(endings[2]?.failure?.message == "busy")
    #expect(endings[3]?.failure?.kind == .rejected)
    #expect(endings[3]?.failure?.message == "not ours")
    #expect(endings[4]?.failure?.kind == .unanswered)
    #expect(endings[4]?.failure?.message == "the handler returned without an answer for this event")
  }

  @Test func `a thrown error fails all of it, and answers before it are void`() async throws {
    let worker = try WorkerInProcess {
      BatchHandler("Fail") { (events: [Event<RawData>], context) in
        for event in events { context.emit(queue: "q", 1, for: event) }
        context.done(events[0])
        context.reject(events[1], "no")
        throw BankError.closed(hour: 18)
      }
    }
    worker.host.startBatch("Fail", ["1", "2", "3"])
    for ending in try await worker.host.endings(3).values {
      #expect(ending.failure?.kind == .thrown)
      #expect(ending.failure?.type == "BankError")
      #expect(ending.failure?.message == "closed(hour: 18)")
    }
  }

  @Test func `a thrown Retry or Reject holds for each event`() async throws {
    let worker = try WorkerInProcess {
      BatchHandler("Again") { (_: [Event<NoInput>], _) in throw Retry(after: .seconds(9)) }
      BatchHandler("Never") { (_: [Event<NoInput>], _) in throw Reject("closed") }
    }
    worker.host.startBatch("Again", ["1", "2"])
    for ending in try await worker.host.endings(2).values {
      #expect(ending.failure?.retryAfterMilliseconds == 9_000)
    }
    worker.host.startBatch("Never", ["1", "2"])
    for ending in try await worker.host.endings(2).values {
      #expect(ending.failure?.kind == .rejected)
    }
  }

  @Test func `an event that cannot be decoded is answered alone`() async throws {
    let worker = try WorkerInProcess { StoreReadings() }
    worker.host.startBatch(
      "StoreReadings", [#"{"meter":"x"}"#, #"{"meter":2}"#, "", #"{"meter":4}"#])
    let endings = try await worker.host.endings(4)
    #expect(endings[1]?.failure?.kind == .undecodable)
    #expect(endings[1]?.failure?.message == "data.meter: expected Int, found string")
    #expect(endings[3]?.failure?.kind == .undecodable)
    // The log of the batch is that of its first event that reached the handler.
    #expect(endings[2]?.log == ["[2, 4]"])
    #expect(endings[2]?.result?.value == .nothing)
    #expect(endings[4]?.result?.value == .nothing)
  }

  @Test func `the handler does not run when nothing can be decoded`() async throws {
    let worker = try WorkerInProcess { StoreReadings() }
    worker.host.startBatch("StoreReadings", ["[]", "{}"])
    for ending in try await worker.host.endings(2).values {
      #expect(ending.failure?.kind == .undecodable)
      #expect(ending.log.isEmpty)
    }
  }

  @Test func `what is emitted for an event leaves with that event alone`() async throws {
    let worker = try WorkerInProcess {
      BatchHandler("Emit") { (events: [Event<Int>], context) in
        for event in events {
          context.emit(queue: "receipts", event.data, for: event, type: "paid")
          context.emit(
            queue: "raw", bytes: [1], contentType: "application/x", for: event,
            delay: .seconds(event.data))
          if event.data != 2 { context.done(event) }
        }
      }
    }
    worker.host.startBatch("Emit", ["1", "2", "3"])
    let endings = try await worker.host.endings(3)
    #expect(endings[2]?.failure?.kind == .unanswered)
    for number in [1, 3] {
      let emitted = endings[Int64(number)]?.result?.emitted
      #expect(emitted?.map(\.queue) == ["receipts", "raw"])
      #expect(emitted?.first?.data == Array("\(number)".utf8))
      #expect(emitted?.last?.delayMilliseconds == Int64(number) * 1000)
    }
  }

  @Test func `an event whose emitted value cannot be encoded fails alone`() async throws {
    let worker = try WorkerInProcess {
      BatchHandler("Emit") { (events: [Event<Int>], context) in
        for event in events {
          context.emit(queue: "q", event.data == 1 ? Double.infinity : 0, for: event)
          context.done(event)
        }
      }
    }
    worker.host.startBatch("Emit", ["1", "2"])
    let endings = try await worker.host.endings(2)
    #expect(endings[1]?.failure?.kind == .thrown)
    #expect(endings[1]?.failure?.message.hasPrefix("the event for queue 'q'") == true)
    #expect(endings[2]?.result?.emitted.count == 1)
  }

  @Test func `a batch that emits more than it may fails the events that went too far`()
    async throws
  {
    let worker = try WorkerInProcess {
      BatchHandler("Flood") { (events: [Event<Int>], context) in
        let bytes = [UInt8](repeating: 0, count: 14 << 20)
        for event in events {
          context.emit(queue: "q", bytes: bytes, contentType: "application/x", for: event)
          context.done(event)
        }
      }
    }
    worker.host.startBatch("Flood", (1...5).map(String.init))
    let endings = try await worker.host.endings(5)
    #expect((1...4).allSatisfy { endings[$0]?.result?.emitted.count == 1 })
    #expect(
      endings[5]?.failure?.message
        == "the event for queue 'q': one batch may emit 67108864 bytes")
  }

  @Test func `the first answer stands, and the log says that there was another`() async throws {
    let worker = try WorkerInProcess {
      BatchHandler("Twice") { (events: [Event<Int>], context) in
        context.done(events[1])
        context.reject(events[1], "no")
        context.done(events[1])
        context.reject(events[0], "no")
        context.done(events[0])
      }
    }
    worker.host.startBatch("Twice", ["1", "2"])
    let endings = try await worker.host.endings(2)
    #expect(endings[1]?.failure?.kind == .rejected)
    #expect(endings[2]?.result?.value == .nothing)
    // They came before the first ending.
    #expect(
      endings[1]?.log == Array(repeating: "a second answer for this event was ignored", count: 3))
  }

  @Test func `lines are in the log of the event that they are for`() async throws {
    let worker = try WorkerInProcess {
      BatchHandler("Log") { (events: [Event<Int>], context) in
        for event in events { context.logger(for: event).info("\(event.data)") }
        context.logger.info("all")
        for event in events { context.done(event) }
      }
    }
    worker.host.startBatch("Log", ["1", "2"])
    _ = try await worker.host.hello()
    var lines: [String] = []
    while lines.count < 3, let said = await worker.host.next() {
      if let entry = try said.log { lines.append("\(said.head.invocation) \(entry.message)") }
    }
    #expect(lines == ["1 1", "2 2", "1 all"])
  }

  @Test func `an event tells all that is known of it`() async throws {
    let worker = try WorkerInProcess {
      BatchHandler("Tell") { (events: [Event<RawData>], context) in
        let event = events[1]
        let words = [
          event.data.text, event.invocationID, "\(event.attempt)/\(event.attemptsMax)",
          "\(event.isLastAttempt)", event.idempotencyKey, event.cause ?? "-",
          event.traceparent ?? "-", event.attributes.id, event.attributes.subject ?? "-",
          context.function,
          "\(context.timeLeft > .seconds(20) && context.timeLeft <= .seconds(30))",
        ]
        context.emit(queue: "q", words, for: event)
        context.done(event)
      }
    }
    worker.host.startBatch("Tell", from: 31, ["a", "b"])
    let emitted = try await worker.host.endings(2)[32]?.result?.emitted.first?.data ?? []
    #expect(
      String(decoding: emitted, as: UTF8.self) == """
        ["b","0000000000010","1/3","false","key-1","0000000000011","-","e-1","s","a-function",\
        "true"]
        """)
  }

  @Test func `one cancelled event does not stop the others`() async throws {
    let gate = Gate()
    let worker = try WorkerInProcess {
      BatchHandler("Wait") { (events: [Event<Int>], context) in
        context.done(events[0])
        context.logger.info("waiting")
        await gate.wait()
        try Task.checkCancellation()
        context.done(events[2])
      }
    }
    worker.host.startBatch("Wait", ["1", "2", "3"])
    try await worker.host.line("waiting")
    worker.host.send(.cancel, 1)
    worker.host.send(.cancel, 2)
    worker.host.send(.cancel, 2)
    worker.host.send(.ping)
    #expect(await worker.host.next()?.head.kind == .health)
    gate.open()
    let endings = try await worker.host.endings(3)
    // Done is done; without an answer it is cancelled.
    #expect(endings[1]?.result?.value == .nothing)
    #expect(endings[2]?.failure?.kind == .cancelled)
    #expect(endings[3]?.result?.value == .nothing)
  }

  @Test func `when all are cancelled the task is, and all answer so`() async throws {
    let worker = try WorkerInProcess {
      BatchHandler("Wait") { (events: [Event<Int>], context) in
        context.done(events[0])
        context.logger.info("waiting")
        try await untilCancelled()
      }
    }
    worker.host.startBatch("Wait", ["1", "{}", "3"])
    try await worker.host.line("waiting")
    worker.host.send(.cancel, 1)
    worker.host.send(.cancel, 3)
    for ending in try await worker.host.endings(2).values {
      #expect(ending.failure?.kind == .cancelled)
    }
  }

  @Test func `drain answers the batch that runs, then ends`() async throws {
    let gate = Gate()
    let worker = try WorkerInProcess {
      BatchHandler("Wait") { (events: [Event<Int>], context) in
        context.logger.info("waiting")
        await gate.wait()
        for event in events { context.done(event) }
      }
    }
    worker.host.startBatch("Wait", ["1", "2"])
    try await worker.host.line("waiting")
    worker.host.send(.drain)
    worker.host.startBatch("Wait", from: 11, ["1", "2"])
    worker.host.send(.ping)
    #expect(await worker.host.next()?.head.kind == .health)
    gate.open()
    #expect(Set(try await worker.host.endings(2).keys) == [1, 2])
    #expect(await worker.end() == .drained)
  }

  @Test func `what is said after the handler returned changes nothing`() async throws {
    let kept = Locked<(events: [Event<Int>], context: BatchContext)?>(nil)
    let worker = try WorkerInProcess {
      BatchHandler("Keep") { (events: [Event<Int>], context) in
        kept.withLock { $0 = (events, context) }
      }
    }
    worker.host.startBatch("Keep", ["1", "2"])
    for ending in try await worker.host.endings(2).values {
      #expect(ending.failure?.kind == .unanswered)
    }
    let (events, context) = try #require(kept.withLock { $0 })
    for event in events {
      context.done(event)
      context.emit(queue: "q", 1, for: event)
      context.logger(for: event).info("late")
    }
    worker.host.send(.ping)
    #expect(await worker.host.next()?.head.kind == .health)
  }

  @Test func `an answer for an event of another batch is ignored, with a warning`() async throws {
    let kept = Locked<Event<Int>?>(nil)
    let worker = try WorkerInProcess {
      BatchHandler("Mix") { (events: [Event<Int>], context) in
        if let other = kept.withLock({ $0 }) { context.done(other) }
        kept.withLock { $0 = events[0] }
        for event in events { context.done(event) }
      }
    }
    worker.host.startBatch("Mix", ["1"])
    #expect(try await worker.host.ending().log == [])
    worker.host.startBatch("Mix", from: 2, ["1"])
    let second = try await worker.host.ending()
    #expect(second.log == ["an answer for an event of another batch was ignored"])
    #expect(second.result?.value == .nothing)
  }

  @Test func `a batch handler takes a single event as a batch of one`() async throws {
    let worker = try sorter()
    worker.host.start("Sort", 1, #""done""#)
    #expect(try await worker.host.ending().result?.value == .nothing)
    worker.host.start("Sort", 2, #""retry""#)
    #expect(try await worker.host.ending().failure?.retryAfterMilliseconds == 30_000)
    worker.host.start("Sort", 3, #""reject""#)
    #expect(try await worker.host.ending().failure?.kind == .rejected)
    worker.host.start("Sort", 4, #""nothing""#)
    #expect(try await worker.host.ending().failure?.kind == .unanswered)
    worker.host.start("Sort", 5, "17")
    #expect(try await worker.host.ending().failure?.kind == .undecodable)
  }

  @Test func `a batch for a handler that takes no batches is refused, event by event`()
    async throws
  {
    let worker = try WorkerInProcess { Handler("One") { (_: NoInput, _) in 1 } }
    worker.host.startBatch("One", ["1", "2"])
    for ending in try await worker.host.endings(2).values {
      #expect(ending.failure?.kind == .missingHandler)
      #expect(
        ending.failure?.message.hasPrefix("the handler 'One' takes one event at a time") == true)
    }
    worker.host.startBatch("Nobody", ["1", "2"])
    for ending in try await worker.host.endings(2).values {
      #expect(ending.failure?.message == "the worker has no handler 'Nobody'; it has: One")
    }
  }

  @Test func `a batch of more than it may hold ends the worker`() async throws {
    let worker = try sorter()
    worker.host.startBatch("Sort", Array(repeating: "1", count: StartBatch.itemsMax + 1))
    #expect(
      await worker.end() == .fault("a batch of 1001 attempts; 1 to 1000 are allowed"))
  }
}

/// Uses no thread and no time until the task is told to stop.
private func untilCancelled() async throws {
  for await _ in AsyncStream<Never>.makeStream().stream {}
  try Task.checkCancellation()
}
