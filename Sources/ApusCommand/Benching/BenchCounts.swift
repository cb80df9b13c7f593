// What the host itself counts, asked through its doors: the other side of every check of a bench.

import HTTP

struct BenchCounts {
  var finished = 0
  var dead = 0
  var waiting = 0
  var running = 0
  var started = 0
  var retried = 0
  /// Nil of a host that does not count them.
  var commits: Int?
  var syncs: Int?

  static func ask(_ host: BenchHost) throws -> BenchCounts {
    var counts = BenchCounts()
    for function in try host.control.get(["v1", "functions"]).list("items") {
      func number(_ path: String) -> Int { Int(function.number(path) ?? 0) }
      counts.finished += number("sinceStart.succeeded") + number("sinceStart.dead")
      counts.dead += number("sinceStart.dead")
      counts.retried += number("sinceStart.retried")
      counts.waiting += number("waiting")
      counts.running += number("running")
    }
    counts.take(metrics: try host.control.call("GET", ["metrics"]).body)
    return counts
  }

  mutating func take(metrics bytes: [UInt8]) {
    for line in String(decoding: bytes, as: UTF8.self).split(separator: "\n") {
      guard !line.hasPrefix("#"), let space = line.lastIndex(of: " "),
        let value = Double(line[line.index(after: space)...]).map({ Int($0) })
      else { continue }
      switch line.prefix(while: { $0 != "{" && $0 != " " }) {
      case "apus_attempts_started_total": started += value
      case "apus_commits_total": commits = (commits ?? 0) + value
      case "apus_fsyncs_total": syncs = (syncs ?? 0) + value
      default: break
      }
    }
  }
}

/// Every accepted event finished exactly once, or this says what did not.
struct BenchCheck: Equatable {
  var accepted: Int
  var finished: Int
  var dead: Int
  var twice: Int
  var lost: Int
  /// Invocations whose rows were read one by one, nil where only the counters were.
  var rows: Int?

  /// `expected` is what the accepted events oblige the host to, and what those emit.
  init(expected: Int, counts: BenchCounts) {
    accepted = expected
    finished = counts.finished
    dead = counts.dead
    // Every attempt that started either ended its invocation or went on.
    twice = max(0, counts.finished - expected, counts.started - counts.retried - counts.finished)
    lost = max(0, expected - counts.finished) + max(0, counts.waiting + counts.running)
  }

  var holds: Bool {
    accepted == finished && dead == 0 && twice == 0 && lost == 0 && (rows ?? finished) == finished
  }

  var text: String {
    var parts = [
      "\(BenchWords.count(accepted)) accepted", "\(BenchWords.count(finished)) finished",
      "\(BenchWords.count(twice)) twice", "\(BenchWords.count(lost)) lost",
    ]
    if dead > 0 { parts.append("\(BenchWords.count(dead)) dead") }
    if let rows { parts.append("\(BenchWords.count(rows)) on record") }
    return parts.joined(separator: ", ")
  }
}
