// A copy of an open store as it is at one moment, page by page, while others go on writing to it: for
// backups, and before an upgrade. The file has its name only when it is whole, checked and synced.
import GRDBSQLite
import Glibc

struct StoreCopy {
  /// What a reader of the copy can count on, and what was found in it.
  struct Content: Sendable, Equatable {
    var schema = 0
    var invocations = 0
    var unfinished = 0
    var bytes = 0
  }

  /// Why there is no copy.
  enum Failure: Error {
    case stopped
    case copy(String)
  }

  let source: Connection
  let path: String
  /// Asked after each step.
  var isOver: () -> Bool = { false }
  /// Pages copied, and pages there are.
  var told: (Int, Int) -> Void = { _, _ in }
  /// Adds to what was copied, before it is checked.
  var complete: (Connection) throws(SQLiteFailure) -> Void = { _ in }
  var isOverwriting = false

  private var partial: String { "\(path).partial" }

  func run() throws(Failure) -> Content {
    try begin()
    do throws(Failure) {
      let content = try fill()
      try publish()
      return content
    } catch {
      for file in [partial, "\(partial)-wal", "\(partial)-shm"] { unlink(file) }
      throw error
    }
  }

  private func begin() throws(Failure) {
    guard isOverwriting || access(path, F_OK) != 0 else {
      throw .copy("the file exists, and nothing is overwritten")
    }
    unlink(partial)
    // Made first, so that its mode is ours and not the umask's.
    let descriptor = open(partial, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o600)
    guard descriptor >= 0 else { throw .now }
    close(descriptor)
  }

  // MARK: Pages

  private func fill() throws(Failure) -> Content {
    let outcome: Result<Content, Failure>
    do throws(SQLiteFailure) {
      outcome = try copied(to: try Connection(path: partial, readOnly: false))
    } catch { throw .copy(error.message) }
    return try outcome.get()
  }

  private func copied(
    to copy: Connection
  ) throws(SQLiteFailure) -> Result<Content, Failure> {
    if let failure = try copyPages(to: copy) { return .failure(failure) }
    return try copy.use { () throws(SQLiteFailure) in
      // One file without a log beside it: it can be read where nothing may be written.
      try copy.execute("PRAGMA journal_mode = DELETE")
      try complete(copy)
      return try check(copy)
    }
  }

  /// The snapshot is held from the first page to the last: else each commit would make it begin again.
  private func copyPages(to copy: Connection) throws(SQLiteFailure) -> Failure? {
    let descriptor = open(partial, O_RDWR | O_CLOEXEC)
    defer { close(descriptor) }
    return try source.use { () throws(SQLiteFailure) -> Failure? in
      try source.execute("BEGIN")
      defer { sqlite3_exec(source.raw, "ROLLBACK", nil, nil, nil) }
      _ = try source.number("SELECT count(*) FROM sqlite_master")
      if let lack = try lackOfRoom() { return lack }
      return try copy.use { () throws(SQLiteFailure) -> Failure? in
        try copy.execute("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF")
        guard let run = sqlite3_backup_init(copy.raw, "main", source.raw, "main") else {
          throw SQLiteFailure(of: copy.raw)
        }
        defer { sqlite3_backup_finish(run) }
        while true {
          let code = sqlite3_backup_step(run, StoreLimits.pagesPerCopyStep)
          let pages = Int(sqlite3_backup_pagecount(run))
          told(pages - Int(sqlite3_backup_remaining(run)), pages)
          if code == SQLITE_DONE { return nil }
          guard code == SQLITE_OK else {
            throw SQLiteFailure(code: code, message: String(cString: sqlite3_errstr(code)))
          }
          if isOver() { return .stopped }
          // In small parts: a commit of the store must not wait for all of a large copy to be synced.
          fdatasync(descriptor)
        }
      }
    }
  }

  private func lackOfRoom() throws(SQLiteFailure) -> Failure? {
    let bytes =
      Int(try source.number("PRAGMA page_count") ?? 0)
      * Int(try source.number("PRAGMA page_size") ?? 0)
    var disk = statvfs()
    guard statvfs(partial, &disk) == 0 else { return nil }
    let free = Int(disk.f_bavail) * Int(disk.f_frsize)
    guard free < bytes else { return nil }
    return .copy("it needs \(bytes) bytes, and the disk has \(free) free")
  }

  // MARK: Checking

  private func check(_ copy: Connection) throws(SQLiteFailure) -> Result<Content, Failure> {
    let damage = try copy.statement("PRAGMA integrity_check(1)")
    guard try damage.next(), damage.text() == "ok" else {
      return .failure(.copy("what was copied is damaged: apus doctor --full tells where"))
    }
    damage.reset()
    guard try copy.number("PRAGMA application_id") == Schema.applicationID else {
      return .failure(.copy("what was copied is not a store of Apus"))
    }
    var content = Content()
    content.schema = Int(try copy.number("PRAGMA user_version") ?? 0)
    content.invocations = Int(try copy.number("SELECT count(*) FROM accepted") ?? 0)
    content.unfinished = Int(try copy.number("SELECT count(*) FROM unfinished") ?? 0)
    content.bytes =
      Int(try copy.number("PRAGMA page_count") ?? 0)
      * Int(try copy.number("PRAGMA page_size") ?? 0)
    return .success(content)
  }

  // MARK: Its name

  private func publish() throws(Failure) {
    let descriptor = open(partial, O_RDWR | O_CLOEXEC)
    guard descriptor >= 0 else { throw .now }
    defer { close(descriptor) }
    guard fsync(descriptor) == 0 else { throw .now }
    if isOverwriting {
      guard rename(partial, path) == 0 else { throw .now }
    } else {
      // `link` and not `rename`: it does not overwrite a file that came meanwhile.
      guard link(partial, path) == 0 else { throw .now }
      unlink(partial)
    }
    guard FileNames.sync(path.directory) else { throw .now }
  }
}

extension StoreCopy.Failure {
  /// What the system has just said.
  static var now: Self { .copy(String(cString: strerror(errno))) }

  func fault(at path: String) -> RecordFault {
    switch self {
    case .stopped: .closed
    case .copy(let detail): .backup(path: path, detail: detail)
    }
  }
}

enum FileNames {
  /// A name is on disk only when its directory is.
  static func sync(_ directory: String) -> Bool {
    let folder = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard folder >= 0 else { return false }
    defer { close(folder) }
    return fsync(folder) == 0
  }
}
