import Dispatching
import Invocations
import TestSupport
import Testing

/// What has to hold when an operator, a new manifest or the clock comes in between.
struct OrderRaceTests {
  let charge = FunctionDeclaration(
    name: "charge", handler: "Charge", triggers: [.queue("q"), .queue("other")],
    concurrency: ConcurrencyLimit(limit: 100), order: EventPath("data.order"),
    retry: RetryPolicy(attemptsMax: 3, first: .seconds(1), jitter: .none))

  private var unordered: FunctionDeclaration {
    var before = charge
    before.order = nil
    before.concurrency.limit = 1
    return before
  }

  private func text(_ assignment: Assignment) -> String {
    String(decoding: assignment.acceptance.event.data, as: UTF8.self)
  }

  @discardableResult
  private func send(_ house: TestHouse, _ order: String, _ number: Int) -> TestHouse.Answer {
    house.send("charge", #"{"order":"\#(order)","n":\#(number)}"#)
  }

  private func runAll(_ house: TestHouse) -> [String] {
    while let next = house.workers.running.values.min(by: { $0.name.id < $1.name.id }) {
      house.succeed(next)
    }
    return house.workers.started.map(text)
  }

  private func numbers(_ count: Int) -> [String] {
    (0..<count).map { #"{"order":"a","n":\#($0)}"# }
  }

  @Test func `retries come in however many values wait for theirs`() {
    var limits = LaneLimits()
    limits.lanesMax = 4
    let house = TestHouse([charge], laneLimits: limits)
    for order in 0..<8 { send(house, "\(order)", 0) }
    house.settle()
    for one in house.workers.started { house.fail(one) }
    for _ in 0..<3 {
      house.clocks.advance(by: .seconds(2))
      house.dispatcher.tick()
      house.settle()
      _ = runAll(house)
    }
    #expect(house.log.disk.values.allSatisfy { $0.state == .succeeded })
  }

  @Test func `values that have begun before a start do not keep the line from being read`() {
    var limits = LaneLimits()
    limits.lanesMax = 4
    let house = TestHouse([charge], laneLimits: limits)
    for order in 0..<4 { send(house, "\(order)", 0) }
    house.settle()
    house.restart()
    house.settle()
    #expect(house.workers.running.count == 4)
  }

  @Test func `an end that overtakes the news of what has begun keeps nobody waiting`() {
    let house = TestHouse([unordered])
    for number in 0..<2 { send(house, "a", number) }
    house.settle()
    house.dispatcher.redeclare([charge])
    let first = house.workers.started[0]
    house.dispatcher.hear(
      house.workers.answer(first.name, .succeeded(.nothing, emitted: [], cpuMicroseconds: 0)))
    house.log.commit()
    let news = house.log.takeNews()
    for one in news { if case .durable = one { house.dispatcher.hear(one) } }
    for one in news { if case .durable = one {} else { house.dispatcher.hear(one) } }
    house.settle()
    #expect(runAll(house) == numbers(2))
  }

  @Test func `a retry that is not on disk yet keeps its place under a new manifest`() {
    let house = TestHouse([unordered])
    for number in 0..<2 { send(house, "a", number) }
    house.log.commit()
    house.hearNews()
    house.dispatcher.pause("function:charge", since: house.clocks.wall) {}
    let failure = Failure(kind: .thrown, error: ErrorRecord(code: "thrown", message: "scripted"))
    house.dispatcher.hear(
      house.workers.answer(house.workers.started[0].name, .failed(failure, cpuMicroseconds: 0)))
    house.dispatcher.redeclare([charge])
    house.dispatcher.pause("function:charge", since: nil) {}
    house.settle()
    #expect(house.workers.started.count == 1)
    house.clocks.advance(by: .seconds(1))
    house.dispatcher.tick()
    house.settle()
    #expect(runAll(house) == [numbers(1)[0]] + numbers(2))
  }

  @Test func `what is left to the store comes back though the clock is set back`() {
    let house = TestHouse([charge])
    for number in 0..<200 { send(house, "a", number) }
    house.settle()
    house.clocks.wall = house.clocks.wall + .seconds(-10)
    #expect(runAll(house) == numbers(200))
  }

  @Test func `a paused queue does not stop the retry that stands before its events`() {
    let house = TestHouse([charge])
    let event = Event(
      id: "first", source: "/queues/other", type: "t", data: Array(#"{"order":"a"}"#.utf8))
    house.dispatcher.accept(
      [Proposal(function: "charge", trigger: "queue:other", queue: "other", event: event)]
    ) { _ in }
    house.settle()
    house.dispatcher.pause("queue:q", since: house.clocks.wall) {}
    send(house, "a", 1)
    house.settle()
    house.fail(house.workers.started[0])
    house.clocks.advance(by: .seconds(1))
    house.dispatcher.tick()
    house.settle()
    #expect(house.workers.started.map(\.name.attempt) == [1, 2])
    house.succeed(house.workers.started[1])
    #expect(house.workers.started.count == 2)
    house.dispatcher.pause("queue:q", since: nil) {}
    house.settle()
    #expect(house.workers.started.count == 3)
  }

  @Test func `nobody overtakes what waits for its new lane to be on disk`() {
    var limits = LaneLimits()
    limits.laneEntriesMax = 2
    let house = TestHouse([unordered], laneLimits: limits)
    house.dispatcher.pause("function:charge", since: house.clocks.wall) {}
    for number in 0..<9 { send(house, "a", number) }
    house.settle()
    house.dispatcher.redeclare([charge])
    house.settle()
    house.dispatcher.pause("function:charge", since: nil) {}
    send(house, "a", 9)
    for _ in 0..<3 { house.hearNews() }
    // The last one's acceptance is on disk before the new lanes of the others are.
    house.log.commit(groups: 2)
    for _ in 0..<6 {
      house.hearNews()
      for one in house.workers.running.values {
        house.dispatcher.hear(
          house.workers.answer(one.name, .succeeded(.nothing, emitted: [], cpuMicroseconds: 0)))
      }
    }
    house.settle()
    #expect(runAll(house) == numbers(10))
  }

  @Test func `what comes to disk while its function is not declared runs when it is again`() {
    let house = TestHouse([unordered])
    send(house, "a", 0)
    house.settle()
    send(house, "a", 1)
    house.dispatcher.redeclare([])
    house.hearNews()
    house.settle()
    house.dispatcher.redeclare([unordered])
    house.settle()
    #expect(runAll(house) == numbers(2))
  }

  @Test func `what waits in memory runs on under a new manifest`() {
    let house = TestHouse([charge])
    for number in 0..<5 { send(house, "a", number) }
    house.settle()
    var limited = charge
    limited.rate = RateLimit(
      count: 1000, period: .seconds(1), burst: 1000, per: EventPath("data.order"))
    house.dispatcher.redeclare([limited])
    house.settle()
    house.clocks.advance(by: .seconds(5))
    house.dispatcher.tick()
    house.settle()
    #expect(runAll(house) == numbers(5))
  }

  @Test func `a retry stays before what the store brings after it`() {
    var limits = LaneLimits()
    limits.laneEntriesMax = 1
    var limited = charge
    limited.rate = RateLimit(count: 1, period: .seconds(1), burst: 1, per: EventPath("data.order"))
    let house = TestHouse([limited], laneLimits: limits)
    for number in 0..<4 { send(house, "a", number) }
    house.settle()
    house.succeed(house.workers.started[0])
    house.clocks.advance(by: .seconds(1))
    house.dispatcher.tick()
    // The rest of the lane is being read when the second one is back and waits for its token.
    let failure = Failure(
      kind: .thrown, error: ErrorRecord(code: "thrown", message: "scripted"), retryAfter: .zero)
    if let second = house.workers.running.values.first {
      house.clocks.advance(by: .milliseconds(1))
      house.dispatcher.hear(
        house.workers.answer(second.name, .failed(failure, cpuMicroseconds: 0)))
    }
    house.log.commit()
    let news = house.log.takeNews()
    for one in news { if case .durable = one { house.dispatcher.hear(one) } }
    for one in news { if case .durable = one {} else { house.dispatcher.hear(one) } }
    var seen: [String] = []
    for _ in 0..<10 {
      house.settle()
      seen = runAll(house)
      house.clocks.advance(by: .seconds(1))
      house.dispatcher.tick()
    }
    let all = numbers(4)
    #expect(seen == [all[0], all[1], all[1], all[2], all[3]])
  }

  @Test func `another priority in the manifest does not let later events overtake`() {
    var limits = LaneLimits()
    limits.laneEntriesMax = 4
    let house = TestHouse([charge], laneLimits: limits)
    house.dispatcher.pause("function:charge", since: house.clocks.wall) {}
    for number in 0..<100 { send(house, "a", number) }
    house.settle()
    var urgent = charge
    urgent.priority = .high
    house.dispatcher.redeclare([urgent])
    send(house, "a", 100)
    house.settle()
    house.dispatcher.pause("function:charge", since: nil) {}
    house.settle()
    #expect(runAll(house) == numbers(101))
  }
}

struct ValueRaceTests {
  private func run(_ house: TestHouse) {
    while let next = house.workers.running.values.min(by: { $0.name.id < $1.name.id }) {
      house.succeed(next)
    }
  }

  @Test func `a place that a cancelled one leaves goes to the next of its value`() throws {
    let house = TestHouse([
      FunctionDeclaration(
        name: "charge", handler: "Charge", triggers: [.queue("q")],
        concurrency: ConcurrencyLimit(limit: 8, per: EventPath("data.tenant"), limitPer: 1),
        order: EventPath("data.order"))
    ])
    house.send("charge", #"{"order":1,"tenant":"t"}"#)
    let second = house.send("charge", #"{"order":2,"tenant":"t"}"#)
    house.send("charge", #"{"order":2,"tenant":"u"}"#)
    house.send("charge", #"{"order":3,"tenant":"t"}"#)
    house.settle()
    #expect(house.workers.running.count == 1)
    let id = try #require(second.accepted?.invocation)
    #expect(house.dispatcher.cancel(try #require(house.log.disk[id]?.record)))
    house.settle()
    run(house)
    #expect(house.workers.started.count == 3)
  }

  @Test func `a retry that is brought forward starts, however long its value's line is`() throws {
    let house = TestHouse([
      FunctionDeclaration(
        name: "charge", handler: "Charge", triggers: [.queue("q")],
        concurrency: ConcurrencyLimit(limit: 8, per: EventPath("data.tenant"), limitPer: 1),
        retry: RetryPolicy(attemptsMax: 3, first: .seconds(60), jitter: .none))
    ])
    house.send("charge")
    house.settle()
    let first = house.workers.started[0]
    house.fail(first)
    for _ in 0..<200 { house.send("charge") }
    house.settle()
    #expect(house.hurry(first.name.id))
    house.settle()
    run(house)
    house.clocks.advance(by: .seconds(600))
    house.dispatcher.tick()
    house.settle()
    run(house)
    #expect(house.log.disk[first.name.id]?.state == .succeeded)
  }
}

struct QueueMoveTests {
  private func function(_ name: String, _ queues: [String]) -> FunctionDeclaration {
    FunctionDeclaration(name: name, handler: "H", triggers: queues.map { .queue($0) })
  }

  @Test func `a paused queue stays paused when another function takes it`() {
    let house = TestHouse([function("one", ["q"]), function("two", ["p"])])
    house.dispatcher.pause("queue:q", since: house.clocks.wall) {}
    house.send("one")
    house.settle()
    house.dispatcher.redeclare([function("one", ["r"]), function("two", ["p", "q"])])
    house.send("two")
    house.settle()
    #expect(house.workers.started.isEmpty)
    house.dispatcher.pause("queue:q", since: nil) {}
    house.settle()
    #expect(house.workers.started.count == 2)
  }
}

struct BatchRaceTests {
  let store = FunctionDeclaration(
    name: "store", handler: "Store", triggers: [.queue("q")],
    batch: BatchRule(size: 10, window: .milliseconds(200)),
    retry: RetryPolicy(attemptsMax: 3, first: .seconds(1), jitter: .none))

  private func pass(_ house: TestHouse, _ milliseconds: Int) {
    house.clocks.advance(by: .milliseconds(milliseconds))
    house.dispatcher.tick()
    house.settle()
  }

  @Test func `one that is brought forward before its wait is on disk is gathered once`() {
    let house = TestHouse([store])
    house.send("store")
    house.settle()
    pass(house, 200)
    let first = house.workers.started[0]
    let failure = Failure(kind: .thrown, error: ErrorRecord(code: "thrown", message: "scripted"))
    house.dispatcher.hear(
      house.workers.answer(first.name, .failed(failure, cpuMicroseconds: 0)))
    #expect(house.hurry(first.name.id))
    house.settle()
    pass(house, 1000)
    #expect(house.workers.batches.map(\.count) == [1, 1])
  }

  @Test func `what was gathered does not start while its queue is paused`() {
    let house = TestHouse([store])
    for _ in 0..<3 { house.send("store") }
    house.settle()
    house.dispatcher.pause("queue:q", since: house.clocks.wall) {}
    house.settle()
    pass(house, 1000)
    #expect(house.workers.started.isEmpty)
    house.dispatcher.pause("queue:q", since: nil) {}
    house.settle()
    pass(house, 200)
    #expect(house.workers.started.count == 3)
  }

  @Test(arguments: [nil, EventPath("data.tenant")])
  func `a batch does not pass the rate`(per: EventPath?) {
    var limited = store
    limited.rate = RateLimit(count: 1, period: .seconds(1), burst: 3, per: per)
    let house = TestHouse([limited])
    for _ in 0..<10 { house.send("store") }
    house.settle()
    pass(house, 200)
    #expect(house.workers.started.count == 3)
    var seconds = 0
    while house.workers.started.count < 10, seconds < 100 {
      pass(house, 1000)
      seconds += 1
      #expect(house.workers.started.count <= 3 + seconds + 1)
    }
    #expect(house.workers.started.count == 10)
    #expect(seconds <= 8)
  }
}
