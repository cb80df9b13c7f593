// The words of `apus doctor`: an examination in, lines or JSON out. It asks nobody and writes nowhere.

import Doors
import Invocations
import Records

struct DoctorPage {
  private let seen: Examination
  private var report: StoreReport { seen.report }

  init(_ examination: Examination) { seen = examination }

  func lines(_ presentation: Presentation) -> [String] {
    let ink = presentation.ink
    var lines = [ink(.bold, "store")] + store(presentation)
    if report.fault == nil, !report.isOlder {
      lines += ["", ink(.bold, "space by function")]
      lines += presentation.lines(functions, ifEmpty: "no invocations")
    }
    lines += parts(presentation)
    return lines + ["", ink(.bold, "findings")] + findings(ink)
  }

  // MARK: The store

  private func store(_ presentation: Presentation) -> [String] {
    let around = report.surroundings
    func moment(_ id: InvocationID?) -> String? {
      id.map { "\($0.time.text), \(presentation.ago($0.time))" }
    }
    let isRead = report.pages > 0
    return presentation.fields([
      ("directory", Table.harmless(report.directory)),
      ("schema", report.schema.map(String.init)),
      ("file", BenchWords.bytes(around.fileBytes)),
      ("log", BenchWords.bytes(around.logBytes)),
      ("free", isRead ? free : nil),
      (
        "disk",
        around.diskBytes > 0
          ? "\(BenchWords.bytes(around.diskFreeBytes)) free of \(BenchWords.bytes(around.diskBytes))"
          : nil
      ),
      ("oldest", moment(report.oldest)),
      ("newest", moment(report.newest)),
      ("host", host),
      ("last stop", around.hostPid == nil && report.boot > 0 ? lastStop : nil),
    ])
  }

  private var free: String {
    "\(BenchWords.bytes(seen.freeBytes)) (\(Self.percent(report.freeShare))), used again before the "
      + "file grows"
  }

  private var host: String {
    guard let pid = report.surroundings.hostPid else {
      return report.surroundings.isHidden
        ? "not known: this user may not look into the directory" : "none works on it"
    }
    return "process \(pid) works on it"
  }

  private var lastStop: String { report.stoppedCleanly ? "in order" : "not in order" }

  // MARK: Functions

  private var total: Int { report.functions.reduce(0) { $0 + $1.estimatedBytes } }

  /// What is kept how long is known only from a host.
  private var functions: Table {
    let titles = [
      "FUNCTION", "KEPT", "UNFINISHED", "SUCCEEDED", "DEAD", "CANCELLED", "EVENTS", "RESULTS",
      "SHARE",
    ]
    let hasKeeping = seen.host.answers != nil
    var table = Table(titles + (hasKeeping ? ["KEEPS"] : []), numbers: Set(1...8))
    for function in report.functions {
      table.add(
        [
          Table.Cell(Table.harmless(function.name)), Table.Cell("\(function.kept)"),
          Table.Cell("\(function.unfinished)"), Table.Cell("\(function.succeeded)"),
          Table.Cell("\(function.dead)", function.dead > 0 ? .red : nil),
          Table.Cell("\(function.cancelled)"),
          Table.Cell(BenchWords.bytes(function.eventBytes)),
          Table.Cell(BenchWords.bytes(function.resultBytes)),
          Table.Cell(Self.percent(share(function))),
        ] + (hasKeeping ? [Table.Cell(keeps(function.name))] : []))
    }
    return table
  }

  private func share(_ function: FunctionSpace) -> Double {
    total > 0 ? Double(function.estimatedBytes) / Double(total) : 0
  }

  /// The function's own word, else the host's.
  private func keeps(_ function: String) -> String {
    guard let answers = seen.host.answers, let own = answers.keeping(of: function),
      let others = answers.retention
    else { return "-" }
    let amounts = [
      own.count.map { "newest \($0)" }, own.bytes.map { "newest \(BenchWords.bytes($0))" },
    ]
    let times = [
      Self.keepWord(own.succeeded ?? others.succeeded),
      "dead \(Self.keepWord(own.dead ?? others.dead))",
    ]
    return (times + amounts.compactMap(\.self)).joined(separator: ", ")
  }

  private static func keepWord(_ time: Duration?) -> String {
    time.map { span($0.milliseconds) } ?? "for ever"
  }

  // MARK: Parts

  private func parts(_ presentation: Presentation) -> [String] {
    let title = ["", presentation.ink(.bold, "space by part")]
    switch seen.parts {
    case .notAsked: return []
    case .unavailable:
      return title + [
        "not known: SQLite was built without dbstat here; 'sqlite3_analyzer \(report.file)' tells"
      ]
    case .read(let parts):
      let note = parts.isWhole ? [] : ["not all was read in time; --timeout gives it more"]
      return title + kinds(parts, presentation) + [""] + trees(parts, presentation) + note
    }
  }

  private var usedBytes: Int { max(1, report.pages * report.pageBytes) }

  private func kinds(_ parts: StoreParts, _ presentation: Presentation) -> [String] {
    var table = Table(["PART", "BYTES", "SHARE"], numbers: [1, 2])
    let kinds = StoreParts.Kind.allCases.map { ($0.rawValue, parts.bytes(of: $0)) }
    for (name, bytes) in kinds + [("free", seen.freeBytes)] {
      table.add([
        Table.Cell(name), Table.Cell(BenchWords.bytes(bytes)),
        Table.Cell(Self.percent(Double(bytes) / Double(usedBytes))),
      ])
    }
    return presentation.lines(table, ifEmpty: "")
  }

  /// Those that take a thousandth; JSON has them all.
  private func trees(_ parts: StoreParts, _ presentation: Presentation) -> [String] {
    var table = Table(["TABLE OR INDEX", "KIND", "BYTES", "SHARE"], numbers: [2, 3])
    for part in parts.parts where part.bytes * 1000 >= usedBytes {
      table.add([
        Table.Cell(part.name), Table.Cell(part.kind.rawValue),
        Table.Cell(BenchWords.bytes(part.bytes)),
        Table.Cell(Self.percent(Double(part.bytes) / Double(usedBytes))),
      ])
    }
    return presentation.lines(table, ifEmpty: "no table takes a thousandth of it")
  }

  // MARK: Findings

  private func findings(_ ink: Ink) -> [String] {
    let width = Severity.allCases.map(\.rawValue.count).max() ?? 0
    return seen.findings.flatMap { finding in
      let word = finding.severity.rawValue.padded(to: width)
      let message = Table.harmless(Table.oneLine(finding.message))
      let remedy = Table.harmless(Table.oneLine(finding.remedy))
      return [ink(Self.colour(finding.severity), word) + "  " + message]
        + (remedy.isEmpty ? [] : ["".padded(to: width) + "  " + ink(.dim, remedy)])
    }
  }

  private static func colour(_ severity: Severity) -> Ink.Colour? {
    switch severity {
    case .ok: .green
    case .note: .blue
    case .warning: .yellow
    case .problem: .red
    }
  }

  // MARK: Words

  /// One decimal.
  static func percent(_ share: Double) -> String {
    let tenths = Int((share * 1000).rounded())
    return "\(tenths / 10).\(tenths % 10) %"
  }

  /// As a manifest would say it: `7d`, `36h`, `90s`.
  static func span(_ milliseconds: Int64) -> String {
    let units: [(Int64, String)] = [
      (86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1000, "s"),
    ]
    for (unit, letter) in units where milliseconds >= unit && milliseconds % unit == 0 {
      return "\(milliseconds / unit)\(letter)"
    }
    return "\(milliseconds)ms"
  }
}
