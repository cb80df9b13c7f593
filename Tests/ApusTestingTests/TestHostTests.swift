// The kit's own promises: time, order, determinism, limits, and the words in which it gives up.

import Apus
import ApusTesting
import Glibc
import Testing

private struct Trouble: Error {}

struct TestHostTests {
  static let step = """
    function: step
    handler: Step
    triggers: [{ queue: steps }]
    retry: { attempts: 4, first: 10s, factor: 2, jitter: none }
    """

  @Test func `backoff passes in virtual time, each delay where it belongs`() async throws {
    let house = try await TestHost(manifests: .yaml(Self.step)) {
      Handler("Step") { (_: NoInput, _) in throw Trouble() }
    }
    let sent = try await house.send("steps", "x")
    try await house.advance(by: .hours(1))
    let step = try await house.outcome(of: sent)
    #expect(step.state == .dead)
    #expect(step.reason == .exhausted)
    #expect(
      step.attempts.map(\.startedAt) == [
        "2027-01-04T09:00:00.000Z", "2027-01-04T09:00:10.000Z", "2027-01-04T09:00:30.000Z",
        "2027-01-04T09:01:10.000Z",
      ])
    #expect(step.attempts.map(\.number) == [1, 2, 3, 4])
  }

  @Test func `a rate and an order hold in virtual time`() async throws {
    let house = try await TestHost(
      manifests: .yaml(
        """
        function: step
        triggers: [{ queue: steps }]
        rate: 1/s
        ---
        function: turn
        triggers: [{ queue: turns }]
        order: data.customer
        retry: { attempts: 2, first: 10s, jitter: none }
        """)
    ) {
      Handler("Step") { (_: NoInput, _) in }
      Handler("Turn") { (turn: [String: String], context) in
        if turn["name"] == "first", context.attempt == 1 { throw Trouble() }
      }
    }
    for number in 0..<4 { try await house.send("steps", number) }
    for (customer, name) in [("a", "first"), ("a", "second"), ("b", "third")] {
      try await house.send("turns", ["customer": customer, "name": name])
    }
    try await house.settle()
    #expect(house.unfinished.map(\.function) == ["step", "step", "step", "turn", "turn"])
    try await house.advance(by: .minutes(1))
    #expect(house.unfinished.isEmpty)
    let starts = { (one: TestHost.Invocation) in one.attempts.last?.startedAt.dropFirst(17) }
    #expect(
      house.invocations(of: "step").map(starts) == ["00.000Z", "01.000Z", "02.000Z", "03.000Z"])
    // The second waits for the first, through its backoff; another customer does not.
    #expect(house.invocations(of: "turn").map(starts) == ["10.000Z", "10.000Z", "00.000Z"])
  }

  @Test func `a batch comes together in virtual time`() async throws {
    let house = try await TestHost(
      manifests: .yaml(
        """
        function: gather
        triggers: [{ queue: readings }]
        batch: { size: 3, window: 5s }
        """)
    ) {
      BatchHandler("Gather") { (events: [Event<Int>], context) in
        for event in events {
          context.logger.info("\(events.count)")
          context.done(event)
        }
      }
    }
    for number in 0..<5 { try await house.send("readings", number) }
    try await house.settle()
    #expect(house.unfinished.map(\.state) == [.queued, .queued])
    try await house.advance(by: .seconds(5))
    #expect(house.invocations.allSatisfy { $0.state == .succeeded })
    #expect(house.invocations.last?.endedAt == "2027-01-04T09:00:05.000Z")
    let sizes = Set(house.invocations.flatMap { $0.logs.map(\.message) })
    #expect(sizes == ["3", "2"])
  }

  @Test func `what fires at one instant has had its effects before the next`() async throws {
    let house = try await TestHost(
      manifests: .yaml(
        """
        function: tick
        triggers: [{ timer: { every: 10s } }]
        ---
        function: echo
        triggers: [{ queue: echoes }]
        """)
    ) {
      Handler("Tick") { (_: NoInput, context) in
        context.emit(queue: "echoes", context.event.time, delay: .seconds(5))
      }
      Handler("Echo") { (_: String, _) in }
    }
    try await house.advance(by: .seconds(35))
    #expect(
      house.invocations.map(\.function) == ["tick", "echo", "tick", "echo", "tick", "echo"])
    #expect(
      house.invocations(of: "echo").compactMap(\.attempts.first?.startedAt) == [
        "2027-01-04T09:00:15.000Z", "2027-01-04T09:00:25.000Z", "2027-01-04T09:00:35.000Z",
      ])
  }

  @Test func `cron keeps to its zone over the change of the clocks`() async throws {
    let house = try await TestHost(
      manifests: .yaml(
        """
        function: nightly
        triggers: [{ timer: { cron: "30 2 * * *", timezone: Europe/Berlin } }]
        """), startingAt: "2027-03-26T12:00:00Z"
    ) {
      Handler("Nightly") { (_: NoInput, _) in }
    }
    try await house.advance(by: .days(4))
    // On the 28th there is no half past two.
    #expect(
      house.invocations(of: "nightly").map(\.createdAt) == [
        "2027-03-27T01:30:00.000Z", "2027-03-28T01:00:00.000Z", "2027-03-29T00:30:00.000Z",
        "2027-03-30T00:30:00.000Z",
      ])
  }

  @Test func `the same seed makes the same record`() async throws {
    func record(seed: UInt64) async throws -> [String] {
      let house = try await TestHost(
        manifests: .yaml(
          """
          function: step
          triggers: [{ queue: steps }]
          retry: { attempts: 3, first: 10s, jitter: full }
          ---
          function: end
          triggers: [{ queue: ends }]
          """), seed: seed
      ) {
        Handler("Step") { (number: Int, context) in
          context.logger.info("\(number)")
          if context.attempt < 3 { throw Trouble() }
          context.emit(queue: "ends", ["a": 1, "b": 2, "c": 3, "d": number])
        }
        Handler("End") { (_: NoInput, _) in }
      }
      for number in 0..<20 { try await house.send("steps", number) }
      try await house.advance(by: .minutes(10))
      return house.invocations.flatMap { one in
        [one.id, one.event.id, one.state.rawValue] + one.attempts.map(\.startedAt)
          + one.logs.map(\.message) + [one.event.text]
      }
    }
    let first = try await record(seed: 7)
    #expect(try await record(seed: 7) == first)
    #expect(try await record(seed: 8) != first)
  }

  @Test func `a deadline passes without waiting for the handler`() async throws {
    let house = try await TestHost(
      manifests: .yaml(
        """
        function: slow
        triggers: [{ queue: slow }, { http: GET /slow }]
        timeout: 30s
        retry: { attempts: 1 }
        """)
    ) {
      Handler("Slow") { (_: NoInput, _) in
        // Until it is cancelled.
        let (stream, _) = AsyncStream.makeStream(of: Int.self)
        for await _ in stream {}
        try Task.checkCancellation()
      }
    }
    let sent = try await house.send("slow", 1)
    try await house.passDeadline(of: "slow")
    let slow = try await house.outcome(of: sent)
    #expect(slow.state == .dead)
    #expect(slow.attempts.map(\.outcome) == ["timed-out"])
    #expect(slow.endedAt == "2027-01-04T09:00:30.000Z")
    let answer = try await house.call("GET", "/slow", passesDeadline: true)
    #expect(answer.status == 504)
  }

  @Test func `a handler that never returns is named`() async throws {
    let house = try await TestHost(
      manifests: .yaml(Self.step), limits: TestLimits(handlerTime: .milliseconds(50))
    ) {
      Handler("Step") { (_: NoInput, _) in
        let (stream, _) = AsyncStream.makeStream(of: Int.self)
        for await _ in stream {}
      }
    }
    try await house.send("steps", 1)
    let fault = await #expect(throws: TestFault.self) { try await house.settle() }
    #expect("\(try #require(fault))".contains("no handler of step has returned for 0.05 seconds"))
  }

  @Test func `a loop of events ends at its hops`() async throws {
    let house = try await TestHost(manifests: .yaml(Self.step)) {
      Handler("Step") { (_: NoInput, context) in context.emit(queue: "steps", 1) }
    }
    try await house.send("steps", 1)
    try await house.settle()
    #expect(house.deadLetters.map(\.reason) == [.hops])
  }

  @Test func `a test that loops is ended, and says what loops`() async throws {
    let house = try await TestHost(
      manifests: .yaml(
        """
        function: tick
        triggers: [{ timer: { every: 1s } }]
        """), limits: TestLimits(attempts: 5, instants: 10)
    ) {
      Handler("Tick") { (_: NoInput, _) in }
    }
    try await house.advance(by: .seconds(10))
    let late = await #expect(throws: TestFault.self) { try await house.advance(by: .seconds(11)) }
    #expect("\(try #require(late))".contains("tick started 10 times"))

    let step = try await TestHost(
      manifests: .yaml(Self.step), limits: TestLimits(attempts: 5)
    ) {
      Handler("Step") { (_: NoInput, _) in }
    }
    for number in 0..<3 { try await step.send("steps", number) }
    try await step.settle()
    let loop = try await TestHost(
      manifests: .yaml(Self.step), limits: TestLimits(attempts: 5)
    ) {
      Handler("Step") { (_: NoInput, context) in context.emit(queue: "steps", 1) }
    }
    try await loop.send("steps", 1)
    let fault = await #expect(throws: TestFault.self) { try await loop.settle() }
    #expect("\(try #require(fault))".contains("step started"))
  }

  @Test func `mistakes in manifests are told with their place`() async throws {
    let fault = await #expect(throws: TestFault.self) {
      try await TestHost(manifests: .yaml("function: step\ntriggers: [{ queu: a }]")) {
        Handler("Step") { (_: NoInput, _) in }
      }
    }
    #expect("\(try #require(fault))".hasPrefix("manifest 1:2:"))
    let missing = await #expect(throws: TestFault.self) {
      try await TestHost(manifests: .yaml(Self.step)) {
        Handler("Stepp") { (_: NoInput, _) in }
      }
    }
    #expect("\(try #require(missing))".contains("did you mean 'Stepp'?"))
  }

  @Test func `a sender is refused as at the door`() async throws {
    let house = try await TestHost(
      manifests: .yaml("function: step\ntriggers: [{ queue: steps }]\npayloadLimit: 1KiB")
    ) {
      Handler("Step") { (_: NoInput, _) in }
    }
    await #expect(throws: TestFault.self) { try await house.send("stepps", 1) }
    await #expect(throws: TestFault.self) { try await house.send("steps", json: "{") }
    do {
      try await house.send("steps", String(repeating: "x", count: 2_000))
      Issue.record("accepted")
    } catch TestFault.refused(let status, let code, _) {
      #expect(status == 413)
      #expect(code == "payload-too-large")
    }
    #expect(house.invocations.isEmpty)
  }

  @Test func `a call gets the problems of the function door`() async throws {
    let house = try await TestHost(
      manifests: .yaml(
        """
        function: show
        triggers: [{ http: "GET /things/{name}" }]
        """)
    ) {
      Handler("Show") { (request: HTTPRequest, _) -> HTTPResponse in
        guard let name = request.parameters["name"], name != "none" else { throw Trouble() }
        return .stream(contentType: "text/plain") { writer in
          try await writer.write("\(name) ")
          try await writer.write(request.query["q"] ?? "")
        }
      }
    }
    let found = try await house.call("GET", "/things/a%20b?q=c")
    #expect(found.status == 200)
    #expect(found.text == "a b c")
    #expect(found.isWhole)
    #expect(try await house.outcome(of: found).state == .succeeded)
    #expect(try await house.call("GET", "/nothing").status == 404)
    #expect(try await house.call("POST", "/things/x")["Allow"] == "GET, HEAD, OPTIONS")
    #expect(try await house.call("GET", "/things/none").status == 500)
  }

  @Test func `a call waits through the backoff of its function`() async throws {
    let house = try await TestHost(
      manifests: .yaml(
        """
        function: ask
        triggers: [{ http: POST /ask }]
        retry: { attempts: 2, first: 7s, jitter: none }
        """)
    ) {
      Handler("Ask") { (number: Int, context) -> Int in
        if context.attempt == 1 { throw Trouble() }
        return number + 1
      }
    }
    let answer = try await house.call("POST", "/ask", json: 1)
    #expect(try answer.decode(Int.self) == 2)
    #expect(house.now == "2027-01-04T09:00:07.000Z")
    let invoked = try await house.invoke("ask", 2)
    #expect(try invoked.result(as: Int.self) == 3)
  }

  @Test func `a timer can be fired by hand`() async throws {
    let house = try await TestHost(
      manifests: .yaml("function: tick\ntriggers: [{ timer: { every: 1h } }]")
    ) {
      Handler("Tick") { (_: NoInput, context) in context.event.type }
    }
    let fired = try await house.fire("tick/0")
    #expect(try await house.outcome(of: fired).result(as: String.self) == "apus.timer")
    await #expect(throws: TestFault.self) { try await house.fire("tock/0") }
  }

  @Test func `a dead letter can be sent again, once`() async throws {
    let isMended = Locked(false)
    let house = try await TestHost(manifests: .yaml(Self.step)) {
      Handler("Step") { (_: NoInput, _) in
        guard isMended.withLock({ $0 }) else { throw Reject("broken") }
      }
    }
    try await house.send("steps", 1)
    try await house.settle()
    let letter = try #require(house.deadLetters.first)
    isMended.withLock { $0 = true }
    let sent = try await house.redrive(letter)
    #expect(try await house.outcome(of: sent).state == .succeeded)
    #expect(house.deadLetters.isEmpty)
    await #expect(throws: TestFault.self) { try await house.redrive(letter) }
  }

  @Test func `a house goes with its store, and tells its story before`() async throws {
    var house: TestHost? = try await TestHost(manifests: .yaml(Self.step)) {
      Handler("Step") { (_: NoInput, _) in throw Reject("no") }
    }
    try await house?.send("steps", 1)
    try await house?.settle()
    let story = try #require(house).description
    #expect(story.hasPrefix("it is 2027-01-04T09:00:00.000Z\n2027-01-04T09:00:00.000Z "))
    #expect(story.hasSuffix(" step dead (rejected), attempts 1: no"))
    let path = try #require(house?.storePath)
    #expect(access(path, F_OK) == 0)
    house = nil
    #expect(access(path, F_OK) != 0)
  }

  @Test @MainActor func `a house serves a test on the main actor too`() async throws {
    let house = try await TestHost(manifests: .yaml(Self.step)) {
      Handler("Step") { @MainActor (_: NoInput, _) in }
    }
    let sent = try await house.send("steps", 1)
    #expect(try await house.outcome(of: sent).state == .succeeded)
  }
}
