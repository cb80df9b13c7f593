// `apus restore`: a backup becomes the store of a directory that has none. It says what a restore means,
// since the events that came after the backup are not in it.

import ArgumentParser
import Doors
import Glibc
import Invocations
import Records
import Releases

struct RestoreCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "restore",
    abstract: "Puts a backup into a directory that has no store.",
    discussion: """
      Refuses where a host works or a store is. The file is checked before and after. What was \
      accepted after the backup is not in it: those events are lost unless they are sent again, and \
      what ran since then runs again, with the same idempotency keys.
      Example: apus restore /var/backups/shop-2027-01-15.apus --data /var/lib/shop
      """)

  @Argument(help: ArgumentHelp("A file that apus backup wrote.", valueName: "file"))
  var file: String
  @Option(help: ArgumentHelp("The host's directory (default: .apus).", valueName: "dir"))
  var data: String?
  @Flag(help: "Print what was restored as one JSON object.") var json = false

  func run() throws {
    let directory = try AskingOptions.directory(data)
    let stop = ShellStop()
    try StopSignals.watch { _ in stop.interrupt() }
    let progress = CopyProgress("copying")
    let report: RestoreReport
    do throws(RecordFault) {
      defer { progress.end() }
      report = try Restore(of: file, into: directory, stop: stop).run(
        shelve: { Self.shelve($0, in: directory) }, told: { progress.tell($0, $1) })
    } catch {
      guard !stop.isRaised else { throw CommandFault.interrupted }
      throw CommandFault.failed("\(error)")
    }
    let hasTokens = access("\(directory)/tokens.json", F_OK) == 0
    Terminal.show(
      json
        ? [Self.json(report)]
        : Self.lines(report, of: file, hasTokens: hasTokens, now: TimeWords.now))
  }

  /// Under the hash that it really has, whatever it was said to have.
  private static func shelve(_ path: String, in directory: String) -> Result<String, RecordFault> {
    do throws(ShelfFault) {
      return .success(try ExecutableShelf(dataDirectory: directory).adopt(path).hash)
    } catch { return .failure(.unusable(path: path, detail: error.reason)) }
  }

  static func lines(
    _ report: RestoreReport, of file: String, hasTokens: Bool, now: WallTime
  ) -> [String] {
    var lines = [
      "\(Table.harmless(report.path)): \(report.invocations) invocations, \(report.unfinished) of "
        + "them unfinished, checked"
        + (report.hasDigest
          ? " against its SHA-256"
          : ", without its digest: \(Table.harmless(BackupDigest.path(of: file))) is not beside it")
    ]
    lines.append(
      report.takenAt.map { "as of \($0.text), \(TimeWords.relative($0, to: now))" }
        ?? "of a file that is no backup of `apus backup`; when it was copied is not known")
    if let newest = report.newest { lines.append("the newest event is of \(newest.time.text)") }
    return lines + [
      "events accepted after that are not in it: send again what was acknowledged since",
      "what ran since then runs again, with the same idempotency keys; keys used since are not known",
      "timers go on from their marks then: instants since count as missed, as their manifests say",
      report.executables.isEmpty
        ? "no executable came with it: start the host with --worker"
        : "with \(report.executables.count) executable"
          + (report.executables.count == 1 ? "" : "s") + " of releases",
      "settings, manifests' files and secrets are not in a backup",
    ] + (hasTokens ? [] : [noTokens])
  }

  private static let noTokens =
    "no tokens came with it: over TCP the control door lets everybody in until you copy tokens.json of "
    + "the former directory here, run 'apus tokens create', or set APUS_TOKEN"

  static func json(_ report: RestoreReport) -> String {
    var json = JSONWriter()
    json.object { json in
      json.field("store", report.path)
      json.field("takenAt", report.takenAt?.text)
      json.field("schema", report.schema)
      json.field("invocations", report.invocations)
      json.field("unfinished", report.unfinished)
      json.field("newestAt", report.newest?.time.text)
      json.field("digestChecked", report.hasDigest)
      json.array("executables") { json in for hash in report.executables { json.value(hash) } }
    }
    return json.text
  }
}
