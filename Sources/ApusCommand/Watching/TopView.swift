// The words of `apus top`: two looks and a size in, lines out. It asks nobody and writes nowhere.

import Doors
import Invocations

/// What functions are sorted by; the busiest stand first.
enum TopOrder: String, CaseIterable, Sendable {
  case load, waiting, starts, failures, slowness, name

  var next: TopOrder {
    let all = Self.allCases
    let place = all.firstIndex(of: self) ?? 0
    return all[(place + 1) % all.count]
  }
}

struct TopView {
  var look: TopLook
  var rates: TopRates
  var order = TopOrder.load
  /// In the place of the host's own words, when it does not answer.
  var note: String?
  var ink = Ink.plain

  init(_ look: TopLook, since before: TopLook?) {
    self.look = look
    rates = TopRates(from: before, to: look)
  }

  // MARK: A screen

  /// Exactly as many rows as there are, or fewer; `scroll` is changed to what is possible.
  func screen(_ size: FullScreen.Size, scroll: inout Int) -> [String] {
    let head = header + [""]
    let body = tables
    let room = max(0, size.rows - head.count - 1)
    scroll = min(max(0, scroll), max(0, body.count - room))
    let shown = body.dropFirst(scroll).prefix(room)
    let below = body.count - scroll - shown.count
    let gap = [String](repeating: "", count: max(0, room - shown.count))
    let lines = head + shown + gap + [footer(above: scroll, below: below)]
    return lines.prefix(max(0, size.rows)).map { ScreenLine.cut($0, to: size.columns) }
  }

  private func footer(above: Int, below: Int) -> String {
    let more = above + below > 0 ? "   j k scroll (\(above) above, \(below) below)" : ""
    return ink(.dim, "q quit   s sorted by \(order.rawValue)\(more)")
  }

  /// All of it, without a screen's bounds.
  var lines: [String] { header + [""] + tables }

  // MARK: Host and store

  private var header: [String] { [title, host, store] }

  private var title: String {
    let host = look.host
    let up = TimeWords.length(milliseconds: host.number("uptimeMs"))
    let name =
      "\(ink(.bold, "apus \(host["version"] ?? "-")"))  process \(host["pid"] ?? "-")"
      + "  boot \(host["boot"] ?? "-")  up \(up)"
    return "\(name)  \(readiness)"
  }

  private var readiness: String {
    if let note { return ink(.red, note) }
    guard !look.host.isTrue("ready") else { return ink(.green, "ready") }
    let obstacles = look.host.texts("obstacles").joined(separator: "; ")
    return ink(.red, "not ready: \(Table.harmless(Table.oneLine(obstacles)))")
  }

  private var host: String {
    let workers = look.workers.count
    let lost = look.host["workersLost"] ?? "0"
    let dead = look.store["deadLetters"] ?? "-"
    return joined([
      "\(ink(.dim, "host "))  CPU \(Self.percent(rates.cpu))",
      "memory \(bytes(look.host, "memoryBytes")), peak \(bytes(look.host, "memoryPeakBytes"))",
      "\(workers) \(workers == 1 ? "worker" : "workers"), "
        + (lost == "0" ? "0 lost" : ink(.red, "\(lost) lost")),
      dead == "0" ? "0 dead letters" : ink(.red, "\(dead) dead letter\(dead == "1" ? "" : "s")"),
    ])
  }

  private var store: String {
    let store = look.store
    return joined([
      "\(ink(.dim, "store"))  \(Self.rate(rates.commits)) commits/s of "
        + "\(Self.rate(rates.perCommit)) invocations",
      "backlog \(store["backlog"] ?? "-")",
      "file \(bytes(store, "fileBytes")), log \(bytes(store, "logBytes"))",
      "\(store["durability"] ?? "-"), \(Self.rate(rates.fsyncs)) fsyncs/s",
    ])
  }

  private func joined(_ parts: [String]) -> String { parts.joined(separator: "   ") }

  private func bytes(_ answer: Answer, _ path: String) -> String {
    answer.number(path).map { BenchWords.bytes(Int($0)) } ?? "-"
  }

  // MARK: Tables

  private var tables: [String] {
    functions.lines(ink) + [""] + workers.lines(ink)
  }

  private var functions: Table {
    var table = Table(
      [
        "FUNCTION", "STATE", "WAITING", "RUNNING", "STARTS/S", "FAILS/MIN", "P50", "P99", "DIED",
      ], numbers: [2, 3, 4, 5, 6, 7, 8])
    for function in sorted {
      let name = function["name"] ?? "-"
      let state = function["state"] ?? "-"
      let failed = function["lastMinute.failed"] ?? "-"
      let dead = function["sinceStart.dead"] ?? "-"
      table.add([
        Table.Cell(name), Table.Cell(state, .of(state: state)),
        Table.Cell(function["waiting"] ?? "-"),
        Table.Cell("\(function["running"] ?? "-")/\(function["concurrency"] ?? "-")"),
        Table.Cell(Self.rate(rates.started[name])),
        Table.Cell(failed, failed == "0" ? nil : .yellow),
        Table.Cell(TimeWords.length(milliseconds: function.number("sinceStart.runP50Ms"))),
        Table.Cell(TimeWords.length(milliseconds: function.number("sinceStart.runP99Ms"))),
        Table.Cell(dead, dead == "0" ? nil : .red),
      ])
    }
    return table
  }

  private var workers: Table {
    var table = Table(
      ["PID", "STATE", "RUNNING", "MEMORY", "PEAK", "CPU", "RELEASE", "FUNCTIONS"],
      numbers: [0, 2, 3, 4, 5, 6])
    for worker in look.workers {
      let state = worker["state"] ?? "-"
      table.add([
        Table.Cell(worker["pid"] ?? "-"),
        Table.Cell(state, state == "ready" ? .green : .yellow),
        Table.Cell(worker["inFlight"] ?? "-"), Table.Cell(bytes(worker, "memoryBytes")),
        Table.Cell(bytes(worker, "memoryPeakBytes")),
        Table.Cell(Self.percent(worker["pid"].flatMap { rates.workerCPU[$0] })),
        Table.Cell(worker["release"] ?? "-"),
        Table.Cell(worker.texts("functions").joined(separator: ", ")),
      ])
    }
    return table
  }

  /// The same order at every look, where two are equal.
  private var sorted: [Answer] {
    let weighed = look.functions.map { (function: $0, name: $0["name"] ?? "", weight: weight($0)) }
    return weighed.sorted { left, right in
      for (one, other) in zip(left.weight, right.weight) where one != other { return one > other }
      return left.name < right.name
    }.map(\.function)
  }

  private func weight(_ function: Answer) -> [Double] {
    func number(_ path: String) -> Double { function[path].flatMap(Double.init) ?? 0 }
    let started = rates.started[function["name"] ?? ""] ?? 0
    return switch order {
    case .load: [number("running"), number("waiting"), started]
    case .waiting: [number("waiting")]
    case .starts: [started]
    case .failures: [number("lastMinute.failed"), number("sinceStart.dead")]
    case .slowness: [number("sinceStart.runP99Ms")]
    case .name: []
    }
  }

  // MARK: Numbers

  static func rate(_ rate: Double?) -> String {
    guard let rate else { return "-" }
    guard rate > 0 else { return "0" }
    return rate < 100 ? decimal(rate) : "\(Int(rate.rounded()))"
  }

  static func percent(_ percent: Double?) -> String { percent.map { "\(decimal($0))%" } ?? "-" }

  private static func decimal(_ value: Double) -> String {
    let tenths = Int((value * 10).rounded())
    return "\(tenths / 10).\(tenths % 10)"
  }

  // MARK: JSON

  /// The answers as they came, and what was made of two of them.
  func json(at now: WallTime) -> String {
    var json = JSONWriter()
    json.object { json in
      json.field("time", now.text)
      json.field("host", raw: look.host.bytes)
      json.array("functions") { json in for one in look.functions { json.value(raw: one.bytes) } }
      json.array("workers") { json in for one in look.workers { json.value(raw: one.bytes) } }
      json.field("store", raw: look.store.bytes)
      json.object("perSecond") { json in
        json.field("commits", rates.commits)
        json.field("fsyncs", rates.fsyncs)
        json.object("started") { json in
          for (name, rate) in rates.started.sorted(by: { $0.key < $1.key }) {
            json.field(name, rate)
          }
        }
      }
      json.field("invocationsPerCommit", rates.perCommit)
      json.object("cpuPercent") { json in
        json.field("host", rates.cpu)
        for (pid, percent) in rates.workerCPU.sorted(by: { $0.key < $1.key }) {
          json.field(pid, percent)
        }
      }
    }
    return json.text
  }
}
