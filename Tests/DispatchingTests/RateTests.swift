import Invocations
import TestSupport
import Testing

@testable import Dispatching

struct RateTests {
  static func function(_ rate: RateLimit) -> FunctionDeclaration {
    FunctionDeclaration(
      name: "charge", handler: "Charge", triggers: [.queue("q")],
      concurrency: ConcurrencyLimit(limit: 1000), rate: rate,
      retry: RetryPolicy(attemptsMax: 3, first: .milliseconds(1), jitter: .none))
  }

  private func advanceToNextWake(_ house: TestHouse) throws {
    let then = try #require(house.dispatcher.nextWake())
    house.clocks.advance(by: .nanoseconds(Int(then - house.clocks.monotonic)))
    house.dispatcher.tick()
    house.settle()
  }

  @Test func `a burst starts at once, the rest at the rate`() throws {
    let house = TestHouse([Self.function(RateLimit(count: 10, period: .seconds(1), burst: 3))])
    for _ in 0..<6 { house.send("charge") }
    house.settle()
    #expect(house.workers.started.count == 3)
    for expected in 4...6 {
      let before = house.clocks.monotonic
      try advanceToNextWake(house)
      #expect(house.workers.started.count == expected)
      #expect(house.clocks.monotonic - before == 100_000_000)
    }
    #expect(house.dispatcher.nextWake().map { $0 > house.clocks.monotonic + 1_000_000_000 } ?? true)
  }

  @Test func `a retry takes a token as well`() throws {
    let house = TestHouse([Self.function(RateLimit(count: 1, period: .seconds(1), burst: 1))])
    house.send("charge")
    house.settle()
    house.fail(house.workers.started[0])
    house.clocks.advance(by: .milliseconds(500))
    house.dispatcher.tick()
    #expect(house.workers.started.count == 1)
    try advanceToNextWake(house)
    #expect(house.workers.started.map(\.name.attempt) == [1, 2])
  }

  @Test func `throttled work has used no attempt`() throws {
    let house = TestHouse([Self.function(RateLimit(count: 1, period: .seconds(60), burst: 1))])
    house.send("charge")
    let throttled = house.send("charge")
    house.settle()
    let id = try #require(throttled.accepted?.invocation)
    house.clocks.advance(by: .seconds(59))
    house.dispatcher.tick()
    #expect(house.log.disk[id]?.attempts == 0)
    #expect(house.log.disk[id]?.state == .queued)
  }

  @Test func `many values that are throttled do not hold up the others`() {
    var limits = LaneLimits()
    limits.lanesMax = 4
    let rate = RateLimit(count: 1, period: .seconds(3600), burst: 1, per: EventPath("data.tenant"))
    let house = TestHouse([Self.function(rate)], laneLimits: limits)
    for number in 0..<20 {
      for _ in 0..<2 { house.send("charge", #"{"tenant":\#(number)}"#) }
    }
    house.send("charge", #"{"tenant":"quiet"}"#)
    house.settle()
    while let one = house.workers.running.values.first { house.succeed(one) }
    #expect(house.workers.started.count == 21)
  }

  @Test func `values past the most that may be throttled wait until there is room`() throws {
    var limits = LaneLimits()
    (limits.lanesMax, limits.asideMax) = (4, 8)
    let rate = RateLimit(count: 1, period: .seconds(60), burst: 1, per: EventPath("data.tenant"))
    let house = TestHouse([Self.function(rate)], laneLimits: limits)
    for number in 0..<40 {
      for _ in 0..<2 { house.send("charge", #"{"tenant":\#(number)}"#) }
    }
    house.settle()
    for _ in 0..<40 where house.workers.started.count < 80 {
      while let one = house.workers.running.values.first { house.succeed(one) }
      if house.workers.started.count < 80 { try advanceToNextWake(house) }
    }
    #expect(house.workers.started.count == 80)
  }

  @Test func `a value that is throttled does not hold up the others`() throws {
    let rate = RateLimit(
      count: 1, period: .seconds(1), burst: 2, per: EventPath("data.tenant"))
    let house = TestHouse([Self.function(rate)])
    for _ in 0..<10 { house.send("charge", #"{"tenant":"noisy"}"#) }
    for _ in 0..<2 { house.send("charge", #"{"tenant":"quiet"}"#) }
    house.settle()
    #expect(house.workers.started.count == 4)
    try advanceToNextWake(house)
    #expect(house.workers.started.count == 5)
  }

  @Test func `a host that starts again does not give a second burst`() throws {
    let house = TestHouse([Self.function(RateLimit(count: 10, period: .seconds(1), burst: 5))])
    for _ in 0..<20 { house.send("charge") }
    house.settle()
    #expect(house.workers.started.count == 5)
    house.restart()
    house.settle()
    #expect(house.workers.started.count == 5)
    try advanceToNextWake(house)
    #expect(house.workers.started.count == 6)
  }

  @Test func `past the number of values that are remembered new ones wait`() {
    let rule = TokenBucket.Rule(RateLimit(count: 1, period: .seconds(1), burst: 1))
    var gates = RateGates(rule, emptyAt: nil, valuesMax: 2)
    let lanes = (0..<3).map { Lane(key: $0, priority: .normal) }
    let second: UInt64 = 1_000_000_000
    for value in Int64(0)..<2 {
      let isAdmitted = gates.admits(lanes[Int(value)], value, at: second)
      #expect(isAdmitted)
      gates.take(value, at: second)
    }
    let isTooMany = !gates.admits(lanes[2], 2, at: second)
    #expect(isTooMany)
    #expect(gates.valueCount == 2)
    #expect(gates.nextWake == 2 * second)
    let awake = gates.awake(at: 2 * second).map(\.key)
    #expect(awake == [2])
    let isLet = gates.admits(lanes[2], 2, at: 2 * second)
    #expect(isLet)
  }

  @Test(arguments: UInt64(1)...50)
  func `no stretch of time sees more than burst and rate allow`(seed: UInt64) throws {
    var random = SeededRandom(state: seed)
    let count = 1 + random.below(50)
    let burst = 1 + random.below(20)
    let house = TestHouse([
      Self.function(RateLimit(count: count, period: .seconds(1), burst: burst))
    ])
    var starts: [UInt64] = []
    for _ in 0..<300 {
      if random.below(3) == 0 { for _ in 0..<random.below(8) { house.send("charge") } }
      if random.below(40) == 0 { house.restart() }
      house.clocks.advance(by: .milliseconds(random.below(120)))
      house.dispatcher.tick()
      house.settle()
      while starts.count < house.workers.started.count { starts.append(house.clocks.monotonic) }
      for one in house.workers.running.values { house.succeed(one) }
    }
    for first in starts.indices {
      for last in first..<starts.count {
        let seconds = Double(starts[last] - starts[first]) / 1e9
        #expect(Double(last - first + 1) <= Double(burst) + Double(count) * seconds + 1e-6)
      }
    }
  }
}
