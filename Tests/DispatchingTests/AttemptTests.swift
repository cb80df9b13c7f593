import Dispatching
import Invocations
import TestSupport
import Testing

struct AttemptTests {
  let charge = FunctionDeclaration(
    name: "charge", handler: "Charge", triggers: [.queue("q")],
    concurrency: ConcurrencyLimit(limit: 2), timeout: .seconds(30),
    retry: RetryPolicy(attemptsMax: 3, first: .seconds(1), jitter: .none))

  @Test func `no more run at once than the function may`() {
    let house = TestHouse([charge])
    for _ in 0..<5 { house.send("charge") }
    house.settle()
    #expect(house.workers.running.count == 2)
    house.succeed(house.workers.started[0])
    #expect(house.workers.running.count == 2)
    #expect(house.workers.started.count == 3)
  }

  @Test func `without room at the workers nothing is claimed and no attempt used`() {
    let house = TestHouse([charge])
    house.workers.roomMax = 0
    let answer = house.send("charge")
    house.settle()
    #expect(house.workers.started.isEmpty)
    house.workers.roomMax = 1
    house.dispatcher.hear(.roomAgain)
    #expect(house.workers.started.map(\.name.attempt) == [1])
    #expect(answer.accepted != nil)
  }

  @Test func `the time of an attempt stands still while it waits to run alone`() throws {
    let house = TestHouse([charge])
    let answer = house.send("charge")
    house.settle()
    let name = house.workers.started[0].name
    house.dispatcher.hear(.waits(name))
    house.clocks.advance(by: .seconds(600))
    house.dispatcher.tick()
    #expect(house.workers.cancelled.isEmpty)
    house.dispatcher.hear(.begins(name, worker: 5))
    house.clocks.advance(by: .seconds(29))
    house.dispatcher.tick()
    #expect(house.workers.cancelled.isEmpty)
    house.clocks.advance(by: .seconds(1))
    house.dispatcher.tick()
    #expect(house.workers.cancelled == [name])
    house.dispatcher.hear(house.workers.answer(name, .cancelled(cpuMicroseconds: 0)))
    house.settle()
    let attempt = try #require(
      house.log.disk[answer.accepted?.invocation ?? name.id]?.history.first)
    #expect(attempt.worker == 5)
    #expect(attempt.endedAt.milliseconds - attempt.startedAt.milliseconds == 30_000)
  }

  @Test func `every answer brings what the attempt used`() throws {
    let house = TestHouse([charge])
    let error = ErrorRecord(code: "thrown", message: "no bank")
    let failure = Failure(kind: .thrown, error: error)
    let done = AttemptAnswer.succeeded(
      .nothing, emitted: [], cpuMicroseconds: 5, memoryBytes: 60 << 20)
    let answers = [
      done, .failed(failure, cpuMicroseconds: 5, memoryBytes: 60 << 20),
      .cancelled(cpuMicroseconds: 5, memoryBytes: 60 << 20),
    ]
    for answer in answers {
      let sent = house.send("charge")
      house.settle()
      let assignment = try #require(house.workers.started.last)
      house.answer(assignment, answer)
      let id = sent.accepted?.invocation ?? assignment.name.id
      let attempt = try #require(house.log.disk[id]?.history.first)
      #expect(attempt.cpuMicroseconds == 5)
      #expect(attempt.memoryBytes == 60 << 20)
    }
  }

  @Test func `a failed attempt waits for its backoff and runs again`() {
    let house = TestHouse([charge])
    house.send("charge")
    house.settle()
    house.fail(house.workers.started[0])
    #expect(house.workers.started.count == 1)
    house.clocks.advance(by: .milliseconds(999))
    house.dispatcher.tick()
    #expect(house.workers.started.count == 1)
    house.clocks.advance(by: .milliseconds(1))
    house.dispatcher.tick()
    #expect(house.workers.started.map(\.name.attempt) == [1, 2])
  }

  @Test func `after its attempts an invocation is dead and exhausted`() throws {
    let house = TestHouse([charge])
    let answer = house.send("charge")
    house.settle()
    for attempt in 0..<3 {
      house.fail(house.workers.started[attempt])
      house.clocks.advance(by: .seconds(10))
      house.dispatcher.tick()
    }
    let row = try #require(answer.accepted.flatMap { house.log.disk[$0.invocation] })
    #expect(row.state == .dead)
    #expect(row.reason == .exhausted)
    #expect(row.history.map(\.outcome) == [.thrown, .thrown, .thrown])
  }

  @Test func `work that came due between two looks is looked at`() throws {
    let house = TestHouse([charge])
    house.send("charge", dueAt: house.clocks.wall + .seconds(1))
    house.settle()
    let then = try #require(house.dispatcher.nextWake())
    #expect(then == house.clocks.monotonic + 1_000_000_000)
    house.clocks.advance(by: .seconds(2))
    #expect(try #require(house.dispatcher.nextWake()) <= house.clocks.monotonic)
    house.workers.roomMax = 0
    #expect(house.dispatcher.nextWake() == nil)
  }

  @Test func `a handler's own delay is kept to the millisecond`() {
    let house = TestHouse([charge])
    house.send("charge")
    house.settle()
    house.fail(house.workers.started[0], after: .seconds(7))
    house.clocks.advance(by: .milliseconds(6999))
    house.dispatcher.tick()
    #expect(house.workers.started.count == 1)
    house.clocks.advance(by: .milliseconds(1))
    house.dispatcher.tick()
    #expect(house.workers.started.count == 2)
  }

  @Test(arguments: [
    (Failure.Kind.rejected, DeathReason.rejected), (.undecodable, .undecodable),
    (.missingHandler, .missingHandler),
  ])
  func `what no further attempt can help is dead at once`(
    kind: Failure.Kind, reason: DeathReason
  ) throws {
    let house = TestHouse([charge])
    let answer = house.send("charge")
    house.settle()
    house.fail(house.workers.started[0], kind)
    let row = try #require(answer.accepted.flatMap { house.log.disk[$0.invocation] })
    #expect(row.reason == reason)
    #expect(house.workers.started.count == 1)
  }

  @Test func `an answer from an earlier attempt changes nothing`() throws {
    let house = TestHouse([charge])
    let answer = house.send("charge")
    house.settle()
    let first = house.workers.started[0]
    house.fail(first)
    house.clocks.advance(by: .seconds(1))
    house.dispatcher.tick()
    house.succeed(first)
    let row = try #require(answer.accepted.flatMap { house.log.disk[$0.invocation] })
    #expect(row.state == .running)
    #expect(house.witness.happenings.contains { if case .fenced = $0 { true } else { false } })
    house.succeed(house.workers.started[1])
    #expect(answer.accepted.flatMap { house.log.disk[$0.invocation]?.state } == .succeeded)
  }

  @Test func `a lost worker costs only the culprit an attempt`() throws {
    let house = TestHouse([charge])
    let guilty = house.send("charge")
    let other = house.send("charge")
    house.settle()
    house.dispatcher.hear(house.workers.lose(culprits: [house.workers.started[0].name]))
    house.settle()
    #expect(house.workers.started.count == 3)
    let given = try #require(house.workers.started.last)
    #expect(given.acceptance.id == other.accepted?.invocation)
    #expect(given.name.attempt == 2)
    #expect(given.failures == 0)
    let row = try #require(guilty.accepted.flatMap { house.log.disk[$0.invocation] })
    #expect(row.state == .waiting)
    #expect(row.failures == 1)
  }

  @Test func `one that crashes every time is dead as crashed`() throws {
    let house = TestHouse([charge])
    let answer = house.send("charge")
    house.settle()
    for attempt in 0..<3 {
      house.dispatcher.hear(house.workers.lose(culprits: [house.workers.started[attempt].name]))
      house.settle()
      house.clocks.advance(by: .seconds(10))
      house.dispatcher.tick()
    }
    let row = try #require(answer.accepted.flatMap { house.log.disk[$0.invocation] })
    #expect(row.reason == .crashed)
  }

  @Test func `a late attempt is cancelled, then its worker is killed, then it is tried again`()
    throws
  {
    let house = TestHouse([charge])
    let answer = house.send("charge")
    house.settle()
    let late = house.workers.started[0]
    house.clocks.advance(by: .seconds(30))
    house.dispatcher.tick()
    #expect(house.workers.cancelled == [late.name])
    #expect(house.workers.killed.isEmpty)
    house.clocks.advance(by: .seconds(5))
    house.dispatcher.tick()
    #expect(house.workers.killed == [late.name])
    // Until the worker is gone the attempt may still run, so that no second one is started.
    #expect(house.workers.started.count == 1)
    house.dispatcher.hear(house.workers.lose(culprits: [late.name]))
    house.settle()
    let row = try #require(answer.accepted.flatMap { house.log.disk[$0.invocation] })
    #expect(row.state == .waiting)
    #expect(row.history.map(\.outcome) == [.timedOut])
  }

  @Test func `an attempt that never began is given back at its deadline`() throws {
    let house = TestHouse([charge])
    house.send("charge")
    house.settle()
    house.clocks.advance(by: .seconds(30))
    house.dispatcher.tick()
    house.answer(house.workers.started[0], .notBegun)
    let again = try #require(house.workers.started.last)
    #expect(again.name.attempt == 2)
    #expect(again.failures == 0)
  }

  @Test func `a success after the deadline is late all the same`() throws {
    let house = TestHouse([charge])
    let answer = house.send("charge")
    house.settle()
    house.clocks.advance(by: .seconds(30))
    house.dispatcher.tick()
    house.succeed(house.workers.started[0])
    let row = try #require(answer.accepted.flatMap { house.log.disk[$0.invocation] })
    #expect(row.history.map(\.outcome) == [.timedOut])
  }

  @Test func `what waited longer than maxAge is dead as expired without a try`() throws {
    let house = TestHouse([charge])
    house.workers.roomMax = 0
    let answer = house.send("charge")
    house.settle()
    house.clocks.advance(by: .seconds(21_601))
    house.workers.roomMax = 1
    house.dispatcher.tick()
    house.settle()
    let row = try #require(answer.accepted.flatMap { house.log.disk[$0.invocation] })
    #expect(row.reason == .expired)
    #expect(house.workers.started.isEmpty)
  }

  @Test func `paused functions start nothing and lose nothing`() {
    let house = TestHouse([charge])
    house.dispatcher.pause("function:charge", since: house.clocks.wall) {}
    house.send("charge")
    house.settle()
    #expect(house.workers.started.isEmpty)
    house.dispatcher.pause("function:charge", since: nil) {}
    house.settle()
    #expect(house.workers.started.count == 1)
  }

  @Test func `a paused queue holds its own work only`() {
    let house = TestHouse([charge])
    house.dispatcher.pause("queue:q", since: house.clocks.wall) {}
    house.send("charge")
    house.settle()
    #expect(house.workers.started.isEmpty)
    house.dispatcher.pause("queue:q", since: nil) {}
    house.settle()
    #expect(house.workers.started.count == 1)
  }

  @Test func `draining starts nothing and accepts nothing`() {
    let house = TestHouse([charge])
    house.send("charge")
    house.dispatcher.drain()
    house.settle()
    #expect(house.workers.started.isEmpty)
    #expect(house.send("charge").refusal == .draining)
  }
}
