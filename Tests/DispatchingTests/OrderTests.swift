import Dispatching
import Invocations
import TestSupport
import Testing

struct OrderTests {
  let charge = FunctionDeclaration(
    name: "charge", handler: "Charge", triggers: [.queue("q")],
    concurrency: ConcurrencyLimit(limit: 100), order: EventPath("data.order"),
    retry: RetryPolicy(attemptsMax: 3, first: .seconds(1), jitter: .none), onCrash: .hold)

  private func text(_ assignment: Assignment) -> String {
    String(decoding: assignment.acceptance.event.data, as: UTF8.self)
  }

  private func send(_ house: TestHouse, _ order: String, _ number: Int) -> TestHouse.Answer {
    house.send("charge", #"{"order":"\#(order)","n":\#(number)}"#)
  }

  @Test func `one of a value runs at a time, in the order of arrival, and others go on`() {
    let house = TestHouse([charge])
    for number in 0..<3 { for order in ["a", "b"] { _ = send(house, order, number) } }
    house.settle()
    #expect(
      house.workers.started.map(text) == [#"{"order":"a","n":0}"#, #"{"order":"b","n":0}"#])
    house.succeed(house.workers.started[0])
    #expect(house.workers.started.map(text).last == #"{"order":"a","n":1}"#)
    house.succeed(house.workers.started[2])
    #expect(house.workers.started.map(text).last == #"{"order":"a","n":2}"#)
    #expect(house.workers.running.count == 2)
  }

  @Test(arguments: [1, 3_600_000]) func `nobody overtakes when the clock is set back`(
    by milliseconds: Int
  ) {
    let house = TestHouse([charge])
    house.dispatcher.pause("function:charge", since: house.clocks.wall) {}
    _ = send(house, "a", 0)
    house.settle()
    house.clocks.wall = house.clocks.wall + .milliseconds(-milliseconds)
    _ = send(house, "a", 1)
    house.settle()
    house.dispatcher.pause("function:charge", since: nil) {}
    house.settle()
    #expect(house.workers.started.map(text) == [#"{"order":"a","n":0}"#])
  }

  @Test func `nobody overtakes when the clock was set back while no host ran`() {
    let house = TestHouse([charge])
    house.dispatcher.pause("function:charge", since: house.clocks.wall) {}
    _ = send(house, "a", 0)
    house.settle()
    house.clocks.wall = house.clocks.wall + .seconds(-60)
    house.restart()
    _ = send(house, "a", 1)
    house.settle()
    house.dispatcher.pause("function:charge", since: nil) {}
    house.settle()
    #expect(house.workers.started.map(text) == [#"{"order":"a","n":0}"#])
  }

  @Test func `what waits after the clock was set back comes within twice its time`() {
    let house = TestHouse([charge])
    _ = send(house, "a", 0)
    house.settle()
    house.clocks.wall = house.clocks.wall + .seconds(-600)
    house.fail(house.workers.started[0])
    house.clocks.advance(by: .seconds(2))
    house.dispatcher.tick()
    #expect(house.workers.started.count == 2)
  }

  @Test func `a value goes on after its function gathers in another way`() {
    var gathering = charge
    gathering.batch = BatchRule(size: 1, window: .milliseconds(200))
    let house = TestHouse([gathering])
    for number in 0..<2 { _ = send(house, "a", number) }
    house.settle()
    gathering.batch = BatchRule(size: 2, window: .milliseconds(200))
    house.redeclare([gathering])
    house.settle()
    house.succeed(house.workers.started[0])
    house.clocks.advance(by: .milliseconds(200))
    house.dispatcher.tick()
    house.settle()
    #expect(house.workers.started.map(text).last == #"{"order":"a","n":1}"#)
  }

  @Test func `many values of a paused queue do not hold up those of another`() {
    var two = charge
    two.triggers = [.queue("q"), .queue("p")]
    var limits = LaneLimits()
    limits.lanesMax = 4
    let house = TestHouse([two], laneLimits: limits)
    house.dispatcher.pause("queue:q", since: house.clocks.wall) {}
    for number in 0..<20 { _ = send(house, "\(number)", number) }
    house.settle()
    house.dispatcher.accept([
      Proposal(
        function: "charge", trigger: "queue:p", queue: "p",
        event: Event(id: "e", source: "/queues/p", type: "t", data: Array(#"{"order":"z"}"#.utf8)))
    ]) { _ in }
    house.settle()
    #expect(house.workers.started.map(text) == [#"{"order":"z"}"#])
    house.dispatcher.pause("queue:q", since: nil) {}
    house.settle()
    while let one = house.workers.running.values.first { house.succeed(one) }
    #expect(house.workers.started.count == 21)
  }

  @Test func `nobody overtakes a retry`() {
    let house = TestHouse([charge])
    for number in 0..<2 { _ = send(house, "a", number) }
    house.settle()
    house.fail(house.workers.started[0])
    #expect(house.workers.running.isEmpty)
    house.clocks.advance(by: .seconds(1))
    house.dispatcher.tick()
    #expect(house.workers.started.map(\.name.attempt) == [1, 2])
    house.succeed(house.workers.started[1])
    #expect(house.workers.started.map(text).last == #"{"order":"a","n":1}"#)
  }

  @Test func `nobody overtakes a retry after the host starts again`() {
    let house = TestHouse([charge])
    for number in 0..<2 { _ = send(house, "a", number) }
    house.settle()
    house.fail(house.workers.started[0])
    house.restart()
    house.settle()
    #expect(house.workers.running.isEmpty)
    house.clocks.advance(by: .seconds(2))
    house.dispatcher.tick()
    house.settle()
    #expect(house.workers.running.values.map(text) == [#"{"order":"a","n":0}"#])
  }

  @Test func `what was sent before a backoff ended does not stand before the retry`() {
    var one = charge
    one.concurrency.limit = 1
    let house = TestHouse([one])
    _ = send(house, "a", 0)
    house.settle()
    house.fail(house.workers.started[0])
    _ = send(house, "c", 0)
    house.settle()
    _ = send(house, "d", 0)
    house.settle()
    _ = send(house, "a", 1)
    house.clocks.advance(by: .seconds(1))
    let done = AttemptAnswer.succeeded(.nothing, emitted: [], cpuMicroseconds: 0)
    house.dispatcher.hear(house.workers.answer(house.workers.started[1].name, done))
    house.settle()
    for _ in 0..<3 {
      if let next = house.workers.running.values.first { house.succeed(next) }
    }
    #expect(house.workers.started.count == 5)
    #expect(house.dispatcher.counts.first?.unfinished == 0)
  }

  @Test func `held work keeps its place until an operator lets it go on`() throws {
    let house = TestHouse([charge])
    let first = send(house, "a", 0)
    _ = send(house, "a", 1)
    house.settle()
    house.fail(house.workers.started[0], .crashed)
    let id = try #require(first.accepted?.invocation)
    #expect(house.log.disk[id]?.state == .held)
    #expect(house.workers.running.isEmpty)
    house.restart()
    house.settle()
    #expect(house.workers.running.isEmpty)
    let record = try #require(house.log.disk[id]?.record)
    #expect(house.dispatcher.release(record))
    #expect(!house.dispatcher.release(record))
    house.settle()
    #expect(house.workers.running.values.map(text) == [#"{"order":"a","n":0}"#])
    house.succeed(house.workers.started.last!)
    #expect(house.workers.running.values.map(text) == [#"{"order":"a","n":1}"#])
  }

  @Test func `held work that is cancelled lets the next one go`() throws {
    let house = TestHouse([charge])
    let first = send(house, "a", 0)
    _ = send(house, "a", 1)
    house.settle()
    house.fail(house.workers.started[0], .crashed)
    let id = try #require(first.accepted?.invocation)
    let record = try #require(house.log.disk[id]?.record)
    #expect(house.dispatcher.cancel(record))
    #expect(!house.dispatcher.cancel(record))
    house.settle()
    #expect(house.log.disk[id]?.state == .cancelled)
    #expect(house.workers.running.values.map(text) == [#"{"order":"a","n":1}"#])
    #expect(house.dispatcher.counts.first?.unfinished == 1)
  }

  @Test func `a long line of one value neither starves the others nor fills the memory`() {
    let house = TestHouse([charge])
    for number in 0..<5_000 { _ = send(house, "noisy", number) }
    for order in 0..<20 { _ = send(house, "quiet-\(order)", 0) }
    house.settle()
    #expect(house.workers.running.count == 21)
    #expect(house.dispatcher.liveCount < 200)
    var seen = 0
    while let next = house.workers.running.values.first(where: { text($0).contains("noisy") }) {
      #expect(text(next) == #"{"order":"noisy","n":\#(seen)}"#)
      seen += 1
      house.succeed(next)
    }
    #expect(seen == 5_000)
  }

  @Test func `a paused queue does not let later events of its values overtake`() throws {
    var function = charge
    function.triggers = [.queue("q"), .queue("other")]
    let house = TestHouse([function])
    house.dispatcher.pause("queue:q", since: house.clocks.wall) {}
    _ = send(house, "a", 0)
    let event = Event(
      id: "late", source: "/queues/other", type: "t", data: Array(#"{"order":"a"}"#.utf8))
    house.dispatcher.accept(
      [Proposal(function: "charge", trigger: "queue:other", queue: "other", event: event)]
    ) { _ in }
    house.settle()
    #expect(house.workers.running.isEmpty)
    house.dispatcher.pause("queue:q", since: nil) {}
    house.settle()
    #expect(house.workers.running.values.map(text) == [#"{"order":"a","n":0}"#])
  }

  @Test func `a manifest that begins to order counts what runs already`() {
    var before = charge
    before.order = nil
    let house = TestHouse([before])
    for number in 0..<4 { _ = send(house, "a", number) }
    house.settle()
    #expect(house.workers.running.count == 4)
    for number in 4..<6 { _ = send(house, "a", number) }
    house.settle()
    let running = house.workers.started
    house.dispatcher.redeclare([charge])
    house.settle()
    for one in running.prefix(6) { house.succeed(one) }
    house.settle()
    #expect(house.workers.running.count <= 1)
  }

  @Test func `an ordered function takes no priorities`() {
    let house = TestHouse([charge])
    let event = Event(id: "1", source: "/queues/q", type: "t", data: [])
    var refusal: Refusal?
    house.dispatcher.accept(
      [
        Proposal(
          function: "charge", trigger: "queue:q", queue: "q", event: event, priority: .high)
      ]
    ) { if case .failure(let why) = $0 { refusal = why } }
    #expect(refusal == .orderedFunction("charge"))
  }
}

struct ConcurrencyPerValueTests {
  let charge = FunctionDeclaration(
    name: "charge", handler: "Charge", triggers: [.queue("q")],
    concurrency: ConcurrencyLimit(limit: 8, per: EventPath("data.customer"), limitPer: 2),
    retry: RetryPolicy(attemptsMax: 3, first: .seconds(1), jitter: .none))

  private func customers(_ house: TestHouse) -> [String: Int] {
    var counts: [String: Int] = [:]
    for one in house.workers.running.values {
      counts[String(decoding: one.acceptance.event.data, as: UTF8.self), default: 0] += 1
    }
    return counts
  }

  @Test func `no value runs more than its share, and a noisy one does not starve the others`() {
    let house = TestHouse([charge])
    for _ in 0..<5_000 { house.send("charge", #"{"customer":"noisy"}"#) }
    for number in 0..<5 { house.send("charge", #"{"customer":"c\#(number)"}"#) }
    house.settle()
    #expect(customers(house)[#"{"customer":"noisy"}"#] == 2)
    #expect(house.workers.running.count == 7)
  }

  @Test func `values take turns when all permits are taken`() {
    var function = charge
    function.concurrency = ConcurrencyLimit(limit: 1, per: EventPath("data.customer"), limitPer: 1)
    let house = TestHouse([function])
    for _ in 0..<1_000 { house.send("charge", #"{"customer":"noisy"}"#) }
    for _ in 0..<3 { house.send("charge", #"{"customer":"quiet"}"#) }
    house.settle()
    var quiet = 0
    for _ in 0..<8 {
      let next = house.workers.running.values.first!
      if String(decoding: next.acceptance.event.data, as: UTF8.self).contains("quiet") {
        quiet += 1
      }
      house.succeed(next)
    }
    #expect(quiet == 3)
  }

  @Test func `events without the value count as one value`() {
    let house = TestHouse([charge])
    for _ in 0..<5 { house.send("charge", "{}") }
    house.settle()
    #expect(house.workers.running.count == 2)
  }
}
