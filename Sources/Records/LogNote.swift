// What a host notes of its write-ahead log in the lock file: from its first commit to its clean end there
// is a log with something in it, so that one that is gone can be told from one that never was. SQLite
// itself takes a missing log for an empty one, without a word.
import Glibc

struct LogNote: Equatable, Sendable {
  /// When the store's file was last written to, by the host that noted it.
  let seconds: Int
  let nanoseconds: Int
  /// The log's first commit was synced: no loss of power takes it.
  let isSynced: Bool

  /// nil where the file is not there.
  init?(of file: String, isSynced: Bool) {
    var status = stat()
    guard stat(file, &status) == 0 else { return nil }
    seconds = status.st_mtim.tv_sec
    nanoseconds = status.st_mtim.tv_nsec
    self.isSynced = isSynced
  }

  /// Of a line that `line` made.
  init?(line: some StringProtocol) {
    let words = line.split(separator: " ")
    guard words.count == 4, words[0] == "log", let seconds = Int(words[1]),
      let nanoseconds = Int(words[2])
    else { return nil }
    self.seconds = seconds
    self.nanoseconds = nanoseconds
    isSynced = words[3] == "synced"
  }

  var line: String { "log \(seconds) \(nanoseconds) \(isSynced ? "synced" : "unsynced")" }
}

/// Whether a log is gone that a host has left.
enum LogAbsence: Equatable {
  case none
  /// The file was written to since, as by a program that took the log in, or the power may have taken it.
  case possible
  /// Nobody has written to the file since the host did.
  case certain

  init(of file: String, note: LogNote?) {
    let log = "\(file)-wal"
    guard let note, FileSize.bytes(of: log) < LogCheck.bytesMin || LogCheck.isBlank(log) else {
      self = .none
      return
    }
    let isUntouched = LogNote(of: file, isSynced: note.isSynced) == note
    self = isUntouched && note.isSynced ? .certain : .possible
  }

  /// Made by whoever wants to go on without the log.
  static func leave(for log: String) -> String { "\(log).given-up" }
}

/// Names for what is kept of a damage: the oldest is never overwritten.
enum Evidence {
  static let filesMax = 9

  static func names(_ first: String) -> [String] {
    [first] + (2...filesMax).map { "\(first)-\($0)" }
  }

  /// nil where all are taken.
  static func freeName(_ first: String) -> String? {
    names(first).first { name in
      var status = stat()
      return lstat(name, &status) != 0 && errno == ENOENT
    }
  }
}
