// A backup: one file with the store as it is at one moment and the executables that its releases need,
// made while a host works or without one. One that was taken through a host runs at a time.
import GRDBSQLite
import Glibc
package import Invocations
import Synchronization

/// What a backup holds.
package struct BackupReport: Sendable, Equatable {
  package var path: String
  package var takenAt: WallTime
  package var schema: Int
  package var invocations: Int
  package var unfinished: Int
  package var bytes: Int
  /// Hashes of the executables in it.
  package var executables: [String]
  /// Of releases that it names, and that were not there to be copied.
  package var missing: [String]
  /// Of the file; nil where an older host wrote it.
  package var digest: BackupDigest?

  package init(
    path: String, takenAt: WallTime, schema: Int, invocations: Int, unfinished: Int, bytes: Int,
    executables: [String], missing: [String], digest: BackupDigest?
  ) {
    self.digest = digest
    self.path = path
    self.takenAt = takenAt
    self.schema = schema
    self.invocations = invocations
    self.unfinished = unfinished
    self.bytes = bytes
    self.executables = executables
    self.missing = missing
  }
}

/// Which executables go with a backup.
package enum BackedExecutables: Sendable {
  case none, live, all
}

extension RecordStore {
  /// Into the folder of backups in the data directory, which is made where it is not, or no more.
  package func backup(named name: String, then: @escaping Answer<BackupReport>) {
    let folder = "\(directory.path)/\(Self.backupFolder)"
    backup(to: "\(folder)/\(name)", in: folder, .live) { result in
      then(
        result.map { report in
          var report = report
          // Whoever asked may stand in another directory.
          report.path = Self.absolute(report.path)
          return report
        })
    }
  }

  private static func absolute(_ path: String) -> String {
    guard !path.hasPrefix("/"), let own = getcwd(nil, 0) else { return path }
    defer { free(own) }
    return "\(String(cString: own))/\(path)"
  }

  package static let backupFolder = "backups"

  /// The file appears under its name only when it is whole, checked and synced; an existing one is
  /// not overwritten.
  package func backup(
    to path: String, _ executables: BackedExecutables = .live, then: @escaping Answer<BackupReport>
  ) {
    backup(to: path, in: nil, executables, then: then)
  }

  /// The folder is made on the thread that writes.
  private func backup(
    to path: String, in folder: String?, _ executables: BackedExecutables,
    then: @escaping Answer<BackupReport>
  ) {
    guard isBackingUp.raise() else { return then(.failure(.busy(requestsMax: 1))) }
    let (isBackingUp, stop) = (isBackingUp, stop)
    let answer: Answer<BackupReport> = { result in
      isBackingUp.lower()
      then(result)
    }
    ask(refused: { answer(.failure($0)) }) { inspector in
      // On the connection that is open, not on the file of that name: it may be another by now.
      var backup = Backup(of: inspector.connection, to: path, executables)
      backup.isOver = { stop.isRaised }
      do throws(RecordFault) { if let folder { try DataDirectory.make(folder) } } catch {
        return answer(.failure(error))
      }
      answer(backup.result())
    }
  }
}

/// A flag that several threads look at.
final class Flag: Sendable {
  private let value = Atomic<Bool>(false)

  var isRaised: Bool { value.load(ordering: .acquiring) }

  /// False where it was up already.
  @discardableResult
  func raise() -> Bool { !value.exchange(true, ordering: .acquiringAndReleasing) }

  func lower() { value.store(false, ordering: .releasing) }
}

/// Of the store in a directory, by whoever may read it.
package struct StoreBackup {
  private let connection: Connection
  private let stop: ShellStop

  package init(directory: String, stop: ShellStop = ShellStop()) throws(RecordFault) {
    let path = "\(directory)/apus.db"
    self.stop = stop
    try Self.refuseWithoutLog(in: directory)
    guard access(path, R_OK) == 0 else {
      guard errno != EACCES else { throw Looking.denied(path) }
      let detail = String(cString: strerror(errno))
      let isHeld = LockLook.holder(of: "\(directory)/lock") != nil
      throw isHeld && access(path, F_OK) != 0
        ? .lost(path: path, isReplaced: false) : .unusable(path: path, detail: detail)
    }
    let fault: RecordFault?
    do throws(SQLiteFailure) {
      let connection = try Looking.connection(path)
      fault = try connection.use { () throws(SQLiteFailure) in
        try Opening.identityFault(of: connection)
      }
      self.connection = connection
    } catch { throw Looking.fault(of: path) ?? error.fault(at: path) }
    if let fault { throw fault }
  }

  /// A copy of what is left would look whole.
  private static func refuseWithoutLog(in directory: String) throws(RecordFault) {
    let around = StoreSurroundings(of: directory)
    let log = "\(directory)/apus.db-wal"
    guard !around.isLogMissing else { throw .logMissing(path: log) }
    guard !around.isLogGarbled else { throw .logGarbled(path: log) }
  }

  package func write(
    to path: String, _ executables: BackedExecutables,
    told: @escaping (_ pages: Int, _ of: Int) -> Void = { _, _ in }
  ) throws(RecordFault) -> BackupReport {
    var backup = Backup(of: connection, to: path, executables)
    backup.isOver = { [stop] in stop.isRaised }
    backup.told = told
    return try backup.run()
  }
}

struct Backup {
  private let source: Connection
  private let path: String
  private let wanted: BackedExecutables
  var isOver: () -> Bool = { false }
  var told: (Int, Int) -> Void = { _, _ in }

  init(of source: Connection, to path: String, _ executables: BackedExecutables) {
    self.source = source
    self.path = path
    wanted = executables
  }

  func result() -> Result<BackupReport, RecordFault> {
    do throws(RecordFault) { return .success(try run()) } catch { return .failure(error) }
  }

  func run() throws(RecordFault) -> BackupReport {
    let digestPath = BackupDigest.path(of: path)
    guard access(path, F_OK) == 0 || access(digestPath, F_OK) != 0 else {
      throw .backup(path: digestPath, detail: "the file exists, and nothing is overwritten")
    }
    let takenAt = MonotonicTime.wall()
    let log = "\(source.path)-wal"
    let logBytesMax = FileSize.bytes(of: log) + StoreLimits.backupLogBytesMax
    var isLogFull = false
    var packed = PackedExecutables()
    var copy = StoreCopy(source: source, path: path)
    copy.told = told
    copy.isOver = {
      isLogFull = FileSize.bytes(of: log) > logBytesMax
      return isOver() || isLogFull
    }
    copy.complete = { copy throws(SQLiteFailure) in
      packed = try PackedExecutables.pack(wanted, of: source.path.directory, into: copy, takenAt)
    }
    do throws(StoreCopy.Failure) {
      let content = try copy.run()
      return BackupReport(
        path: path, takenAt: takenAt, schema: content.schema, invocations: content.invocations,
        unfinished: content.unfinished, bytes: content.bytes, executables: packed.held,
        missing: packed.missing, digest: try addDigest())
    } catch {
      guard isLogFull else { throw error.fault(at: path) }
      throw .backup(
        path: path,
        detail:
          "the store's log grew by \(StoreLimits.backupLogBytesMax >> 20) MiB meanwhile, which "
          + "it cannot give back before the copy ends; take it when less is written, or to a faster disk"
      )
    }
  }

  /// One without its digest would look as if somebody had taken it away.
  private func addDigest() throws(StoreCopy.Failure) -> BackupDigest {
    do throws(StoreCopy.Failure) {
      let digest = try BackupDigest(of: path, isOver: isOver)
      try digest.write(for: path)
      return digest
    } catch {
      unlink(path)
      throw error
    }
  }
}
