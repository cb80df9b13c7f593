// A backup of a store at work, and what a restore makes of it.
import Glibc
import Invocations
import Testing

@testable import Records

struct BackupTests {
  private func store(_ test: TestStore) throws -> StoreBackup {
    try StoreBackup(directory: test.folder.path)
  }

  private func file(_ path: String, _ bytes: [UInt8]) throws {
    let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o700)
    defer { close(descriptor) }
    try #require(write(descriptor, bytes, bytes.count) == bytes.count)
  }

  /// One that is live, with an executable of several parts.
  private func deploy(_ hash: String, to test: TestStore, bytes: [UInt8]?) throws {
    let folder = "\(test.folder.path)/executables"
    mkdir(folder, 0o700)
    if let bytes { try file("\(folder)/\(hash)", bytes) }
    let number = Int(try test.number("SELECT count(*) FROM releases") ?? 0) + 1
    let release = ReleaseRecord(
      number: number, createdAt: noon, by: "test", origin: .deploy, manifests: [], functions: 1,
      executable: hash, executableBytes: bytes?.count ?? 0)
    try test.write(
      .deployed(release), .activated(Activation(release: number, at: noon, by: "test")))
  }

  @Test func `all that was on disk before it began is in it, whoever writes meanwhile`() throws {
    let test = try TestStore()
    for number in Int64(1)...300 { try test.write(.accept(accepted(number))) }
    let path = "\(test.folder.path)/copy.apus"
    var number: Int64 = 300
    let report = try store(test).write(to: path, .live) { _, _ in
      // A commit of another connection after each step: the copy must not begin again for it.
      number += 1
      test.store.append([.accept(accepted(number))])
    }
    #expect(report.invocations >= 300 && report.unfinished == report.invocations)
    #expect(try fileNumber("SELECT count(*) FROM accepted", at: path) == Int64(report.invocations))
    var status = stat()
    #expect(stat(path, &status) == 0 && status.st_mode & 0o777 == 0o600)
    #expect(access("\(path).partial", F_OK) != 0 && access("\(path)-wal", F_OK) != 0)
    #expect(
      throws: RecordFault.backup(
        path: path, detail: "the file exists, and nothing is overwritten")
    ) { try store(test).write(to: path, .live) }
  }

  @Test func `the executable of the live release comes with it and goes back under its name`()
    throws
  {
    let test = try TestStore()
    let bytes = (0..<(StoreLimits.executablePartBytes + 77)).map { UInt8(truncatingIfNeeded: $0) }
    try deploy("old", to: test, bytes: [1, 2, 3])
    try deploy("gone", to: test, bytes: nil)
    try deploy("live", to: test, bytes: bytes)
    let paths = ["live", "all", "none"].map { "\(test.folder.path)/\($0).apus" }
    let live = try store(test).write(to: paths[0], .live)
    #expect(live.executables == ["live"] && live.missing.isEmpty)
    let all = try store(test).write(to: paths[1], .all)
    #expect(all.executables == ["old", "live"] && all.missing == ["gone"])
    #expect(try store(test).write(to: paths[2], .none).executables.isEmpty)
    let place = try Folder()
    let shelved = Monitor<[[UInt8]]>([])
    let report = try Restore(of: paths[1], into: place.path).run(shelve: { path in
      let read = content(of: path)
      shelved.withLock { $0.append(read) }
      return .success(read == bytes ? "live" : "old")
    })
    #expect(report.executables == ["live", "old"] && report.takenAt == all.takenAt)
    #expect(shelved.withLock { $0 } == [bytes, [1, 2, 3]])
    let tables = "SELECT count(*) FROM sqlite_master WHERE name LIKE 'backup%'"
    #expect(try fileNumber(tables, at: report.path) == 0)
    #expect(try fileNumber("PRAGMA freelist_count", at: report.path) == 0)
  }

  private func content(of path: String) -> [UInt8] {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    defer { close(descriptor) }
    var bytes = [UInt8](repeating: 0, count: FileSize.bytes(of: path))
    return read(descriptor, &bytes, bytes.count) == bytes.count ? bytes : []
  }

  @Test func `a restore refuses a store, a host, a damaged file and a foreign one`() throws {
    let test = try TestStore()
    for number in Int64(1)...200 { try test.write(.accept(accepted(number))) }
    try deploy("live", to: test, bytes: [1])
    let path = "\(test.folder.path)/copy.apus"
    _ = try store(test).write(to: path, .live)
    func fault(_ backup: String, _ folder: String) -> RecordFault? {
      do throws(RecordFault) {
        _ = try Restore(of: backup, into: folder).run(shelve: { _ in .success("live") })
        return nil
      } catch { return error }
    }
    #expect(fault(path, test.folder.path) == .locked(pid: getpid(), directory: test.folder.path))
    test.store.close()
    guard case .restore(test.file, _)? = fault(path, test.folder.path) else {
      Issue.record("it was written over a store")
      return
    }
    let place = try Folder()
    let store = "\(place.path)/apus.db"
    var wrong = Restore(of: path, into: place.path).result { _ in .success("other") }
    guard case .failure(.restore(store, let detail)) = wrong, detail.contains("damaged") else {
      Issue.record("\(wrong)")
      return
    }
    #expect(access(store, F_OK) != 0, "nothing is there under its name")
    #expect(fault("\(place.path)/none", place.path)?.code == "R005")
    try file("\(place.path)/text", Array("dear diary, today I wrote a file".utf8))
    let text = "\(place.path)/text"
    #expect(fault(text, place.path) == .badBackup(path: text, flaw: .foreign))
    try file("\(place.path)/empty", [])
    let empty = RecordFault.badBackup(path: "\(place.path)/empty", flaw: .empty)
    #expect(fault("\(place.path)/empty", place.path) == empty)
    #expect("\(empty)".contains("the backup is empty (R018); name a file that apus backup wrote"))
    let damaged = open(path, O_RDWR | O_CLOEXEC)
    let garbage = [UInt8](repeating: 0xA5, count: 3_000)
    #expect(pwrite(damaged, garbage, garbage.count, 3 * 4_096) == garbage.count)
    #expect(close(damaged) == 0)
    unlink("\(path).sha256")
    wrong = Restore(of: path, into: place.path).result { _ in .success("live") }
    guard case .failure(.badBackup(path, .damaged)) = wrong else {
      Issue.record("\(wrong)")
      return
    }
    #expect(access(store, F_OK) != 0)
  }

  @Test func `a copy that has no room says what it needs, and one that is stopped leaves nothing`()
    throws
  {
    let test = try TestStore()
    for number in Int64(1)...200 {
      try test.write(.accept(accepted(number, data: [UInt8](repeating: 1, count: 40_000))))
    }
    let stop = ShellStop()
    let backup = try StoreBackup(directory: test.folder.path, stop: stop)
    let path = "\(test.folder.path)/copy.apus"
    #expect(throws: RecordFault.closed) {
      try backup.write(to: path, .live) { _, _ in stop.interrupt() }
    }
    for name in [path, "\(path).partial", "\(path).sha256"] {
      #expect(access(name, F_OK) != 0)
    }
  }

  // MARK: Digests

  private func restore(_ path: String) -> Result<RestoreReport, RecordFault> {
    do {
      return Restore(of: path, into: try Folder().path).result { .success($0) }
    } catch { return .failure(.closed) }
  }

  private func backedUp() throws -> (test: TestStore, path: String, report: BackupReport) {
    let test = try TestStore()
    for number in Int64(1)...40 {
      try test.write(.accept(accepted(number, data: [UInt8](repeating: 0x7A, count: 30_000))))
    }
    let path = "\(test.folder.path)/copy.apus"
    return (test, path, try store(test).write(to: path, .live))
  }

  @Test func `a byte changed within a value is found by the digest beside the backup`() throws {
    let (test, path, _) = try backedUp()
    #expect(try restore(path).get().hasDigest)
    var bytes = content(of: path)
    let run = [UInt8](repeating: 0x7A, count: 3_000)
    let place = try #require(
      stride(from: 0, to: bytes.count - run.count, by: 500).first {
        Array(bytes[$0..<$0 + run.count]) == run
      })
    bytes[place + 7] = 0x79
    try file(path, bytes)
    guard case .failure(.badBackup(path, .otherDigest(let found, let noted))) = restore(path) else {
      Issue.record("not seen")
      return
    }
    #expect(found != noted)
    unlink("\(path).sha256")
    // Its pages fit together: without the digest nobody can tell, and that is said.
    #expect(try !restore(path).get().hasDigest)
    try file("\(path).sha256", Array("what was it".utf8))
    guard case .failure(.badBackup(path, .noDigest)) = restore(path) else {
      Issue.record("not seen")
      return
    }
    withExtendedLifetime(test) {}
  }

  @Test func `the digest is sha256sum's, private, and overwrites nothing`() throws {
    let (test, path, report) = try backedUp()
    let digest = try #require(report.digest)
    let note = String(decoding: content(of: "\(path).sha256"), as: UTF8.self)
    #expect(note == "\(digest.hexadecimal)  copy.apus\n" && digest.hexadecimal.count == 64)
    var status = stat()
    #expect(stat("\(path).sha256", &status) == 0 && status.st_mode & 0o777 == 0o600)
    let words = ["-c", "cd '\(test.folder.path)' && sha256sum -c copy.apus.sha256 && touch well"]
    try spawn("/bin/sh", words).wait()
    #expect(access("\(test.folder.path)/well", F_OK) == 0)
    #expect(digest.line(for: "/x/a\\b\nc") == "\\\(digest.hexadecimal)  a\\\\b\\nc\n")
    unlink(path)
    #expect(
      throws: RecordFault.backup(
        path: "\(path).sha256", detail: "the file exists, and nothing is overwritten")
    ) { try store(test).write(to: path, .live) }
  }

  @Test func `a host in a directory of its own tells the whole path`() throws {
    let folder = try Folder()
    let own = try #require(getcwd(nil, 0))
    defer { free(own) }
    let up = String(cString: own).split(separator: "/").map { _ in ".." }.joined(separator: "/")
    let (store, _) = try RecordStore.open(directory: "\(up)\(folder.path)") { _ in }
    defer { store.close() }
    let report = try answer { store.backup(named: "saved.apus", then: $0) }
    #expect(report.path.hasPrefix("/") && report.path.hasSuffix("/backups/saved.apus"))
    #expect(access("\(report.path).sha256", F_OK) == 0)
  }
}

extension Restore {
  fileprivate func result(
    _ shelve: @escaping (String) -> Result<String, RecordFault>
  ) -> Result<RestoreReport, RecordFault> {
    do throws(RecordFault) { return .success(try run(shelve: shelve)) } catch {
      return .failure(error)
    }
  }
}
