// Where waiting work stands among the others of its function: priorities, lanes, what has begun,
// quiet times; and a store of the schema before these.
import Glibc
import Invocations
import Testing

@testable import Records

struct StandingTests {
  private func stands(
    _ number: Int64, due: WallTime = noon, priority: Priority = .normal, lane: Int64? = nil,
    debounce: Standing.Debounce? = nil
  ) -> RecordChange {
    var acceptance = accepted(number, due: due)
    acceptance.standing = Standing(priority: priority, lane: lane, debounce: debounce)
    return .accept(acceptance)
  }

  private func read(
    _ read: RecordRead, from test: TestStore
  ) throws -> (ids: [InvocationID], hasMore: Bool) {
    let known = test.news.all.count
    test.store.read(read)
    return try test.news.first("\(read)", since: known) {
      guard case .rows(of: read, let rows, let hasMore) = $0 else { return nil }
      return (rows.map(\.acceptance.id), hasMore)
    }
  }

  @Test func `each priority is a line of its own`() throws {
    let test = try TestStore()
    try test.write(
      stands(1, priority: .low), stands(2, priority: .high), stands(3), stands(4, priority: .high))
    for (priority, ids) in [(Priority.high, [id(2), id(4)]), (.normal, [id(3)]), (.low, [id(1)])] {
      let line = RecordRead.waiting(
        function: "charge", priority: priority, after: nil, limit: 10)
      #expect(try read(line, from: test).ids == ids)
    }
  }

  @Test func `a lane is read from a place on, up to what is due`() throws {
    let test = try TestStore()
    for number in Int64(1)...6 {
      try test.write(
        stands(number, due: noon + .seconds(Int(number / 3)), lane: number == 4 ? 8 : 7))
    }
    let from = LinePlace(due: noon, id: id(2))
    let lane = RecordRead.lane(
      function: "charge", lane: 7, from: from, dueBy: noon + .seconds(1), limit: 10)
    #expect(try read(lane, from: test).ids == [id(2), id(3), id(5)])
    let short = RecordRead.lane(
      function: "charge", lane: 7, from: from, dueBy: noon + .seconds(9), limit: 2)
    let page = try read(short, from: test)
    #expect(page.ids == [id(2), id(3)])
    #expect(page.hasMore)
  }

  @Test func `work can change its lane`() throws {
    let test = try TestStore()
    try test.write(stands(1, lane: 7))
    try test.write(.relane(id(1), lane: 9))
    let lane = RecordRead.lane(
      function: "charge", lane: 9, from: LinePlace(due: noon, id: id(0)), dueBy: noon, limit: 10)
    #expect(try read(lane, from: test).ids == [id(1)])
  }

  @Test func `what has begun and not ended is found, held work as well`() throws {
    let test = try TestStore()
    try test.write(stands(1), stands(2), stands(3), stands(4))
    try test.write(
      .goOn(attempt(2, 1, .thrown), function: "charge", state: .waiting, due: noon, failures: 1))
    try test.write(
      .goOn(attempt(3, 1, .crashed), function: "charge", state: .held, due: noon, failures: 1))
    let begun = RecordRead.begun(function: "charge", after: nil, limit: 10)
    #expect(try read(begun, from: test).ids == [id(2), id(3)])
    let rest = RecordRead.begun(function: "charge", after: id(2), limit: 10)
    #expect(try read(rest, from: test).ids == [id(3)])
  }

  @Test func `held work stands in no line until it is let go`() throws {
    let test = try TestStore()
    try test.write(stands(1))
    try test.write(
      .goOn(attempt(1, 1, .crashed), function: "charge", state: .held, due: noon, failures: 1))
    #expect(try test.waiting("charge", limit: 5).records.isEmpty)
    try test.write(.release(id(1), due: noon + .seconds(3)))
    let records = try test.waiting("charge", limit: 5).records
    #expect(records.map(\.due) == [noon + .seconds(3)])
    #expect(records.map(\.failures) == [1])
  }

  @Test func `quiet times and their keys survive a restart`() throws {
    let folder = try Folder()
    let first = try TestStore(in: folder)
    let debounce = Standing.Debounce(value: 5, since: noon)
    let key = IdempotencyKey(
      text: "k", digest: Digest(high: 4, low: 4), body: nil, expiresAt: noon + .seconds(100))
    var acceptance = accepted(1, due: noon + .seconds(9), key: key)
    acceptance.standing.debounce = debounce
    try first.write(.accept(acceptance), stands(2))
    first.store.close()
    let second = try TestStore(in: folder)
    let known = second.recovery.debounced
    #expect(known.map(\.id) == [id(1)])
    #expect(known.map(\.debounce) == [debounce])
    #expect(known.map(\.due) == [noon + .seconds(9)])
    #expect(known.first?.key?.digest == key.digest)
  }

  @Test func `the place in line is told, in the lane where there is one`() throws {
    let test = try TestStore()
    for number in Int64(1)...4 { try test.write(stands(number)) }
    try test.write(stands(5, lane: 7), stands(6, lane: 7), stands(7, lane: 8))
    for (number, ahead) in [(Int64(1), 0), (4, 3), (5, 0), (6, 1), (7, 0)] {
      let record = try #require(try test.show(id(number)))
      let told: Int? = try answer { test.store.ahead(of: record, then: $0) }
      #expect(told == ahead, "\(number)")
    }
    try test.write(.end(succeeded(1)))
    let ended = try #require(try test.show(id(1)))
    let told: Int? = try answer { test.store.ahead(of: ended, then: $0) }
    #expect(told == nil)
  }

  @Test func `a replaced event names its successor`() throws {
    let test = try TestStore()
    try test.write(stands(1), stands(2))
    try test.write(
      .end(
        Ending(
          id: id(1), function: "charge", state: .cancelled, reason: .replaced, replacedBy: id(2),
          endedAt: noon)))
    let record = try #require(try test.show(id(1)))
    #expect(record.state == .cancelled)
    #expect(record.reason == .replaced)
    #expect(record.replacedBy == id(2))
  }

  @Test func `a store of the first schema is taken up with its work`() throws {
    let folder = try Folder()
    let old = try Connection(path: "\(folder.path)/apus.db", readOnly: false)
    try old.use { () throws(SQLiteFailure) in
      try old.execute(Schema.migrations[0])
      try old.execute(
        """
        PRAGMA application_id = \(Schema.applicationID); PRAGMA user_version = 1;
        INSERT INTO host VALUES (3, 1, 1, 2);
        INSERT INTO names VALUES (1, 'charge'), (2, 'queue:payments'), (3, '/queues/payments'),
          (4, 'apus.message');
        INSERT INTO accepted (id, function, trigger, source, type, event_id, data, hops, created,
          due, attempts_max)
        VALUES (\(id(1).rawValue), 1, 2, 3, 4, 'e1', x'7b7d', 0, \(noon.milliseconds),
          \(noon.milliseconds), 3);
        INSERT INTO unfinished (id, function, due, state, attempts, failures, cpu)
        VALUES (\(id(1).rawValue), 1, \(noon.milliseconds), 1, 0, 0, 0);
        """)
    }
    let test = try TestStore(in: folder)
    #expect(test.recovery.boot == 4)
    #expect(test.recovery.unfinished == ["charge": 1])
    let records = try test.waiting("charge", limit: 5).records
    #expect(records.map(\.acceptance.event.id) == ["e1"])
    #expect(records.map(\.acceptance.standing) == [Standing()])
    try test.write(.end(succeeded(1)))
    #expect(try test.show(id(1))?.state == .succeeded)
  }
}
