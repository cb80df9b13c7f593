// What an opening has to say to people beside its outcome: what was damaged and set aside, what is
// missing, what was changed, what could not be made.
import Glibc
import Invocations
import Schedules

struct OpeningRemarks {
  private(set) var lines: [String] = []
  /// What was acknowledged and is not in the store, or may not be.
  private(set) var losses: [String] = []
  /// What cannot be read of the log is kept, or is not to be kept: it begins anew.
  private(set) var endsLog = false

  /// Looks at the log that was left, before SQLite takes of it what it can.
  init(on directory: DataDirectory) throws(RecordFault) {
    let log = "\(directory.file)-wal"
    try lookForLog(log, LogAbsence(of: directory.file, note: directory.logNote))
    switch LogCheck.verdict(on: log) {
    case .sound: break
    case .garbled: throw .logGarbled(path: log)
    case .cut(let readable, let lost):
      let kept = Self.setAside(log)
      endsLog = kept != .failed
      losses.append(
        "\(log): damaged after \(readable) commits; \(lost) that followed cannot be read and are not "
          + "in the store. \(kept.words); what was acknowledged then can be lost: restore a backup, "
          + "or send it again")
    }
  }

  mutating func add(_ line: String?) {
    if let line { lines.append(line) }
  }

  mutating func note(_ ballast: Ballast) {
    let (bytes, isHeld) = ballast.status
    guard bytes > 0, !isHeld else { return }
    lines.append(
      "the disk has no room for the ballast of \(bytes >> 20) MiB, which lets running work end when "
        + "it is full; it is made when there is room")
  }

  // MARK: A log that is gone

  private mutating func lookForLog(_ log: String, _ absence: LogAbsence) throws(RecordFault) {
    let leave = LogAbsence.leave(for: log)
    switch absence {
    // It was put back, perhaps: a leave that was given is for one loss.
    case .none: unlink(leave)
    case .possible: losses.append(Self.possibleLoss(of: log))
    case .certain:
      let fault = RecordFault.logMissing(path: log)
      guard access(leave, F_OK) == 0 else { throw fault }
      let words =
        "\(fault.problem) (\(fault.code)). The host goes on without it, as \(leave) said"
      losses.append(words + Self.record(words, at: leave, as: "\(log).lost"))
    }
  }

  static func possibleLoss(of log: String) -> String {
    "\(log): missing or emptied, though the last host did not end cleanly "
      + "(\(RecordFault.logMissing(path: log).code)). That is well where sqlite3 opened the store "
      + "since, which takes the log in, or where apus.db is another file by now; else what was "
      + "acknowledged last is lost: restore a backup, or send it again"
  }

  /// The leave is used up, and becomes the record of what it was for.
  private static func record(_ words: String, at leave: String, as first: String) -> String {
    let file = open(leave, O_WRONLY | O_TRUNC | O_CLOEXEC | O_NOFOLLOW)
    if file >= 0 {
      let time = CivilTime.formatRFC3339(milliseconds: MonotonicTime.wall().milliseconds)
      let line = Array("\(time) \(words)\n".utf8)
      write(file, line, line.count)
      fsync(file)
      close(file)
    }
    guard let name = Evidence.freeName(first), rename(leave, name) == 0 else {
      unlink(leave)
      return ""
    }
    return "; it is on record as \(name)"
  }

  // MARK: A damaged log

  private enum Kept: Equatable {
    case asFile(String)
    /// As many as are kept are there.
    case full(String)
    case failed

    var words: String {
      switch self {
      case .asFile(let path): "The log as it was is kept as \(path)"
      case .full(let path):
        "It is not kept: \(Evidence.filesMax) damaged logs are there already, \(path) and so on; move "
          + "them away"
      case .failed: "It could not be kept"
      }
    }
  }

  /// A former one is not overwritten.
  private static func setAside(_ log: String) -> Kept {
    guard let aside = Evidence.freeName("\(log).damaged") else { return .full("\(log).damaged") }
    let from = open(log, O_RDONLY | O_CLOEXEC)
    guard from >= 0 else { return .failed }
    defer { close(from) }
    let to = open(aside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o600)
    guard to >= 0 else { return .failed }
    defer { close(to) }
    while true {
      let count = sendfile(to, from, nil, 1 << 30)
      if count == 0 {
        return fsync(to) == 0 && FileNames.sync(log.directory) ? .asFile(aside) : .failed
      }
      guard count > 0 || errno == EINTR else {
        unlink(aside)
        return .failed
      }
    }
  }
}
