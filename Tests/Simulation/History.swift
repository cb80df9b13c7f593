// One history: a few hundred steps that a seed chooses, among them everything that can go wrong, then
// peace until nothing is owed, then the books.
import Dispatching
import Invocations

package struct Finding: Error, CustomStringConvertible {
  package let seed: UInt64
  package let faults: [String]
  package let lastSteps: [String]

  package var description: String {
    "seed \(seed): \(faults.joined(separator: "; "))\n  the last steps: "
      + lastSteps.joined(separator: ", ")
  }
}

package struct HistoryReport: Equatable {
  /// Of everything that was decided: two runs of a seed have the same.
  package var trace: UInt64 = 0xcbf2_9ce4_8422_2325
  package var acknowledged = 0
  package var finished = 0
  package var starts = 0
  package var kills = 0
  package var powerLosses = 0
  package var cleanStops = 0
  package var fenced = 0

  package init() {}
}

package struct History {
  private let seed: UInt64
  private var chance: Chance
  private let world: World
  private var report = HistoryReport()
  private var lastSteps: [String] = []
  private var sent = 0
  private var troubleSteps = 0

  package static func run(seed: UInt64, steps: Int = 300) throws -> HistoryReport {
    var history = try History(seed: seed)
    do {
      for _ in 0..<steps { try history.step() }
      try history.finish()
    } catch let failure as StoreLook.Failure {
      throw history.finding(["\(failure)"])
    }
    return history.report
  }

  private init(seed: UInt64) throws {
    self.seed = seed
    chance = Chance(seed: seed)
    let app = SimulatedApp(&chance)
    world = try World(app: app, chance: &chance)
    let clocks = world.clocks
    world.ledger.monotonic = { clocks.monotonic }
  }

  private func finding(_ faults: [String]) -> Finding {
    Finding(seed: seed, faults: faults, lastSteps: lastSteps)
  }

  private mutating func note(_ what: String) {
    lastSteps.append(what)
    if lastSteps.count > 60 { lastSteps.removeFirst() }
    for byte in what.utf8 {
      report.trace = (report.trace ^ UInt64(byte)) &* 0x0000_0100_0000_01b3
    }
  }

  // MARK: Steps

  private mutating func step() throws {
    switch chance.below(1_000) {
    case ..<230: send()
    case ..<420:
      world.write()
      note("write")
    case ..<480: world.answerRead()
    case ..<640:
      for _ in 0...chance.below(3) { world.hearStore() }
      note("hear")
    case ..<800: work()
    case ..<870:
      if world.hearWorkers() { note("heard a worker") }
    case ..<885: loseWorker()
    case ..<900:
      world.workers.repeatItself()
      note("says it again")
    case ..<960: pass()
    case ..<965: setClock()
    case ..<975: try operate()
    case ..<985: trouble()
    case ..<988: world.disk.stepsLeft = chance.below(40)
    case ..<992: try restart(after: .kill)
    case ..<996: try restart(after: .powerLoss)
    case ..<998: try stop()
    default: world.workers.roomMax = 1 + chance.below(8)
    }
    endTrouble()
    if world.disk.isCutOff {
      note("cut off")
      try restart(after: chance.onceIn(2) ? .kill : .powerLoss)
    }
    let faults = world.ledger.violations
    guard faults.isEmpty else { throw finding(faults) }
  }

  private mutating func send() {
    sent += 1
    let id = chance.onceIn(10) ? "e\(chance.below(sent))" : "e\(sent)"
    switch chance.below(7) {
    case 0: send(to: "order", "orders", id, "{}")
    case 1: send(to: "charge", "payments", id, "{}")
    case 2: send(to: "ledger", "entries", id, "{\"account\":\(chance.below(4))}")
    case 3: send(to: "meter", "readings", id, "{\"tenant\":\(chance.below(3))}")
    case 4: send(to: "gather", "lines", id, "{}")
    case 5: send(to: "index", "changes", id, "{\"page\":\(chance.below(2))}")
    default: call(id)
    }
  }

  private mutating func send(
    to function: String, _ queue: String, _ id: String, _ data: String
  ) {
    let event = Event(
      id: id, source: "/queues/\(queue)", type: "apus.message", data: Array(data.utf8))
    // Delayed events have their place in an order when they are due; what is checked here is simpler.
    let isDelayed = function != "ledger" && function != "index" && chance.onceIn(8)
    let dueAt = isDelayed ? world.clocks.wall + .milliseconds(chance.below(5_000)) : nil
    let proposal = Proposal(
      function: function, trigger: "queue:\(queue)", queue: queue, event: event,
      key: ProposedKey(text: "/queues/\(queue) \(id)"), dueAt: dueAt)
    let (ledger, epoch) = (world.ledger, world.ledger.epoch)
    world.dispatcher.accept([proposal]) { outcome in
      if case .success(let items) = outcome { ledger.acknowledge(items, epoch: epoch) }
    }
    note("send \(function) \(id)")
  }

  private final class Caller: CallListener {
    let ledger: Ledger
    let epoch: Int

    init(_ ledger: Ledger) {
      self.ledger = ledger
      epoch = ledger.epoch
    }

    func callBegan(_ id: InvocationID) {}
    func streamBegan(_ attempt: AttemptName, status: Int, headers: [HTTPCall.Field]) {}
    func streamed(_ attempt: AttemptName, _ bytes: [UInt8]) {}
    func streamBroke() {}
    func callEnded(_ outcome: CallOutcome) { ledger.reply(outcome, epoch: epoch) }
  }

  private mutating func call(_ id: String) {
    let event = Event(id: id, source: "/quotes", type: "apus.http", data: Array("{}".utf8))
    let call = HTTPCall(method: "POST", path: "/quotes", query: nil, parameters: [], headers: [])
    let key = chance.onceIn(2) ? ProposedKey(text: "k\(id)", body: Array("{}".utf8)) : nil
    world.dispatcher.call(
      Proposal(
        function: "quote", trigger: "http:POST /quotes", event: event, call: call, key: key),
      listener: Caller(world.ledger))
    note("call \(id)")
  }

  // MARK: Workers

  private mutating func work() {
    let workers = world.workers
    if let waiting = workers.waiting.first, chance.onceIn(3) {
      workers.begins(waiting)
      return note("begins \(waiting.id)")
    }
    guard let flight = chance.pick(workers.running) else { return }
    let name = flight.assignment.name
    let function = flight.assignment.function.name
    let fate = chance.below(20)
    note("\(function) \(name.id) \(name.attempt) fate \(fate)")
    switch fate {
    case ..<11: succeed(flight)
    case ..<15: fail(name, .thrown)
    case ..<17: fail(name, .rejected)
    case 17: if flight.isCancelled { workers.answer(name, .cancelled(cpuMicroseconds: 1)) }
    case 18: if flight.isCancelled { workers.answer(name, .notBegun) }
    // It goes on, past its deadline perhaps.
    default: break
    }
  }

  private func succeed(_ flight: SimulatedWorkers.Flight) {
    let name = flight.assignment.name
    var emitted: [EmittedEvent] = []
    if flight.assignment.function.name == "order" {
      emitted = [
        EmittedEvent(
          queue: "payments", type: nil, subject: nil, id: nil, delay: .zero,
          contentType: "application/json", data: Array("{}".utf8))
      ]
    }
    let value = HandlerValue.json(Array(world.workers.result(of: name).utf8))
    world.workers.answer(name, .succeeded(value, emitted: emitted, cpuMicroseconds: 1))
  }

  private func fail(_ name: AttemptName, _ kind: Failure.Kind) {
    let error = ErrorRecord(code: kind.rawValue, message: "as the seed has it")
    world.workers.answer(name, .failed(Failure(kind: kind, error: error), cpuMicroseconds: 1))
  }

  private mutating func loseWorker() {
    let running = world.workers.running
    guard let one = chance.pick(running) else { return }
    let culprits = chance.onceIn(2) ? [one.assignment.name] : []
    world.workers.lose(one.worker, culprits: culprits, byHost: false)
    note("lose \(one.worker)")
  }

  // MARK: Time, operators, the disk

  private mutating func pass() {
    let milliseconds = chance.onceIn(12) ? chance.below(40_000) : 1 + chance.below(700)
    world.pass(.milliseconds(milliseconds))
    note("pass \(milliseconds)")
  }

  private mutating func setClock() {
    let milliseconds = chance.below(20_000) - 10_000
    world.clocks.set(by: .milliseconds(milliseconds))
    note("set clock by \(milliseconds)")
  }

  private mutating func operate() throws {
    let dispatcher = world.dispatcher
    let now = world.clocks.wall
    switch chance.below(6) {
    case 0: dispatcher.pause("function:charge", since: now) {}
    case 1: dispatcher.pause("function:charge", since: nil) {}
    case 2: dispatcher.pause("queue:entries", since: now) {}
    case 3: dispatcher.pause("queue:entries", since: nil) {}
    default:
      guard let record = try unfinished() else { return }
      switch (record.state, chance.below(3)) {
      case (.held, _): _ = dispatcher.release(record)
      case (.waiting, 0): _ = dispatcher.hurry(record)
      case (_, 1): _ = dispatcher.cancel(record)
      default: return
      }
    }
    note("operate")
  }

  /// One that the store has as unfinished, as an operator would have read it.
  private mutating func unfinished() throws -> InvocationRecord? {
    let rows = try world.look.rows(
      "SELECT id, state, due, attempts, failures FROM unfinished ORDER BY id LIMIT 200")
    guard let row = chance.pick(rows), let id = Int64(row[0]),
      let acceptance = world.ledger.acceptances[InvocationID(rawValue: id)],
      let state = Int(row[1]).flatMap(StateWord.init(rawValue:)), let due = Int64(row[2])
    else { return nil }
    var record = InvocationRecord(
      acceptance: acceptance, state: state, due: WallTime(milliseconds: due))
    record.attempts = Int(row[3]) ?? 0
    record.failures = Int(row[4]) ?? 0
    return record
  }

  private mutating func trouble() {
    let kinds: [SimulatedDisk.Trouble] = [.full, .failing]
    world.disk.trouble = kinds[chance.below(2)]
    troubleSteps = 5 + chance.below(40)
    note("the disk is \(world.disk.trouble)")
  }

  private mutating func endTrouble() {
    guard troubleSteps > 0 else { return }
    troubleSteps -= 1
    guard troubleSteps == 0 else { return }
    world.disk.trouble = .none
    note("the disk is well")
  }

  // MARK: Ends

  private mutating func restart(after end: World.End) throws {
    note("\(end)")
    if end == .kill { report.kills += 1 } else { report.powerLosses += 1 }
    troubleSteps = 0
    try world.restart(
      after: end, downtime: .milliseconds(chance.below(chance.onceIn(5) ? 90_000 : 500)),
      chance: &chance)
  }

  private mutating func stop() throws {
    note("stop")
    report.cleanStops += 1
    troubleSteps = 0
    world.disk.trouble = .none
    world.disk.stepsLeft = nil
    try world.stop(downtime: .milliseconds(chance.below(5_000)), chance: &chance)
  }

  /// Nothing goes wrong any more, until nothing is owed; then the books.
  private mutating func finish() throws {
    note("peace")
    world.disk.trouble = .none
    world.disk.stepsLeft = nil
    world.workers.roomMax = 8
    for subject in ["function:charge", "queue:entries"] {
      world.dispatcher.pause(subject, since: nil) {}
    }
    var isOwed = true
    for _ in 0..<4_000 where isOwed {
      world.settle()
      for name in world.workers.waiting { world.workers.begins(name) }
      for flight in world.workers.running { succeed(flight) }
      try releaseHeld()
      if world.workers.flights.isEmpty {
        isOwed = try world.look.number("SELECT count(*) FROM unfinished") > 0
        world.pass(.milliseconds(200), looksAtTimers: false)
      }
    }
    world.settle()
    var faults = world.ledger.violations
    faults += try Books(world: world).faults()
    guard faults.isEmpty else { throw finding(faults) }
    report.acknowledged = world.ledger.promises.count + world.ledger.replies.count
    report.finished = try Int(world.look.number("SELECT count(*) FROM finished"))
    report.starts = world.workers.startsCount
    report.fenced = world.ledger.fenced
  }

  private mutating func releaseHeld() throws {
    let held = "SELECT id, due, attempts, failures FROM unfinished WHERE state = 4"
    for row in try world.look.rows(held) {
      guard let id = Int64(row[0]), let due = Int64(row[1]),
        let acceptance = world.ledger.acceptances[InvocationID(rawValue: id)]
      else { continue }
      var record = InvocationRecord(
        acceptance: acceptance, state: .held, due: WallTime(milliseconds: due))
      record.attempts = Int(row[2]) ?? 0
      record.failures = Int(row[3]) ?? 0
      _ = world.dispatcher.release(record)
    }
  }
}
