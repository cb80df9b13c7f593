// `apus sql`: what it takes, how rows look, and the exit codes of what cannot be answered.

import ArgumentParser
import Invocations
import Records
import Testing

@testable import ApusCommand

struct SQLTests {
  private let answer = ShellAnswer(
    columns: ["id", "count", "note"],
    rows: [
      [.text("06E3T8J9M0000"), .integer(7), .text("two\nlines\u{1B}[31m")],
      [.null, .real(12.5), .blob(Array("bytes".utf8))],
      [.text(""), .null, .blob([0xFF, 0x00])],
    ], hasMore: false)

  @Test func `rows are a table with numbers at the right and nothing that a terminal obeys`() {
    let presentation = Presentation(ink: .plain, now: WallTime(milliseconds: 0))
    #expect(
      SQLCommand.lines(answer, presentation) == [
        "id             count  note",
        "06E3T8J9M0000      7  two lines [31m",
        "NULL            12.5  bytes",
        "                NULL  X'FF00'",
      ])
    #expect(
      SQLCommand.lines(ShellAnswer(columns: ["x"], rows: [], hasMore: false), presentation)
        == ["no rows"])
  }

  @Test func `a wide column leaves room for the others on a terminal, and is whole in a pipe`() {
    let wide = ShellAnswer(
      columns: ["data", "id"],
      rows: [[.text(String(repeating: "x", count: 500)), .text("last")]], hasMore: false)
    var presentation = Presentation(ink: .plain, now: WallTime(milliseconds: 0), columnsMax: 80)
    #expect(
      SQLCommand.lines(wide, presentation)[1]
        == String(repeating: "x", count: 47) + "…  last")
    presentation.columnsMax = nil
    #expect(SQLCommand.lines(wide, presentation)[1].count == 506)
  }

  @Test func `rows are objects in JSON`() {
    #expect(
      SQLCommand.json(answer)
        == #"{"items":[{"id":"06E3T8J9M0000","count":7,"note":"two\nlines\u001b[31m"},"#
        + #"{"id":null,"count":12.5,"note":"bytes"},{"id":"","count":null,"note":"X'FF00'"}],"#
        + #""more":false}"#)
  }

  @Test func `what cannot be answered has its exit code and a remedy`() {
    let faults: [(ShellFault, Int32, String)] = [
      (.missing(path: ".apus/apus.db"), 69, "--data DIR"),
      (.store(.foreign(path: "x")), 1, "not a store of Apus"),
      (.store(.newer(path: "x", version: 9, known: 4)), 1, "newer Apus"),
      (.older(path: "x", version: 3, known: 4), 1, "older Apus"),
      (.badStatement("no such column: y"), 65, "no such column: y"),
      (.refused("DELETE"), 65, "DELETE is refused"),
      (.tooLong(.seconds(60)), 1, "1m 0s"), (.busy, 75, "try again"),
      (.interrupted, 130, "interrupted"),
    ]
    for (fault, status, words) in faults {
      let told = SQLCommand.fault(fault)
      #expect(told.status == status, "\(fault)")
      #expect(told.message.contains(words), "\(told.message)")
    }
  }

  @Test func `it takes a statement or the wish for the views, and bounds in their ranges`() {
    func status(_ arguments: String...) -> Int32 {
      do {
        _ = try ApusCommand.parseAsRoot(["sql"] + arguments)
        return 0
      } catch { return ApusCommand.exitCode(for: error).rawValue }
    }
    #expect(status("SELECT 1") == 0)
    #expect(status("-", "--json", "--limit", "5", "--timeout", "5m", "--data", "d") == 0)
    #expect(status("--views") == 0)
    #expect(status() == 64)
    #expect(status("SELECT 1", "--views") == 64)
    #expect(status("SELECT 1", "--limit", "0") == 64)
    #expect(status("SELECT 1", "--timeout", "soon") == 64)
  }

  @Test func `every view is told of with its columns`() {
    let presentation = Presentation(ink: .plain, now: WallTime(milliseconds: 0))
    let lines = SQLCommand.viewLines(presentation)
    #expect(lines.contains("dead_letters  dead, neither sent again nor thrown away"))
    #expect(lines.contains("  id                the id as everywhere else"))
  }
}
