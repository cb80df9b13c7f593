// A backup put where a host will find it: checked before and after, into a directory that has no store,
// under its name only when it is whole. What stands there already is never touched.
import GRDBSQLite
import Glibc
package import Invocations

package struct RestoreReport: Sendable, Equatable {
  package var path: String
  /// Nil of a file that is a store and was not made by a backup.
  package var takenAt: WallTime?
  package var schema: Int
  package var invocations: Int
  package var unfinished: Int
  package var newest: InvocationID?
  package var executables: [String]
  /// The file is, to the byte, the one that was written.
  package var hasDigest = false
}

package struct Restore {
  private let backup: String
  private let directory: String
  private let stop: ShellStop
  private var file: String { "\(directory)/apus.db" }

  package init(of backup: String, into directory: String, stop: ShellStop = ShellStop()) {
    self.backup = backup
    self.directory = directory
    self.stop = stop
  }

  /// `shelve` takes an executable from a file and says which hash it has.
  package func run(
    shelve: @escaping (_ path: String) -> Result<String, RecordFault>,
    told: @escaping (_ pages: Int, _ of: Int) -> Void = { _, _ in }
  ) throws(RecordFault) -> RestoreReport {
    // Held until the end: no host starts on half a store.
    let place = try DataDirectory(path: directory)
    defer { place.release() }
    try refuseWhereSomethingIs()
    var report = RestoreReport(
      path: file, schema: 0, invocations: 0, unfinished: 0, newest: nil, executables: [])
    let hasDigest = try checkDigest()
    let source = try opened()
    report.hasDigest = hasDigest
    var copy = StoreCopy(source: source, path: file)
    copy.isOver = { [stop] in stop.isRaised }
    copy.told = told
    copy.complete = { store throws(SQLiteFailure) in
      let unpacked = try PackedExecutables.unpack(from: store, into: directory) {
        (hash, path) throws(SQLiteFailure) in
        try Self.expect(hash, shelve(path), path)
      }
      report.takenAt = unpacked.takenAt
      report.executables = unpacked.hashes
      report.newest = try store.number("SELECT max(id) FROM accepted").map {
        InvocationID(rawValue: $0)
      }
      // What the executables took is worth a moment of a small store, not an hour of a large one.
      let pages = try store.number("PRAGMA page_count") ?? 0
      if !unpacked.hashes.isEmpty, pages < StoreLimits.tidiedPagesMax {
        try store.execute("VACUUM")
      }
    }
    do throws(StoreCopy.Failure) {
      let content = try copy.run()
      report.schema = content.schema
      report.invocations = content.invocations
      report.unfinished = content.unfinished
      // What is noted is of the store that was here before.
      place.noteLogEnd()
    } catch {
      throw restoreFault(error)
    }
    return report
  }

  private func restoreFault(_ failure: StoreCopy.Failure) -> RecordFault {
    switch failure {
    case .stopped: .closed
    case .copy(let detail): .restore(path: file, detail: detail)
    }
  }

  private static func expect(
    _ hash: String, _ shelved: Result<String, RecordFault>, _ path: String
  ) throws(SQLiteFailure) {
    switch shelved {
    case .success(hash): return
    case .success:
      throw SQLiteFailure(
        code: SQLITE_CORRUPT, message: "the executable \(hash) in it is damaged")
    case .failure(let fault): throw SQLiteFailure(code: SQLITE_CANTOPEN, message: "\(fault)")
    }
  }

  private func refuseWhereSomethingIs() throws(RecordFault) {
    for path in [file, "\(file)-wal"] where access(path, F_OK) == 0 {
      throw .restore(
        path: path, detail: "there is a store already; move it aside first, with what has its name")
    }
  }

  /// True where one was beside it.
  private func checkDigest() throws(RecordFault) -> Bool {
    let noted: BackupDigest
    switch BackupDigest.note(beside: backup) {
    case .none: return false
    case .unreadable: throw .badBackup(path: backup, flaw: .noDigest)
    case .digest(let digest): noted = digest
    }
    let found: BackupDigest
    do throws(StoreCopy.Failure) {
      found = try BackupDigest(of: backup, isOver: { stop.isRaised })
    } catch { throw restoreFault(error) }
    guard found == noted else {
      throw .badBackup(
        path: backup, flaw: .otherDigest(is: found.hexadecimal, noted: noted.hexadecimal))
    }
    return true
  }

  /// The backup, known to be one that this version can run.
  private func opened() throws(RecordFault) -> Connection {
    guard access(backup, R_OK) == 0 else {
      throw .unusable(path: backup, detail: String(cString: strerror(errno)))
    }
    guard FileSize.bytes(of: backup) > 0 else { throw .badBackup(path: backup, flaw: .empty) }
    let source: Connection
    let fault: RecordFault?
    do throws(SQLiteFailure) {
      source = try Looking.connection(backup)
      fault = try source.use { () throws(SQLiteFailure) in
        switch try Opening.identityFault(of: source) {
        case .foreign: return .badBackup(path: backup, flaw: .foreign)
        case let fault?: return fault
        case nil: break
        }
        guard try source.number("PRAGMA user_version") ?? 0 > 0 else {
          return .badBackup(path: backup, flaw: .foreign)
        }
        let damage = try source.statement("PRAGMA integrity_check(1)")
        guard try damage.next(), damage.text() == "ok" else {
          return .badBackup(path: backup, flaw: .damaged("its pages do not fit together"))
        }
        return nil
      }
    } catch {
      switch error.primaryCode {
      case SQLITE_NOTADB: throw .badBackup(path: backup, flaw: .foreign)
      case SQLITE_CORRUPT: throw .badBackup(path: backup, flaw: .damaged(error.message))
      default: throw Looking.fault(of: backup) ?? error.fault(at: backup)
      }
    }
    if let fault { throw fault }
    return source
  }
}
