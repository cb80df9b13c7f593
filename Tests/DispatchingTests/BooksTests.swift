import Dispatching
import Invocations
import TestSupport
import Testing

/// Histories made by a seed: when the disk writes, when workers answer, fail or die, when the host
/// is killed.
///
/// After each the books must balance.
struct BooksTests {
  @Test(arguments: UInt64(1)...200)
  func `nothing acknowledged is lost, whatever dies and whenever`(seed: UInt64) {
    var history = History(seed: seed)
    history.run(steps: 400)
    history.finish()
    history.checkBooks()
  }
}

private struct History {
  private var random: SeededRandom
  private let house: TestHouse
  private var answers: [TestHouse.Answer] = []
  private var sent = 0

  init(seed: UInt64) {
    random = SeededRandom(state: seed)
    let retry = RetryPolicy(attemptsMax: 3, first: .milliseconds(100), jitter: .full)
    house = TestHouse([
      FunctionDeclaration(
        name: "order", handler: "Order", triggers: [.queue("q")],
        concurrency: ConcurrencyLimit(limit: 3), timeout: .seconds(2), retry: retry),
      FunctionDeclaration(
        name: "charge", handler: "Charge", triggers: [.queue("payments")],
        concurrency: ConcurrencyLimit(limit: 2), timeout: .seconds(2), retry: retry,
        deadLetter: "dead"),
      FunctionDeclaration(
        name: "mourn", handler: "Mourn", triggers: [.queue("dead")], retry: retry),
    ])
  }

  mutating func run(steps: Int) {
    for _ in 0..<steps { step() }
  }

  private mutating func step() {
    switch random.below(100) {
    case ..<25: send()
    case ..<45: house.log.commit(groups: 1 + random.below(4))
    case ..<65: house.hearNews()
    case ..<88: answer()
    case ..<91: loseWorker()
    case ..<98:
      house.clocks.advance(by: .milliseconds(1 + random.below(900)))
      house.dispatcher.tick()
    default: house.restart()
    }
    checkLimits()
  }

  private mutating func send() {
    sent += 1
    // Every tenth is sent again under the id of an earlier one.
    let id = random.below(10) == 0 ? random.below(sent) : sent
    answers.append(house.send("order", id: "e\(id)"))
  }

  private mutating func answer() {
    let running = house.workers.running.values.sorted { $0.name.id < $1.name.id }
    guard !running.isEmpty else { return }
    let one = running[random.below(running.count)]
    let news: WorkerNews
    switch random.below(10) {
    case ..<6:
      let children = one.function.name == "order" ? [emitted(to: "payments")] : []
      news = house.workers.answer(
        one.name, .succeeded(.nothing, emitted: children, cpuMicroseconds: 1))
    case ..<9:
      let error = ErrorRecord(code: "thrown", message: "as the seed has it")
      news = house.workers.answer(
        one.name, .failed(Failure(kind: .thrown, error: error), cpuMicroseconds: 1))
    default:
      let error = ErrorRecord(code: "rejected", message: "as the seed has it")
      news = house.workers.answer(
        one.name, .failed(Failure(kind: .rejected, error: error), cpuMicroseconds: 1))
    }
    house.dispatcher.hear(news)
    // A worker that answers twice changes nothing.
    if random.below(20) == 0 { house.dispatcher.hear(news) }
  }

  private mutating func loseWorker() {
    let names = house.workers.running.keys.sorted { $0.id < $1.id }
    let culprits = names.isEmpty || random.below(2) == 0 ? [] : [names[random.below(names.count)]]
    house.dispatcher.hear(house.workers.lose(culprits: culprits))
  }

  /// Everything that can go on goes on until nothing is left to do.
  mutating func finish() {
    for _ in 0..<5000 {
      house.settle()
      if let next = house.workers.running.values.min(by: { $0.name.id < $1.name.id }) {
        house.succeed(next)
      } else if house.log.disk.values.contains(where: { !$0.state.isFinal }) {
        house.clocks.advance(by: .seconds(1))
        house.dispatcher.tick()
      } else {
        return
      }
    }
  }

  private func checkLimits() {
    for (name, limit) in ["order": 3, "charge": 2] {
      let running = house.workers.running.values.filter { $0.function.name == name }
      #expect(running.count <= limit)
      #expect(Set(running.map(\.name.id)).count == running.count)
    }
  }

  func checkBooks() {
    let disk = house.log.disk
    for answer in answers {
      guard let accepted = answer.accepted else { continue }
      #expect(disk[accepted.invocation]?.state.isFinal == true)
    }
    for (id, row) in disk {
      #expect(row.state.isFinal, "\(id) is \(row.state)")
      #expect(row.endings == 1, "\(id) ended \(row.endings) times")
      #expect(row.failures <= 3)
    }
    let keys = disk.values.compactMap(\.acceptance.key?.text)
    #expect(Set(keys).count == keys.count, "one key, one invocation")
    // Everything that succeeded as an order has caused exactly one charge.
    let causes = disk.values.filter { $0.acceptance.function == "charge" }.map(\.acceptance.cause)
    #expect(Set(causes).count == causes.count)
    // And every dead charge exactly one mourning.
    let dead = disk.values.filter { $0.acceptance.function == "charge" && $0.state == .dead }
    let mourned = disk.values.filter { $0.acceptance.function == "mourn" }
    #expect(dead.count == mourned.count)
  }
}

/// SplitMix64 (Steele, Lea, Flood 2014): small, and the same history for the same seed for ever.
struct SeededRandom {
  var state: UInt64

  mutating func below(_ limit: Int) -> Int {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return Int((mixed ^ (mixed >> 31)) % UInt64(limit))
  }
}
