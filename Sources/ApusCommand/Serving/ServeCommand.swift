// `apus serve`: the host in production, without building or watching. It blocks the main thread
// until a signal; everything else happens on the loop's.

import ArgumentParser
import Glibc
import Hosting
import Invocations
import Logging
import Manifests
import Records

struct ServeCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "serve",
    abstract: "Runs the host for production: doors, timers, workers and the record.",
    discussion: """
      Each setting is a flag, else APUS_… in the environment, else a line of .apus/config.yaml, \
      else its default. The control door asks for a token when APUS_TOKEN is set or `apus tokens` made one. SIGTERM stops \
      after running work has ended, a second one at once.
      Example: apus serve --worker ./Shop --data /var/lib/shop
      """)

  @Option(help: ArgumentHelp("The executable that holds the handlers.", valueName: "executable"))
  var worker: String?

  @Option(
    help: ArgumentHelp(
      "The user that workers run as, where the host runs as root (default: the host's own).",
      valueName: "name"))
  var workerUser: String?

  @OptionGroup var host: HostOptions

  func run() throws {
    let settings = try host.settings([.worker: worker, .workerUser: workerUser])
    guard !host.printConfig else {
      let names = Settings.Name.allCases.filter { !Settings.Name.ofBuilding.contains($0) }
      let token = Environment.variables[Environment.tokenVariable]
      return Terminal.show(settings.table(of: names, token: token).lines(.output))
    }
    guard let executable = settings[.worker]?.text else {
      throw CommandFault.usage(
        "name the executable with the handlers: --worker EXECUTABLE, APUS_WORKER or 'worker:' in "
          + "the settings file")
    }
    // `now` is nil: an instant of the past was deployed when it was still to come.
    let texts = try ManifestReader.texts(in: settings.text(.manifests)).get()
    let set = try ManifestReader.read(texts: texts, now: nil).get()
    var host = try settings.hostSettings(set, executable: executable)
    host.manifests = texts
    if let name = settings[.workerUser]?.text { host.workerUser = try WorkerUser(name) }
    try serve(host)
  }

  private func serve(_ settings: HostSettings) throws {
    let output = LineWriter(to: STDERR_FILENO)
    output.begin()
    defer { output.finish() }
    LogLines.bootstrap(output, level: Environment.variables["APUS_LOG_LEVEL"])
    let logger = Logger(label: "apus")
    let stop = try StopSignals.watch()
    var settings = settings
    settings.told = { logger.notice("\($0)") }
    let running = try RunningHost.start(
      settings,
      prepare: { host in
        host.follow(HostLog(logger))
        host.remarked = { HostLog.tell($0, logger) }
        host.printed = { pid, line in
          guard !line.allSatisfy(\.isWhitespace) else { return }
          logger.notice("worker printed", metadata: ["worker": "\(pid)", "line": "\(line)"])
        }
      })
    if onLoop({ running.isNewStore }) {
      logger.notice("a new store was made", metadata: ["data": "\(settings.dataDirectory)"])
    }
    for loss in running.losses { logger.error("\(loss)") }
    for remark in running.remarks { logger.warning("\(remark)") }
    if let end = running.formerEnd {
      logger.notice(
        "the last host did not end cleanly: what it left is taken up",
        metadata: ["unfinished": "\(end.unfinished)", "given-back": "\(end.givenBack)"])
    }
    if let release = running.release { Self.tell(release, logger) }
    Self.tell(running.wide, logger)
    logger.info(
      "ready",
      metadata: [
        "function-door": "\(running.addresses.functionDoor)",
        "control-door": "\(running.addresses.controlDoor)", "pid": "\(getpid())",
        "functions": "\(running.release?.set.declarations.count ?? 0)",
        "release": "\(running.release?.record.number ?? 0)", "data": "\(settings.dataDirectory)",
      ])
    _ = stop.take()
    logger.info("stopping", metadata: ["drain-ms": "\(settings.drainTime.milliseconds)"])
    running.stop()
    logger.info("stopped")
  }

  /// A directory that was made wider may be meant so; its events are readable all the same.
  private static func tell(_ wide: [StoreSurroundings.Permission], _ logger: Logger) {
    guard let first = wide.first else { return }
    logger.warning(
      "others may use what is in the data directory: it holds events and secrets",
      metadata: [
        "path": "\(first.path)", "mode": "\(first.modeText)",
        "remedy": "\(first.remedy)",
        "others": "\(wide.count - 1)",
      ])
  }

  private static func tell(_ release: StartingRelease, _ logger: Logger) {
    let number: Logger.MetadataValue = "\(release.record.number)"
    if let remark = release.remark {
      logger.error("\(remark)", metadata: ["release": number])
    } else if release.isNew {
      logger.notice("the files of this start are live", metadata: ["release": number])
    } else if release.record.origin == .deploy {
      logger.notice(
        "the release deployed last stays live: the files are those of the start before",
        metadata: ["release": number, "by": "\(release.record.by)"])
    }
  }
}
