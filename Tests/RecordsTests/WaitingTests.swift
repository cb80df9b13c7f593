// The line of a function: its order, its pages, and that a page costs the same wherever it is.
import Invocations
import Testing

@testable import Records

struct WaitingTests {
  @Test func `work waits in the order of its due time, then of its id`() throws {
    let test = try TestStore()
    let later = noon + .seconds(5)
    try test.write(
      .accept(accepted(4)), .accept(accepted(1, due: later)), .accept(accepted(3)),
      .accept(accepted(2, function: "notify")), .accept(accepted(5, due: later)))
    let first = try test.waiting("charge", limit: 3)
    #expect(first.records.map(\.acceptance.id) == [id(3), id(4), id(1)])
    #expect(first.hasMore)
    let place = try #require(first.records.last?.place)
    let second = try test.waiting("charge", after: place, limit: 3)
    #expect(second.records.map(\.acceptance.id) == [id(5)])
    #expect(!second.hasMore)
    #expect(try test.waiting("nobody", limit: 3).records.isEmpty)
  }

  @Test func `running and held work is not in line; given-back work is again`() throws {
    let test = try TestStore()
    func goOn(_ number: Int64, _ state: StateWord) -> RecordChange {
      .goOn(attempt(number, 1, .returned), function: "charge", state: state, due: noon, failures: 0)
    }
    try test.write(
      .accept(accepted(1)), .accept(accepted(2)), .accept(accepted(3)), .accept(accepted(4)),
      started(1), started(4))
    try test.write(goOn(2, .held), goOn(3, .waiting))
    #expect(try test.waiting("charge", limit: 9).records.map(\.acceptance.id) == [id(3)])
    try test.write(goOn(4, .queued))
    #expect(try test.waiting("charge", limit: 8).records.map(\.state) == [.waiting, .queued])
  }

  @Test func `a page ends early rather than hold too many bytes`() throws {
    let test = try TestStore()
    let large = [UInt8](repeating: 1, count: 6 << 20)
    for number in 1...4 { try test.write(.accept(accepted(Int64(number), data: large))) }
    let page = try test.waiting("charge", limit: 100)
    #expect(page.records.count == 3)
    #expect(page.hasMore)
  }

  /// Due in groups of 1,000 at the same moment, and 400,000 all at once at the end.
  private func fill(_ folder: Folder, rows: Int) throws {
    do { _ = try TestStore(in: folder) }
    let connection = try Connection(path: "\(folder.path)/apus.db", readOnly: false)
    try connection.use { () throws(SQLiteFailure) in
      try connection.transaction { () throws(SQLiteFailure) in
        try connection.execute(
          """
          INSERT INTO names (id, text) VALUES (1, 'charge');
          WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < \(rows))
          INSERT INTO accepted (id, function, trigger, source, type, event_id, data, hops, created,
            due, attempts_max)
          SELECT i, 1, 1, 1, 1, '', x'', 0, 0, min(i, 600000) / 1000, 1 FROM n;
          INSERT INTO unfinished (id, function, due, state, attempts, failures, cpu)
          SELECT id, function, due, iif(id % 10 = 0, 4, 1), 0, 0, 0 FROM accepted;
          """)
      }
    }
  }

  @Test func `a million rows are paged in order and every page costs the same`() throws {
    let folder = try Folder()
    try fill(folder, rows: 1_000_000)
    let test = try TestStore(in: folder)
    #expect(test.recovery.unfinished == ["charge": 1_000_000])
    var costs: [Int] = []
    // The front, the middle, and deep in the 400,000 that are due at the same moment.
    for start in [0, 500_000, 599_000, 700_000, 990_000] {
      var place = LinePlace(
        due: WallTime(milliseconds: Int64(min(start, 600_000) / 1_000)),
        id: InvocationID(rawValue: Int64(start)))
      var next = Int64(start) + 1
      for _ in 0..<3 {
        let before = test.store.waitingStepsSpent
        let (records, hasMore) = try test.waiting("charge", after: place, limit: 1_000)
        costs.append(test.store.waitingStepsSpent - before)
        let first = next
        // Every tenth is held.
        let expected = (first...first + 1_200).filter { $0 % 10 != 0 }.prefix(1_000)
        #expect(records.map(\.acceptance.id.rawValue) == Array(expected))
        #expect(hasMore)
        place = try #require(records.last?.place)
        next = place.id.rawValue + 1
      }
    }
    let cheapest = try #require(costs.min())
    #expect(try #require(costs.max()) < cheapest * 5 / 4, "\(costs)")
    #expect(cheapest < 1_000 * 100, "\(costs)")
  }

  @Test func `reads past their limit are answered as failed and the others all the same`() throws {
    let folder = try Folder()
    let news = NewsBox()
    let gate = Monitor(false)
    let (store, _) = try RecordStore.open(directory: folder.path, durability: .os) { one in
      _ = gate.wait(until: nil) { $0 ? true : nil }
      news.put(one)
    }
    let excess = 10
    // The reader is held at its first answer; one request is with it.
    let asked = StoreLimits.lineRequestsMax + excess + 1
    for token in 1...asked { store.read(.replay(id(1), token: UInt64(token))) }
    gate.change(wakingAll: true) { $0 = true }
    let counts = Monitor((failed: 0, answered: 0))
    try eventually("all answers") {
      let all = news.all
      counts.withLock { counts in
        counts.failed = all.count { if case .readFailed = $0 { true } else { false } }
        counts.answered = all.count { if case .replay = $0 { true } else { false } }
      }
      return all.count == asked
    }
    let failed = counts.withLock { $0.failed }
    #expect((excess...excess + 1).contains(failed))
    store.close()
  }
}
