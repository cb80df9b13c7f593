// A write-ahead log that is gone after a host that did not end cleanly: told from one that never was, from
// one that ended, and from one that another program took in.
import Glibc
import Invocations
import Testing

@testable import Records

struct LogLossTests {
  /// What a kill leaves at this moment, times and all.
  private func left(by store: Folder) throws -> Folder {
    let after = try Folder()
    for name in ["apus.db", "apus.db-wal", "lock"] where access("\(store.path)/\(name)", F_OK) == 0
    {
      try run("/bin/cp", "-p", "\(store.path)/\(name)", "\(after.path)/\(name)")
    }
    return after
  }

  private func run(_ words: String...) throws {
    try spawn(words[0], Array(words.dropFirst())).wait()
  }

  private func killed(commits: Int64, _ durability: Durability = .disk) throws -> Folder {
    let folder = try Folder()
    // One host before, so that not all there is stands in the log.
    _ = try TestStore(in: folder).store.close()
    let test = try TestStore(in: folder, durability: durability)
    for number in 1...commits { try test.write(.accept(accepted(number))) }
    return try left(by: test.folder)
  }

  private func fault(of folder: Folder) -> RecordFault? {
    do throws(RecordFault) {
      let (store, _) = try RecordStore.open(directory: folder.path) { _ in }
      store.close()
      return nil
    } catch { return error }
  }

  private func losses(of folder: Folder) throws -> [String] {
    let test = try TestStore(in: folder, durability: .disk)
    defer { test.store.close() }
    return test.store.losses
  }

  enum Loss: CaseIterable { case removed, emptied, garbage, zeroes }

  private func lose(_ log: String, _ loss: Loss) throws {
    switch loss {
    case .removed: #expect(unlink(log) == 0)
    case .emptied: #expect(truncate(log, 0) == 0)
    case .garbage: #expect(truncate(log, 8) == 0)
    case .zeroes:
      let size = FileSize.bytes(of: log)
      #expect(truncate(log, 0) == 0 && truncate(log, off_t(size)) == 0)
    }
  }

  @Test(arguments: Loss.allCases)
  func `a log that is gone after a kill is refused, and nothing is lost once it is back`(
    loss: Loss
  ) throws {
    let folder = try killed(commits: 9)
    let log = "\(folder.path)/apus.db-wal"
    try run("/bin/cp", "-p", log, "\(folder.path)/kept")
    try lose(log, loss)
    let before = FileSize.bytes(of: "\(folder.path)/apus.db")
    for _ in 0..<2 { #expect(fault(of: folder) == .logMissing(path: log)) }
    #expect(FileSize.bytes(of: "\(folder.path)/apus.db") == before)
    let report = try StoreCheckup(directory: folder.path).report()
    #expect(report.fault == .logMissing(path: log))
    #expect(throws: RecordFault.logMissing(path: log)) { try StoreBackup(directory: folder.path) }
    #expect(fault(of: folder) == .logMissing(path: log), "whoever looks changes nothing")
    #expect(rename("\(folder.path)/kept", log) == 0)
    let test = try TestStore(in: folder)
    #expect(test.store.losses.isEmpty)
    #expect(try test.number("SELECT count(*) FROM accepted") == 9)
  }

  @Test func `without its log a host goes on where somebody wants it so, and says it once`() throws
  {
    let folder = try killed(commits: 3)
    let log = "\(folder.path)/apus.db-wal"
    #expect(unlink(log) == 0)
    let leave = LogAbsence.leave(for: log)
    #expect(RecordFault.logMissing(path: log).remedy.hasSuffix("touch \(leave)"))
    try run("/usr/bin/touch", leave)
    let told = try losses(of: folder)
    #expect(told.count == 1)
    #expect(told.first?.contains("R017") == true && told.first?.contains("\(log).lost") == true)
    #expect(access(leave, F_OK) != 0)
    #expect(FileSize.bytes(of: "\(log).lost") > 100)
    #expect(try losses(of: folder).isEmpty)
  }

  @Test func `where the power may take the log, a host goes on without it and says so`() throws {
    let folder = try killed(commits: 3, .os)
    let log = "\(folder.path)/apus.db-wal"
    #expect(unlink(log) == 0)
    let report = try StoreCheckup(directory: folder.path).report()
    #expect(report.surroundings.possibleLoss == OpeningRemarks.possibleLoss(of: log))
    #expect(try losses(of: folder) == [OpeningRemarks.possibleLoss(of: log)])
    #expect(try losses(of: folder).isEmpty)
  }

  @Test func `a log that another program took into the file stops no host`() throws {
    let folder = try killed(commits: 5)
    do {
      let other = try Connection(path: "\(folder.path)/apus.db", readOnly: false)
      try other.use { () throws(SQLiteFailure) in
        _ = try other.number("PRAGMA wal_checkpoint(TRUNCATE)")
      }
    }
    let test = try TestStore(in: folder)
    #expect(test.store.losses.count == 1)
    #expect(try test.number("SELECT count(*) FROM accepted") == 5)
  }

  // MARK: No false alarms

  @Test func `a host killed right after its lock, or right after it opened, raises no alarm`()
    throws
  {
    let fresh = try Folder()
    do {
      let locked = try DataDirectory(path: fresh.path)
      #expect(try losses(of: left(by: fresh)).isEmpty)
      try locked.prepareFile()
      #expect(try losses(of: left(by: fresh)).isEmpty)
      let open = try Opening.writer(file: locked.file, durability: .disk)
      #expect(try losses(of: left(by: fresh)).isEmpty)
      withExtendedLifetime((locked, open)) {}
    }
    // The same on what a host before has left, in order and not.
    for isClean in [true, false] {
      let test = try TestStore(durability: .disk)
      try test.write(.accept(accepted(1)))
      if isClean { test.store.close() }
      let folder = isClean ? test.folder : try left(by: test.folder)
      let locked = try DataDirectory(path: folder.path)
      #expect(try losses(of: left(by: folder)).isEmpty)
      try locked.prepareFile()
      let open = try Opening.writer(file: locked.file, durability: .disk)
      #expect(try losses(of: left(by: folder)).isEmpty)
      withExtendedLifetime((locked, open)) {}
    }
  }

  @Test func `a host killed while it ends, after a checkpoint that emptied the log, raises none`()
    throws
  {
    let folder = try Folder()
    let directory = try DataDirectory(path: folder.path)
    try directory.prepareFile()
    let connection = try Opening.writer(file: directory.file, durability: .disk)
    _ = try Taking(connection: connection, now: noon).recover()
    directory.noteStore(.disk)
    #expect(LogAbsence(of: directory.file, note: DataDirectory.logNote(in: folder.path)) == .none)
    let upkeep = try Upkeep(on: connection, RecordTuning(), in: directory, .disk)
    connection.use { upkeep.leave(isClean: false) }
    #expect(FileSize.bytes(of: "\(directory.file)-wal") == 0)
    #expect(try losses(of: left(by: folder)).isEmpty)
  }

  @Test func `checkpoints of a host at work leave a log, and its loss is known after them`() throws
  {
    let test = try TestStore(durability: .disk)
    // Each large enough to be copied into the file.
    for number in Int64(1)...12 {
      let data = [UInt8](repeating: 65, count: 1 << 20)
      try test.write(.accept(accepted(number, data: data)))
    }
    try eventually("checkpoint") { FileSize.bytes(of: test.file) > 1 << 20 }
    try test.write(.accept(accepted(13)))
    let whole = try left(by: test.folder)
    #expect(try losses(of: whole).isEmpty)
    test.store.close()
    #expect(try losses(of: left(by: test.folder)).isEmpty)
  }

  @Test func `a restore into the place of a store that was lost raises no alarm`() throws {
    let folder = try killed(commits: 2)
    let copy = "\(folder.path)/copy.apus"
    _ = try StoreBackup(directory: folder.path).write(to: copy, .none)
    for name in ["apus.db", "apus.db-wal", "apus.db-shm"] { unlink("\(folder.path)/\(name)") }
    _ = try Restore(of: copy, into: folder.path).run(shelve: { .success($0) })
    #expect(try losses(of: folder).isEmpty)
  }

  // MARK: Damage

  private func garble(_ log: String) throws {
    let descriptor = open(log, O_RDWR | O_CLOEXEC)
    defer { close(descriptor) }
    let place = off_t(FileSize.bytes(of: log) / 2)
    try #require(pwrite(descriptor, [0xA5, 0x5A, 0xA5] as [UInt8], 3, place) == 3)
  }

  @Test func `what is left of a damaged log is not found a second time`() throws {
    let folder = try killed(commits: 60)
    let log = "\(folder.path)/apus.db-wal"
    try garble(log)
    let test = try TestStore(in: folder, durability: .disk)
    #expect(test.store.losses.count == 1)
    #expect(test.store.losses.first?.contains("kept as \(log).damaged;") == true)
    try test.write(.accept(accepted(100)))
    let after = try left(by: folder)
    #expect(try losses(of: after).isEmpty)
    // A kill right after the log was ended: there is none, and nothing is missed.
    let again = try killed(commits: 60)
    try garble("\(again.path)/apus.db-wal")
    let directory = try DataDirectory(path: again.path)
    let connection = try Opening.unchanged(file: directory.file, durability: .disk)
    try Opening.endLog(of: connection, in: directory)
    #expect(FileSize.bytes(of: "\(again.path)/apus.db-wal") == 0)
    #expect(try losses(of: left(by: again)).isEmpty)
  }

  @Test func `every damaged log is kept under a name of its own, nine of them`() throws {
    let whole = try killed(commits: 40)
    try garble("\(whole.path)/apus.db-wal")
    let folder = try Folder()
    let log = "\(folder.path)/apus.db-wal"
    let first = "\(log).damaged"
    #expect(Evidence.names(first).last == "\(first)-9")
    for (number, name) in Evidence.names(first).enumerated() {
      for old in ["apus.db", "apus.db-wal", "lock"] {
        try run("/bin/cp", "-p", "\(whole.path)/\(old)", "\(folder.path)/\(old)")
      }
      #expect(try losses(of: folder).first?.contains("kept as \(name);") == true, "\(number)")
      #expect(FileSize.bytes(of: name) == FileSize.bytes(of: "\(whole.path)/apus.db-wal"))
    }
    for old in ["apus.db", "apus.db-wal", "lock"] {
      try run("/bin/cp", "-p", "\(whole.path)/\(old)", "\(folder.path)/\(old)")
    }
    #expect(try losses(of: folder).first?.contains("9 damaged logs are there already") == true)
    #expect(StoreSurroundings(of: folder.path).damagedLogs.count == 9)
  }
}
