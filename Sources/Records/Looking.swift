// A store's file opened by whoever only looks: a host may work on it, or it may lie where nothing can be
// written, such as on a disk that is to be saved.
import Glibc

enum Looking {
  /// SQLite writes beside a file even to read it; where that cannot be, the file is read alone, which is
  /// all of it only without a log.
  static func connection(_ file: String, stop: Flag? = nil) throws(SQLiteFailure) -> Connection {
    let isStill = access(file.directory, W_OK) != 0 && FileSize.bytes(of: "\(file)-wal") == 0
    return try Connection(path: file, readOnly: true, isStill: isStill, stop: stop)
  }

  /// Why the file could not be opened, where the reason is around it.
  static func fault(of file: String) -> RecordFault? {
    let log = "\(file)-wal"
    guard access(file.directory, W_OK) != 0, FileSize.bytes(of: log) > 0 else { return nil }
    return .logUnread(path: log)
  }

  /// Why it may not be looked at, and who may.
  static func denied(_ path: String) -> RecordFault {
    let reason = String(cString: strerror(EACCES))
    guard let owner = owner(of: path) ?? owner(of: path.directory) else {
      return .unusable(path: path, detail: "\(reason): run this as the user of the host")
    }
    return .unusable(
      path: path,
      detail:
        "\(reason): it is of user '\(owner)', who may look: run this as that one, such as with "
        + "'sudo -u \(owner)'")
  }

  /// A file that this user may not even find.
  static func isHidden(_ path: String) -> Bool {
    var status = stat()
    return stat(path, &status) != 0 && errno == EACCES
  }

  private static func owner(of path: String) -> String? {
    var status = stat()
    guard stat(path, &status) == 0 else { return nil }
    var entry = passwd()
    var found: UnsafeMutablePointer<passwd>?
    var text = [CChar](repeating: 0, count: 16_384)
    guard getpwuid_r(status.st_uid, &entry, &text, text.count, &found) == 0, found != nil else {
      return "\(status.st_uid)"
    }
    return String(cString: entry.pw_name)
  }
}
