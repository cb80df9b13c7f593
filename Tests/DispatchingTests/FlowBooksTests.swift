import Dispatching
import Invocations
import TestSupport
import Testing

/// Histories made by a seed for functions that order and limit by values: every limit is kept at
/// every moment, nobody overtakes, nothing is lost or starved.
struct FlowBooksTests {
  @Test(arguments: UInt64(1)...60)
  func `every order and limit is kept, whatever dies and whenever`(seed: UInt64) throws {
    var history = FlowHistory(seed: seed)
    for _ in 0..<400 { try history.step() }
    try history.finish()
  }
}

private struct FlowHistory {
  private var random: SeededRandom
  private let house: TestHouse
  private let isOrdered: Bool
  private let limitPer: Int
  private var answers: [TestHouse.Answer] = []
  private var startsSeen = 0

  init(seed: UInt64) {
    random = SeededRandom(state: seed)
    isOrdered = random.below(2) == 0
    limitPer = 1 + random.below(3)
    let rate = RateLimit(
      count: 50, period: .seconds(1), burst: 10, per: EventPath("data.tenant"))
    house = TestHouse([
      FunctionDeclaration(
        name: "charge", handler: "Charge", triggers: [.queue("q")],
        concurrency: ConcurrencyLimit(limit: 6, per: EventPath("data.tenant"), limitPer: limitPer),
        rate: random.below(2) == 0 ? rate : nil,
        order: isOrdered ? EventPath("data.order") : nil, timeout: .seconds(2),
        retry: RetryPolicy(attemptsMax: 3, first: .milliseconds(100), jitter: .full),
        onCrash: random.below(2) == 0 ? .hold : .retry)
    ])
  }

  mutating func step() throws {
    switch random.below(100) {
    case ..<30: send()
    case ..<50: house.log.commit(groups: 1 + random.below(4))
    case ..<70: house.hearNews()
    case ..<86: answer()
    case ..<88: loseWorker()
    case ..<90: operate()
    case ..<99:
      house.clocks.advance(by: .milliseconds(1 + random.below(400)))
      house.dispatcher.tick()
    default: house.restart()
    }
    try checkLimits()
  }

  private mutating func send() {
    // Bursts of one order are longer than what memory keeps of a lane.
    let noisy = random.below(40) == 0
    for _ in 0..<(noisy ? 150 : 1) {
      let order = noisy ? 0 : random.below(12)
      answers.append(
        house.send("charge", #"{"order":\#(order),"tenant":"t\#(order % 3)"}"#))
    }
  }

  private mutating func answer() {
    let running = house.workers.running.values.sorted { $0.name.id < $1.name.id }
    guard !running.isEmpty else { return }
    let one = running[random.below(running.count)]
    let error = ErrorRecord(code: "thrown", message: "as the seed has it")
    switch random.below(10) {
    case ..<6:
      house.dispatcher.hear(
        house.workers.answer(one.name, .succeeded(.nothing, emitted: [], cpuMicroseconds: 1)))
    case ..<9:
      house.dispatcher.hear(
        house.workers.answer(
          one.name, .failed(Failure(kind: .thrown, error: error), cpuMicroseconds: 1)))
    default:
      house.dispatcher.hear(
        house.workers.answer(
          one.name, .failed(Failure(kind: .rejected, error: error), cpuMicroseconds: 1)))
    }
  }

  private mutating func loseWorker() {
    let names = house.workers.running.keys.sorted { $0.id < $1.id }
    let culprits = names.isEmpty || random.below(2) == 0 ? [] : [names[random.below(names.count)]]
    house.dispatcher.hear(house.workers.lose(culprits: culprits))
  }

  /// Cancels, releases or pauses something, as the store shows it.
  private mutating func operate() {
    let rows = house.log.disk.values.filter { !$0.state.isFinal }
      .sorted { $0.acceptance.id < $1.acceptance.id }
    switch random.below(4) {
    case 0:
      guard !rows.isEmpty else { return }
      _ = house.dispatcher.cancel(rows[random.below(rows.count)].record)
    case 1:
      for row in rows where row.state == .held { _ = house.dispatcher.release(row.record) }
    case 2: house.dispatcher.pause("queue:q", since: house.clocks.wall) {}
    default: house.dispatcher.pause("queue:q", since: nil) {}
    }
  }

  private mutating func checkLimits() throws {
    let running = Array(house.workers.running.values)
    #expect(running.count <= 6)
    #expect(Set(running.map(\.name.id)).count == running.count)
    var tenants: [String: Int] = [:]
    var orders: [String: Int] = [:]
    for one in running {
      let data = String(decoding: one.acceptance.event.data, as: UTF8.self)
      tenants[String(data.suffix(5)), default: 0] += 1
      orders[data, default: 0] += 1
    }
    #expect(tenants.values.allSatisfy { $0 <= limitPer })
    if isOrdered { try checkOrder(orders) }
  }

  private mutating func checkOrder(_ running: [String: Int]) throws {
    #expect(running.values.allSatisfy { $0 == 1 })
    // Whoever starts has nobody of its value before it that has not ended.
    for start in house.workers.started[startsSeen...] {
      let earlier = house.log.disk.values.filter {
        $0.acceptance.id < start.name.id && !$0.state.isFinal
          && $0.acceptance.event.data == start.acceptance.event.data
      }
      // Its end may be on its way to disk; then it is neither running nor waiting.
      for row in earlier {
        #expect(
          house.log.isEndPending(row.acceptance.id),
          "\(start.name.id) overtook \(row.acceptance.id), which is \(row.state)")
      }
    }
    startsSeen = house.workers.started.count
  }

  mutating func finish() throws {
    house.dispatcher.pause("queue:q", since: nil) {}
    for _ in 0..<20_000 {
      house.settle()
      try checkLimits()
      for row in house.log.disk.values where row.state == .held {
        _ = house.dispatcher.release(row.record)
      }
      if let next = house.workers.running.values.min(by: { $0.name.id < $1.name.id }) {
        house.succeed(next)
      } else if house.log.disk.values.contains(where: { !$0.state.isFinal }) {
        house.clocks.advance(by: .milliseconds(200))
        house.dispatcher.tick()
      } else {
        break
      }
    }
    for answer in answers {
      guard let accepted = answer.accepted else { continue }
      #expect(house.log.disk[accepted.invocation]?.state.isFinal == true)
    }
    #expect(house.log.disk.values.allSatisfy { $0.endings == 1 })
    #expect(house.dispatcher.counts.first?.unfinished == 0)
  }
}
