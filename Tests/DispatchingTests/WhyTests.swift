import Dispatching
import Invocations
import TestSupport
import Testing

struct WhyTests {
  private func function(
    _ change: (inout FunctionDeclaration) -> Void = { _ in }
  ) -> FunctionDeclaration {
    var function = FunctionDeclaration(
      name: "pay", handler: "Pay", triggers: [.queue("q")],
      concurrency: ConcurrencyLimit(limit: 1),
      retry: RetryPolicy(attemptsMax: 3, first: .seconds(4), jitter: .none))
    change(&function)
    return function
  }

  private func cause(
    _ house: TestHouse, _ answer: TestHouse.Answer
  ) throws -> WaitingCause {
    house.settle()
    let id = try #require(answer.accepted?.invocation)
    return house.dispatcher.cause(of: try #require(house.log.disk[id]?.record))
  }

  @Test func `a full function names those that run`() throws {
    let house = TestHouse([function()])
    let first = house.send("pay")
    let second = house.send("pay")
    let cause = try cause(house, second)
    #expect(cause.obstacle == .functionFull(limit: 1))
    #expect(cause.by == [first.accepted?.invocation])
  }

  @Test func `an order names who came before, in backoff as well`() throws {
    let house = TestHouse([function { $0.order = EventPath("data.o") }])
    let first = house.send("pay", #"{"o":"x"}"#)
    let second = house.send("pay", #"{"o":"x"}"#)
    house.settle()
    house.fail(house.workers.started[0])
    let cause = try cause(house, second)
    #expect(cause.obstacle == .order(value: "data.o = x"))
    #expect(cause.by == [first.accepted?.invocation])
    let backoff = try self.cause(house, first)
    #expect(backoff.obstacle == .backoff)
    #expect(backoff.until == house.clocks.wall + .seconds(4))
  }

  @Test func `a rate says when it is free again`() throws {
    let house = TestHouse([
      function {
        $0.concurrency.limit = 9
        $0.rate = RateLimit(count: 1, period: .seconds(60), burst: 1)
      }
    ])
    house.send("pay")
    let cause = try cause(house, house.send("pay"))
    #expect(cause.obstacle == .rate(value: nil))
    #expect(cause.until == house.clocks.wall + .seconds(60))
  }

  @Test func `a full value says which`() throws {
    let house = TestHouse([
      function {
        $0.concurrency = ConcurrencyLimit(limit: 9, per: EventPath("data.t"), limitPer: 1)
      }
    ])
    house.send("pay", #"{"t":"a"}"#)
    let cause = try cause(house, house.send("pay", #"{"t":"a"}"#))
    #expect(cause.obstacle == .valueFull(value: "data.t = a", limit: 1))
    #expect(cause.byCount == 1)
  }

  @Test func `pauses, delays, quiet times and missing workers are told`() throws {
    let house = TestHouse([function()])
    let delayed = house.send("pay", dueAt: house.clocks.wall + .seconds(9))
    #expect(try cause(house, delayed).obstacle == .delay)
    house.workers.roomMax = 0
    #expect(try cause(house, house.send("pay")).obstacle == .noWorker(reason: nil))
    house.dispatcher.pause("queue:q", since: house.clocks.wall) {}
    #expect(try cause(house, house.send("pay")).obstacle == .queuePaused("q"))
    house.dispatcher.pause("function:pay", since: house.clocks.wall) {}
    #expect(
      try cause(house, house.send("pay")).obstacle
        == .functionPaused(since: house.clocks.wall))
    let quiet = TestHouse([function { $0.debounce = DebounceRule(quiet: .seconds(5)) }])
    #expect(try cause(quiet, quiet.send("pay")).obstacle == .quietTime)
  }

  @Test func `a function that is gone and work that has ended are told`() throws {
    let house = TestHouse([function()])
    let answer = house.send("pay")
    house.settle()
    house.succeed(house.workers.started[0])
    #expect(try cause(house, answer).obstacle == .ended)
    let waiting = house.send("pay", dueAt: house.clocks.wall + .seconds(9))
    house.settle()
    house.dispatcher.redeclare([])
    #expect(try cause(house, waiting).obstacle == .undeclared)
  }
}
