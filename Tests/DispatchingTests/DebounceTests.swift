import Dispatching
import Invocations
import TestSupport
import Testing

struct DebounceTests {
  let index = FunctionDeclaration(
    name: "index", handler: "Index", triggers: [.queue("q")],
    debounce: DebounceRule(
      per: EventPath("data.user"), quiet: .seconds(5), atMost: .seconds(12)))

  private func pass(_ house: TestHouse, _ seconds: Int) {
    house.clocks.advance(by: .seconds(seconds))
    house.dispatcher.tick()
    house.settle()
  }

  @Test func `the last event runs after the quiet time and names those it replaces`() throws {
    let house = TestHouse([index])
    let answers = (0..<3).map { number in
      let answer = house.send("index", #"{"user":"u","n":\#(number)}"#, id: "e\(number)")
      house.settle()
      pass(house, 1)
      return answer
    }
    let ids = try answers.map { try #require($0.accepted?.invocation) }
    #expect(house.log.disk[ids[0]]?.state == .cancelled)
    #expect(house.log.disk[ids[0]]?.reason == .replaced)
    #expect(house.log.disk[ids[0]]?.replacedBy == ids[1])
    #expect(house.log.disk[ids[1]]?.replacedBy == ids[2])
    pass(house, 3)
    #expect(house.workers.started.isEmpty)
    pass(house, 1)
    #expect(house.workers.started.map(\.name.id) == [ids[2]])
    #expect(house.dispatcher.counts.first?.unfinished == 1)
  }

  @Test func `other values are left alone`() {
    let house = TestHouse([index])
    house.send("index", #"{"user":"u"}"#)
    house.send("index", #"{"user":"v"}"#)
    house.settle()
    pass(house, 5)
    #expect(house.workers.started.count == 2)
  }

  @Test func `whatever comes, one runs at the latest after the longest time`() {
    let house = TestHouse([index])
    for _ in 0..<6 {
      house.send("index", #"{"user":"u"}"#)
      house.settle()
      pass(house, 2)
    }
    #expect(house.workers.started.count == 1)
  }

  @Test func `an event after the quiet time begins a new one`() {
    let house = TestHouse([index])
    house.send("index", #"{"user":"u"}"#)
    house.settle()
    pass(house, 5)
    house.send("index", #"{"user":"u"}"#)
    house.settle()
    pass(house, 5)
    #expect(house.workers.started.count == 2)
  }

  @Test func `an event whose former began before it was on disk waits for a quiet time`() throws {
    let house = TestHouse([index])
    house.send("index", #"{"user":"u","n":1}"#)
    house.settle()
    house.clocks.advance(by: .seconds(5))
    let second = house.send("index", #"{"user":"u","n":2}"#)
    // The first begins while the second is on its way to disk.
    house.dispatcher.tick()
    #expect(house.workers.started.count == 1)
    house.settle()
    pass(house, 4)
    #expect(house.workers.started.count == 1)
    pass(house, 1)
    #expect(house.workers.started.last?.name.id == second.accepted?.invocation)
  }

  @Test func `a quiet time that begins anew has its place in the store as well`() throws {
    let house = TestHouse([index])
    for _ in 0..<3 {
      house.send("index", #"{"user":"u"}"#)
      house.settle()
      house.clocks.advance(by: .seconds(4))
    }
    // Past the longest time of those before it, this one is due at once; but the third begins first.
    let last = house.send("index", #"{"user":"u"}"#)
    #expect(house.workers.started.isEmpty)
    house.dispatcher.tick()
    #expect(house.workers.started.count == 1)
    house.settle()
    let id = try #require(last.accepted?.invocation)
    #expect(house.log.disk[id]?.due == house.clocks.wall + .seconds(5))
    pass(house, 5)
    #expect(house.workers.started.last?.name.id == id)
  }

  @Test func `a host that starts again replaces what waited before`() throws {
    let house = TestHouse([index])
    let first = house.send("index", #"{"user":"u"}"#)
    house.settle()
    house.restart()
    let second = house.send("index", #"{"user":"u"}"#)
    house.settle()
    pass(house, 5)
    let id = try #require(first.accepted?.invocation)
    #expect(house.log.disk[id]?.state == .cancelled)
    #expect(house.workers.started.map(\.name.id) == [second.accepted?.invocation])
  }

  @Test func `killed between the two records the older one is replaced at the next start`() throws {
    let house = TestHouse([index])
    let first = house.send("index", #"{"user":"u"}"#)
    house.settle()
    house.send("index", #"{"user":"u"}"#)
    house.log.commit(groups: 1)
    house.restart()
    house.settle()
    pass(house, 6)
    #expect(house.workers.started.count == 1)
    let id = try #require(first.accepted?.invocation)
    #expect(house.log.disk[id]?.state == .cancelled)
  }

  @Test func `what the disk refuses replaces nothing`() throws {
    let house = TestHouse([index])
    let first = house.send("index", #"{"user":"u"}"#)
    house.settle()
    house.log.fails = true
    let second = house.send("index", #"{"user":"u"}"#)
    house.settle()
    #expect(second.accepted == nil)
    house.log.heal()
    house.settle()
    pass(house, 5)
    #expect(house.workers.started.map(\.name.id) == [first.accepted?.invocation])
  }
}

struct BatchTests {
  let store = FunctionDeclaration(
    name: "store", handler: "Store", triggers: [.queue("q")],
    concurrency: ConcurrencyLimit(limit: 2),
    batch: BatchRule(size: 10, window: .milliseconds(200)),
    retry: RetryPolicy(attemptsMax: 3, first: .seconds(1), jitter: .none))

  @Test func `a full batch starts at once, the rest after its window`() {
    let house = TestHouse([store])
    for _ in 0..<13 { house.send("store") }
    house.settle()
    #expect(house.workers.batches.map(\.count) == [10])
    house.clocks.advance(by: .milliseconds(199))
    house.dispatcher.tick()
    #expect(house.workers.batches.count == 1)
    house.clocks.advance(by: .milliseconds(1))
    house.dispatcher.tick()
    #expect(house.workers.batches.map(\.count) == [10, 3])
  }

  @Test func `a batch is one run, however many it holds, until the last has its answer`() {
    let house = TestHouse([store])
    for _ in 0..<30 { house.send("store") }
    house.settle()
    #expect(house.workers.batches.count == 2)
    for one in house.workers.batches[0].dropLast() { house.succeed(one) }
    #expect(house.workers.batches.count == 2)
    house.succeed(house.workers.batches[0][9])
    #expect(house.workers.batches.count == 3)
  }

  @Test func `each keeps its own attempts and answer`() throws {
    let house = TestHouse([store])
    let answers = (0..<10).map { _ in house.send("store") }
    house.settle()
    house.fail(house.workers.batches[0][0])
    for one in house.workers.batches[0].dropFirst() { house.succeed(one) }
    let ids = try answers.map { try #require($0.accepted?.invocation) }
    #expect(house.log.disk[ids[0]]?.state == .waiting)
    #expect(ids.dropFirst().allSatisfy { house.log.disk[$0]?.state == .succeeded })
    house.clocks.advance(by: .milliseconds(1200))
    house.dispatcher.tick()
    #expect(house.workers.batches.last?.map(\.name.attempt) == [2])
  }

  @Test func `what is cancelled while the batch fills is left out`() throws {
    let house = TestHouse([store])
    let first = house.send("store")
    house.send("store")
    house.settle()
    let id = try #require(first.accepted?.invocation)
    let record = try #require(house.log.disk[id]?.record)
    #expect(house.dispatcher.cancel(record))
    house.settle()
    house.clocks.advance(by: .milliseconds(200))
    house.dispatcher.tick()
    #expect(house.workers.batches.map(\.count) == [1])
  }

  @Test func `payloads past the limit of a batch wait for the next`() {
    var large = store
    large.payloadBytesMax = 8 << 20
    let house = TestHouse([large])
    let data = "\"" + String(repeating: "x", count: 3 << 20) + "\""
    for _ in 0..<3 { house.send("store", data) }
    house.settle()
    #expect(house.workers.batches.map(\.count) == [2])
  }
}

struct JoinTests {
  private func function(_ whenRunning: IdempotencyPolicy.WhenRunning) -> FunctionDeclaration {
    FunctionDeclaration(
      name: "pay", handler: "Pay", triggers: [],
      idempotency: IdempotencyPolicy(whenRunning: whenRunning))
  }

  private func call(_ house: TestHouse, _ caller: TestCaller) {
    let event = Event(id: "x", source: "/pay", type: "t", data: [])
    house.dispatcher.call(
      Proposal(
        function: "pay", trigger: "invoke", event: event,
        key: ProposedKey(text: "k", body: [1])), listener: caller)
  }

  @Test func `a second caller shares the first one's answer`() {
    let house = TestHouse([function(.join)])
    let callers = [TestCaller(), TestCaller()]
    for caller in callers { call(house, caller) }
    house.settle()
    #expect(house.workers.started.count == 1)
    #expect(callers[1].outcomes.isEmpty)
    house.succeed(house.workers.started[0])
    #expect(callers.map(\.outcomes.count) == [1, 1])
    #expect(callers[0].id == callers[1].id)
  }

  @Test func `past the limit of callers the next is refused`() throws {
    let house = TestHouse([function(.join)])
    for _ in 0..<Dispatcher.joinedMax { call(house, TestCaller()) }
    let late = TestCaller()
    call(house, late)
    guard case .refused(.tooManyJoined(_, Dispatcher.joinedMax)) = late.outcomes.first else {
      Issue.record("\(late.outcomes)")
      return
    }
  }

  @Test func `held work tells its callers`() throws {
    var held = function(.join)
    held.onCrash = .hold
    let house = TestHouse([held])
    let caller = TestCaller()
    call(house, caller)
    house.settle()
    house.fail(house.workers.started[0], .crashed)
    guard case .held = caller.outcomes.first else {
      Issue.record("\(caller.outcomes)")
      return
    }
  }
}
