// Segments of fields are merged without a row lost, doubled or found twice, whatever comes between.
import Invocations
import Testing

@testable import Records

struct SegmentTests {
  private static let perSegment: Int64 = 700

  /// A store with so many full segments; in each the digests 0, 7, 14, … of its own rows, and 5.
  private func filled(_ segments: Int64) throws -> Folder {
    let folder = try Folder()
    do { _ = try TestStore(in: folder) }
    let connection = try Connection(path: "\(folder.path)/apus.db", readOnly: false)
    try connection.use { () throws(SQLiteFailure) in
      for number in 1...segments {
        let base = number * Self.perSegment
        try connection.execute(
          """
          WITH RECURSIVE n (i) AS (
            SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < \(Self.perSegment - 1))
          INSERT INTO fields SELECT \(number), iif(i % 10 = 0, 5, (i * 7919) % 100003), \(base) + i FROM n;
          INSERT INTO segments VALUES (\(number), \(base), \(base + Self.perSegment - 1), 0);
          """)
      }
    }
    return folder
  }

  private func steps(_ folder: Folder, atMost count: Int = .max) throws -> Int {
    let connection = try Connection(path: "\(folder.path)/apus.db", readOnly: false)
    return try connection.use { () throws(SQLiteFailure) in
      let merger = try SegmentMerger(on: connection)
      var steps = 0
      while steps < count, try merger.step() { steps += 1 }
      return steps
    }
  }

  private func number(_ sql: String, _ folder: Folder) throws -> Int64? {
    try fileNumber(sql, at: "\(folder.path)/apus.db")
  }

  /// What a reader finds, through the list of segments.
  private let listed = """
    FROM fields WHERE segment IN (SELECT number FROM segments)
    """

  @Test func `sixteen of a size become one of the next, with every row`() throws {
    let folder = try filled(35)
    let before = try number("SELECT count(*) FROM fields", folder)
    _ = try steps(folder)
    #expect(try number("SELECT count(*) FROM segments WHERE level = 0", folder) == 3)
    #expect(try number("SELECT count(*) FROM segments WHERE level = 1", folder) == 2)
    #expect(try number("SELECT count(*) FROM fields", folder) == before)
    #expect(try number("SELECT count(*) \(listed)", folder) == before)
    #expect(
      try number("SELECT count(DISTINCT invocation) \(listed)", folder) == 35 * Self.perSegment)
    #expect(try number("SELECT count(*) \(listed) AND digest = 5", folder) == 35 * 70)
    #expect(
      try number("SELECT min(least) FROM segments WHERE level = 1", folder) == Self.perSegment)
    #expect(try steps(folder) == 0)
  }

  @Test func `a kill at any step loses nothing, and its leavings go`() throws {
    let folder = try filled(16)
    let count = 16 * Self.perSegment
    var steps = 0
    // Each merger is a new one: what the last one had in memory is gone.
    for stop in 1...12 {
      steps += try self.steps(folder, atMost: stop)
      #expect(try number("SELECT count(*) \(listed)", folder) == count, "after \(steps) steps")
    }
    _ = try self.steps(folder)
    #expect(try number("SELECT count(*) FROM fields", folder) == count)
    #expect(try number("SELECT count(*) FROM segments", folder) == 1)
  }

  @Test func `a merge that a full disk stopped goes on when there is space`() throws {
    let folder = try filled(16)
    let rows = 16 * Self.perSegment
    let clock = Monitor<UInt64>(1)
    let tuning = RecordTuning(monotonic: { clock.withLock { $0 } })
    let connection = try Connection(path: "\(folder.path)/apus.db", readOnly: false)
    let upkeep = try connection.use { () throws(SQLiteFailure) in
      try connection.execute("PRAGMA max_page_count = 1")
      return try Upkeep(on: connection, tuning)
    }
    func turn() {
      clock.withLock { $0 += 1_000_000_000 }
      upkeep.rest(isIdle: true)
    }
    for _ in 0..<30 { turn() }
    #expect(try number("SELECT count(*) FROM segments", folder) == 16)
    try connection.use { () throws(SQLiteFailure) in
      try connection.execute("PRAGMA max_page_count = 1000000")
    }
    for _ in 0..<200 { turn() }
    #expect(try number("SELECT count(*) FROM segments", folder) == 1)
    #expect(try number("SELECT count(*) \(listed)", folder) == rows)
    #expect(try number("SELECT count(*) FROM fields", folder) == rows)
  }

  @Test func `a store merges by itself, and finds what it found`() throws {
    let folder = try filled(20)
    let test = try TestStore(in: folder)
    try eventually("the segments have been merged") {
      try test.number("SELECT count(*) FROM segments WHERE level = 0") == 4
    }
    // A new one goes on beside them.
    var acceptance = accepted(1 << 30, data: Array("{\"a\":1}".utf8))
    acceptance.fields = [EventPath("data.a")].compactMap(\.self)
    try test.write(.accept(acceptance))
    #expect(try test.number("SELECT number FROM segments WHERE level = -1") == 21)
  }
}
