// Opening: whose file it is, who else works here, and what the former host left behind.
import Glibc
import Invocations
import Testing

@testable import Records

struct OpeningTests {
  private func fault(_ folder: Folder) -> RecordFault? {
    do throws(RecordFault) {
      let (store, _) = try RecordStore.open(directory: folder.path) { _ in }
      store.close()
      return nil
    } catch {
      return error
    }
  }

  private func execute(_ sql: String, in folder: Folder) throws {
    let connection = try Connection(path: "\(folder.path)/apus.db", readOnly: false)
    try connection.use { () throws(SQLiteFailure) in try connection.execute(sql) }
  }

  private func bytes(of path: String) throws -> [UInt8] {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    try #require(descriptor >= 0)
    defer { close(descriptor) }
    var bytes = [UInt8](repeating: 0, count: FileSize.bytes(of: path))
    try #require(read(descriptor, &bytes, bytes.count) == bytes.count)
    return bytes
  }

  private func write(_ bytes: [UInt8], to path: String, at offset: Int = 0) throws {
    let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
    try #require(descriptor >= 0)
    defer { close(descriptor) }
    try #require(pwrite(descriptor, bytes, bytes.count, offset) == bytes.count)
  }

  private func descriptors(of path: String) throws -> [Int32] {
    let path = try #require(realpath(path, nil))
    defer { free(path) }
    return (0..<Int32(1024)).filter { descriptor in
      var target = [CChar](repeating: 0, count: Int(PATH_MAX))
      return readlink("/proc/self/fd/\(descriptor)", &target, target.count - 1) > 0
        && strcmp(target, path) == 0
    }
  }

  private func mode(of path: String) -> mode_t {
    var status = stat()
    return stat(path, &status) == 0 ? status.st_mode & 0o777 : 0
  }

  @Test func `a new store is the owner's alone and starts at boot 1`() throws {
    let folder = try Folder()
    let path = "\(folder.path)/deep/store"
    let (store, recovery) = try RecordStore.open(directory: path) { _ in }
    #expect(recovery.boot == 1)
    #expect(recovery.wasStoppedCleanly)
    #expect(recovery.lastID.rawValue == 0)
    #expect(mode(of: path) == 0o700)
    for name in ["apus.db", "apus.db-wal", "apus.db-shm", "lock"] {
      #expect(mode(of: "\(path)/\(name)") == 0o600, "\(name)")
    }
    store.close()
    #expect(FileSize.bytes(of: "\(path)/apus.db-wal") == 0)
  }

  @Test func `boots are counted and a clean stop is known`() throws {
    let folder = try Folder()
    let first = try TestStore(in: folder)
    try first.write(.accept(accepted(7)), .pause(subject: "queue:payments", since: noon))
    first.store.close()
    let second = try TestStore(in: folder)
    #expect(second.recovery.boot == 2)
    #expect(second.recovery.wasStoppedCleanly)
    #expect(second.recovery.lastID == id(7))
    #expect(second.recovery.unfinished == ["charge": 1])
    #expect(second.recovery.paused == ["queue:payments": noon])
    #expect(second.recovery.digestKey == first.recovery.digestKey)
    try second.write(.pause(subject: "queue:payments", since: nil))
    second.store.close()
    #expect(try TestStore(in: folder).recovery.paused == [:])
  }

  @Test func `a closed store is free, though a child is just being born with its descriptors`()
    throws
  {
    let folder = try Folder()
    let first = try TestStore(in: folder)
    // What a fork has until it becomes another program: the same open file under another number.
    let copies = try descriptors(of: "\(folder.path)/lock").map { dup($0) }
    defer { for copy in copies { close(copy) } }
    #expect(copies.count == 1)
    first.store.close()
    #expect(try TestStore(in: folder).recovery.boot == 2)
  }

  @Test func `attempts that ran when the host was killed are given back`() throws {
    let test = try TestStore()
    try test.write(.accept(accepted(1)), .accept(accepted(2)), started(1))
    try test.write(.pause(subject: "x", since: noon))
    // The files as a kill at this moment would leave them.
    let after = try Folder()
    for name in ["apus.db", "apus.db-wal"] {
      try write(try bytes(of: "\(test.folder.path)/\(name)"), to: "\(after.path)/\(name)")
    }
    let next = try TestStore(in: after)
    #expect(!next.recovery.wasStoppedCleanly)
    #expect(next.recovery.interrupted == 1)
    #expect(next.recovery.unfinished == ["charge": 2])
    let story = try #require(try next.show(id(1)))
    #expect(story.state == .queued)
    #expect((story.attempts, story.failures) == (1, 0))
    #expect(story.due == noon)
    #expect(story.history.map(\.outcome) == [.returned])
    #expect(story.history.first?.error?.code == RecordFault.interruptedCode)
    #expect(story.history.first?.startedAt == noon)
    #expect(try next.waiting("charge", limit: 5).records.map(\.attempts) == [1, 0])
  }

  @Test func `a second host is told who works here`() throws {
    let folder = try Folder()
    let test = try TestStore(in: folder)
    let found = fault(folder)
    #expect(found == .locked(pid: getpid(), directory: folder.path))
    #expect(found?.description.contains("pid \(getpid())") == true)
    test.store.close()
    #expect(fault(folder) == nil)
  }

  @Test func `a file that is no database is refused and left alone`() throws {
    let folder = try Folder()
    let path = "\(folder.path)/apus.db"
    try write(Array("dear diary, today I wrote a file".utf8), to: path)
    #expect(fault(folder) == .foreign(path: path))
    #expect(try bytes(of: path) == Array("dear diary, today I wrote a file".utf8))
  }

  @Test func `somebody else's database is refused and left alone`() throws {
    let folder = try Folder()
    let path = "\(folder.path)/apus.db"
    try execute("CREATE TABLE songs (title TEXT)", in: folder)
    let before = try bytes(of: path)
    #expect(fault(folder) == .foreign(path: path))
    #expect(try bytes(of: path) == before)
  }

  @Test func `a store of a newer version is refused and left alone`() throws {
    let folder = try Folder()
    let path = "\(folder.path)/apus.db"
    do { _ = try TestStore(in: folder) }
    try execute("PRAGMA user_version = 99", in: folder)
    #expect(fault(folder) == .newer(path: path, version: 99, known: Schema.version))
    #expect(try fileNumber("PRAGMA user_version", at: path) == 99)
  }

  @Test func `a damaged file is refused and left alone`() throws {
    let folder = try Folder()
    let path = "\(folder.path)/apus.db"
    do { _ = try TestStore(in: folder) }
    try write([UInt8](repeating: 0xA5, count: 3_900), to: path, at: 100)
    let before = try bytes(of: path)
    guard case .corrupt(path, _)? = fault(folder) else {
      Issue.record("opened, or another fault")
      return
    }
    #expect(try bytes(of: path) == before)
  }

  @Test func `a directory that cannot be made is named`() throws {
    let folder = try Folder()
    try write([1], to: "\(folder.path)/file")
    #expect(throws: RecordFault.self) {
      try RecordStore.open(directory: "\(folder.path)/file/store") { _ in }
    }
  }

  @Test func `keys are remembered until they expire, and longer for unfinished work`() throws {
    let folder = try Folder()
    let first = try TestStore(in: folder, tuning: RecordTuning(now: { noon }))
    func key(_ number: UInt64, _ seconds: Int64) -> IdempotencyKey {
      IdempotencyKey(
        text: "k\(number)", digest: Digest(high: number, low: 0),
        body: Digest(high: 0, low: number),
        expiresAt: noon + .seconds(seconds))
    }
    try first.write(
      .accept(accepted(1, key: key(1, 10))), .accept(accepted(2, key: key(2, 100))),
      .accept(accepted(3, key: key(3, 10))), .end(succeeded(1)), .end(succeeded(2)))
    first.store.close()
    let later = RecordTuning(now: { noon + .seconds(50) })
    let second = try TestStore(in: folder, tuning: later)
    #expect(
      second.recovery.keys == [
        RememberedKey(
          digest: Digest(high: 2, low: 0), body: Digest(high: 0, low: 2), invocation: id(2),
          expiresAt: noon + .seconds(100), isFinished: true)
      ])
    try eventually("pruning of the expired key") {
      try second.number("SELECT count(*) FROM keys") == 2
    }
    #expect(try second.waiting("charge", limit: 1).records.first?.acceptance.key == key(3, 10))
    let pruned = try #require(try second.show(id(1))?.acceptance.key)
    let hasher = SipHasher(key: second.recovery.digestKey)
    #expect(pruned.text == "k1")
    #expect(pruned.digest == hasher.digest(function: "charge", key: "k1"))
  }

  @Test func `timers are taken up where they were`() throws {
    let folder = try Folder()
    let first = try TestStore(in: folder)
    let last = noon + .seconds(60)
    try first.write(.timer(TimerAdvance(name: "charge/0", rule: "@hourly", last: noon)))
    try first.write(.timer(TimerAdvance(name: "charge/0", rule: "@daily", last: last)))
    first.store.close()
    let second = try TestStore(in: folder)
    #expect(second.recovery.timers == [TimerAdvance(name: "charge/0", rule: "@daily", last: last)])
  }

  @Test func `every fault has its own code and names a remedy`() {
    let faults: [RecordFault] = [
      .locked(pid: 1, directory: "d"), .foreign(path: "p"),
      .newer(path: "p", version: 2, known: 1), .corrupt(path: "p", detail: "x"),
      .unusable(path: "p", detail: "x"), .sqlite(path: "p", code: 13, detail: "x"),
      .busy(requestsMax: 1), .closed, .backup(path: "p", detail: "x"),
      .lost(path: "p", isReplaced: true), .restore(path: "p", detail: "x"),
      .upgrade(path: "p", detail: "x"), .emptied(path: "p"), .logGarbled(path: "p"),
      .rescued(path: "p", copy: "q"),
    ]
    #expect(Set(faults.map(\.code) + [RecordFault.interruptedCode]).count == faults.count + 1)
    #expect(faults.allSatisfy { $0.description.contains(";") || $0.description.contains(": ") })
  }
}
