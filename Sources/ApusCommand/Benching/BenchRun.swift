// One scenario after the other, each on a host of its own with an empty store: started, loaded,
// waited for, checked, weighed, stopped and removed.

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
    try home(of: scenario) { home in
      let host = try start(functions, in: home)
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
  }

  /// A directory for one scenario, which is gone with it.
  func home(
    of scenario: BenchScenario, _ body: (String) throws -> BenchReport
  ) throws -> BenchReport {
    progress.begin(scenario.rawValue)
    defer { progress.clear() }
    let home = "\(folder)/\(scenario.rawValue)"
    defer { Files.removeAll(home) }
    return try body(home)
  }

  func start(_ functions: [BenchFunction], in home: String) throws -> BenchHost {
    try BenchHost.start(functions, in: home, arguments: settings.hostArguments, stop: stop)
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
}
