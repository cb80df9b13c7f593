// One scenario after the other, each on a host of its own with an empty store: started, loaded,
// waited for, checked, weighed, stopped and removed.

import Glibc

struct BenchSettings {
  var seconds = 5.0
  var connections: Int?
  /// Events or calls a second of an open loop; nil is a closed one.
  var rate: Double?
  /// Events in place of seconds, or what a scenario piles up first.
  var count: Int?
  /// Events in one request; nil is the scenario's own.
  var batch: Int?
  var durability = "disk"
  var workers = 1

  /// Of `apus serve`.
  var hostArguments: [String] { ["--durability", durability, "--workers", "\(workers)"] }

  func connections(_ usual: Int) -> Int { connections ?? usual }

  /// `count` in as many requests as it takes, or else the time.
  func end(batch: Int) -> LoadEnd {
    count.map { LoadEnd(requests: ($0 + batch - 1) / batch) } ?? LoadEnd(seconds: seconds)
  }

  func pace(batch: Int) -> LoadPace {
    rate.map { .open(requestsPerSecond: $0 / Double(batch)) } ?? .closed
  }

  var extent: String {
    count.map { "\(BenchWords.count($0)) events" } ?? "\(BenchWords.digits(seconds)) s"
  }

  var paceWords: String {
    rate.map { "open loop at \(BenchWords.count(Int($0)))/s" } ?? "closed loop"
  }
}

/// How often the host is asked whether it is done: seldom while much is left, since each question
/// takes time from what is measured, and often towards the end, which is then known to 5 ms.
struct FinishLooks {
  static let napMilliseconds = 5...250

  let expected: Int
  private(set) var finished = 0
  private var first: (at: UInt64, finished: Int)?
  private var nap = FinishLooks.napMilliseconds.lowerBound

  init(expected: Int) { self.expected = expected }

  /// In milliseconds.
  mutating func nap(afterSeeing finished: Int, at now: UInt64) -> Int {
    self.finished = finished
    let first = first ?? (now, finished)
    self.first = first
    let seconds = Double(now - first.at) / 1e9
    let done = Double(finished - first.finished)
    // Nothing moves yet: timers, or a host that has just begun.
    guard done > 0, seconds > 0 else {
      nap = min(nap * 2, Self.napMilliseconds.upperBound)
      return nap
    }
    let left = Double(max(0, expected - finished)) * seconds / done
    nap = min(
      max(Int(left * 1000 / 4), Self.napMilliseconds.lowerBound),
      Self.napMilliseconds.upperBound)
    return nap
  }
}

final class BenchRun {
  /// Up to so many every row is read for the check; beyond, the host's counters tell.
  private static let rowsReadMax = 50_000
  private static let stuckSeconds = 90.0

  let settings: BenchSettings
  let progress: BenchProgress
  private let folder: String
  private let stop: BenchStop

  init(_ settings: BenchSettings, in folder: String, stop: BenchStop) {
    self.settings = settings
    self.folder = folder
    self.stop = stop
    progress = BenchProgress(stop)
  }

  /// `load` puts the work in, waits for it and returns how many invocations that obliges to.
  func report(
    _ scenario: BenchScenario, _ about: String, _ functions: [BenchFunction],
    load: (BenchHost, inout BenchReport) throws -> Int
  ) throws -> BenchReport {
    progress.begin(scenario.rawValue)
    defer { progress.clear() }
    let home = "\(folder)/\(scenario.rawValue)"
    defer { Files.removeAll(home) }
    let host = try BenchHost.start(
      functions, in: home, arguments: settings.hostArguments, stop: stop)
    var isStopped = false
    // What went wrong before is what is told.
    defer { if !isStopped { try? host.stop() } }
    var report = BenchReport(scenario, about)
    let before = Usage(host, try BenchCounts.ask(host))
    let expected = try load(host, &report)
    let after = Usage(host, try untilFinished(host, expected).counts)
    var check = BenchCheck(expected: expected, counts: after.counts)
    if expected <= Self.rowsReadMax {
      let rows = try BenchRecord.rows(host, expected + 1, telling: progress)
      check.rows = Set(rows.filter { $0.state == "succeeded" }.map(\.id)).count
    }
    report.check = check
    add(before, after, host, to: &report)
    isStopped = true
    try host.stop()
    addStore(of: host, invocations: expected, to: &report)
    return report
  }

  /// Waits for the work of several loads in one host, too: `expected` counts from its start.
  @discardableResult
  func untilFinished(
    _ host: BenchHost, _ expected: Int
  ) throws -> (at: UInt64, counts: BenchCounts) {
    var looks = FinishLooks(expected: expected)
    var changedAt = BenchClock.now
    while true {
      let counts = try BenchCounts.ask(host)
      let now = BenchClock.now
      let isDone = counts.finished >= expected && counts.waiting + counts.running == 0
      if counts.finished != looks.finished { changedAt = now }
      let nap = looks.nap(afterSeeing: counts.finished, at: now)
      // What is stuck is lost, and the check says how much.
      if isDone || BenchClock.seconds(since: changedAt) > Self.stuckSeconds { return (now, counts) }
      try progress.tell(
        "\(BenchWords.count(looks.finished)) of \(BenchWords.count(expected)) finished")
      BenchClock.nap(milliseconds: nap)
    }
  }

  func load(_ groups: [LoadGroup]) throws -> [LoadResult] {
    try LoadClient.run(groups) { results in
      let events = results.reduce(0) { $0 + $1.events }
      try progress.tell("\(BenchWords.count(events)) accepted")
    }
  }

  // MARK: What it cost

  private struct Usage {
    let host: ProcessUse
    let workers: ProcessUse
    let bench: ProcessUse
    let counts: BenchCounts

    init(_ host: BenchHost, _ counts: BenchCounts) {
      self.host = .of([host.pid])
      workers = .of(ProcessUse.children(of: host.pid))
      bench = .of([getpid()])
      self.counts = counts
    }
  }

  private func add(
    _ before: Usage, _ after: Usage, _ host: BenchHost, to report: inout BenchReport
  ) {
    addSyncs(before.counts, after.counts, to: &report)
    report.add(
      "startMillis", "start", (host.startSeconds * 1000).rounded(),
      "\(BenchWords.digits(host.startSeconds * 1000)) ms to open doors")
    for (name, label, before, after) in [
      ("host", "host memory", before.host, after.host),
      ("workers", "workers' memory", before.workers, after.workers),
    ] {
      report.add(
        "\(name)PeakBytes", label, Double(after.peakBytes),
        "\(BenchWords.bytes(before.bytes)) idle, \(BenchWords.bytes(after.peakBytes)) at most",
        parts: [("\(name)IdleBytes", Double(before.bytes))])
    }
    let cpu = [
      ("host", after.host.cpuSeconds - before.host.cpuSeconds),
      ("workers", after.workers.cpuSeconds - before.workers.cpuSeconds),
      ("bench", after.bench.cpuSeconds - before.bench.cpuSeconds),
    ]
    let each = 1e6 * (cpu[0].1 + cpu[1].1) / Double(max(1, after.counts.finished))
    report.add(
      "cpuMicrosPerInvocation", "cpu time", each,
      cpu.map { "\($0.0) \(BenchWords.digits($0.1)) s" }.joined(separator: ", ")
        + "; host and workers \(BenchWords.digits(each)) µs an invocation",
      parts: cpu.map { ("\($0.0)CPUSeconds", $0.1) })
  }

  private func addSyncs(
    _ before: BenchCounts, _ after: BenchCounts, to report: inout BenchReport
  ) {
    for (name, label, first, last) in [
      ("invocationsPerCommit", "per commit", before.commits, after.commits),
      ("invocationsPerFsync", "per fsync", before.syncs, after.syncs),
    ] {
      let count = (last ?? 0) - (first ?? 0)
      guard count > 0 else {
        report.add(name, label, nil, last == nil ? "unknown (not in /metrics)" : "none")
        continue
      }
      let each = Double(after.finished - before.finished) / Double(count)
      report.add(
        name, label, each,
        "\(BenchWords.digits(each)) invocations (\(BenchWords.count(count)) in all)")
    }
  }

  /// Of a host that has stopped: its log is in the file by then.
  private func addStore(of host: BenchHost, invocations: Int, to report: inout BenchReport) {
    guard invocations > 0 else { return }
    let bytes = Files.names(in: host.data).filter { $0.hasPrefix("apus.db") }
      .reduce(0) { $0 + Int(Files.status("\(host.data)/\($1)")?.st_size ?? 0) }
    let each = Double(bytes) / Double(invocations)
    report.add(
      "storeBytesPerInvocation", "store", each,
      "\(BenchWords.count(Int(each))) bytes an invocation (\(BenchWords.bytes(bytes)))")
  }
}
