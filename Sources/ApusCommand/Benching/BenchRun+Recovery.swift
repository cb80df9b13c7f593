// How soon work goes on after a death: of a worker with one event, and of the host with all of them.

import Glibc

extension BenchRun {
  private static let patience = 120.0

  func recovery() throws -> BenchReport {
    let count = settings.count ?? 100_000
    let about =
      "kill -9 of a worker that runs one event, then of the host with \(BenchWords.count(count)) "
      + "unfinished"
    return try home(of: .recovery) { home in
      let stamps = try StartStamps()
      let hold = HoldFile(path: "\(home)/hold")
      let function = BenchFunction.queue(
        "orders", "Rest", retry: "{ attempts: 5, first: 1ms, jitter: none }",
        environment: [StartStamp.variable: "\(stamps.port)", HoldFile.variable: hold.path])
      var report = BenchReport(.recovery, about)
      let first = try start([function], in: home)
      do {
        try killWorker(of: first, stamps, hold, &report)
        try hold.set()
        let result = try load([pile(count).group(first)])[0]
        add(result, to: &report)
        guard result.events == count else { throw CommandFault.failed("not all were accepted") }
        try untilRunning(min(count, BenchFunction.concurrency), in: first)
      } catch {
        first.kill()
        throw error
      }
      first.kill()
      hold.lift()
      try startAgain([function], in: home, stamps, count, &report)
      return report
    }
  }

  private func killWorker(
    of host: BenchHost, _ stamps: StartStamps, _ hold: HoldFile, _ report: inout BenchReport
  ) throws {
    try hold.set()
    _ = try load([pile(1, inPostsOf: 1).group(host)])
    try stamp(stamps, after: 0)
    let worker = ProcessUse.children(of: host.pid)
    let killedAt = BenchClock.now
    for pid in worker { Glibc.kill(pid, SIGKILL) }
    let again = try stamp(stamps, after: killedAt)
    hold.lift()
    try untilFinished(host, 1)
    let millis = Double(again - killedAt) / 1e6
    report.add(
      "workerRecoveryMillis", "worker", millis,
      "\(BenchWords.digits(millis)) ms from its death to its event's next attempt in another one")
  }

  /// From the new process's start.
  private func startAgain(
    _ functions: [BenchFunction], in home: String, _ stamps: StartStamps, _ count: Int,
    _ report: inout BenchReport
  ) throws {
    let began = BenchClock.now
    let host = try start(functions, in: home)
    do {
      let again = try stamp(stamps, after: began)
      let millis = Double(again - began) / 1e6
      let end = try untilFinished(host, count)
      report.add(
        "startMillis", "start", host.startSeconds * 1000,
        "\(BenchWords.digits(host.startSeconds * 1000)) ms from the new host's start to open doors")
      report.add(
        "hostRecoveryMillis", "host", millis,
        "\(BenchWords.digits(millis)) ms from its start to the first handler's")
      let seconds = Double(end.at - began) / 1e9
      report.add("drainSeconds", "drained in", seconds, "\(BenchWords.digits(seconds)) s")
      var check = BenchCheck(expected: count, counts: end.counts)
      // With the one of the worker that was killed, which the host before has finished.
      let rows = try BenchRecord.rows(host, count + 2, telling: progress)
      check.rows = Set(rows.filter { $0.state == "succeeded" }.map(\.id)).count - 1
      report.check = check
    } catch {
      host.kill()
      throw error
    }
    try host.stop()
    addStore(of: host, invocations: count + 1, to: &report)
  }

  /// When the first handler started after `time`.
  @discardableResult
  private func stamp(_ stamps: StartStamps, after time: UInt64) throws -> UInt64 {
    let began = BenchClock.now
    var entry = pollfd(fd: stamps.descriptor, events: Int16(POLLIN), revents: 0)
    while BenchClock.seconds(since: began) < Self.patience {
      while let stamp = stamps.take() { if stamp > time { return stamp } }
      try progress.tell("waiting for a handler to start")
      poll(&entry, 1, 100)
    }
    throw CommandFault.failed("no handler started within \(Int(Self.patience)) s")
  }

  private func untilRunning(_ count: Int, in host: BenchHost) throws {
    let began = BenchClock.now
    while try BenchCounts.ask(host).running < count {
      guard BenchClock.seconds(since: began) < Self.patience else {
        throw CommandFault.failed("not all that may run were started")
      }
      try progress.tell("waiting for handlers to start")
      BenchClock.nap(milliseconds: 10)
    }
  }
}

/// While it is there, the handlers of the bench go on running.
struct HoldFile {
  static let variable = "APUS_BENCH_HOLD"

  let path: String

  /// The worker's side.
  static let asked = getenv(variable).map { String(cString: $0) }

  static var holds: Bool { asked.map { access($0, F_OK) == 0 } ?? false }

  func set() throws(CommandFault) {
    let path = path
    try BenchHost.writing { () throws(Files.Fault) in try Files.write("", to: path) }
  }

  func lift() { unlink(path) }
}
