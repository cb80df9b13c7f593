// The flags of a host, the same for `serve` and `dev`, and the way from them to the host's
// settings.

import ArgumentParser
import Hosting
import Invocations
import Manifests

struct HostOptions: ParsableArguments {
  @Option(help: ArgumentHelp("Where the manifests are (default: Manifests).", valueName: "dir"))
  var manifests: String?

  @Option(help: ArgumentHelp("The host's own directory (default: .apus).", valueName: "dir"))
  var data: String?

  @Option(
    help: ArgumentHelp(
      "Where http triggers answer (default: 127.0.0.1:8080); port 0 picks a free one.",
      valueName: "address:port"))
  var functionDoor: String?

  @Option(
    help: ArgumentHelp(
      "Where messages and operators come in (default: 127.0.0.1:7070).", valueName: "address:port"))
  var controlDoor: String?

  @Option(
    help: ArgumentHelp(
      "Other names of the control door, with commas, such as a proxy's in front of it.",
      valueName: "names"))
  var controlNames: String?

  @Option(
    help: ArgumentHelp(
      "The function door's certificate chain in PEM: with it, the door speaks https.",
      valueName: "file"))
  var functionDoorCert: String?

  @Option(
    help: ArgumentHelp("The key of that certificate, readable by its owner.", valueName: "file"))
  var functionDoorKey: String?

  @Option(
    help: ArgumentHelp("The control door's certificate chain in PEM.", valueName: "file"))
  var controlDoorCert: String?

  @Option(
    help: ArgumentHelp("The key of that certificate, readable by its owner.", valueName: "file"))
  var controlDoorKey: String?

  @Option(
    help: ArgumentHelp(
      "Settings as 'name: value' lines (default: .apus/config.yaml).", valueName: "file"))
  var config: String?

  @Flag(help: "Show each setting and where it comes from, and start nothing.")
  var printConfig = false

  @Option(
    help: ArgumentHelp("Worker processes for each group of functions (default: 1).", valueName: "n")
  )
  var workers: String?

  @Option(
    help: ArgumentHelp(
      "What an acknowledged event outlives: a power loss (disk, the default), the process (os), "
        + "nothing (memory).", valueName: "disk|os|memory"))
  var durability: String?

  @Option(
    help: ArgumentHelp(
      "How long succeeded and cancelled invocations stay on record (default: 7d), or forever.",
      valueName: "duration"))
  var keepSucceeded: String?

  @Option(
    help: ArgumentHelp(
      "How long dead ones stay, dead letters among them (default: 30d), or forever.",
      valueName: "duration"))
  var keepDead: String?

  @Option(
    help: ArgumentHelp(
      "Kept free on the store's disk, so that running work can end when it is full (default: 32MiB), "
        + "or 0.", valueName: "size"))
  var ballast: String?

  @Option(
    help: ArgumentHelp(
      "Before a store of an older version is changed: keep a copy beside it (the default), or skip.",
      valueName: "keep|skip"))
  var upgradeCopy: String?

  @Option(
    help: ArgumentHelp(
      "From a handler's cancellation to the end of its worker (default: 5s).", valueName: "duration"
    ))
  var grace: String?

  @Option(
    help: ArgumentHelp(
      "How long running work may take to end after SIGTERM (default: 30s).", valueName: "duration"))
  var drain: String?

  @Option(
    help: ArgumentHelp(
      "Whether a worker that crashes may leave a core file (default: off).", valueName: "on|off"))
  var coreFiles: String?

  func settings(_ others: [Settings.Name: String?]) throws(CommandFault) -> Settings {
    let own: [Settings.Name: String?] = [
      .manifests: manifests, .data: data, .functionDoor: functionDoor, .controlDoor: controlDoor,
      .controlNames: controlNames, .functionDoorCert: functionDoorCert,
      .functionDoorKey: functionDoorKey, .controlDoorCert: controlDoorCert,
      .controlDoorKey: controlDoorKey, .keepSucceeded: keepSucceeded, .keepDead: keepDead,
      .ballast: ballast, .upgradeCopy: upgradeCopy, .workers: workers, .durability: durability,
      .grace: grace, .drain: drain, .coreFiles: coreFiles,
    ]
    let flags = own.merging(others) { _, other in other }.compactMapValues { $0 }
    let environment = Environment.variables
    let path = config ?? environment["APUS_CONFIG"].flatMap { $0.isEmpty ? nil : $0 }
    return Settings(
      flags: flags, environment: environment, file: try ConfigFile.find(named: path))
  }
}

/// A setting with two positions.
private enum Switch: String, CaseIterable { case on, off }

enum UpgradeCopy: String, CaseIterable {
  case keep, skip
}

extension Settings {
  func hostSettings(_ set: ManifestSet, executable: String) throws(CommandFault) -> HostSettings {
    var host = HostSettings(declarations: set.declarations, executable: executable)
    host.dataDirectory = text(.data)
    host.functionDoor = try address(.functionDoor)
    host.controlDoor = try address(.controlDoor)
    host.controlNames = text(.controlNames).split(separator: ",").map {
      $0.trimmingPrefix(while: \.isWhitespace).lowercased()
    }
    host.functionDoorFiles = try files(.functionDoorCert, .functionDoorKey)
    host.controlDoorFiles = try files(.controlDoorCert, .controlDoorKey)
    host.token = try Environment.hostToken()
    try read(.durability, into: &host.durability)
    host.retention = Retention(
      succeeded: try keeping(.keepSucceeded), dead: try keeping(.keepDead))
    host.ballastBytes = try bytes(.ballast)
    var copy = UpgradeCopy.keep
    try read(.upgradeCopy, into: &copy)
    host.copiesBeforeUpgrade = copy == .keep
    host.workersPerGroup = try count(.workers)
    host.grace = try duration(.grace)
    host.drainTime = try duration(.drain)
    var coreFiles = Switch.off
    try read(.coreFiles, into: &coreFiles)
    host.keepsCoreFiles = coreFiles == .on
    host.secret = SecretsFile.lookup(in: host.dataDirectory)
    host.version = ApusCommand.version
    // Once at the start, where a mistake in the file can still be said.
    _ = try SecretsFile.find(in: host.dataDirectory)
    return host
  }
}
