// What an examination finds: a pure function of what was seen, so that each has a test with exact words.

import Doors
import Invocations
import Records

enum Severity: String, Comparable, CaseIterable {
  case ok, note, warning, problem

  static func < (left: Severity, right: Severity) -> Bool {
    let order = allCases
    return (order.firstIndex(of: left) ?? 0) < (order.firstIndex(of: right) ?? 0)
  }
}

struct Finding: Equatable {
  var severity: Severity
  /// For programs; stable.
  var code: String
  var message: String
  var remedy: String

  init(_ severity: Severity, _ code: String, _ message: String, _ remedy: String) {
    self.severity = severity
    self.code = code
    self.message = message
    self.remedy = remedy
  }
}

/// Everything that was seen of a store and its host.
struct Examination {
  enum Parts: Equatable {
    case notAsked, unavailable
    case read(StoreParts)
  }

  var report: StoreReport
  var now: WallTime
  var host = HostWord.none
  /// As the settings here have it, for when no host tells.
  var retention: Retention?
  var parts = Parts.notAsked
  var soundness: StoreSoundness?
  /// As they are on disk; nil where nobody looked.
  var tokens: Result<TokenBook, TokenFault>?
  /// Of the next start, as far as the settings here tell.
  var certificateFiles: [CertificateLook] = []

  init(_ report: StoreReport, now: WallTime) {
    self.report = report
    self.now = now
  }

  /// The gravest first; one that says so where there is nothing.
  var findings: [Finding] {
    let found = [
      file, readOnly, disk, ballast, log, damagedLog, copies, freePages, keeping, clock, stop,
      deadLetters, held, undeclared, pauses,
      hostItself, workers, tokenFile, openDoor, certificates, permissions, sound,
    ].flatMap(\.self)
    guard !found.isEmpty else { return [Finding(.ok, "ok", "nothing is wrong", "")] }
    return Severity.allCases.reversed().flatMap { severity in
      found.filter { $0.severity == severity }
    }
  }

  /// Past these something is found.
  enum Bounds {
    static let diskFreeBytesMin = 1 << 30
    static let diskFreeShareMin = 0.05
    static let logBytesMax = 256 << 20
    static let freeShareMax = 0.25
    /// Less is not worth a stop of the host.
    static let freeBytesMin = 1 << 20
    static let foreverBytesMax = 1 << 30
    static let pauseMax = Duration.seconds(86_400)
    /// The record's clock goes on by itself when the machine's is set back a little.
    static let clockMax = Duration.seconds(5)
    static let certificateLeftMin = Duration.seconds(14 * 86_400)
  }

  var freeBytes: Int { report.freePages * report.pageBytes }

  // MARK: The file

  private var file: [Finding] {
    if let fault = report.fault {
      return [Finding(.problem, fault.code, fault.problem, fault.remedy)]
    }
    guard report.isOlder else { return [] }
    return [
      Finding(
        .note, "older",
        "the store was written by an older Apus (schema \(report.schema ?? 0), this one knows "
          + "\(report.schemaKnown)), and tells nothing of its functions",
        "start a host of this Apus on it once")
    ]
  }

  private var sound: [Finding] {
    switch soundness {
    case .sound, nil: return []
    case .damaged(let lines):
      let fault = RecordFault.corrupt(path: report.file, detail: lines.joined(separator: "; "))
      return [Finding(.problem, fault.code, fault.problem, fault.remedy)]
    case .unfinished(let time):
      return [
        Finding(
          .note, "unchecked",
          "not every page was checked within \(DoctorPage.span(time.milliseconds)); no damage so far",
          "give it more time with --timeout")
      ]
    }
  }

  private var disk: [Finding] {
    let around = report.surroundings
    guard around.diskBytes > 0 else { return [] }
    let share = Double(around.diskFreeBytes) / Double(around.diskBytes)
    guard around.diskFreeBytes < Bounds.diskFreeBytesMin || share < Bounds.diskFreeShareMin
    else { return [] }
    return [
      Finding(
        .problem, "disk-nearly-full",
        "the disk has only \(BenchWords.bytes(around.diskFreeBytes)) free of "
          + BenchWords.bytes(around.diskBytes),
        "free space on it, or keep less: a shorter --keep-succeeded, or 'keep' in the manifests")
    ]
  }

  private var log: [Finding] {
    let bytes = report.surroundings.logBytes
    guard bytes > Bounds.logBytesMax else { return [] }
    let remedy =
      report.surroundings.hostPid == nil
      ? "start and stop a host: it copies the log into the file at its end"
      : "end what reads for long, such as apus sql or a backup: until then the log cannot start over"
    return [
      Finding(
        .warning, "log-large", "the write-ahead log has grown to \(BenchWords.bytes(bytes))",
        remedy)
    ]
  }

  private var freePages: [Finding] {
    guard report.freeShare > Bounds.freeShareMax, freeBytes >= Bounds.freeBytesMin else {
      return []
    }
    return [
      Finding(
        .note, "much-free",
        "\(BenchWords.bytes(freeBytes)) of the file are free "
          + "(\(DoctorPage.percent(report.freeShare)))",
        "they are used again before the file grows; to give them back to the disk, stop the host "
          + "and run 'sqlite3 \(report.file) VACUUM'")
    ]
  }

  private var keeping: [Finding] {
    guard report.surroundings.fileBytes > Bounds.foreverBytesMax else { return [] }
    let known = host.answers.map(\.retention) ?? retention
    guard let known, known.succeeded == nil else { return [] }
    if let answers = host.answers, !report.functions.contains(where: { keepsAll($0, answers) }) {
      return []
    }
    return [
      Finding(
        .warning, "kept-forever",
        "what succeeded is kept for ever, and the store has "
          + BenchWords.bytes(report.surroundings.fileBytes) + " already",
        "start the host with --keep-succeeded 7d, or say 'keep' in the manifests")
    ]
  }

  private func keepsAll(_ function: FunctionSpace, _ answers: HostAnswers) -> Bool {
    guard let own = answers.keeping(of: function.name) else { return true }
    return own.succeeded == nil && own.count == nil && own.bytes == nil
  }

  private var clock: [Finding] {
    guard let newest = report.newest?.time else { return [] }
    let ahead = newest.milliseconds - now.milliseconds
    guard ahead > Bounds.clockMax.milliseconds else { return [] }
    return [
      Finding(
        .warning, "clock-behind",
        "the newest record is \(TimeWords.length(milliseconds: ahead)) ahead of this machine's clock",
        "set the clock right, such as by NTP; times of records are wrong until it has caught up")
    ]
  }

  private var stop: [Finding] {
    guard report.surroundings.hostPid == nil, report.boot > 0, !report.stoppedCleanly else {
      return []
    }
    return [
      Finding(
        .note, "stopped-abruptly", "the last host did not stop in order",
        isLogWhole
          ? "start one: it takes up what ran, and nothing that was acknowledged is lost"
          : "start one: it takes up what ran, as far as it is there")
    ]
  }

  private var isLogWhole: Bool {
    report.surroundings.possibleLoss == nil && report.surroundings.lostCommits == 0
  }

  private var permissions: [Finding] {
    report.surroundings.wide.map { one in
      Finding(
        .warning, "permissions",
        "\(one.path) may be used by others (mode \(one.modeText))", one.remedy)
    }
  }
}

extension StoreSurroundings.Permission {
  var modeText: String { "0" + String(mode, radix: 8) }
  var remedy: String { "chmod 0\(String(modeMax, radix: 8)) '\(path)'" }
}
