// SQL over the store: what the views say, what is quick, what is refused, and that nobody else notices.
import Foundation
import GRDBSQLite
import Glibc
import Invocations
import Testing

@testable import Records

struct ShellTests {
  private let under: TestStore

  init() throws { under = try TestStore() }

  private func ask(
    _ sql: String, rowsMax: Int = 100, timeout: Duration = .seconds(60),
    now: WallTime = noon, stop: ShellStop = ShellStop()
  ) throws(ShellFault) -> ShellAnswer {
    try StoreShell(directory: under.folder.path, now: now, stop: stop).ask(
      sql, rowsMax: rowsMax, timeout: timeout)
  }

  private func row(_ sql: String) throws -> [ShellValue] {
    let answer = try ask(sql)
    #expect(answer.rows.count == 1, "\(answer.rows.count) rows of \(sql)")
    return try #require(answer.rows.first)
  }

  private func fault(_ sql: String) -> ShellFault? {
    do throws(ShellFault) {
      _ = try ask(sql)
      return nil
    } catch { return error }
  }

  // MARK: The views

  @Test func `an ended invocation is one row in the words of everything else`() throws {
    let data = Array(#"{"orderId":"o-1"}"#.utf8)
    try under.write(.accept(accepted(1, data: data)), started(1), .end(succeeded(1)))
    #expect(
      try row(
        """
        SELECT id, function, state, reason, queue, data ->> '$.orderId', created_at, finished_at,
          attempts, run_ms, cpu_ms, result, durability, n FROM invocations
        """) == [
          .text("\(id(1))"), .text("charge"), .text("succeeded"), .null, .text("payments"),
          .text("o-1"), .text("2027-01-15T08:00:00.000Z"), .text("2027-01-15T08:00:01.000Z"),
          .integer(1), .integer(1000), .real(0.04), .text("done"), .text("disk"),
          .integer(id(1).rawValue),
        ])
  }

  @Test func `dead letters are in their view until they are dealt with`() throws {
    try under.write(.accept(accepted(1)), started(1), .end(died(1, message: "stolen")))
    let sql = "SELECT id, reason, error_message FROM dead_letters"
    #expect(try row(sql) == [.text("\(id(1))"), .text("rejected"), .text("stolen")])
    try under.write(.purged([id(1)], by: nil))
    #expect(try ask(sql).rows.isEmpty)
    #expect(try row("SELECT state FROM invocations") == [.text("dead")])
  }

  @Test func `all attempts are in one view, folded, kept and running ones`() throws {
    let failed = attempt(1, 1, .thrown, error: ErrorRecord(code: "E", message: "no", type: "T"))
    try under.write(.accept(accepted(1)), started(1))
    try under.write(
      .goOn(failed, function: "charge", state: .waiting, due: noon + .seconds(5), failures: 1))
    try under.write(started(1, attempt: 2))
    try under.write(.end(succeeded(1, attempts: 2)))
    // A start is written when its attempt outlives the commit after it.
    try under.write(.accept(accepted(2)), started(2))
    try under.write(.accept(accepted(3)))
    let answer = try ask(
      "SELECT invocation, number, outcome, function, error_code FROM attempts ORDER BY n, number")
    #expect(
      answer.rows == [
        [.text("\(id(1))"), .integer(1), .text("thrown"), .text("charge"), .text("E")],
        [.text("\(id(1))"), .integer(2), .text("succeeded"), .text("charge"), .null],
        [.text("\(id(2))"), .integer(1), .null, .text("charge"), .null],
      ])
    #expect(
      try row("SELECT count(*) FROM attempts WHERE invocation = '\(id(1))'") == [.integer(2)])
  }

  @Test func `logs have their metadata as an object, and pauses their names`() throws {
    try under.write(
      .accept(accepted(1)),
      .log(
        LogLine(
          invocation: id(1), attempt: 1, time: noon, level: "info", message: "charging",
          metadata: [.init(name: "order", value: "o-1")])),
      .pause(subject: "queue:payments", since: noon))
    #expect(
      try row("SELECT invocation, level, message, metadata ->> '$.order' FROM logs") == [
        .text("\(id(1))"), .text("info"), .text("charging"), .text("o-1"),
      ])
    #expect(
      try row("SELECT kind, name, since FROM paused") == [
        .text("queue"), .text("payments"), .text("2027-01-15T08:00:00.000Z"),
      ])
  }

  @Test func `every view can be read with every column, and the documentation has them all`() throws
  {
    let file = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent().appending(path: "Docs/Schema.md")
    let text = try String(contentsOf: file, encoding: .utf8)
    let section = try #require(
      text.components(separatedBy: "## Views of `apus sql`").dropFirst().first)
    for view in StoreView.all {
      let answer = try ask("SELECT * FROM \(view.name)")
      #expect(answer.columns == view.columns.map(\.name))
      let lines = section.components(separatedBy: "\n").filter { $0.hasPrefix("| `\(view.name)`") }
      let line = try #require(lines.first, "no line of \(view.name) in Docs/Schema.md")
      for column in view.columns where view.name != "dead_letters" {
        #expect(line.contains("`\(column.name)`"), "\(view.name).\(column.name)")
      }
    }
    #expect(try ask("SELECT * FROM main.attempts").columns.first == "invocation")
  }

  // MARK: Quick

  /// How SQLite would go about it.
  private func plan(_ sql: String) throws -> String {
    try ask("EXPLAIN QUERY PLAN \(sql)").rows.map { row in
      if case .text(let text) = row[3] { text } else { "" }
    }.joined(separator: "\n")
  }

  @Test func `an id, a range of ids and a range of time are looked up and not searched`() throws {
    for sql in [
      "SELECT * FROM invocations WHERE id = '\(id(1))'",
      "SELECT * FROM invocations WHERE id IN ('\(id(1))', '\(id(2))')",
      "SELECT * FROM invocations WHERE n = apus_rowid('\(id(1))')",
      "SELECT count(*) FROM invocations WHERE n >= apus_rowid_at('2h')",
      "SELECT * FROM attempts WHERE invocation = '\(id(1))'",
      "SELECT count(*) FROM attempts WHERE invocation = '\(id(1))'",
      "SELECT * FROM logs WHERE invocation = '\(id(1))' ORDER BY attempt, sequence",
      "SELECT * FROM dead_letters", "SELECT * FROM invocations ORDER BY n DESC LIMIT 5",
      "SELECT v.id, l.message FROM dead_letters v JOIN logs l ON l.n = v.n",
    ] {
      let plan = try plan(sql)
      // The only table that may be walked is the one that lists what is asked for.
      let walks = plan.components(separatedBy: "\n").filter { $0.contains("SCAN") }
      let ordered = sql.contains("ORDER BY n DESC")
      let searched = walks.filter {
        !$0.contains("apus_ids VIRTUAL") && !$0.contains("SCAN i VIRTUAL")
          && !$0.contains("json_each") && !$0.contains("SCAN dead")
          && $0.trimmingCharacters(in: .whitespaces) != "SCAN t" && !(ordered && $0 == "SCAN a")
      }
      #expect(searched.isEmpty, "\(sql)\n\(plan)")
      if ordered { #expect(!plan.contains("TEMP B-TREE"), "\(sql)\n\(plan)") }
    }
  }

  @Test func `an id is found in small letters and as a number`() throws {
    try under.write(.accept(accepted(1)), .accept(accepted(2)))
    let text = "\(id(2))"
    for condition in [
      "id = '\(text)'", "id = '\(text.lowercased())'", "n = apus_rowid('\(text)')",
      "n > apus_rowid_at('2027-01-15T08:00:00Z') + 1",
    ] {
      #expect(
        try row("SELECT id FROM invocations WHERE \(condition)") == [.text(text)], "\(condition)")
    }
    #expect(try ask("SELECT 1 FROM invocations WHERE id = 'no id'").rows.isEmpty)
    #expect(try ask("SELECT 1 FROM invocations WHERE id = NULL OR id = 7").rows.isEmpty)
    #expect(try row("SELECT count(id) FROM invocations WHERE id <> '\(text)'") == [.integer(1)])
    #expect(fault("SELECT apus_rowid('no id')").map { "\($0)" }?.contains("13 characters") == true)
    #expect(fault("SELECT apus_rowid_at('soon')").map { "\($0)" }?.contains("is no time") == true)
  }

  @Test func `a time back from now is counted from when the question was asked`() throws {
    try under.write(.accept(accepted(1)))
    for (back, count) in [("1h", 0), ("3h", 1)] as [(String, Int64)] {
      let answer = try ask(
        "SELECT count(*) FROM invocations WHERE n >= apus_rowid_at('\(back)')",
        now: noon + .seconds(7200))
      #expect(answer.rows == [[.integer(count)]])
    }
  }

  // MARK: Only reading

  @Test func `whatever would write is refused with its name`() throws {
    try under.write(.accept(accepted(1)))
    let written = Set([
      "INSERT INTO paused VALUES ('x', 1)", "UPDATE accepted SET function = 1",
      "DELETE FROM accepted", "DROP TABLE accepted", "CREATE TABLE x (y)",
      "CREATE TEMP TABLE x (y)", "ATTACH '\(under.folder.path)/other.db' AS other", "DETACH main",
      "VACUUM",
      "VACUUM INTO '\(under.folder.path)/copy.db'", "BEGIN IMMEDIATE", "SAVEPOINT s", "REINDEX",
      "ANALYZE", "UPDATE sqlite_master SET sql = ''", "PRAGMA query_only = 0",
      "PRAGMA journal_mode = DELETE",
      "PRAGMA user_version = 9", "PRAGMA wal_checkpoint(TRUNCATE)", "PRAGMA writable_schema = 1",
      "SELECT load_extension('x')", "EXPLAIN DELETE FROM accepted",
      "WITH x AS (SELECT 1) DELETE FROM accepted WHERE id IN x",
    ])
    for sql in written {
      switch fault(sql) {
      case .refused, .badStatement: break
      case let other: Issue.record("\(sql): \(other.map { "\($0)" } ?? "it was done")")
      }
    }
    #expect(fault("DELETE FROM accepted") == .refused("DELETE"))
    #expect(fault("ATTACH 'x' AS y") == .refused("ATTACH"))
    #expect(fault("PRAGMA query_only = 0") == .refused("PRAGMA query_only"))
    #expect(try under.number("SELECT count(*) FROM accepted") == 1)
    #expect(access("\(under.folder.path)/copy.db", F_OK) != 0)
  }

  @Test func `what describes the store may be asked`() throws {
    #expect(try row("PRAGMA user_version") == [.integer(Int64(Schema.version))])
    #expect(!(try ask("PRAGMA table_info(accepted)").rows.isEmpty))
    #expect(try row("SELECT value FROM json_each('[7]')") == [.integer(7)])
    #expect(!(try ask("SELECT name FROM pragma_table_info('accepted')").rows.isEmpty))
  }

  @Test func `a mistake is told in SQLite's words`() {
    guard case .badStatement(let words)? = fault("SELECT nowhere FROM invocations") else {
      Issue.record("it was no mistake")
      return
    }
    #expect(words == "no such column: nowhere")
    for (sql, part) in [
      ("", "no statement"), ("-- a comment", "no statement"),
      ("SELECT 1; SELECT 2", "one statement"),
      ("SELECT ?1", "parameter"), ("SELEC 1", "syntax error"), ("SELECT 1; DELETE", "incomplete"),
    ] {
      #expect(fault(sql).map { "\($0)" }?.contains(part) == true, "\(sql)")
    }
    #expect(fault("SELECT 1; -- and that is all ;\n ;") == nil)
  }

  // MARK: Bounds

  @Test func `no more rows come than were asked for, and it says that there are more`() throws {
    let numbers = "WITH RECURSIVE c(x) AS (VALUES (1) UNION ALL SELECT x + 1 FROM c LIMIT 7)"
    let first = try ask("\(numbers) SELECT x AS id, x AS id FROM c", rowsMax: 3)
    #expect(first.rows.count == 3)
    #expect(first.hasMore)
    #expect(first.columns == ["id", "id_2"])
    #expect(try ask("\(numbers) SELECT x FROM c", rowsMax: 7).hasMore == false)
  }

  @Test func `an answer ends early rather than hold more than its bytes`() throws {
    let endless = "WITH RECURSIVE c(x) AS (VALUES (1) UNION ALL SELECT x + 1 FROM c)"
    let answer = try ask(
      "\(endless) SELECT replace(hex(zeroblob(8000000)), '0', 'x') FROM c", rowsMax: 1_000_000)
    #expect(answer.hasMore)
    #expect(answer.rows.count == 5)
    guard case .badStatement? = fault("SELECT zeroblob(100000000)") else {
      Issue.record("a value may be larger than the whole answer")
      return
    }
  }

  private let endless =
    "WITH RECURSIVE c(x) AS (VALUES (1) UNION ALL SELECT x + 1 FROM c) SELECT count(*) FROM c"

  @Test func `a query ends when its time is over, and when somebody stops it`() throws {
    #expect(throws: ShellFault.tooLong(.milliseconds(20))) {
      _ = try ask(endless, timeout: .milliseconds(20))
    }
    let stop = ShellStop()
    let thread = Thread { stop.interrupt() }
    thread.start()
    #expect(throws: ShellFault.interrupted) { _ = try ask(endless, stop: stop) }
  }

  // MARK: Whose file it is

  @Test func `the store is read with or without a host, and the writer goes on meanwhile`() throws {
    try under.write(.accept(accepted(1)))
    let shell = try StoreShell(directory: under.folder.path, now: noon)
    let count = "SELECT count(*) FROM invocations"
    #expect(try shell.ask(count, rowsMax: 1, timeout: .seconds(60)).rows == [[.integer(1)]])
    try under.write(.accept(accepted(2)))
    #expect(try shell.ask(count, rowsMax: 1, timeout: .seconds(60)).rows == [[.integer(2)]])
    #expect(under.store.close() == 0)
    #expect(try row(count) == [.integer(2)])
    let again = try TestStore(in: under.folder)
    #expect(again.recovery.wasStoppedCleanly)
    #expect(again.recovery.unfinished == ["charge": 2])
  }

  @Test func `a store that is not there is not made`() throws {
    let folder = try Folder()
    #expect(throws: ShellFault.missing(path: "\(folder.path)/apus.db")) {
      _ = try StoreShell(directory: folder.path, now: noon)
    }
    #expect(access("\(folder.path)/apus.db", F_OK) != 0)
  }

  @Test func `another program's file and a store of another schema are refused and left alone`()
    throws
  {
    func opening(_ change: String) throws -> ShellFault? {
      let folder = try Folder()
      let store = try TestStore(in: folder)
      store.store.close()
      let connection = try Connection(path: store.file, readOnly: false)
      try connection.use { () throws(SQLiteFailure) in try connection.execute(change) }
      do throws(ShellFault) {
        _ = try StoreShell(directory: folder.path, now: noon)
        return nil
      } catch { return error }
    }
    guard case .store(.newer(_, 99, Schema.version))? = try opening("PRAGMA user_version = 99"),
      case .store(.foreign)? = try opening("PRAGMA application_id = 7"),
      case .older(_, 3, Schema.version)? = try opening("PRAGMA user_version = 3")
    else {
      Issue.record("a file was taken for what it is not")
      return
    }
    let folder = try Folder()
    try Data("these are no tables, and no SQLite file at all".utf8).write(
      to: URL(filePath: "\(folder.path)/apus.db"))
    #expect(throws: ShellFault.store(.foreign(path: "\(folder.path)/apus.db"))) {
      _ = try StoreShell(directory: folder.path, now: noon)
    }
  }
}
