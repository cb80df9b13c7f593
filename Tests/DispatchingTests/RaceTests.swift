import Dispatching
import Invocations
import TestSupport
import Testing

/// What happens when two things fall into one moment.
struct RaceTests {
  let order = FunctionDeclaration(
    name: "order", handler: "Order", triggers: [.queue("q")],
    concurrency: ConcurrencyLimit(limit: 1), queueLimit: 1_000_000)

  @Test func `a duplicate of what the disk refuses is refused with it`() {
    let house = TestHouse([order])
    house.log.fails = true
    let first = house.send("order", id: "a")
    let second = house.send("order", id: "a")
    house.settle()
    house.log.heal()
    house.settle()
    #expect(first.refusal != nil)
    #expect(second.refusal != nil)
  }

  @Test func `a key whose time is over runs anew, swept or not`() {
    let house = TestHouse([order])
    house.send("order", id: "a")
    house.settle()
    house.succeed(house.workers.started[0])
    house.clocks.advance(by: .seconds(86_401))
    let again = house.send("order", id: "a")
    house.settle()
    #expect(again.accepted?.isDuplicate == false)
    #expect(house.dispatcher.keyCount == 1)
  }

  @Test func `what was sent for later than maxAge runs all the same`() {
    let house = TestHouse([order])
    house.send("order", dueAt: house.clocks.wall + .seconds(86_400))
    house.settle()
    house.clocks.advance(by: .seconds(86_400))
    house.dispatcher.tick()
    #expect(house.workers.started.count == 1)
  }

  @Test func `a cancelled handler that throws something else is cancelled all the same`() throws {
    let house = TestHouse([order])
    let answer = house.send("order")
    house.settle()
    let id = try #require(answer.accepted?.invocation)
    #expect(house.dispatcher.cancel(record(house, id)))
    house.fail(house.workers.started[0])
    #expect(house.log.disk[id]?.state == .cancelled)
  }

  @Test func `what is cancelled while its row is being read does not run`() throws {
    let house = TestHouse([order])
    house.workers.roomMax = 0
    let first = house.send("order")
    for _ in 1..<6000 { house.send("order") }
    house.settle()
    house.workers.roomMax = .max
    house.restart()
    let id = try #require(first.accepted?.invocation)
    // The first read is under way and not heard: the row it brings is of before the cancellation.
    let stale = house.log.takeNews()
    #expect(house.dispatcher.cancel(record(house, id)))
    for news in stale { house.dispatcher.hear(news) }
    house.settle()
    var count = 0
    while let next = house.workers.running.values.first {
      #expect(next.name.id != id)
      count += 1
      house.succeed(next)
    }
    #expect(count == 5999)
    #expect(house.log.disk[id]?.state == .cancelled)
    #expect(house.dispatcher.counts.first?.unfinished == 0)
  }

  @Test func `a read that failed is asked for again after a pause`() throws {
    let house = TestHouse([order])
    house.send("order")
    house.settle()
    house.restart()
    _ = house.log.takeNews()
    house.dispatcher.hear(
      .readFailed(
        .waiting(function: "order", priority: .normal, after: nil, limit: 512),
        reason: "as scripted"))
    #expect(house.log.takeNews().isEmpty)
    let then = try #require(house.dispatcher.nextWake())
    house.clocks.advance(by: .nanoseconds(Int(then - house.clocks.monotonic)))
    house.dispatcher.tick()
    house.settle()
    #expect(house.workers.running.count == 1)
  }

  @Test func `a dead letter asked for twice at once is sent once`() throws {
    let house = TestHouse([order])
    let answer = house.send("order")
    house.settle()
    house.fail(house.workers.started[0], .rejected)
    let id = try #require(answer.accepted?.invocation)
    let letter = try #require(house.log.disk[id]?.acceptance)
    var outcomes: [Result<[Accepted], Refusal>] = []
    house.dispatcher.redrive(letter) { outcomes.append($0) }
    house.dispatcher.redrive(letter) { outcomes.append($0) }
    house.settle()
    #expect(outcomes.count == 2)
    #expect(outcomes.contains(.failure(.alreadyRedriven(id))))
    #expect(house.workers.started.count == 2)
  }

  @Test func `hurrying what waits starts it now, and what is due stays where it is`() throws {
    let house = TestHouse([order])
    let answer = house.send("order")
    house.settle()
    house.fail(house.workers.started[0], after: .seconds(60))
    let id = try #require(answer.accepted?.invocation)
    #expect(house.hurry(id))
    #expect(house.workers.started.count == 2)
  }

  @Test func `what waits in the store alone can be hurried as well, and stays so over a restart`()
    throws
  {
    let house = TestHouse([order])
    let answer = house.send("order")
    house.settle()
    house.fail(house.workers.started[0], after: .seconds(600))
    let id = try #require(answer.accepted?.invocation)
    house.dispatcher.pause("queue:q", since: house.clocks.wall) {}
    house.dispatcher.pause("queue:q", since: nil) {}
    // The line was forgotten and its rows are not heard yet: only the store has it.
    #expect(house.hurry(id))
    house.settle()
    #expect(house.workers.started.count == 2)
    house.restart()
    house.settle()
    #expect(house.workers.started.count == 3)
  }

  @Test func `what is hurried while its queue is paused runs when it is resumed`() throws {
    let house = TestHouse([order])
    let answer = house.send("order")
    house.settle()
    house.fail(house.workers.started[0], after: .seconds(600))
    house.settle()
    let id = try #require(answer.accepted?.invocation)
    house.dispatcher.pause("queue:q", since: house.clocks.wall) {}
    house.settle()
    #expect(house.hurry(id))
    house.settle()
    #expect(house.workers.started.count == 1)
    house.dispatcher.pause("queue:q", since: nil) {}
    house.settle()
    #expect(house.workers.started.count == 2)
  }

  @Test func `who cancels twice on an old record ends it once`() throws {
    let house = TestHouse([order])
    house.dispatcher.pause("queue:q", since: house.clocks.wall) {}
    let answer = house.send("order")
    house.send("order")
    house.settle()
    let old = record(house, try #require(answer.accepted?.invocation))
    #expect(house.dispatcher.cancel(old))
    house.settle()
    #expect(!house.dispatcher.cancel(old))
    #expect(house.dispatcher.counts.first?.unfinished == 1)
  }

  @Test func `a shorter timeout holds although an older attempt may take longer`() {
    let house = TestHouse([order])
    house.send("order")
    house.settle()
    var hasty = order
    hasty.timeout = .seconds(1)
    hasty.concurrency = ConcurrencyLimit(limit: 2)
    house.dispatcher.redeclare([hasty])
    house.send("order")
    house.settle()
    house.clocks.advance(by: .seconds(1))
    house.dispatcher.tick()
    #expect(house.workers.cancelled == [house.workers.started[1].name])
  }

  private func record(_ house: TestHouse, _ id: InvocationID) -> InvocationRecord {
    let row = house.log.disk[id]
    return InvocationRecord(
      acceptance: row?.acceptance ?? house.workers.started[0].acceptance,
      state: row?.state ?? .queued, due: row?.due ?? house.clocks.wall)
  }
}
