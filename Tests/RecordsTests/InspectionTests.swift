// Operators' questions: listings with filters and pages, dead letters, counts, timers, backups.
import Invocations
import Testing

@testable import Records

struct InspectionTests {
  private func ids(_ page: Page<InvocationRecord>) -> [InvocationID] {
    page.items.map(\.acceptance.id)
  }

  @Test func `a listing is newest first, in pages`() throws {
    let test = try TestStore()
    let changes = (1...25).map { RecordChange.accept(accepted(Int64($0))) }
    try test.news.waitDurable(test.store.append(changes))
    var seen: [InvocationID] = []
    var before: InvocationID?
    repeat {
      let page = try test.list(InvocationFilter(limit: 10, before: before))
      #expect(page.items.count <= 10)
      seen += ids(page)
      before = page.next
    } while before != nil
    #expect(seen == (1...25).reversed().map { id(Int64($0)) })
  }

  @Test func `filters choose by function, state, reason, queue, key, time and text`() throws {
    let test = try TestStore()
    let key = IdempotencyKey(
      text: "order-7", digest: Digest(high: 1, low: 1), body: nil, expiresAt: noon + .seconds(9))
    var late = accepted(1 << 40, function: "notify", data: Array("{\"name\":\"Zoë\"}".utf8))
    late.queue = "mails"
    late.trigger = "queue:mails"
    try test.write(
      .accept(accepted(1, key: key)), .accept(accepted(2)), .accept(accepted(3)), .accept(late),
      .end(succeeded(2)), .end(died(3, message: "card 100% stolen")))
    func list(_ change: (inout InvocationFilter) -> Void) throws -> [InvocationID] {
      var filter = InvocationFilter()
      change(&filter)
      return ids(try test.list(filter))
    }
    #expect(try list { $0.function = "charge" } == [id(3), id(2), id(1)])
    #expect(try list { $0.function = "unknown" } == [])
    #expect(try list { $0.states = [.queued] } == [late.id, id(1)])
    #expect(try list { $0.states = [.succeeded, .dead] } == [id(3), id(2)])
    #expect(try list { $0.states = [.queued, .succeeded] } == [late.id, id(2), id(1)])
    #expect(try list { $0.reason = .rejected } == [id(3)])
    #expect(try list { $0.reason = .expired } == [])
    #expect(try list { $0.queue = "mails" } == [late.id])
    #expect(try list { $0.key = "order-7" } == [id(1)])
    #expect(try list { $0.since = noon + .seconds(1) } == [late.id])
    #expect(try list { $0.until = noon + .seconds(1) } == [id(3), id(2), id(1)])
    #expect(try list { $0.text = "100% stolen" } == [id(3)])
    #expect(try list { $0.eventText = "Zoë" } == [late.id])
    #expect(try list { $0.text = "%" } == [id(3)])
  }

  @Test func `a page looks at a bounded part of the history and says where to go on`() throws {
    let folder = try Folder()
    do { _ = try TestStore(in: folder) }
    let rows = StoreLimits.scannedRowsMax + 10
    let connection = try Connection(path: "\(folder.path)/apus.db", readOnly: false)
    try connection.use { () throws(SQLiteFailure) in
      try connection.execute(
        """
        WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < \(rows))
        INSERT INTO accepted (id, function, trigger, source, type, event_id, data, hops, created,
          due, attempts_max)
        SELECT i, iif(i = 5, 'rare', 'frequent'), 't', 's', 't', '', iif(i = 5, 'a WORD', x''), 0,
          0, 0, 1 FROM n
        """)
    }
    let test = try TestStore(in: folder)
    var word = InvocationFilter()
    word.eventText = "word"
    // A rare function is found by its trigger, at once; a rare word is looked for.
    #expect(ids(try test.list(InvocationFilter(function: "rare"))) == [InvocationID(rawValue: 5)])
    let first = try test.list(word)
    #expect(first.items.isEmpty)
    var next = try #require(first.next)
    var found: [InvocationID] = []
    var pages = 1
    while found.isEmpty {
      word.before = next
      let page = try test.list(word)
      found += ids(page)
      pages += 1
      guard let more = page.next else { break }
      #expect(more < next)
      next = more
    }
    #expect(found == [InvocationID(rawValue: 5)])
    #expect(pages >= 2)
  }

  @Test func `dead letters are listed until they are redriven or purged`() throws {
    let test = try TestStore()
    func listed() throws -> [InvocationID] {
      ids(try answer { test.store.listDeadLetters(InvocationFilter(), then: $0) })
    }
    for number in 1...4 {
      try test.write(.accept(accepted(Int64(number))), .end(died(Int64(number))))
    }
    #expect(try listed() == [id(4), id(3), id(2), id(1)])
    var again = accepted(5)
    again.redriveOf = id(2)
    try test.write(.accept(again), .redriven(id(2), as: id(5), by: nil))
    try test.write(.purged([id(3), id(4)], by: nil))
    #expect(try listed() == [id(1)])
    #expect(try test.show(id(2))?.redrivenAs == id(5))
    #expect(try test.show(id(5))?.acceptance.redriveOf == id(2))
    #expect(try test.list(InvocationFilter(states: [.dead])).items.count == 4)
    let filtered = InvocationFilter(reason: .crashed)
    #expect(try answer { test.store.listDeadLetters(filtered, then: $0) }.items.isEmpty)
  }

  @Test func `counts say what each function has to do`() throws {
    let test = try TestStore()
    try test.write(
      .accept(accepted(1, due: noon + .seconds(9))), .accept(accepted(2)), .accept(accepted(3)),
      .accept(accepted(4)), .end(died(4)), .accept(accepted(5, function: "notify")), started(3))
    try test.write(
      .goOn(
        attempt(2, 1, .thrown), function: "charge", state: .waiting, due: noon + .seconds(5),
        failures: 1))
    let counts = try answer { test.store.counts(then: $0) }
    var charge = FunctionCounts()
    (charge.queued, charge.running, charge.waiting, charge.deadLetters) = (1, 1, 1, 1)
    charge.oldestDue = noon
    var notify = FunctionCounts()
    (notify.queued, notify.oldestDue) = (1, noon)
    #expect(counts == ["charge": charge, "notify": notify])
  }

  @Test func `a queue tells how much of it is unfinished, what is held and which is the oldest`()
    throws
  {
    let test = try TestStore()
    try test.write(
      .accept(accepted(1)), .accept(accepted(2)), .accept(accepted(3)), started(3),
      .accept(accepted(4, trigger: "invoke", queue: nil)))
    try test.write(.end(succeeded(1)))
    try test.write(
      .goOn(attempt(2, 1, .crashed), function: "charge", state: .held, due: noon, failures: 1))
    let loads = try answer { test.store.queueLoads(then: $0) }
    #expect(loads == ["payments": QueueLoad(unfinished: 2, held: 1, oldest: id(2))])
  }

  @Test func `the attempt that runs is told with its worker`() throws {
    let test = try TestStore()
    try test.write(.accept(accepted(1)), .accept(accepted(2)), started(1, attempt: 2))
    try eventually("the start is on disk") { try test.show(id(1))?.state == .running }
    let start = AttemptStart(id: id(1), attempt: 2, boot: 1, worker: 4711, at: noon)
    #expect(try test.show(id(1))?.underWay == start)
    #expect(try test.show(id(2))?.underWay == nil)
  }

  @Test func `a timer's missed instants and firings are kept, and bounded`() throws {
    let test = try TestStore()
    let missed = (0..<1_500).map {
      MissedInstant(instant: noon + .seconds($0), count: 1, reason: "no host was running")
    }
    try test.write(
      .timer(TimerAdvance(name: "charge/0", rule: "@daily", last: noon, missed: missed)),
      .accept(accepted(1, trigger: "timer:charge/0")))
    try test.write(
      .timer(
        TimerAdvance(
          name: "charge/0", rule: "@daily", last: noon,
          missed: [MissedInstant(instant: noon, count: 40, reason: "too many")])))
    let found = try answer { test.store.missedInstants(timer: "charge/0", limit: 3, then: $0) }
    #expect(found.first == MissedInstant(instant: noon, count: 40, reason: "too many"))
    #expect(found.dropFirst().first == missed.last)
    #expect(
      try test.number("SELECT count(*) FROM missed") == Int64(StoreLimits.timerHistoryMax))
    let timers = ["charge/0", "other/0"]
    let firings = try answer { test.store.firings(timers: timers, limit: 5, then: $0) }
    #expect(firings.mapValues { $0.map(\.acceptance.id) } == ["charge/0": [id(1)], "other/0": []])
  }

  @Test func `firings stay bounded`() throws {
    let test = try TestStore()
    let changes = (1...3_000).map {
      RecordChange.accept(accepted(Int64($0), trigger: "timer:charge/\($0 % 2)"))
    }
    try test.news.waitDurable(test.store.append(changes))
    // Two timers with 1,500 each; pruning comes by chance, one in 64: that a timer saw none in its
    // last 490 firings has a chance of 1 in 2,000, so the bound here is that of the sum.
    let kept = try #require(try test.number("SELECT count(*) FROM firings"))
    #expect(kept < 3_000)
    let newest = try answer { test.store.firings(timers: ["charge/0"], limit: 1, then: $0) }
    #expect(newest["charge/0"]?.map(\.acceptance.id) == [id(3_000)])
  }

  @Test func `a backup is a store with everything in it`() throws {
    let test = try TestStore()
    try test.write(.accept(accepted(1)), .accept(accepted(2)), .end(succeeded(2)))
    let folder = try Folder()
    let path = "\(folder.path)/apus.db"
    _ = try answer { test.store.backup(to: path, then: $0) }
    let restored = try TestStore(in: folder)
    #expect(restored.recovery.unfinished == ["charge": 1])
    #expect(try restored.show(id(2))?.state == .succeeded)
    #expect(
      throws: RecordFault.backup(path: path, detail: "the file exists, and nothing is overwritten")
    ) {
      _ = try answer { test.store.backup(to: path, then: $0) }
    }
  }

  @Test func `the store tells its size`() throws {
    let test = try TestStore()
    try test.write(.accept(accepted(1)))
    let health = try answer { test.store.health(then: $0) }
    #expect(health.pageBytes == 4_096)
    #expect(health.pages > 10)
    #expect(health.logBytes > 0)
  }

  @Test func `questions past the limit are refused, and those before it answered`() throws {
    let test = try TestStore()
    let gate = Monitor(0)
    let hold: RecordStore.Answer<InvocationRecord?> = { _ in
      gate.change(wakingAll: true) { $0 += 1 }
      _ = gate.wait(until: nil) { $0 < 0 ? true : nil }
    }
    for _ in 0..<StoreLimits.inspectionThreads { test.store.show(id(1), then: hold) }
    _ = gate.wait(until: nil) { $0 == StoreLimits.inspectionThreads ? true : nil }
    let answers = Monitor((served: 0, busy: 0))
    let excess = 3
    for _ in 0..<StoreLimits.inspectionsMax + excess {
      test.store.show(id(1)) { result in
        answers.change { answers in
          switch result {
          case .success: answers.served += 1
          case .failure(.busy): answers.busy += 1
          case .failure: break
          }
        }
      }
    }
    #expect(answers.withLock { $0.busy } == excess)
    // Held questions do not hold the dispatcher's.
    try test.write(.accept(accepted(1)))
    #expect(try test.waiting("charge", limit: 1).records.count == 1)
    gate.change(wakingAll: true) { $0 = -1_000 }
    let served = answers.wait(until: MonotonicTime.now + 300_000_000_000) {
      $0.served == StoreLimits.inspectionsMax ? $0.served : nil
    }
    #expect(served == StoreLimits.inspectionsMax)
  }

  @Test func `a closed store says so`() throws {
    let test = try TestStore()
    test.store.close()
    #expect(throws: RecordFault.closed) { try test.show(id(1)) }
  }
}
