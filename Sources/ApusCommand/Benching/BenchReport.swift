// What a scenario found out, as lines for people and as JSON for programs.

import Invocations

struct BenchReport {
  struct Reading {
    /// In JSON.
    var name: String
    var label: String
    /// Nil where it cannot be known.
    var value: Double?
    var text: String
    /// What belongs to it, for programs only.
    var parts: [(name: String, value: Double)] = []
  }

  struct Spread {
    var name: String
    var label: String
    var histogram: LatencyHistogram
  }

  let scenario: String
  var about: String
  var readings: [Reading] = []
  var spreads: [Spread] = []
  var check: BenchCheck?

  init(_ scenario: BenchScenario, _ about: String) {
    self.scenario = scenario.rawValue
    self.about = about
  }

  mutating func add(
    _ name: String, _ label: String, _ value: Double?, _ text: String,
    parts: [(name: String, value: Double)] = []
  ) {
    readings.append(Reading(name: name, label: label, value: value, text: text, parts: parts))
  }

  mutating func add(rate name: String, _ label: String, _ value: Double, of what: String) {
    add(name, label, value, "\(BenchWords.count(Int(value.rounded()))) \(what)/s")
  }

  mutating func add(_ name: String, _ label: String, _ histogram: LatencyHistogram) {
    guard histogram.total > 0 else { return }
    spreads.append(Spread(name: name, label: label, histogram: histogram))
  }

  // MARK: For people

  func lines(_ presentation: Presentation) -> [String] {
    let title = "\(presentation.ink(.bold, scenario))  \(presentation.ink(.dim, about))"
    var lines = ["", title]
    lines += presentation.fields(readings.map { ($0.label, $0.text) }).map { "  \($0)" }
    if !spreads.isEmpty {
      var table = Table(["LATENCY", "P50", "P99", "P99.9", "MAX", "OF"], numbers: [1, 2, 3, 4, 5])
      for spread in spreads { table.add(Self.cells(spread)) }
      lines += table.lines(presentation.ink).map { "  \($0)" }
    }
    if let check {
      lines.append(presentation.ink(check.holds ? .green : .red, "  check: \(check.text)"))
    }
    return lines
  }

  private static let fractions = [("p50", 0.5), ("p99", 0.99), ("p999", 0.999)]

  private static func cells(_ spread: Spread) -> [Table.Cell] {
    let histogram = spread.histogram
    let percentiles = fractions.map { histogram.percentile($0.1) } + [histogram.max]
    return [Table.Cell(spread.label)]
      + percentiles.map { Table.Cell($0.map { BenchWords.time(microseconds: $0) } ?? "-") }
      + [Table.Cell(BenchWords.count(histogram.total))]
  }

  // MARK: For programs

  func write(to json: inout JSONWriter) {
    json.object { json in
      json.field("scenario", scenario)
      json.field("about", about)
      for reading in readings {
        json.field(reading.name, reading.value)
        for part in reading.parts { json.field(part.name, part.value) }
      }
      json.object("latencies") { json in
        for spread in spreads { Self.write(spread, to: &json) }
      }
      guard let check else { return }
      json.object("check") { json in
        json.field("accepted", check.accepted)
        json.field("finished", check.finished)
        json.field("dead", check.dead)
        json.field("twice", check.twice)
        json.field("lost", check.lost)
        json.field("onRecord", check.rows)
        json.field("holds", check.holds)
      }
    }
  }

  private static func write(_ spread: Spread, to json: inout JSONWriter) {
    json.object(spread.name) { json in
      for (name, fraction) in fractions {
        json.field("\(name)Micros", spread.histogram.percentile(fraction))
      }
      json.field("maxMicros", spread.histogram.max)
      json.field("count", spread.histogram.total)
    }
  }
}

enum BenchWords {
  /// `1,234,567`.
  static func count(_ value: Int) -> String {
    var text = ""
    for (index, digit) in String(value.magnitude).reversed().enumerated() {
      if index > 0, index % 3 == 0 { text.append(",") }
      text.append(digit)
    }
    return (value < 0 ? "-" : "") + String(text.reversed())
  }

  /// Three digits: `87 µs`, `1.25 ms`, `312 ms`, `4.08 s`.
  static func time(microseconds: Int) -> String {
    switch microseconds {
    case ..<1000: "\(microseconds) µs"
    case ..<1_000_000: "\(digits(Double(microseconds) / 1000)) ms"
    default: "\(digits(Double(microseconds) / 1_000_000)) s"
    }
  }

  static func bytes(_ count: Int) -> String {
    switch count {
    case ..<1_000: "\(count) B"
    case ..<1_000_000: "\(digits(Double(count) / 1e3)) kB"
    case ..<1_000_000_000: "\(digits(Double(count) / 1e6)) MB"
    default: "\(digits(Double(count) / 1e9)) GB"
    }
  }

  /// With as many decimals as make three digits.
  static func digits(_ value: Double) -> String {
    let decimals = value < 10 ? 2 : value < 100 ? 1 : 0
    var scale = 1
    for _ in 0..<decimals { scale *= 10 }
    let scaled = Int((value * Double(scale)).rounded())
    guard decimals > 0 else { return count(scaled) }
    let rest = String(scaled % scale)
    return "\(scaled / scale).\(String(repeating: "0", count: decimals - rest.count))\(rest)"
  }
}
