// What can go wrong with the store, for people: each fault names the place and the remedy.
// A failed commit is no fault here but news (`RecordNews.stalled`), since the store heals.
import GRDB
import GRDBSQLite

package enum RecordFault: Error, Equatable, Sendable {
  /// Another host works in the directory; its pid where the lock file tells it.
  case locked(pid: Int32?, directory: String)
  case foreign(path: String)
  case newer(path: String, version: Int, known: Int)
  case corrupt(path: String, detail: String)
  case unusable(path: String, detail: String)
  case sqlite(path: String, code: Int32, detail: String)
  case busy(requestsMax: Int)
  case closed
  case backup(path: String, detail: String)
  /// The file that a host has open no longer stands under its name.
  case lost(path: String, isReplaced: Bool)
  case restore(path: String, detail: String)
  case upgrade(path: String, detail: String)
  /// Nothing is in a file that was a store.
  case emptied(path: String)
  case logGarbled(path: String)
  /// A host that did not end cleanly has left one.
  case logMissing(path: String)
  /// A file that was to be restored.
  case badBackup(path: String, flaw: BackupFlaw)
  /// A log where nothing may be written, so that it cannot be read.
  case logUnread(path: String)
  /// It went while a host worked on it, which left a copy at its end.
  case rescued(path: String, copy: String)

  /// Stable across releases.
  package var code: String {
    switch self {
    case .locked: "R001"
    case .foreign: "R002"
    case .newer: "R003"
    case .corrupt: "R004"
    case .unusable: "R005"
    case .sqlite: "R006"
    case .busy: "R007"
    case .closed: "R008"
    case .backup: "R009"
    case .lost: "R011"
    case .restore: "R012"
    case .upgrade: "R013"
    case .emptied: "R014"
    case .logGarbled: "R015"
    case .rescued: "R016"
    case .logMissing: "R017"
    case .badBackup: "R018"
    case .logUnread: "R019"
    }
  }

  /// In the record of an attempt that was running when its host ended.
  package static let interruptedCode = "R010"
}

extension RecordFault: CustomStringConvertible {
  /// For people; the code is what they look for in the manual.
  package var description: String { "\(problem) (\(code)); \(remedy)" }

  package var problem: String {
    switch self {
    case .locked(let pid, let directory):
      "\(directory): another host\(pid.map { " (pid \($0))" } ?? "") works here"
    case .foreign(let path): "\(path): not a store of Apus"
    case .newer(let path, let version, let known):
      "\(path): written by a newer Apus (schema \(version), this one knows \(known))"
    case .corrupt(let path, let detail): "\(path): damaged (\(detail))"
    case .unusable(let path, let detail): "\(path): \(detail)"
    case .sqlite(let path, let code, let detail): "\(path): \(detail) (SQLite \(code))"
    case .busy(let requestsMax): "\(requestsMax) inspection requests are waiting already"
    case .closed: "the store is closed"
    case .backup(let path, let detail): "\(path): no backup was made: \(detail)"
    case .lost(let path, let isReplaced):
      "\(path): \(isReplaced ? "replaced by another file" : "deleted") while a host works on it"
    case .restore(let path, let detail): "\(path): nothing was restored: \(detail)"
    case .upgrade(let path, let detail):
      "\(path): not brought to schema \(Schema.version), for no copy of it can be kept: \(detail)"
    case .emptied(let path): "\(path): it was a store, and nothing is in it now"
    case .rescued(let path, let copy):
      "\(path): it went while a host worked on it, which kept what was in it as \(copy)"
    case .logGarbled(let path):
      "\(path): damaged, and what was acknowledged last may stand in it"
    case .badBackup(let path, let flaw): "\(path): not restored: \(flaw.problem)"
    case .logUnread(let path):
      "\(path): it holds what is not in the store's file, and nothing may be written there to read it"
    case .logMissing(let path):
      "\(path): missing or emptied, though the last host did not end cleanly; what was acknowledged "
        + "last may have stood in it alone"
    }
  }

  /// What to do about it.
  package var remedy: String {
    switch self {
    case .locked: "stop it, or choose another directory"
    case .foreign: "move the file away, or choose another directory"
    case .newer: "start the newer one, or restore a backup made with this one"
    case .corrupt(let path, _):
      "it was left as it is: restore a backup, or save what is readable with"
        + " 'sqlite3 \(path) .recover'"
    case .unusable: "check the path, its owner and its permissions"
    case .sqlite: "check the disk's space and health"
    case .busy: "try again in a moment"
    case .closed: "ask again when the host is up"
    case .backup: "choose a new file on a disk with space"
    case .lost:
      "the host still has what was in it, until it ends: put the file back, or save it with 'apus "
        + "backup FILE --host URL' before anything else"
    case .restore: "the backup is as it was; see to the directory and try again"
    case .upgrade: "free space, or start with --upgrade-copy skip once a backup is elsewhere"
    case .emptied(let path):
      "put the file back, or restore a backup; to begin anew, remove it and the lock file in "
        + path.directory
    case .rescued(let path, let copy):
      "put it back with 'mv \(copy) \(path)', or move it away to begin anew"
    case .logGarbled(let path):
      "it was left as it is: restore a backup, or move it aside to go on without what it holds: "
        + "mv \(path) \(Evidence.freeName("\(path).damaged") ?? "ELSEWHERE")"
    case .badBackup(let path, let flaw): flaw.remedy(path)
    case .logUnread(let path):
      "copy \(path.directory) to a disk that takes writes, log and all, and ask there"
    case .logMissing(let path):
      "nothing was changed: put that file back, or restore a backup; to go on without what it held: "
        + "touch \(LogAbsence.leave(for: path))"
    }
  }
}

/// Why a file cannot be restored.
package enum BackupFlaw: Equatable, Sendable {
  case damaged(String)
  case empty
  case foreign
  case otherDigest(is: String, noted: String)
  case noDigest

  var problem: String {
    switch self {
    case .damaged(let detail): "the backup is damaged (\(detail))"
    case .empty: "the backup is empty"
    case .foreign: "it is no backup of a store of Apus"
    case .otherDigest(let found, let noted):
      "the backup is not as it was written: its SHA-256 is \(found), and the file beside it says "
        + noted
    case .noDigest: "the file beside it holds no SHA-256"
    }
  }

  func remedy(_ path: String) -> String {
    switch self {
    case .damaged: "take another backup, or copy this one again from where it came"
    case .empty, .foreign: "name a file that apus backup wrote"
    case .otherDigest:
      "take another backup, or copy this one again from where it came, with \(path).sha256; without "
        + "that file it is restored unproved"
    case .noDigest:
      "copy \(path).sha256 again from where it came; without that file it is restored unproved"
    }
  }
}

/// What SQLite said, before a place and a remedy are known.
struct SQLiteFailure: Error, Equatable {
  /// The extended result code.
  let code: Int32
  let message: String

  init(code: Int32, message: String) {
    self.code = code
    self.message = message
  }

  init(of connection: OpaquePointer?) {
    code = sqlite3_extended_errcode(connection)
    message = sqlite3_errmsg(connection).map { String(cString: $0) } ?? "no memory"
  }

  init(_ error: any Error) {
    let known = error as? DatabaseError
    code = known?.extendedResultCode.rawValue ?? SQLITE_ERROR
    message = known?.message ?? "\(error)"
  }

  /// Without the bits that refine it.
  var primaryCode: Int32 { code & 0xFF }

  func fault(at path: String) -> RecordFault {
    switch primaryCode {
    case SQLITE_CORRUPT, SQLITE_NOTADB: .corrupt(path: path, detail: message)
    case SQLITE_CANTOPEN, SQLITE_PERM, SQLITE_READONLY: .unusable(path: path, detail: message)
    case SQLITE_INTERRUPT: .closed
    default: .sqlite(path: path, code: code, detail: message)
    }
  }
}
