// One host and everything around it in one process: the real dispatcher, the real timers and the real
// store's writer and reader, on a disk, a clock and workers that a history turns by hand.
import Dispatching
import EventSources
import Invocations
import Records

final class World {
  enum End { case kill, powerLoss }

  let clocks = SimulatedClocks()
  let workers = SimulatedWorkers()
  let app: SimulatedApp
  let ledger: Ledger
  private(set) var disk: SimulatedDisk
  private(set) var look: StoreLook
  private(set) var boots = 0
  private var house: House

  private struct House {
    let store: SteppedStore
    let log: LogLine
    let dispatcher: Dispatcher
    let timers: TimerBook
    let inbox: Inbox
  }

  /// Between the dispatcher and its store: a dispatcher whose host is gone finds nobody there.
  private final class LogLine: RecordLog {
    var store: SteppedStore?
    private let ledger: Ledger
    private var last: UInt64 = 0

    init(_ store: SteppedStore, _ ledger: Ledger) {
      self.store = store
      self.ledger = ledger
    }

    func append(_ changes: [RecordChange], _ terms: CommitTerms) -> UInt64 {
      for change in changes {
        if case .ended(let ending) = change { ledger.ended(ending.value.id) }
        ledger.tell?("  asks to write \(change.words)")
      }
      last = store?.append(changes, terms) ?? last
      return last
    }

    var backlog: Int { store?.backlog ?? 0 }
    func read(_ read: RecordRead) { store?.read(read) }
  }

  /// News that the store has told and the host has not heard.
  private final class Inbox: @unchecked Sendable {
    // All of a history runs on one thread.
    var news: [RecordNews] = []
  }

  init(app: SimulatedApp, chance: inout Chance) throws {
    self.app = app
    disk = SimulatedDisk(Self.emptyStore)
    ledger = Ledger(app)
    workers.chance = Chance(seed: chance.next())
    ledger.watch(workers)
    house = try Self.open(disk, clocks, workers, ledger, app, chance: &chance)
    look = try StoreLook(disk.storePath)
    boots = 1
    workers.boot = try Int(look.number("SELECT boot FROM host"))
    house.timers.recordNewMarks()
  }

  var dispatcher: Dispatcher { house.dispatcher }
  var timers: TimerBook { house.timers }

  /// A store as a first start leaves it, with digests that are the same every time.
  private static let emptyStore: SimulatedDisk.Image = {
    let disk = SimulatedDisk()
    do {
      let clocks = SimulatedClocks()
      let tuning = RecordTuning(now: { clocks.wall }, monotonic: { clocks.monotonic })
      do {
        let made = try SteppedStore.open(file: disk.storePath, tuning: tuning) { _ in }
        made.store.close()
      }
      do {
        let look = try StoreLook(disk.storePath)
        try look.execute("UPDATE host SET boot = 0, digest_high = 1, digest_low = 2")
      }
    } catch { preconditionFailure("no store can be made: \(error)") }
    return disk.imageAfterKill()
  }()

  private static func open(
    _ disk: SimulatedDisk, _ clocks: SimulatedClocks, _ workers: SimulatedWorkers,
    _ ledger: Ledger, _ app: SimulatedApp, chance: inout Chance
  ) throws -> House {
    let inbox = Inbox()
    let tuning = RecordTuning(now: { clocks.wall }, monotonic: { clocks.monotonic })
    let (store, recovery) = try SteppedStore.open(file: disk.storePath, tuning: tuning) {
      inbox.news.append($0)
    }
    let log = LogLine(store, ledger)
    var jitter = Chance(seed: chance.next())
    let dispatcher = Dispatcher(
      functions: app.declarations, recovery: recovery, log: log, workers: workers, clocks: clocks,
      observer: ledger, laneLimits: app.laneLimits, chance: { Double(jitter.below(1_000)) / 1_000 })
    let timers = try TimerBook(
      app.declarations, recovered: recovery.timers, clocks: clocks
    ) { [unowned dispatcher] in dispatcher.accept($0, advancing: $1, answered: $2) }
    return House(store: store, log: log, dispatcher: dispatcher, timers: timers, inbox: inbox)
  }

  // MARK: Turns

  func write() { house.store.write() }
  func answerRead() { house.store.answer() }

  var hasNews: Bool { !house.inbox.news.isEmpty }

  /// The host hears the oldest word of its store.
  func hearStore() {
    guard !disk.isCutOff, hasNews else { return }
    let news = house.inbox.news.removeFirst()
    ledger.tell?("  the store says \(news.words)")
    dispatcher.hear(news)
  }

  /// The host hears the oldest word of its workers.
  func hearWorkers() -> Bool {
    guard let news = workers.takeNews() else { return false }
    dispatcher.hear(news)
    return true
  }

  /// Time passes, and whoever waited for it has a look.
  func pass(_ duration: Duration, looksAtTimers: Bool = true) {
    clocks.advance(by: duration)
    if looksAtTimers, timers.nextWake <= clocks.monotonic { timers.look() }
    dispatcher.tick()
  }

  // MARK: Ends and starts

  /// The host is gone between two of its steps, or in the middle of one where the disk was cut off;
  /// another starts on what it left.
  func restart(after end: End, downtime: Duration, chance: inout Chance) throws {
    let image: SimulatedDisk.Image
    switch end {
    case .kill: image = disk.imageAfterKill()
    case .powerLoss: image = disk.imageAfterPowerLoss { chance.below($0) }
    }
    abandon()
    ledger.hostIsGone(withPower: end == .powerLoss)
    clocks.advance(by: downtime)
    try boot(on: image, chance: &chance)
  }

  /// A stop that was asked for: what runs is given back, everything is written.
  func stop(downtime: Duration, chance: inout Chance) throws {
    dispatcher.drain()
    dispatcher.isClosed = true
    let lost = house.store.close()
    if lost > 0 { ledger.violated("a clean stop lost \(lost) changes") }
    let image = disk.imageAfterKill()
    abandon()
    ledger.hostIsGone(withPower: false)
    clocks.advance(by: downtime)
    try boot(on: image, chance: &chance)
  }

  private func abandon() {
    disk.cutOff()
    workers.forgetAll()
    ledger.isDeaf = true
    // What waits for the disk holds on to the dispatcher: it is told, and nobody listens.
    dispatcher.drain()
    dispatcher.isClosed = true
    house.log.store = nil
    dispatcher.hear(.durable(upTo: .max))
    ledger.isDeaf = false
    workers.forgetAll()
  }

  private func boot(on image: SimulatedDisk.Image, chance: inout Chance) throws {
    var image = image
    for try_ in 0..<4 {
      disk = SimulatedDisk(image)
      // Now and then the next start ends in its own beginnings.
      if try_ < 3, chance.onceIn(6) { disk.stepsLeft = chance.below(30) }
      do {
        house = try Self.open(disk, clocks, workers, ledger, app, chance: &chance)
        disk.stepsLeft = nil
        break
      } catch {
        guard disk.isCutOff else { throw error }
        if chance.onceIn(2) {
          image = disk.imageAfterKill()
        } else {
          image = disk.imageAfterPowerLoss { chance.below($0) }
          ledger.powerWent()
        }
      }
    }
    look = try StoreLook(disk.storePath)
    boots += 1
    workers.boot = try Int(look.number("SELECT boot FROM host"))
    try ledger.hostIsBack(look)
    timers.recordNewMarks()
    timers.look()
    dispatcher.tick()
  }

  /// Everything written and heard, until nothing moves.
  func settle() {
    for _ in 0..<10_000 {
      write()
      answerRead()
      var moved = false
      while hasNews {
        hearStore()
        moved = true
      }
      while hearWorkers() { moved = true }
      if !moved, house.store.backlog == 0 { return }
      if !moved { pass(.milliseconds(50), looksAtTimers: false) }
    }
    ledger.violated("it never comes to rest")
  }
}

// MARK: Telling

extension RecordChange {
  fileprivate var words: String {
    switch self {
    case .accepted(let one):
      "accept \(one.value.id) of \(one.value.function), due \(one.value.dueAt.milliseconds)"
    case .start(let one): "start \(one.id) \(one.attempt)"
    case .goOn(let one, _, let state, let due, _):
      "go on \(one.invocation) \(one.number) \(state) \(due.milliseconds)"
    case .ended(let one): "end \(one.value.id) \(one.value.state)"
    case .release(let id, let due): "release \(id) \(due.milliseconds)"
    case .timer(let one): "timer \(one.name) \(one.last.milliseconds)"
    case .duplicate(let id): "duplicate \(id)"
    default: "\(self)"
    }
  }
}

extension RecordNews {
  fileprivate var words: String {
    switch self {
    case .durable(let number): "durable \(number)"
    case .rows(let read, let rows, let hasMore):
      "\(rows.map(\.acceptance.id)) of \(read)\(hasMore ? " and more" : "")"
    case .stalled(let reason, let refused): "stalled (\(reason)), refused \(refused)"
    default: "\(self)"
    }
  }
}
