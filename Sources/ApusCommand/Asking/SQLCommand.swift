// `apus sql`: SQL over the store for what no other command answers. It reads the file by itself, with
// or without a host, and changes nothing.

import ArgumentParser
import Glibc
import Invocations
import Records

struct SQLCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "sql",
    abstract: "Asks the store in SQL; reads only, with or without a host.",
    discussion: """
      The views are invocations, attempts, logs, dead_letters, timers, releases and paused; --views \
      lists their columns. A range of time is quick by n, the id as a number: \
      n >= apus_rowid_at('2h') is everything since two hours ago. It reads the file itself, where \
      events are whole: what a manifest hides ('redact') is shown here.
      Example: apus sql "SELECT function, count(*) FROM dead_letters GROUP BY 1"
      Example: apus sql --json "SELECT id, data ->> '$.orderId' AS o FROM invocations WHERE n >= \
      apus_rowid_at('2026-11-21T03:00:00Z')"
      """)

  /// Of a statement.
  private static let statementBytesMax = 1 << 20

  @Argument(help: "One statement, or - for standard input.") var statement: String?
  @Option(
    help: ArgumentHelp(
      "The host's directory, where the store is (default: .apus).", valueName: "dir"))
  var data: String?
  @Option(help: ArgumentHelp("At most so many rows.", valueName: "n")) var limit = 1000
  @Option(help: ArgumentHelp("At most for so long, such as 5m.", valueName: "time"))
  var timeout = "60s"
  @Flag(help: "Print the rows as JSON objects.") var json = false
  @Flag(help: "Print the views and their columns.") var views = false

  func validate() throws {
    guard (1...1_000_000).contains(limit) else {
      throw ValidationError("--limit must be 1…1000000")
    }
    guard let time = TimeWords.duration(timeout), time > .zero, time <= .seconds(86_400) else {
      throw ValidationError("--timeout must be 1ms…1d, such as 90s; got '\(timeout)'")
    }
    guard views != (statement != nil) else {
      throw ValidationError(
        "give one statement, or - to read it from standard input; --views lists what there is")
    }
  }

  func run() throws {
    guard let statement else { return Terminal.show(Self.viewLines(.current)) }
    let sql =
      statement == "-"
      ? String(decoding: try Terminal.readInput(bytesMax: Self.statementBytesMax), as: UTF8.self)
      : statement
    let directory = try AskingOptions.directory(data)
    let stop = ShellStop()
    try StopSignals.watch { _ in stop.interrupt() }
    let answer = try ask(sql, in: directory, stop)
    Terminal.show(json ? [Self.json(answer)] : Self.lines(answer, .current))
    guard answer.hasMore else { return }
    Terminal.complain(
      answer.rows.count < limit
        ? "there are more rows; these have \(StoreLimits.shellBytesMax >> 20) MiB already"
        : "there are more rows: --limit \(limit * 10) shows more of them")
  }

  private func ask(
    _ sql: String, in directory: String, _ stop: ShellStop
  ) throws(CommandFault) -> ShellAnswer {
    do throws(ShellFault) {
      let shell = try StoreShell(directory: directory, now: TimeWords.now, stop: stop)
      return try shell.ask(
        sql, rowsMax: limit, timeout: TimeWords.duration(timeout) ?? .seconds(60))
    } catch { throw Self.fault(error) }
  }

  static func fault(_ fault: ShellFault) -> CommandFault {
    switch fault {
    case .missing(let path):
      .unreachable(
        "there is no store at \(path): name the host's directory with --data DIR, or start a host "
          + "with `apus dev` or `apus serve`")
    case .older(let path, let version, let known):
      .failed(
        "\(path): written by an older Apus (schema \(version), this one knows \(known)); start a host "
          + "of this Apus on it once, or ask with the older one")
    case .store(let fault): .failed("\(fault)")
    case .badStatement(let message):
      .badInput("\(message); `apus sql --views` lists the views and their columns")
    case .refused(let what):
      .badInput(
        "\(what) is refused: apus sql only reads. What acts on invocations is in `apus --help`")
    case .tooLong(let time):
      .failed(
        "no answer within \(TimeWords.length(milliseconds: time.milliseconds)): narrow it by n, such as "
          + "n >= apus_rowid_at('2h'), or give it more time with --timeout")
    case .interrupted: .interrupted
    case .busy: .tryLater("the store is locked by another program; try again in a moment")
    }
  }

  // MARK: Words

  /// Of a column in a table on a terminal, but the last, which is cut where the line ends.
  private static let cellColumnsMax = 48

  static func lines(_ answer: ShellAnswer, _ presentation: Presentation) -> [String] {
    let numbers = answer.columns.indices.filter { column in
      answer.rows.contains { $0[column].isNumber }
        && answer.rows.allSatisfy { $0[column].isNumber || $0[column] == .null }
    }
    var table = Table(answer.columns, numbers: Set(numbers))
    let isCut = presentation.columnsMax != nil
    for row in answer.rows {
      table.add(
        row.enumerated().map { column, value in
          guard value != .null else { return Table.Cell("NULL", .dim) }
          let text = value.shown
          return Table.Cell(
            isCut && column < row.count - 1 ? Table.cut(text, to: cellColumnsMax) : text)
        })
    }
    return presentation.lines(table, ifEmpty: "no rows")
  }

  static func json(_ answer: ShellAnswer) -> String {
    var json = JSONWriter()
    json.object { json in
      json.array("items") { json in
        for row in answer.rows {
          json.object { json in
            for (name, value) in zip(answer.columns, row) {
              json.name(name)
              value.write(to: &json)
            }
          }
        }
      }
      json.field("more", answer.hasMore)
    }
    return json.text
  }

  static func viewLines(_ presentation: Presentation) -> [String] {
    let width = StoreView.all.flatMap(\.columns).map(\.name.count).max() ?? 0
    let ink = presentation.ink
    let views = StoreView.all.flatMap { view in
      [ink(.bold, view.name) + "  " + view.meaning]
        + view.columns.map { column in
          let line = "  " + column.name.padded(to: width)
          return column.meaning.isEmpty
            ? "  " + column.name : line + "  " + ink(.dim, column.meaning)
        } + [""]
    }
    return views + [
      ink(.bold, "functions"),
      "  apus_rowid('06E3…')    an id as the number n",
      "  apus_id(n)             a number as the id",
      "  apus_rowid_at('2h')    the first n at a time, or at a time back from now",
      "  apus_time(ms)          milliseconds since 1970, as the tables have them, as RFC 3339",
      "",
      "The tables behind the views have the prefix main, such as main.accepted; see Docs/Schema.md.",
    ]
  }
}

extension ShellValue {
  fileprivate var isNumber: Bool {
    switch self {
    case .integer, .real: true
    case .null, .text, .blob: false
    }
  }

  /// On one line, and without what a terminal would take for an order.
  fileprivate var shown: String {
    switch self {
    case .null: "NULL"
    case .integer(let number): "\(number)"
    case .real(let number): "\(number)"
    case .text(let text): Table.harmless(text)
    case .blob(let bytes): Table.harmless(Self.text(bytes))
    }
  }

  fileprivate func write(to json: inout JSONWriter) {
    switch self {
    case .null: json.null()
    case .integer(let number): json.value(number)
    case .real(let number): json.value(number)
    case .text(let text): json.value(text)
    case .blob(let bytes): json.value(Self.text(bytes))
    }
  }

  /// The bytes where they are text, else in hexadecimal as SQL has it.
  private static func text(_ bytes: [UInt8]) -> String {
    if let text = String(validating: bytes, as: UTF8.self) { return text }
    let digits = Array("0123456789ABCDEF".utf8)
    return "X'"
      + String(
        decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
      + "'"
  }
}
