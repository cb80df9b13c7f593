// `apus backup`: one file with all that a host needs to go on, of a store at work or at rest. It reads
// the store by itself; only where the file is gone from its place is the host asked, which still has it.

import ArgumentParser
import Doors
import Glibc
import HTTP
import Invocations
import Records

struct BackupCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "backup",
    abstract: "Writes the store, as it is at this moment, into one new file.",
    discussion: """
      With or without a host, which works on meanwhile. The file holds every invocation and the \
      executable of the live release, is checked before it gets its name, and overwrites nothing; \
      FILE.sha256 beside it is for `apus restore`, which puts it back, and `sha256sum -c`. Tokens, \
      settings, manifests' files and secrets are not in it. The store is read in --data; with --host \
      the host there is asked, for a store that is gone from its place.
      Example: apus backup /var/backups/shop-$(date +%F).apus
      """)

  @Argument(help: ArgumentHelp("The file to write.", valueName: "file"))
  var file: String
  @OptionGroup var asking: AskingOptions
  @Option(
    help: ArgumentHelp(
      "Executables in it: of the live release, of all that are kept, or none.",
      valueName: "live|all|none"))
  var executables = Choice.live

  enum Choice: String, ExpressibleByArgument, CaseIterable {
    case live, all, none
  }

  func run() throws {
    let began = MonotonicTime.now
    if asking.host != nil { return try show(askHost(), began) }
    let directory = try AskingOptions.directory(asking.data)
    try show(write(directory), began)
  }

  /// The host writes it where it keeps such files, and from there it comes to where it was wanted.
  private func askHost() throws -> BackupReport {
    for path in [file, BackupDigest.path(of: file)]
    where Files.status(path, followingLinks: false) != nil {
      throw CommandFault.failed("\(path): the file exists, and nothing is overwritten")
    }
    let client = try asking.client(readTimeout: .seconds(24 * 3600))
    var report = try BackupReport(client.post(["v1", "backups"]))
    // Another machine, or another disk: then it stays where it is, and that is told.
    if link(report.path, file) == 0 {
      try Self.moveDigest(report, to: file)
      unlink(report.path)
      report.path = file
    }
    return report
  }

  /// It names the file, so that it is written anew.
  private static func moveDigest(_ report: BackupReport, to file: String) throws(CommandFault) {
    guard let digest = report.digest else { return }
    do throws(RecordFault) { try digest.note(for: file) } catch { throw .failed("\(error)") }
    unlink(BackupDigest.path(of: report.path))
  }

  private func write(_ directory: String) throws(CommandFault) -> BackupReport {
    let stop = ShellStop()
    try StopSignals.watch { _ in stop.interrupt() }
    let progress = CopyProgress("copying")
    defer { progress.end() }
    do throws(RecordFault) {
      let backup = try StoreBackup(directory: directory, stop: stop)
      return try backup.write(to: file, wanted) { done, all in progress.tell(done, all) }
    } catch {
      guard !stop.isRaised else { throw .interrupted }
      throw .failed("\(error)")
    }
  }

  private var wanted: BackedExecutables {
    switch executables {
    case .live: .live
    case .all: .all
    case .none: .none
    }
  }

  private func show(_ report: BackupReport, _ began: UInt64) {
    let page = BackupPage(
      report, milliseconds: Int64((MonotonicTime.now - began) / 1_000_000))
    Terminal.show(asking.json ? [page.json] : page.lines)
    if report.path != file { Terminal.complain("the host wrote it to \(report.path)") }
  }
}

/// What a backup came to, in words.
struct BackupPage {
  private let report: BackupReport
  private let milliseconds: Int64

  init(_ report: BackupReport, milliseconds: Int64) {
    self.report = report
    self.milliseconds = milliseconds
  }

  var lines: [String] {
    let counts = "\(report.invocations) invocations, \(report.unfinished) of them unfinished"
    var lines = [
      "\(Table.harmless(report.path)): \(counts), \(BenchWords.bytes(report.bytes)), checked, in "
        + TimeWords.length(milliseconds: milliseconds)
    ]
    if let digest = report.digest { lines.append("SHA-256 \(digest.hexadecimal), also beside it") }
    switch report.executables.count {
    case 0: lines.append("no executable is in it: a restored host needs --worker")
    case 1: lines.append("with the executable of 1 release; a rollback needs --executables all")
    case let count: lines.append("with \(count) executables of releases")
    }
    if !report.missing.isEmpty {
      lines.append(
        "not found, and not in it: \(report.missing.map { String($0.prefix(12)) }.joined(separator: ", "))"
      )
    }
    return lines
  }

  var json: String {
    var json = JSONWriter()
    json.object { json in
      json.field("file", report.path)
      json.field("takenAt", report.takenAt.text)
      json.field("schema", report.schema)
      json.field("invocations", report.invocations)
      json.field("unfinished", report.unfinished)
      json.field("bytes", report.bytes)
      json.field("tookMs", milliseconds)
      json.array("executables") { json in for hash in report.executables { json.value(hash) } }
      json.array("missing") { json in for hash in report.missing { json.value(hash) } }
      json.field("sha256", report.digest?.hexadecimal)
    }
    return json.text
  }
}

/// A line on a terminal that is written over, and nothing where there is none.
final class CopyProgress {
  private let what: String
  private let isShown = Terminal.isTerminal(STDERR_FILENO)

  init(_ what: String) { self.what = what }

  func tell(_ done: Int, _ all: Int) {
    guard isShown else { return }
    Terminal.write("\r\u{1B}[K\(what): \(done * 100 / max(1, all)) %", to: STDERR_FILENO)
  }

  func end() {
    if isShown { Terminal.write("\r\u{1B}[K", to: STDERR_FILENO) }
  }
}

extension BackupReport {
  /// As a host tells it.
  init(_ answer: Answer) {
    self.init(
      path: answer["file"] ?? "", takenAt: answer.time("takenAt") ?? TimeWords.now,
      schema: Int(answer.number("schema") ?? 0),
      invocations: Int(answer.number("invocations") ?? 0),
      unfinished: Int(answer.number("unfinished") ?? 0),
      bytes: Int(answer.number("bytes") ?? 0), executables: answer.texts("executables"),
      missing: answer.texts("missing"), digest: answer["sha256"].map { BackupDigest($0) })
  }
}
