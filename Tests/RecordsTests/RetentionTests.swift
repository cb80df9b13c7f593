// What has ended goes after a while, with everything that belongs to it, and nothing else does.
import Invocations
import Testing

@testable import Records

struct RetentionTests {
  private static let retention = Retention(
    succeeded: .seconds(7 * 86_400), dead: .seconds(30 * 86_400))

  /// `day` counts from noon, when everything in these tests ended, less a second.
  private func prune(
    _ folder: Folder, day: Int64, _ retention: Retention = retention,
    _ keeping: [String: Keeping] = [:]
  ) throws -> [Pruner.Outcome] {
    let connection = try Connection(path: "\(folder.path)/apus.db", readOnly: false)
    return try connection.use { () throws(SQLiteFailure) in
      let pruner = try Pruner(on: connection, retention, keeping)
      var outcomes: [Pruner.Outcome] = []
      repeat {
        outcomes.append(try pruner.step(at: noon + .seconds(day * 86_400 + 1)))
      } while outcomes.last != .done
      return outcomes
    }
  }

  private func dead(_ number: Int64) -> Ending {
    Ending(
      id: id(number), function: "charge", state: .dead, reason: .exhausted,
      endedAt: noon + .seconds(1),
      attempt: attempt(number, 1, .thrown, error: ErrorRecord(code: "thrown", message: "no")))
  }

  private func ids(_ table: String, in folder: Folder) throws -> [Int64] {
    let connection = try Connection(path: "\(folder.path)/apus.db", readOnly: true)
    let column = ["attempts", "logs"].contains(table) ? "invocation" : "id"
    return try connection.use { () throws(SQLiteFailure) in
      let query = try connection.statement(
        "SELECT DISTINCT \(column) FROM \(table) ORDER BY \(column)")
      var found: [Int64] = []
      while try query.next() { found.append(query.integer() - id(0).rawValue) }
      return found
    }
  }

  private func written() throws -> Folder {
    let folder = try Folder()
    let test = try TestStore(in: folder)
    let key = IdempotencyKey(
      text: "k", digest: Digest(high: 1, low: 1), body: nil, expiresAt: noon + .seconds(86_400_000))
    try test.write(
      .accept(accepted(1)), .accept(accepted(2)), .accept(accepted(3)),
      .accept(accepted(4, key: key)), .accept(accepted(5)))
    for number in Int64(1)...4 {
      try test.write(
        .log(
          LogLine(
            invocation: id(number), attempt: 1, time: noon, level: "info", message: "a line")))
    }
    try test.write(
      .goOn(attempt(1, 1, .thrown), function: "charge", state: .waiting, due: noon, failures: 1))
    try test.write(.end(succeeded(1, attempts: 2)), .end(dead(2)), .end(succeeded(4)))
    try test.write(
      .goOn(attempt(5, 1, .crashed), function: "charge", state: .held, due: noon, failures: 1))
    test.store.close()
    return folder
  }

  @Test func `what succeeded goes after its time, with its attempts and lines`() throws {
    let folder = try written()
    #expect(try ids("attempts", in: folder).contains(1))
    #expect(try prune(folder, day: 6) == [.done])
    #expect(try ids("finished", in: folder) == [1, 2, 4])
    #expect(try prune(folder, day: 7) == [.pruned(1), .done])
    #expect(try ids("finished", in: folder) == [2, 4])
    #expect(try ids("accepted", in: folder) == [2, 3, 4, 5])
    #expect(try !ids("attempts", in: folder).contains(1))
    #expect(try ids("logs", in: folder) == [2, 3, 4])
  }

  @Test func `dead letters stay longer, keyed work until its key has expired, open work always`()
    throws
  {
    let folder = try written()
    _ = try prune(folder, day: 29)
    #expect(try ids("dead", in: folder) == [2])
    _ = try prune(folder, day: 3_000)
    #expect(try ids("dead", in: folder).isEmpty)
    // Held and queued ones, and the one whose key is kept.
    #expect(try ids("accepted", in: folder) == [3, 4, 5])
    #expect(try ids("unfinished", in: folder) == [3, 5])
    let test = try TestStore(in: folder)
    #expect(test.recovery.unfinished == ["charge": 2])
    #expect(try test.show(id(4))?.result != nil || test.show(id(4))?.state == .succeeded)
    #expect(try test.show(id(1)) == nil)
  }

  @Test func `for ever is for ever`() throws {
    let folder = try written()
    #expect(try prune(folder, day: 3_000, .forever) == [.done])
    let onlyDead = Retention(succeeded: nil, dead: .seconds(86_400))
    _ = try prune(folder, day: 3_000, onlyDead)
    #expect(try ids("finished", in: folder) == [1, 4])
  }

  @Test func `what a manifest keeps goes for functions that the store meets later`() throws {
    let folder = try Folder()
    let test = try TestStore(in: folder)
    let connection = try Connection(path: "\(folder.path)/apus.db", readOnly: false)
    let keeping = ["charge": Keeping(succeeded: .seconds(60))]
    let pruner = try connection.use { () throws(SQLiteFailure) in
      try Pruner(on: connection, Self.retention, keeping)
    }
    try test.write(.accept(accepted(1)))
    try test.write(.end(succeeded(1)))
    try connection.use { () throws(SQLiteFailure) in
      #expect(try pruner.step(at: noon + .seconds(30)) == .done)
      #expect(try pruner.step(at: noon + .seconds(90)) == .pruned(1))
    }
    test.store.close()
    #expect(try ids("accepted", in: folder).isEmpty)
  }

  @Test func `a function's own manifest has the last word on its history`() throws {
    let folder = try written()
    let longer = ["charge": Keeping(succeeded: .seconds(60 * 86_400), dead: .seconds(86_400))]
    _ = try prune(folder, day: 40, Self.retention, longer)
    #expect(try ids("finished", in: folder) == [1, 4])
    _ = try prune(folder, day: 40, .forever, ["charge": Keeping(succeeded: .seconds(86_400))])
    #expect(try ids("finished", in: folder) == [4])
  }

  @Test func `past a number or a size the oldest that ended well go, dead letters stay`() throws {
    let folder = try Folder()
    let test = try TestStore(in: folder)
    for number in 1...Int64(300) {
      let data = Array(repeating: UInt8(ascii: "1"), count: 996)
      test.store.append([
        .accept(accepted(number, data: data)),
        .end(number == 7 ? died(number) : succeeded(number)),
      ])
    }
    test.store.append([.accept(accepted(500)), .accept(accepted(501, function: "other"))])
    test.store.append([.end(other(501))])
    test.store.close()
    _ = try prune(folder, day: 0, .forever, ["charge": Keeping(count: 200)])
    let left = try ids("finished", in: folder)
    #expect(left.count == 202)
    #expect(left.first == 7)
    #expect(left.contains(300) && left.contains(501) && !left.contains(100))
    // A thousand bytes each, event and result.
    _ = try prune(folder, day: 0, .forever, ["charge": Keeping(bytes: 50_000)])
    let rest = try ids("finished", in: folder)
    #expect((50...54).contains(rest.count))
    #expect(rest.first == 7)
    #expect(rest.contains(300))
    #expect(try ids("unfinished", in: folder) == [500])
    let counted = try fileNumber(
      "SELECT sum(count) FROM totals WHERE kind IN (5, 6, 7)", at: "\(folder.path)/apus.db")
    #expect(counted == Int64(rest.count))
  }

  private func other(_ number: Int64) -> Ending {
    var ending = succeeded(number)
    ending.function = "other"
    return ending
  }

  @Test func `with the last invocation of an error and of a segment their rows go too`() throws {
    let folder = try Folder()
    let test = try TestStore(in: folder)
    var acceptance = accepted(1, data: Array("{\"orderId\":\"a\"}".utf8))
    acceptance.fields = [try #require(EventPath("data.orderId"))]
    try test.write(.accept(acceptance), .end(died(1)))
    test.store.close()
    let file = "\(folder.path)/apus.db"
    let connection = try Connection(path: file, readOnly: false)
    try connection.use { () throws(SQLiteFailure) in
      try connection.execute(
        """
        UPDATE segments SET level = 0, least = (SELECT min(invocation) FROM fields),
          greatest = (SELECT max(invocation) FROM fields)
        """)
    }
    #expect(try fileNumber("SELECT count(*) FROM errors", at: file) == 1)
    _ = try prune(folder, day: 40)
    for table in ["accepted", "failures", "errors", "error_shares", "fields", "segments", "dead"] {
      #expect(try fileNumber("SELECT count(*) FROM \(table)", at: file) == 0, "\(table)")
    }
  }

  @Test func `it goes in small steps`() throws {
    let folder = try Folder()
    let test = try TestStore(in: folder)
    let count = 2 * StoreLimits.endedPerPruning + 50
    for number in 1...Int64(count) {
      test.store.append([.accept(accepted(number)), .end(succeeded(number))])
    }
    test.store.close()
    #expect(
      try prune(folder, day: 8) == [
        .pruned(StoreLimits.endedPerPruning), .pruned(StoreLimits.endedPerPruning), .pruned(50),
        .done,
      ])
    #expect(try ids("accepted", in: folder).isEmpty)
  }

  @Test func `a store that runs prunes by itself, and goes on writing`() throws {
    let folder = try Folder()
    let first = try TestStore(in: folder)
    for number in Int64(1)...300 {
      first.store.append([.accept(accepted(number)), .end(succeeded(number))])
    }
    first.store.close()
    let later = noon + .seconds(8 * 86_400)
    let test = try TestStore(
      in: folder, tuning: RecordTuning(now: { later }, retention: Self.retention))
    try test.write(.accept(accepted(1_000)))
    // Before the release has said what is to be kept, all is.
    #expect(try test.number("SELECT count(*) FROM finished") == 300)
    try test.write(.declared(RecordRules([])))
    try eventually("what ended long ago has gone") {
      try test.number("SELECT count(*) FROM finished") == 0
    }
    #expect(try test.show(id(1_000))?.state == .queued)
  }
}
