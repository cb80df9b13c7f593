// The checkup on real stores: what it reads of a sound one, and of ones that were broken on purpose.
import GRDBSQLite
import Glibc
import Invocations
import Testing

@testable import Records

struct StoreCheckupTests {
  private let folder: Folder

  init() throws { folder = try Folder() }

  private var file: String { "\(folder.path)/apus.db" }

  private func report() throws -> StoreReport {
    try StoreCheckup(directory: folder.path).report()
  }

  /// A store that a host has left.
  private func make(_ changes: [RecordChange] = []) throws {
    let test = try TestStore(in: folder)
    if !changes.isEmpty { try test.news.waitDurable(test.store.append(changes)) }
    test.store.close()
  }

  private func execute(_ sql: String) throws {
    let connection = try Connection(path: file, readOnly: false)
    try connection.use { () throws(SQLiteFailure) in try connection.execute(sql) }
  }

  private func write(_ bytes: [UInt8], at offset: Int) throws {
    let descriptor = open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
    try #require(descriptor >= 0)
    defer { close(descriptor) }
    try #require(pwrite(descriptor, bytes, bytes.count, off_t(offset)) == bytes.count)
  }

  private func bytes() throws -> [UInt8] {
    let descriptor = open(file, O_RDONLY | O_CLOEXEC)
    try #require(descriptor >= 0)
    defer { close(descriptor) }
    var bytes = [UInt8](repeating: 0, count: FileSize.bytes(of: file))
    try #require(read(descriptor, &bytes, bytes.count) == bytes.count)
    return bytes
  }

  /// Ended well, with events of 300 bytes and ids as senders make them.
  private func history(_ count: Int64) -> [RecordChange] {
    (1...count).flatMap { number -> [RecordChange] in
      var one = accepted(number, data: [UInt8](repeating: 49, count: 300))
      one.event.id = "01a20029-5321-71dd-9d34-\(100_000_000_000 + number)"
      return [.accept(one), started(number), .end(succeeded(number))]
    }
  }

  // MARK: What it reads

  @Test func `totals, first and last, and what stands out, without walking through the history`()
    throws
  {
    try make([
      .accept(accepted(1, data: Array("{}".utf8))), started(1), .end(succeeded(1)),
      .accept(accepted(2)), started(2), .end(died(2, message: "stolen")),
      .accept(accepted(3)), started(3),
      .goOn(attempt(3, 1, .crashed), function: "charge", state: .held, due: noon, failures: 1),
      .accept(accepted(4, function: "ship")),
      .pause(subject: "function:ship", since: noon),
    ])
    let report = try report()
    #expect(report.fault == nil)
    #expect(report.schema == Schema.version)
    #expect(report.oldest == id(1) && report.newest == id(4))
    #expect(report.boot == 1 && report.stoppedCleanly)
    var charge = FunctionSpace(name: "charge")
    (charge.kept, charge.succeeded, charge.dead, charge.eventBytes) = (3, 1, 1, 6)
    charge.resultBytes = "done".utf8.count + "stolen".utf8.count
    var ship = FunctionSpace(name: "ship")
    (ship.kept, ship.eventBytes) = (1, 2)
    #expect(report.functions == [charge, ship])
    #expect(charge.unfinished == 1 && ship.unfinished == 1)
    #expect(report.deadLetters == BoundedCount(1))
    #expect(report.held == [HeldWork(function: "charge", count: 1)])
    #expect(report.paused == [Pause(subject: "function:ship", since: noon)])
    #expect(report.surroundings.diskBytes > 0 && report.surroundings.diskFreeBytes > 0)
    #expect(report.surroundings.fileBytes == report.pages * report.pageBytes)
  }

  @Test func `dead letters past the limit are said to be more`() throws {
    try make()
    try execute(
      """
      WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100001)
      INSERT INTO dead (id) SELECT i FROM n
      """)
    #expect(
      try report().deadLetters == BoundedCount(StoreLimits.checkedRowsMax, isPartial: true))
  }

  @Test func `a function's bytes are estimated to a tenth of what its rows take`() throws {
    try make(history(5_000))
    let checkup = try StoreCheckup(directory: folder.path)
    let report = try checkup.report()
    let parts = try #require(try checkup.parts(timeout: .seconds(60)) { _, _ in })
    let estimated = report.functions.reduce(0) { $0 + $1.estimatedBytes }
    let taken = (report.pages - report.freePages) * report.pageBytes
    #expect(
      (taken * 9 / 10...taken * 11 / 10).contains(estimated),
      "\(estimated) of \(taken) bytes: \(parts.parts.prefix(4))")
  }

  @Test func `who works on it is known from the lock, which is not taken`() throws {
    let test = try TestStore(in: folder)
    let working = try report()
    #expect(working.surroundings.hostPid == getpid())
    #expect(!working.stoppedCleanly)
    test.store.close()
    let left = try report()
    #expect(left.surroundings.hostPid == nil)
    #expect(left.stoppedCleanly)
    try execute("UPDATE host SET clean = 0")
    #expect(try !report().stoppedCleanly)
  }

  @Test func `the kernel's list of locks is read by inode, and the file's word believed first`() {
    let locks = """
      1: POSIX  ADVISORY  READ 77 fe:00:40 124 124
      2: FLOCK  ADVISORY  WRITE 78 fe:00:41 0 EOF
      2: -> FLOCK  ADVISORY  WRITE 79 fe:00:41 0 EOF
      3: FLOCK  ADVISORY  WRITE 80 fe:01:41 0 EOF
      4: FLOCK  ADVISORY  READ 81 fe:00:42 0 EOF
      """
    #expect(LockLook.holder(in: locks, inode: 41, noted: nil) == 78)
    #expect(LockLook.holder(in: locks, inode: 41, noted: 80) == 80)
    #expect(LockLook.holder(in: locks, inode: 41, noted: 79) == 78)
    #expect(LockLook.holder(in: locks, inode: 40, noted: 77) == nil)
    #expect(LockLook.holder(in: locks, inode: 42, noted: 81) == nil)
  }

  @Test func `it changes nothing of what it reads`() throws {
    try make(history(50))
    let before = try bytes()
    let checkup = try StoreCheckup(directory: folder.path)
    _ = try checkup.report()
    _ = try checkup.parts(timeout: .seconds(60)) { _, _ in }
    _ = try checkup.soundness(timeout: .seconds(60))
    #expect(try bytes() == before)
  }

  // MARK: Broken on purpose

  @Test func `where there is no store, none is made`() throws {
    let path = "\(folder.path)/none"
    #expect(throws: ShellFault.missing(path: "\(path)/apus.db")) {
      _ = try StoreCheckup(directory: path)
    }
    #expect(access(path, F_OK) != 0)
  }

  @Test func `a file that was cut short is damaged, and the rest of the report is there`() throws {
    try make(history(200))
    try #require(truncate(file, off_t(FileSize.bytes(of: file) / 2)) == 0)
    let report = try report()
    guard case .corrupt(file, _)? = report.fault else {
      Issue.record("\(String(describing: report.fault))")
      return
    }
    #expect(report.surroundings.fileBytes > 0 && report.surroundings.diskBytes > 0)
    #expect(report.functions.isEmpty)
  }

  @Test func `another program's file, and one of a newer Apus, are named`() throws {
    try make()
    try execute("PRAGMA user_version = 99")
    #expect(try report().fault == .newer(path: file, version: 99, known: Schema.version))
    try execute("PRAGMA application_id = 7")
    #expect(try report().fault == .foreign(path: file))
    unlink(file)
    try write([UInt8](repeating: UInt8(ascii: "x"), count: 5_000), at: 0)
    // Where a store was, it is what has become of it.
    #expect(try report().fault?.code == "R004")
    unlink("\(folder.path)/lock")
    #expect(try report().fault == .foreign(path: file))
  }

  @Test func `an older schema is no fault, and nothing is asked of tables it has not`() throws {
    try make(history(3))
    try execute("PRAGMA user_version = 4; DROP TABLE totals")
    let report = try report()
    #expect(report.fault == nil && report.isOlder && report.schema == 4)
    #expect(report.functions.isEmpty)
  }

  @Test func `permissions that are wider than the owner's are listed`() throws {
    try make()
    #expect(try report().surroundings.wide.isEmpty)
    chmod(folder.path, 0o710)
    #expect(try report().surroundings.wide.isEmpty)
    chmod(folder.path, 0o755)
    chmod(file, 0o640)
    #expect(
      try report().surroundings.wide == [
        StoreSurroundings.Permission(path: folder.path, mode: 0o755, modeMax: 0o700),
        StoreSurroundings.Permission(path: file, mode: 0o640, modeMax: 0o600),
      ])
  }

  @Test func `a write-ahead log that was left is measured`() throws {
    try make(history(3))
    let descriptor = open("\(file)-wal", O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
    try #require(ftruncate(descriptor, 300 << 20) == 0)
    close(descriptor)
    let report = try report()
    #expect(report.surroundings.logBytes == 300 << 20)
    #expect(report.functions.first?.kept == 3)
  }

  @Test func `what was deleted is free`() throws {
    try make(history(2_000))
    #expect(try report().freeShare < 0.1)
    try execute("DELETE FROM accepted; DELETE FROM finished")
    #expect(try report().freeShare > 0.5)
  }

  // MARK: Every page

  @Test func `the parts are all pages, by table and index`() throws {
    try make(history(1_000))
    let checkup = try StoreCheckup(directory: folder.path)
    let report = try checkup.report()
    var told: [Int] = []
    let parts = try #require(
      try checkup.parts(timeout: .seconds(60)) { done, _ in told.append(done) })
    #expect(parts.isWhole)
    #expect(parts.parts.first?.name == "accepted")
    #expect(parts.bytes(of: .events) > 300_000)
    #expect(parts.bytes(of: .results) > 0 && parts.bytes(of: .indexes) > 0)
    #expect(
      parts.parts.reduce(0) { $0 + $1.bytes } == (report.pages - report.freePages)
        * report.pageBytes)
    #expect(told == Array(0...parts.parts.count))
  }

  @Test func `a sound file is sound, one with a page of another one is not`() throws {
    try make(history(1_000))
    let sound = try StoreCheckup(directory: folder.path)
    #expect(try sound.soundness(timeout: .seconds(60)) == .sound)
    try write([UInt8](repeating: 0xA5, count: 4_096), at: 4_096 * 90)
    let broken = try StoreCheckup(directory: folder.path)
    #expect(try broken.report().fault == nil)
    guard case .damaged(let lines)? = try broken.soundness(timeout: .seconds(60)) else {
      Issue.record("the damage was not found")
      return
    }
    #expect(!lines.isEmpty)
  }

  @Test func `a reading ends when its time is over, or when somebody ends it`() throws {
    try make(history(4_000))
    let checkup = try StoreCheckup(directory: folder.path)
    #expect(
      try checkup.soundness(timeout: .nanoseconds(1)) == .unfinished(.nanoseconds(1)))
    #expect(try checkup.parts(timeout: .nanoseconds(1)) { _, _ in }?.isWhole == false)
    let stop = ShellStop()
    let stopped = try StoreCheckup(directory: folder.path, stop: stop)
    stop.interrupt()
    #expect(throws: ShellFault.interrupted) { _ = try stopped.soundness(timeout: .seconds(60)) }
    #expect(throws: ShellFault.interrupted) {
      _ = try stopped.parts(timeout: .seconds(60)) { _, _ in }
    }
  }
}
