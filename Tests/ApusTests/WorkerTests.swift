// The worker over a real socket, inside the test's process: what goes in as `start` comes out as the
// right answer.
import Apus
import FoundationEssentials
import Testing
import WorkerProtocol

private struct Item: Codable { var sku: String, quantity: Int }
private struct Basket: Codable { var items: [Item] }

private struct CountItems: Function {
  func run(_ basket: Basket, context: Context) async throws -> Int {
    basket.items.reduce(0) { $0 + $1.quantity }
  }
}

private struct Renamed: Function {
  let name = "another-name"
  func run(_ text: RawData, context: Context) async throws { context.logger.info("\(text.text)") }
}

private enum BankError: Error { case closed(hour: Int) }

@Suite(.timeLimit(.minutes(5))) struct WorkerTests {
  @Test func `a probe decodes, runs nothing, and answers with the decoder's words`() async throws {
    let worker = try WorkerInProcess {
      CountItems()
      Handler("Crash") { (_: NoInput, _) in fatalError("a probe ran the handler") }
    }
    _ = try await worker.host.hello()
    func probe(_ handler: String, _ data: String) async throws -> String? {
      worker.host.start(handler, 1, data, as: .probe)
      let said = try #require(await worker.host.next())
      #expect(said.head.kind == .probed)
      return try said.payload.withUnsafeBytes { try Probed(reading: $0) }.fault
    }
    #expect(try await probe("CountItems", #"{"items":[]}"#) == nil)
    #expect(try await probe("Crash", "7") == nil)
    #expect(try await probe("CountItems", #"{"items":[{"sku":7}]}"#)?.contains("sku") == true)
    #expect(try await probe("Absent", "7")?.contains("no handler 'Absent'") == true)
  }

  @Test func `hello lists the handlers with their types`() async throws {
    let worker = try WorkerInProcess {
      CountItems()
      Renamed()
      Handler("Page") { (request: HTTPRequest, _) in HTTPResponse.text(request.path) }
    }
    let hello = try await worker.host.hello()
    #expect(hello.version == Hello.version)
    #expect(
      hello.handlers == [
        .init(name: "CountItems", kind: .event, input: "Basket", output: "Int"),
        .init(name: "Page", kind: .http, input: "HTTPRequest", output: "HTTPResponse"),
        .init(name: "another-name", kind: .event, input: "RawData", output: "Void"),
      ])
  }

  @Test func `two functions of one name are refused`() {
    #expect(throws: (any Error).self) {
      try WorkerInProcess {
        Renamed()
        Renamed()
      }
    }
  }

  @Test func `a typed function gets its input decoded and its result encoded`() async throws {
    let worker = try WorkerInProcess { CountItems() }
    worker.host.start(
      "CountItems", 77, #"{"items":[{"sku":"a","quantity":2},{"sku":"b","quantity":3}]}"#)
    let ending = try await worker.host.ending()
    #expect(ending.invocation == 77)
    #expect(ending.json == "5")
  }

  @Test func `raw data is not decoded and nothing returned is nothing`() async throws {
    let worker = try WorkerInProcess { Renamed() }
    worker.host.start("another-name", 1, "{not json")
    let ending = try await worker.host.ending()
    #expect(ending.log == ["{not json"])
    #expect(ending.result?.value == .nothing)
  }

  @Test func `dates keep their milliseconds both ways`() async throws {
    let worker = try WorkerInProcess {
      Handler("Same") { (dates: [Date], _) in dates }
    }
    worker.host.start("Same", 1, #"["2027-01-01T01:00:00+01:00","2027-01-01T00:00:00.250Z"]"#)
    #expect(
      try await worker.host.ending().json
        == #"["2027-01-01T00:00:00.000Z","2027-01-01T00:00:00.250Z"]"#)
  }

  @Test(arguments: [
    (
      #"{"items":[{"sku":"a","quantity":"x"}]}"#,
      "data.items[0].quantity: expected Int, found string"
    ),
    (
      #"{"items":[{"sku":"a","quantity":null}]}"#,
      "data.items[0].quantity: expected Int, found null"
    ),
    (#"{"items":[{"sku":"a"}]}"#, "data.items[0].quantity: is missing"),
    (#"{"items":{}}"#, "data.items: expected an array, found an object"),
    (#"[]"#, "data: expected an object, found an array"),
    (#"{"items":["#, "data: is not JSON, or holds a number that its type cannot hold"),
    ("", "data: is empty, expected Basket"),
  ]) func `what cannot be decoded never runs, and is named`(
    _ data: String, _ message: String
  ) async throws {
    let worker = try WorkerInProcess { CountItems() }
    worker.host.start("CountItems", 1, data)
    let failure = try await worker.host.ending().failure
    #expect(failure?.kind == .undecodable)
    #expect(failure?.message == message)
  }

  @Test func `an error is a failure with its type and description`() async throws {
    let worker = try WorkerInProcess {
      Handler("Fail") { (_: NoInput, _) in throw BankError.closed(hour: 18) }
    }
    worker.host.start("Fail")
    let failure = try await worker.host.ending().failure
    #expect(failure?.kind == .thrown)
    #expect(failure?.type == "BankError")
    #expect(failure?.message == "closed(hour: 18)")
    #expect(failure?.retryAfterMilliseconds == nil)
  }

  @Test func `Retry says when, Reject says never`() async throws {
    let worker = try WorkerInProcess {
      Handler("Again") { (_: NoInput, _) in throw Retry(after: .seconds(30), "busy") }
      Handler("Never") { (_: NoInput, _) in throw Reject("card stolen") }
    }
    worker.host.start("Again")
    let again = try await worker.host.ending().failure
    #expect(again?.kind == .thrown)
    #expect(again?.type == "Retry")
    #expect(again?.message == "busy")
    #expect(again?.retryAfterMilliseconds == 30_000)
    worker.host.start("Never", 2)
    let never = try await worker.host.ending().failure
    #expect(never?.kind == .rejected)
    #expect(never?.message == "card stolen")
  }

  @Test func `a handler that the worker does not have is named with those it has`() async throws {
    let worker = try WorkerInProcess { CountItems() }
    worker.host.start("CountItem", 5)
    let ending = try await worker.host.ending()
    #expect(ending.invocation == 5)
    #expect(ending.failure?.kind == .missingHandler)
    #expect(
      ending.failure?.message == "the worker has no handler 'CountItem'; it has: CountItems")
  }

  @Test func `the context tells the attempt, the event and the time left`() async throws {
    let worker = try WorkerInProcess {
      Handler("Tell") { (_: NoInput, context) in
        [
          context.invocationID, context.function, "\(context.attempt)/\(context.attemptsMax)",
          "\(context.isLastAttempt)", context.idempotencyKey, context.cause ?? "-",
          context.traceparent ?? "-", context.event.id, context.event.source, context.event.type,
          context.event.subject ?? "-", context.event.time,
          context.event.extensions["apuscause"] ?? "-",
          "\(context.event.date?.timeIntervalSince1970 ?? 0)",
          "\(context.timeLeft > .seconds(20) && context.timeLeft <= .seconds(30))",
        ]
      }
    }
    worker.host.start(
      "Tell", 32, attempt: 9, failures: 2,
      extensions: [
        NameValue(name: "apuscause", value: "C"), NameValue(name: "traceparent", value: "00-1"),
      ])
    let told = try await worker.host.ending().json
    #expect(
      told == """
        ["0000000000010","a-function","3/3","true","key-1","0000000000011","00-1","e-1","/queues/q",\
        "apus.message","s","2027-01-01T00:00:00.250Z","C","1798761600.25","true"]
        """)
  }

  @Test func `cancel arrives as task cancellation and is answered as such`() async throws {
    let worker = try WorkerInProcess {
      Handler("Wait") { (_: NoInput, context) in
        context.logger.info("waiting")
        try await untilCancelled()
      }
      Handler("GiveUp") { (_: NoInput, _) in throw CancellationError() }
    }
    worker.host.start("Wait", 1, attempt: 4)
    try await worker.host.line("waiting")
    worker.host.send(.cancel, 1, attempt: 3)
    worker.host.send(.cancel, 2, attempt: 4)
    worker.host.send(.ping)
    #expect(await worker.host.next()?.head.kind == .health)
    worker.host.send(.cancel, 1, attempt: 4)
    #expect(try await worker.host.ending().failure?.kind == .cancelled)
    worker.host.start("GiveUp")
    #expect(try await worker.host.ending().failure?.kind == .thrown)
  }

  @Test func `drain answers what runs, starts nothing, then ends`() async throws {
    let gate = Gate()
    let worker = try WorkerInProcess {
      Handler("Wait") { (_: NoInput, _) in await gate.wait() }
    }
    worker.host.start("Wait", 1)
    worker.host.send(.drain)
    worker.host.start("Wait", 2)
    worker.host.send(.ping)
    _ = try await worker.host.hello()
    #expect(await worker.host.next()?.head.kind == .health)
    gate.open()
    #expect(try await worker.host.ending().invocation == 1)
    #expect(await worker.end() == .drained)
  }

  @Test func `an idle worker drains at once`() async throws {
    let worker = try WorkerInProcess { CountItems() }
    worker.host.send(.drain)
    #expect(await worker.end() == .drained)
  }

  @Test func `the end of the host is the end of the worker`() async throws {
    let worker = try WorkerInProcess { CountItems() }
    worker.host.hangUp()
    #expect(await worker.end() == .hostGone)
  }

  @Test(arguments: [FrameKind.hello, .result])
  func `a frame that only workers send ends the worker`(_ kind: FrameKind) async throws {
    let worker = try WorkerInProcess { CountItems() }
    worker.host.send(kind)
    #expect(await worker.end() == .fault("a frame of unknown kind \(kind.rawValue)"))
  }

  @Test func `ten thousand attempts run at once and each gets its own answer`() async throws {
    let gate = Gate()
    let count = 10_000
    let worker = try WorkerInProcess {
      Handler("Echo") { (number: Int, context) in
        await gate.wait()
        return "\(number) \(context.invocationID)"
      }
    }
    for number in 1...count { worker.host.start("Echo", Int64(number), "\(number)") }
    worker.host.send(.ping)
    _ = try await worker.host.hello()
    // Nothing has been answered before the gate opens: all of them are in flight.
    #expect(await worker.host.next()?.head.kind == .health)
    gate.open()
    var answers: [Int64: String] = [:]
    while answers.count < count, let batch = await worker.host.nextBatch() {
      for said in batch {
        let result = try said.payload.withUnsafeBytes { try AttemptResult(reading: $0) }
        guard case .json(let bytes) = result.value else { continue }
        answers[said.head.invocation] = String(decoding: bytes, as: UTF8.self)
      }
    }
    #expect(answers.count == count)
    #expect(
      answers.allSatisfy { id, answer in
        answer.hasPrefix("\"\(id) ") && answer.utf8.count == "\(id)".utf8.count + 16
      })
  }

  @Test func `CPU time is the attempt's own`() async throws {
    let worker = try WorkerInProcess {
      Handler("Spin") { (_: NoInput, _) in
        await Task.yield()
        burn(milliseconds: 40)
        await Task.yield()
      }
      Handler("Idle") { (_: NoInput, _) in try await untilCancelled() }
    }
    worker.host.start("Spin", 1)
    worker.host.start("Idle", 2)
    let spun = try await worker.host.ending()
    let spinning = try #require(spun.result?.cpuMicroseconds)
    #expect(spinning > 2_000 && spinning < 60_000)
    worker.host.send(.cancel, 2, attempt: 1)
    let idled = try await worker.host.ending()
    let idling = try #require(idled.failure?.cpuMicroseconds)
    #expect(idling < 5_000)
  }
}

/// Uses no thread and no time until the task is told to stop.
private func untilCancelled() async throws {
  for await _ in AsyncStream<Never>.makeStream().stream {}
  try Task.checkCancellation()
}
