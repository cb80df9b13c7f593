// `apus bench`: loads a host of its own through its real doors and workers and says on one page what
// came of it. It touches no host and no data that was there before.

import ArgumentParser
import Glibc
import Invocations

struct BenchCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "bench",
    abstract: "Loads a host of its own and says how fast it is on this machine.",
    discussion: """
      Each scenario starts a host with an empty store in a temporary directory, loads it, checks \
      that every accepted event finished exactly once, and removes it. Without a name: \
      queue, http and latency.
        queue        posts of events, as fast as they are taken, or at --rate
        http         calls of an HTTP function
        latency      one call, one event at a time
        timer        100,000 events that are due within a minute
        backlog      a million events that wait for a paused function
        fanout       handlers that emit four events
        history      queue, on an empty store and on one with a million finished invocations
        retry-storm  handlers that fail twice
        mixed        all of it at once
        recovery     a worker is killed, then the host with 100,000 unfinished
      Build with `swift build -c release`: a debug build is several times slower. \
      Docs/Performance.md says what the numbers mean.
      Example: apus bench queue --rate 5000 --seconds 10
      """)

  @Argument(help: ArgumentHelp("What to measure.", valueName: "scenario"))
  var scenarios: [BenchScenario] = []

  @Option(help: ArgumentHelp("How long the load lasts (default: 5).", valueName: "n"))
  var seconds: Double = 5

  @Option(
    help: ArgumentHelp("Connections of the client (default: the scenario's).", valueName: "n"))
  var connections: Int?

  @Option(
    help: ArgumentHelp(
      "Events or calls a second, sent at their times whether or not the host keeps up; without it, "
        + "the next one when one is answered.", valueName: "n"))
  var rate: Double?

  @Option(
    help: ArgumentHelp(
      "So many events in place of --seconds; for timer, backlog, history and recovery: how many there are.",
      valueName: "n"))
  var count: Int?

  @Option(
    help: ArgumentHelp(
      "Events in one post (default: 100; 1 with --rate).", valueName: "n"))
  var batch: Int?

  @Option(help: ArgumentHelp("Worker processes (default: 1).", valueName: "n"))
  var workers = 1

  @Option(
    help: ArgumentHelp(
      "What an accepted event outlives: a power loss (disk, the default), the process (os), nothing "
        + "(memory).", valueName: "disk|os|memory"))
  var durability = "disk"

  @Option(
    help: ArgumentHelp(
      "Where the temporary directory is made; its disk is what is measured (default: the system's "
        + "place for temporary files).", valueName: "dir"))
  var data: String?

  @Flag(
    help: ArgumentHelp(
      "Handlers of queues take an event's bytes as they are, as consumers of a broker do; otherwise "
        + "they decode its JSON."))
  var undecoded = false

  @Flag(help: "Print the page as one JSON object.") var json = false

  func validate() throws {
    guard (0.1...3600).contains(seconds) else {
      throw ValidationError("--seconds must be 0.1…3600")
    }
    for (name, value, range) in [
      ("connections", connections, 1...900), ("count", count, 1...10_000_000),
      ("batch", batch, 1...1000), ("workers", workers, 1...Settings.workersMax),
    ] {
      guard let value, !range.contains(value) else { continue }
      throw ValidationError("--\(name) must be \(range.lowerBound)…\(range.upperBound)")
    }
    if let rate, !(1...1_000_000).contains(rate) {
      throw ValidationError("--rate must be 1…1000000 a second")
    }
    guard ["disk", "os", "memory"].contains(durability) else {
      throw ValidationError("--durability must be one of disk | os | memory")
    }
  }

  var settings: BenchSettings {
    BenchSettings(
      seconds: seconds, connections: connections, rate: rate, count: count, batch: batch,
      durability: durability, workers: workers, isUndecoded: undecoded)
  }

  func run() throws {
    let stop = try BenchStop.watch()
    let folder = try temporaryFolder()
    stop.owns(folder)
    defer {
      Files.removeAll(folder)
      stop.owns(nil)
    }
    let run = BenchRun(settings, in: folder, stop: stop)
    let page = BenchPage(machine: .measure(in: folder), settings: settings, folder: folder)
    if !json { Terminal.show(page.head(.current)) }
    var reports: [BenchReport] = []
    for scenario in scenarios.isEmpty ? BenchScenario.usual : scenarios {
      let report = try scenario.run(run)
      if !json { Terminal.show(report.lines(.current)) }
      reports.append(report)
    }
    if json { Terminal.show(page.json(reports)) }
    let broken = reports.filter { $0.check?.holds != true }.map(\.scenario)
    guard broken.isEmpty else {
      throw CommandFault.failed(
        "the check does not hold: \(broken.joined(separator: ", ")); "
          + "this is a fault of Apus, so please report it with this page")
    }
  }

  private func temporaryFolder() throws(CommandFault) -> String {
    let place = data ?? Environment.variables["TMPDIR"] ?? "/tmp"
    guard let path = realpath(place, nil) else {
      throw .badInput("--data: '\(place)' is no directory that can be used; make it first")
    }
    defer { free(path) }
    do throws(Files.Fault) {
      return try Files.makeTemporaryFolder(beside: "\(String(cString: path))/apus-bench")
    } catch {
      throw .failed(
        "no directory can be made in '\(place)' (\(error.reason)); name one with --data")
    }
  }
}
