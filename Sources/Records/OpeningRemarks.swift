// What an opening has to say to people beside its outcome: what was damaged and set aside, what was
// changed, what could not be made.
import Glibc

struct OpeningRemarks {
  private(set) var lines: [String] = []

  /// Looks at the log that was left, before SQLite takes of it what it can.
  init(on file: String) throws(RecordFault) {
    let log = "\(file)-wal"
    switch LogCheck.verdict(on: log) {
    case .sound: break
    case .garbled: throw .logGarbled(path: log)
    case .cut(let readable, let lost):
      let aside = Self.setAside(log)
      lines.append(
        "\(log): damaged after \(readable) commits; \(lost) that followed cannot be read and are not "
          + "in the store. "
          + (aside.map { "The log as it was is kept as \($0)" } ?? "It could not be kept")
          + "; what was acknowledged then can be lost: restore a backup, or send it again")
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

  /// Nil where that was not possible; a former one is not overwritten.
  private static func setAside(_ log: String) -> String? {
    let aside = "\(log).damaged"
    let from = open(log, O_RDONLY | O_CLOEXEC)
    guard from >= 0 else { return nil }
    defer { close(from) }
    let to = open(aside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o600)
    guard to >= 0 else { return errno == EEXIST ? aside : nil }
    defer { close(to) }
    while true {
      let count = sendfile(to, from, nil, 1 << 30)
      if count == 0 { return fsync(to) == 0 ? aside : nil }
      guard count > 0 || errno == EINTR else {
        unlink(aside)
        return nil
      }
    }
  }
}
