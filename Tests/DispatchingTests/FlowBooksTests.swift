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

  @Test(arguments: UInt64(1)...40)
  func `order and limits are kept under manifests that change and with little memory`(
    seed: UInt64
  ) throws {
    var history = FlowHistory(seed: seed, isOften: .redeclared)
    for _ in 0..<400 { try history.step() }
    try history.finish()
  }

  @Test(arguments: UInt64(1)...60)
  func `order and limits are kept while the disk refuses and the clock is set`(seed: UInt64) throws
  {
    var history = FlowHistory(seed: seed, isOften: .redeclared, hasTrouble: true)
    for _ in 0..<400 { try history.step() }
    try history.finish()
  }

  @Test(arguments: UInt64(1)...40)
  func `nothing is lost, whatever the disk, the clock and the manifests say`(seed: UInt64) throws {
    var history = FlowHistory(seed: seed, isOften: .remade, hasTrouble: true)
    for _ in 0..<400 { try history.step() }
    try history.finish()
  }

  @Test(arguments: UInt64(1)...60)
  func `nothing is lost, whatever the manifests say one after another`(seed: UInt64) throws {
    var history = FlowHistory(seed: seed, isOften: .remade)
    for _ in 0..<400 { try history.step() }
    try history.finish()
  }
}

private struct FlowHistory {
  /// What new manifests change: nothing, what an order does not depend on, or everything.
  enum Change { case never, redeclared, remade }

  private var random: SeededRandom
  private let house: TestHouse
  private let isOrdered: Bool
  private let limitPer: Int
  private let declaration: FunctionDeclaration
  private let change: Change
  /// The disk refuses for a while, and the wall clock is set.
  private let hasTrouble: Bool
  private var answers: [TestHouse.Answer] = []
  private var startsSeen = 0

  init(seed: UInt64, isOften change: Change = .never, hasTrouble: Bool = false) {
    self.change = change
    self.hasTrouble = hasTrouble
    random = SeededRandom(state: seed)
    isOrdered = random.below(2) == 0
    limitPer = 1 + random.below(3)
    let rate = RateLimit(
      count: 50, period: .seconds(1), burst: 10, per: EventPath("data.tenant"))
    declaration = FunctionDeclaration(
      name: "charge", handler: "Charge", triggers: [.queue("q")],
      concurrency: ConcurrencyLimit(limit: 6, per: EventPath("data.tenant"), limitPer: limitPer),
      rate: random.below(2) == 0 ? rate : nil,
      order: isOrdered ? EventPath("data.order") : nil, timeout: .seconds(2),
      retry: RetryPolicy(attemptsMax: 3, first: .milliseconds(100), jitter: .full),
      onCrash: random.below(2) == 0 ? .hold : .retry)
    var limits = LaneLimits()
    if change != .never {
      limits.laneEntriesMax = 1 + random.below(8)
      limits.entriesMax = 1 + random.below(32)
      limits.lanesMax = 1 + random.below(12)
      limits.readsMax = 1 + random.below(3)
    }
    house = TestHouse([declaration], laneLimits: limits)
  }

  private mutating func redeclare() {
    guard change != .never else { return }
    var next = declaration
    let per = EventPath("data.tenant")
    let rates = [
      nil, RateLimit(count: 50, period: .seconds(1), burst: 10),
      RateLimit(count: 50, period: .seconds(1), burst: 10, per: per),
      RateLimit(count: 70, period: .seconds(1), burst: 3, per: EventPath("data.order")),
    ]
    next.rate = rates[random.below(rates.count)]
    next.priority = Priority.allCases[random.below(3)]
    if change == .remade {
      next.order = random.below(2) == 0 ? nil : EventPath("data.order")
      next.concurrency.per = random.below(2) == 0 ? nil : per
      next.concurrency.limit = 1 + random.below(6)
      if next.order == nil, next.concurrency.per == nil {
        switch random.below(3) {
        case 0: next.batch = BatchRule(size: 1 + random.below(5), window: .milliseconds(50))
        case 1 where next.rate?.per == nil:
          next.debounce = DebounceRule(per: per, quiet: .milliseconds(100))
        default: break
        }
      }
    }
    house.redeclare(random.below(20) == 0 && change == .remade ? [] : [next])
  }

  mutating func step() throws {
    if hasTrouble, random.below(25) == 0 { trouble() }
    switch random.below(100) {
    case ..<30: send()
    case ..<50: house.log.commit(groups: 1 + random.below(4))
    case ..<70: house.hearNews()
    case ..<86: answer()
    case ..<88: loseWorker()
    case ..<90:
      operate()
      if change != .never, random.below(2) == 0 { operate() }
    case ..<99:
      house.clocks.advance(by: .milliseconds(1 + random.below(400)))
      house.dispatcher.tick()
    default: house.restart()
    }
    try checkLimits()
  }

  private mutating func trouble() {
    switch random.below(3) {
    case 0: house.log.fails = true
    case 1: if house.log.fails { house.log.heal() }
    default:
      house.clocks.wall = house.clocks.wall + .milliseconds(random.below(2_000) - 1_000)
    }
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
    switch random.below(change == .never ? 4 : 9) {
    case 5: house.dispatcher.pause("function:charge", since: house.clocks.wall) {}
    case 6: house.dispatcher.pause("function:charge", since: nil) {}
    case 7, 8:
      for row in rows where row.state == .waiting { _ = house.hurry(row.acceptance.id) }
    case 4: redeclare()
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
    #expect(Set(running.map(\.name.id)).count == running.count)
    guard change != .remade else { return }
    #expect(running.count <= 6)
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
    if house.log.fails { house.log.heal() }
    if change == .remade { house.redeclare([declaration]) }
    house.dispatcher.pause("function:charge", since: nil) {}
    house.dispatcher.pause("queue:q", since: nil) {}
    for _ in 0..<8_000 {
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
