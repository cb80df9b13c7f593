// What is found beside a store's file: what a full, a read-only or a failing disk has left.

import Invocations
import Records

extension Examination {
  var readOnly: [Finding] {
    guard report.surroundings.isReadOnly else { return [] }
    return [
      Finding(
        .problem, "read-only", "the file system of \(report.directory) takes no writes",
        "see 'dmesg' for why; a disk with errors is mounted so. Then 'mount -o remount,rw', or "
          + "restore a backup on another disk")
    ]
  }

  /// Only a host says that there should be one.
  var ballast: [Finding] {
    guard let store = host.answers?.store, let bytes = store.number("ballast.bytes"), bytes > 0,
      !store.isTrue("ballast.held")
    else { return [] }
    return [
      Finding(
        .warning, "no-ballast",
        "the \(BenchWords.bytes(Int(bytes))) that are kept for a full disk are used up, or there was "
          + "no room for them",
        "free space: the host takes them again by itself")
    ]
  }

  var damagedLog: [Finding] {
    var found: [Finding] = []
    if report.surroundings.lostCommits > 0 {
      found.append(
        Finding(
          .problem, "log-damaged",
          "the write-ahead log is damaged: \(report.surroundings.lostCommits) commits in it cannot "
            + "be read any more",
          "copy \(report.directory) first; a host that starts goes on without them and keeps the log "
            + "as it is. Restore a backup, or send again what was acknowledged last"))
    }
    if report.fault == nil, let words = report.surroundings.possibleLoss {
      found.append(
        Finding(
          .problem, "log-gone", words,
          "copy \(report.directory) first; a host that starts goes on without it, and says so"))
    }
    for aside in report.surroundings.damagedLogs {
      found.append(
        Finding(
          .warning, "log-set-aside",
          "a damaged write-ahead log was set aside: \(aside.path), "
            + BenchWords.bytes(aside.bytes),
          "see the host's log of that start; remove the file when nothing of it is missed"))
    }
    return found
  }

  var copies: [Finding] {
    report.surroundings.copies.map { copy in
      Finding(
        .note, "upgrade-copy",
        "\(copy.path) is the store as it was before an upgrade, \(BenchWords.bytes(copy.bytes))",
        "remove it when the new version has proved itself; nothing else does")
    }
  }
}
