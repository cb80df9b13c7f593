import Dispatching
import Invocations
import TestSupport
import Testing

struct AcceptingTests {
  @Test func `a key that its manifest asks for has to be in the event`() {
    let function = FunctionDeclaration(
      name: "pay", handler: "Pay", triggers: [.queue("q")],
      idempotency: IdempotencyPolicy(key: EventPath("data.order"), isRequired: true))
    let house = TestHouse([function])
    for data in ["{}", #"{"order":null}"#, #"{"order":""}"#, "text"] {
      #expect(
        house.send("pay", data).refusal == .keyMissing(function: "pay", path: "data.order"))
    }
    let answer = house.send("pay", #"{"order":7}"#)
    house.settle()
    #expect(answer.accepted != nil)
  }

  @Test func `nobody waits for a function that is paused`() {
    let house = TestHouse([FunctionDeclaration(name: "pay", handler: "Pay", triggers: [])])
    house.dispatcher.pause("function:pay", since: house.clocks.wall) {}
    let caller = TestCaller()
    let event = Event(id: "1", source: "/pay", type: "t", data: [])
    house.dispatcher.call(
      Proposal(function: "pay", trigger: "invoke", event: event), listener: caller)
    guard case .refused(.functionPaused("pay")) = caller.outcomes.first else {
      Issue.record("\(caller.outcomes)")
      return
    }
  }

  let charge = FunctionDeclaration(
    name: "charge", handler: "Charge", triggers: [.queue("q")], queueLimit: 3, payloadBytesMax: 10)

  @Test func `an event is acknowledged when it is on disk and not before`() {
    let house = TestHouse([charge])
    let answer = house.send("charge")
    #expect(answer.outcome == nil)
    #expect(house.workers.started.isEmpty)
    house.settle()
    #expect(answer.accepted?.isDuplicate == false)
    #expect(house.workers.started.count == 1)
  }

  @Test func `nothing more is started while the disk is far behind`() {
    let wide = FunctionDeclaration(
      name: "charge", handler: "Charge", triggers: [.queue("q")],
      concurrency: ConcurrencyLimit(limit: 100_000))
    let house = TestHouse([wide])
    let most = RecordLimits.startingBacklogMax
    let answers = (0..<most + 10).map { house.send("charge", id: "\($0)") }
    house.log.commit()
    for news in house.log.takeNews() { house.dispatcher.hear(news) }
    // They are accepted all the same, and what has started is not on disk.
    #expect(answers.allSatisfy { $0.accepted != nil })
    #expect(house.workers.started.count == most)
    #expect(house.log.backlog == most)
    house.settle()
    #expect(house.workers.started.count == most + 10)
  }

  @Test func `the same id is one invocation and every sender learns its name`() {
    let house = TestHouse([charge])
    let first = house.send("charge", id: "a")
    let second = house.send("charge", id: "a")
    // The duplicate must not be acknowledged ahead of what it duplicates.
    #expect(second.outcome == nil)
    house.settle()
    #expect(first.accepted?.invocation == second.accepted?.invocation)
    #expect(second.accepted?.isDuplicate == true)
    #expect(house.workers.started.count == 1)
    #expect(house.log.duplicates == [first.accepted?.invocation].compactMap { $0 })
  }

  @Test func `a key is remembered across a kill`() {
    let house = TestHouse([charge])
    let first = house.send("charge", id: "a")
    house.settle()
    house.restart()
    let again = house.send("charge", id: "a")
    house.settle()
    #expect(again.accepted?.isDuplicate == true)
    #expect(again.accepted?.invocation == first.accepted?.invocation)
  }

  @Test func `a key that is past its time runs anew`() {
    let house = TestHouse([charge])
    let first = house.send("charge", id: "a")
    house.settle()
    house.succeed(house.workers.started[0])
    house.clocks.advance(by: .seconds(86_401))
    house.dispatcher.tick()
    let again = house.send("charge", id: "a")
    house.settle()
    #expect(again.accepted?.isDuplicate == false)
    #expect(again.accepted?.invocation != first.accepted?.invocation)
  }

  @Test func `the queue limit lets in exactly as many as it says`() {
    let house = TestHouse([charge])
    for _ in 0..<3 { #expect(house.send("charge").refusal == nil) }
    #expect(house.send("charge").refusal == .queueFull(function: "charge", limit: 3))
    house.settle()
    house.succeed(house.workers.started[0])
    #expect(house.send("charge").refusal == nil)
  }

  @Test func `the payload limit lets in exactly as much as it says`() {
    let house = TestHouse([charge])
    #expect(house.send("charge", "\"12345678\"").refusal == nil)
    #expect(
      house.send("charge", "\"123456789\"").refusal
        == .payloadTooLarge(function: "charge", bytes: 11, bytesMax: 10))
  }

  @Test func `of one request all is accepted or none`() {
    let house = TestHouse([charge])
    let proposals = (0..<4).map {
      Proposal(
        function: "charge", trigger: "queue:q", queue: "q",
        event: Event(id: "\($0)", source: "s", type: "t", data: []))
    }
    var outcome: Result<[Accepted], Refusal>?
    house.dispatcher.accept(proposals) { outcome = $0 }
    house.settle()
    #expect(outcome == .failure(.queueFull(function: "charge", limit: 3)))
    #expect(house.log.disk.isEmpty)
  }

  @Test func `a disk that refuses takes the acceptance back and the key with it`() {
    let house = TestHouse([charge])
    house.log.fails = true
    let answer = house.send("charge", id: "a")
    house.settle()
    #expect(answer.refusal == .storeStalled(reason: "the record could not be written"))
    #expect(house.send("charge", id: "a").refusal == .storeStalled(reason: "disk full"))
    house.log.heal()
    house.hearNews()
    let again = house.send("charge", id: "a")
    house.settle()
    #expect(again.accepted?.isDuplicate == false)
    #expect(house.workers.started.count == 1)
  }

  @Test func `a call may start before its record is on disk and is answered after`() {
    let house = TestHouse([charge])
    let caller = TestCaller()
    house.dispatcher.call(proposal(key: nil), listener: caller)
    #expect(house.workers.started.count == 1)
    house.dispatcher.hear(
      house.workers.answer(
        house.workers.started[0].name,
        .succeeded(.json(Array("1".utf8)), emitted: [], cpuMicroseconds: 0)))
    #expect(caller.outcomes.isEmpty)
    house.settle()
    guard case .ended(let ending)? = caller.outcomes.first else {
      Issue.record("no answer")
      return
    }
    #expect(ending.state == .succeeded)
    #expect(ending.result?.body == Array("1".utf8))
  }

  @Test func `a finished call with the same key is replayed and does not run`() {
    let house = TestHouse([charge])
    house.dispatcher.call(proposal(key: "k"), listener: TestCaller())
    house.succeed(house.workers.started[0])
    let again = TestCaller()
    house.dispatcher.call(proposal(key: "k"), listener: again)
    house.settle()
    guard case .replayed(let replay?, _)? = again.outcomes.first else {
      Issue.record("not replayed")
      return
    }
    #expect(replay.state == .succeeded)
    #expect(house.workers.started.count == 1)
  }

  @Test func `a running call with the same key is refused, and one with another body as well`() {
    let house = TestHouse([charge])
    let first = TestCaller()
    house.dispatcher.call(proposal(key: "k"), listener: first)
    let second = TestCaller()
    house.dispatcher.call(proposal(key: "k"), listener: second)
    let third = TestCaller()
    house.dispatcher.call(proposal(key: "k", body: "2"), listener: third)
    guard let id = first.id, case .refused(let running)? = second.outcomes.first,
      case .refused(let reused)? = third.outcomes.first
    else {
      Issue.record("not refused")
      return
    }
    #expect(running == .keyRunning(id))
    #expect(reused == .keyReused(id))
  }

  private func proposal(key: String?, body: String = "1") -> Proposal {
    Proposal(
      function: "charge", trigger: "http:POST /c",
      event: Event(id: "x", source: "/routes/charge", type: "t", data: Array(body.utf8)),
      call: HTTPCall(method: "POST", path: "/c", query: nil, parameters: [], headers: []),
      key: key.map { ProposedKey(text: $0, body: Array(body.utf8)) })
  }
}
