import EventLoop
import Foundation
import Glibc
import HTTP
import Testing

/// Disks that are full, fail, freeze, or lose their files, under a real host with real workers.
@Suite(.serialized)
struct DiskTests {
  private static let manifests = [
    TroubleTests.manifest("gate", "Gate", "concurrency: 4"),
    TroubleTests.manifest("echo", "Echo"), TroubleTests.manifest("fail", "Fail"),
  ]

  private func host(
    on data: URL? = nil, before: [String] = [], more: [String] = []
  ) async throws -> HostProcess {
    try await HostProcess.start(
      manifests: HostProcess.manifests(Self.manifests), worker: "CrashingWorker",
      data: data ?? HostProcess.temporaryFolder(), before: before,
      more: more)
  }

  private func isReady(_ host: HostProcess) throws -> Bool {
    try host.controlDoor.send("GET", "/readyz").status == 200
  }

  private func obstacle(_ host: HostProcess) throws -> String {
    let answer = try host.controlDoor.send("GET", "/readyz")
    return answer.status == 503 ? String(decoding: answer.body, as: UTF8.self) : ""
  }

  /// Accepts until it is refused; how many were acknowledged.
  private func fill(_ host: HostProcess, until refused: (HTTPClientResponse) -> Bool) throws -> Int
  {
    let large = "\"" + String(repeating: "x", count: 60_000) + "\""
    for acknowledged in 0..<100_000 {
      let answer = try host.post("/v1/queues/echo/messages", large)
      if refused(answer) { return acknowledged }
      #expect(answer.status == 202)
    }
    Issue.record("nothing was refused")
    return 0
  }

  private func isStoreRefusal(_ answer: HTTPClientResponse) -> Bool {
    guard answer.status == 503 else { return false }
    #expect(String(decoding: answer.body, as: UTF8.self).contains("store-unavailable"))
    #expect(answer.headers[first: "Retry-After"] != nil)
    return true
  }

  private func count(_ needle: String, in text: String) -> Int {
    text.components(separatedBy: needle).count - 1
  }

  /// Something that runs until `open` is called, and its id.
  private func gate(_ host: HostProcess) throws -> (id: String, open: () throws -> Void) {
    let file = try HostProcess.temporaryFolder().appending(path: "open")
    let answer = try host.post("/v1/queues/gate/messages", "\"\(file.path())\"")
    let body = try JSONSerialization.jsonObject(with: Data(answer.body)) as? [String: Any]
    let item = try #require((body?["items"] as? [[String: Any]])?.first)
    let id = try #require(item["invocation"] as? String)
    try host.until { try host.get("/v1/invocations/\(id)")["state"] as? String == "running" }
    return (id, { try Data().write(to: file) })
  }

  // MARK: Space

  /// Where this process may mount: a disk that is really full.
  private static let canMount: Bool = {
    guard geteuid() == 0, let folder = try? HostProcess.temporaryFolder() else { return false }
    guard mount("tmpfs", folder.path(), "tmpfs", 0, "size=64k") == 0 else { return false }
    return umount(folder.path()) == 0
  }()

  @Test(.enabled(if: canMount, "mounting a small disk is for root"))
  func `on a full disk what runs is written, what is new is refused, and space heals it`()
    async throws
  {
    let disk = try HostProcess.temporaryFolder()
    try #require(mount("tmpfs", disk.path(), "tmpfs", 0, "size=96m,mode=0700") == 0)
    defer { umount2(disk.path(), 2) }
    let data = disk.appending(path: "data")
    let host = try await host(on: data, more: ["--ballast", "16MiB"])
    let ballast = data.appending(path: "ballast").path()
    #expect(FileManager.default.fileExists(atPath: ballast))
    let (id, open) = try gate(host)

    let filler = try FileHandle(forWritingTo: Self.made(disk.appending(path: "filler")))
    let chunk = [UInt8](repeating: 1, count: 1 << 16)
    while write(filler.fileDescriptor, chunk, chunk.count) == chunk.count {}
    let acknowledged = try fill(host, until: isStoreRefusal)
    #expect(!FileManager.default.fileExists(atPath: ballast))
    #expect(try obstacle(host).contains("full"))

    // What ran before ends, and its end is on disk while new work is still refused.
    try open()
    try host.until { try host.get("/v1/invocations/\(id)")["state"] as? String == "succeeded" }
    #expect(try host.post("/v1/queues/echo/messages", "1").status == 503)
    let doctor = try HostProcess.apus("doctor", "--data", data.path())
    #expect(doctor.status == 1)
    for word in ["takes no events", "disk has only", "are used up", "free space"] {
      #expect(doctor.text.contains(word), "\(word): \(doctor.text)")
    }

    try #require(ftruncate(filler.fileDescriptor, 0) == 0)
    try host.until { try isReady(host) }
    #expect(FileManager.default.fileExists(atPath: ballast))
    #expect(try host.post("/v1/queues/echo/messages", "\"after\"").status == 202)
    try host.untilAllHasEnded()
    let echoes = try host.items("/v1/invocations?function=echo&limit=1000")
    #expect(echoes.count == acknowledged + 1)
    #expect(echoes.allSatisfy { $0["state"] as? String == "succeeded" })
    #expect(host.terminate() == 0)
    // Only now is all on file that it said.
    #expect(count("record cannot be written", in: host.said) == 1, "\(host.said)")
    #expect(count("record can be written again", in: host.said) == 1, "\(host.said)")
  }

  @Test(.enabled(if: canMount, "mounting a small disk is for root"))
  func `an operator's action that a full disk interrupts does each of its deeds once`()
    async throws
  {
    let disk = try HostProcess.temporaryFolder()
    try #require(mount("tmpfs", disk.path(), "tmpfs", 0, "size=96m,mode=0700") == 0)
    defer { umount2(disk.path(), 2) }
    let host = try await host(on: disk.appending(path: "data"), more: ["--ballast", "16MiB"])
    let letters = 200
    for _ in 0..<letters {
      #expect(try host.post("/v1/queues/fail/messages", "null").status == 202)
    }
    try host.untilAllHasEnded()
    let redrive = try HostProcess.apus(
      "dead-letters", "redrive", "--function", "fail", "--rate", "100/s", "--host", host.url)
    #expect(redrive.status == 0, "\(redrive.text)")
    let filler = try FileHandle(forWritingTo: Self.made(disk.appending(path: "filler")))
    let chunk = [UInt8](repeating: 1, count: 1 << 16)
    while write(filler.fileDescriptor, chunk, chunk.count) == chunk.count {}
    _ = try fill(host, until: isStoreRefusal)
    #expect(try !isReady(host))
    try #require(ftruncate(filler.fileDescriptor, 0) == 0)
    try host.until { try isReady(host) }
    try host.until {
      try host.items("/v1/actions").contains {
        $0["action"] as? String == "redrive" && $0["state"] as? String == "done"
          && $0["done"] as? Int == letters
      }
    }
    try host.untilAllHasEnded()
    let failed = try host.items("/v1/invocations?function=fail&limit=1000")
    #expect(failed.count == 2 * letters)
    #expect(failed.allSatisfy { $0["state"] as? String == "dead" })
    #expect(host.terminate() == 0)
  }

  @Test(.enabled(if: canMount, "mounting a small disk is for root"))
  func `a file system that takes no writes is named, with what to do about it`() async throws {
    let host = try await host(more: ["--ballast", "0"])
    #expect(try host.post("/v1/queues/echo/messages", "\"x\"").status == 202)
    try host.untilAllHasEnded()
    #expect(host.terminate() == 0)
    let disk = try HostProcess.temporaryFolder()
    try #require(mount("tmpfs", disk.path(), "tmpfs", 0, "size=96m,mode=0700") == 0)
    defer { umount2(disk.path(), 2) }
    let data = disk.appending(path: "data")
    try FileManager.default.copyItem(at: host.directory, to: data)
    for name in ["apus.db-wal", "apus.db-shm"] { unlink(data.appending(path: name).path()) }
    let killed = try await self.host(more: ["--ballast", "0"])
    #expect(try killed.post("/v1/queues/echo/messages", "\"x\"").status == 202)
    killed.kill()
    let left = disk.appending(path: "left")
    try FileManager.default.createDirectory(at: left, withIntermediateDirectories: true)
    for name in ["apus.db", "apus.db-wal"] {
      try FileManager.default.copyItem(
        at: killed.directory.appending(path: name), to: left.appending(path: name))
    }
    try #require(mount(nil, disk.path(), nil, Self.remount | Self.readOnly, nil) == 0)
    let refused = try start(on: data)
    #expect(refused.status == 1)
    #expect(refused.text.contains("Read-only file system"), "\(refused.text)")
    let doctor = try HostProcess.apus("doctor", "--data", data.path())
    #expect(doctor.status == 1)
    #expect(doctor.text.contains("takes no writes"), "\(doctor.text)")
    #expect(doctor.text.contains("remount,rw"), "\(doctor.text)")
    // What is there can be read and saved all the same.
    #expect(doctor.text.contains("last stop"), "\(doctor.text)")
    let sql = try HostProcess.apus(
      "sql", "SELECT count(*) AS n FROM invocations", "--data", data.path(), "--json")
    #expect(sql.status == 0, "\(sql.text)")
    let saved = try HostProcess.temporaryFolder().appending(path: "saved.apus").path()
    let backup = try HostProcess.apus("backup", saved, "--data", data.path())
    #expect(backup.status == 0, "\(backup.text)")
    #expect(backup.text.contains("1 invocations, 0 of them unfinished"), "\(backup.text)")
    for words in [["backup", "\(saved)2"], ["sql", "SELECT 1"], ["doctor"]] {
      let answer = try HostProcess.apus(words + ["--data", left.path()])
      #expect(answer.status == 1, "\(answer.text)")
      #expect(answer.text.contains("nothing may be written there to read it"), "\(answer.text)")
    }
    try #require(mount(nil, disk.path(), nil, Self.remount, "size=96m") == 0)
    let next = try await self.host(on: data, more: ["--ballast", "0"])
    #expect(try next.items("/v1/invocations?function=echo").count == 1)
    #expect(next.terminate() == 0)
  }

  // Of mount(2).
  private static let remount: UInt = 32
  private static let readOnly: UInt = 1

  private static func made(_ file: URL) throws -> URL {
    try Data().write(to: file)
    return file
  }

  @Test func `writes that fail refuse what is new, keep what ended, and heal`() async throws {
    // A write past the limit then fails like one to a broken disk, and does not end the process.
    let host = try await host(before: ["trap '' XFSZ"], more: ["--ballast", "0"])
    let (id, open) = try gate(host)
    // No file of the host may grow past this; to whoever writes it is an error of the disk.
    let log = host.directory.appending(path: "apus.db-wal").path()
    let size = try #require(
      try FileManager.default.attributesOfItem(atPath: log)[.size] as? Int)
    try limitFiles(of: host, to: size)
    let acknowledged = try fill(host, until: isStoreRefusal)
    #expect(try obstacle(host).contains("disk I/O error"))
    try open()
    try limitFiles(of: host, to: nil)
    try host.until { try isReady(host) }
    try host.until { try host.get("/v1/invocations/\(id)")["state"] as? String == "succeeded" }
    try host.untilAllHasEnded()
    #expect(try host.items("/v1/invocations?function=echo&limit=1000").count == acknowledged)
    #expect(host.terminate() == 0)
    #expect(count("record cannot be written", in: host.said) == 1, "\(host.said)")
  }

  private func limitFiles(of host: HostProcess, to bytes: Int?) throws {
    let size = bytes.map { "\($0)" } ?? "unlimited"
    let prlimit = try Process.run(
      URL(filePath: "/usr/bin/prlimit"),
      arguments: ["--pid", "\(host.processID)", "--fsize=\(size):unlimited"])
    prlimit.waitUntilExit()
    try #require(prlimit.terminationStatus == 0)
  }

  // MARK: Places

  @Test func `a store deleted under a host is noticed, and saved by it`() async throws {
    let host = try await host()
    for number in 0..<20 {
      #expect(try host.post("/v1/queues/echo/messages", "\"\(number)\"").status == 202)
    }
    try host.untilAllHasEnded()
    let (id, open) = try gate(host)
    for name in ["apus.db", "apus.db-wal", "apus.db-shm"] {
      unlink(host.directory.appending(path: name).path())
    }
    try host.until { try !isReady(host) }
    #expect(try obstacle(host).contains("deleted while a host works on it"))
    #expect(isStoreRefusal(try host.post("/v1/queues/echo/messages", "\"late\"")))
    let doctor = try HostProcess.apus("doctor", "--data", host.directory.path())
    #expect(doctor.status == 1)
    #expect(doctor.text.contains("until it ends"), "\(doctor.text)")
    #expect(doctor.text.contains("backup FILE --host URL"), "\(doctor.text)")
    try open()
    try host.until { try host.get("/v1/invocations/\(id)")["state"] as? String == "succeeded" }

    let saved = try HostProcess.temporaryFolder().appending(path: "saved.apus").path()
    let backup = try HostProcess.apus("backup", saved, "--host", host.url)
    #expect(backup.status == 0, "\(backup.text)")
    #expect(backup.text.contains("21 invocations, 0 of them unfinished"), "\(backup.text)")
    host.kill()
    let place = try HostProcess.temporaryFolder()
    #expect(access(saved + ".sha256", F_OK) == 0)
    let restore = try HostProcess.apus("restore", saved, "--data", place.path())
    #expect(restore.status == 0, "\(restore.text)")
    #expect(restore.text.contains("checked against its SHA-256"), "\(restore.text)")
    let next = try await self.host(on: place)
    #expect(try next.get("/v1/invocations/\(id)")["state"] as? String == "succeeded")
    #expect(try next.items("/v1/invocations?function=echo").count == 20)
    #expect(next.terminate() == 0)
  }

  @Test func `a second host is told who works here, by name`() async throws {
    let host = try await host()
    let second = try start(on: host.directory)
    #expect(second.status == 1)
    #expect(second.text.contains("another host (pid \(host.processID)) works here"), "\(second)")
    #expect(second.text.contains("stop it, or choose another directory"))
    #expect(host.terminate() == 0)
  }

  // MARK: What is left of a store

  private func start(on data: URL) throws -> (status: Int32, text: String) {
    try HostProcess.apus(
      "serve", "--manifests", HostProcess.manifests(Self.manifests).path(), "--worker",
      HostProcess.product("CrashingWorker").path(), "--data", data.path(), "--function-door",
      "127.0.0.1:0", "--control-door", "127.0.0.1:0")
  }

  enum Damage: String, CaseIterable {
    case foreignFile, otherProgram, empty, headGarbled, firstPageGarbled, cutShort, newer,
      logGarbled, logGone, logEmptied
    case gone

    /// Only a kill leaves one.
    var needsLog: Bool { [.logGarbled, .logGone, .logEmptied].contains(self) }

    /// In the words of the host, and of `apus doctor`.
    var words: [String] {
      switch self {
      case .foreignFile: ["damaged", "it was left as it is"]
      case .otherProgram: ["not a store of Apus", "move the file away"]
      case .empty: ["it was a store, and nothing is in it now", "put the file back"]
      case .headGarbled, .firstPageGarbled, .cutShort: ["damaged", "restore a backup"]
      case .newer: ["written by a newer Apus (schema 99", "start the newer one"]
      case .logGarbled: ["what was acknowledged last may stand in it", "move it aside"]
      case .logGone, .logEmptied:
        [
          "missing or emptied, though the last host did not end cleanly", "put that file back",
          "touch",
        ]
      case .gone: []
      }
    }
  }

  @Test(arguments: Damage.allCases.filter { $0 != .gone })
  func `a damaged or foreign store is refused, explained, and left as it is`(
    damage: Damage
  ) async throws {
    let host = try await host(more: ["--ballast", "0"])
    for number in 0..<10 {
      #expect(try host.post("/v1/queues/echo/messages", "\"\(number)\"").status == 202)
    }
    try host.untilAllHasEnded()
    if damage.needsLog { host.kill() } else { #expect(host.terminate() == 0) }
    let data = host.directory
    try harm(data, damage)
    let before = try contents(of: data)

    let early = try HostProcess.apus("doctor", "--data", data.path())
    #expect(!early.text.contains("nothing that was acknowledged is lost"), "\(early.text)")
    let refused = try start(on: data)
    #expect(refused.status == 1, "\(refused.text)")
    let doctor = try HostProcess.apus("doctor", "--data", data.path())
    #expect(doctor.status == 1, "\(doctor.text)")
    for word in damage.words {
      #expect(refused.text.contains(word), "host: \(refused.text)")
      #expect(doctor.text.contains(word), "doctor: \(doctor.text)")
    }
    #expect(try contents(of: data) == before)
  }

  private func contents(of data: URL) throws -> [Data?] {
    ["apus.db", "apus.db-wal"].map {
      let found = FileManager.default.contents(atPath: data.appending(path: $0).path())
      // To look at a store makes an empty log beside it.
      return found?.isEmpty == true && $0 != "apus.db" ? nil : found
    }
  }

  private func harm(_ data: URL, _ damage: Damage) throws {
    let store = data.appending(path: "apus.db")
    let garbage = Data(repeating: 0xA5, count: 2_000)
    switch damage {
    case .foreignFile: try Data(repeating: UInt8(ascii: "x"), count: 5_000).write(to: store)
    case .otherProgram:
      try Self.otherDatabase.write(to: store)
    case .empty: try Data().write(to: store)
    case .headGarbled: try overwrite(store, at: 0, Data("garbled".utf8))
    case .firstPageGarbled: try overwrite(store, at: 100, garbage)
    case .cutShort: #expect(truncate(store.path(), 4_096 * 3) == 0)
    case .newer: try overwrite(store, at: 60, Data([0, 0, 0, 99]))
    case .logGarbled:
      try overwrite(data.appending(path: "apus.db-wal"), at: 0, Data(repeating: 0xEE, count: 32))
    case .logGone: #expect(unlink(data.appending(path: "apus.db-wal").path()) == 0)
    case .logEmptied: #expect(truncate(data.appending(path: "apus.db-wal").path(), 0) == 0)
    case .gone: break
    }
  }

  private func overwrite(_ file: URL, at offset: UInt64, _ bytes: Data) throws {
    let handle = try FileHandle(forWritingTo: file)
    try handle.seek(toOffset: offset)
    try handle.write(contentsOf: bytes)
    try handle.close()
  }

  /// One page: the head of a database that says of nobody whose it is, and an empty table of tables
  /// that was used once.
  private static let otherDatabase: Data = {
    var page = [UInt8](repeating: 0, count: 4_096)
    page.replaceSubrange(0..<16, with: Array("SQLite format 3\u{0}".utf8))
    page.replaceSubrange(16..<24, with: [16, 0, 1, 1, 0, 64, 32, 32])
    page.replaceSubrange(24..<32, with: [0, 0, 0, 1, 0, 0, 0, 1])
    page.replaceSubrange(40..<48, with: [0, 0, 0, 1, 0, 0, 0, 4])
    page.replaceSubrange(56..<64, with: [0, 0, 0, 1, 0, 0, 0, 7])
    page.replaceSubrange(92..<100, with: [0, 0, 0, 1, 0, 0x2E, 0x60, 0x10])
    page.replaceSubrange(100..<108, with: [13, 0, 0, 0, 0, 16, 0, 0])
    return Data(page)
  }()

  @Test func `a start after a kill says so once, and what it took up`() async throws {
    let host = try await host(more: ["--ballast", "0"])
    let (_, open) = try gate(host)
    host.kill()
    try open()
    let next = try await self.host(on: host.directory, more: ["--ballast", "0"])
    try next.untilAllHasEnded()
    #expect(next.terminate() == 0)
    #expect(
      next.said.contains(
        "the last host did not end cleanly: what it left is taken up given-back=1 unfinished=1"),
      "\(next.said)")
    let third = try await self.host(on: host.directory, more: ["--ballast", "0"])
    #expect(third.terminate() == 0)
    #expect(count("did not end cleanly", in: third.said) <= 1, "\(third.said)")
  }

  @Test func `a page garbled in the middle is found by a full reading`() async throws {
    let host = try await host(more: ["--ballast", "0"])
    for number in 0..<50 {
      #expect(try host.post("/v1/queues/echo/messages", "\"\(number)\"").status == 202)
    }
    try host.untilAllHasEnded()
    #expect(host.terminate() == 0)
    let store = host.directory.appending(path: "apus.db")
    let size = try #require(
      try FileManager.default.attributesOfItem(atPath: store.path())[.size] as? Int)
    for page in stride(from: 4, to: size / 4_096, by: 2) {
      try overwrite(store, at: UInt64(page * 4_096), Data(repeating: 0xA5, count: 300))
    }
    let doctor = try HostProcess.apus("doctor", "--full", "--data", host.directory.path())
    #expect(doctor.status == 1, "\(doctor.text)")
    #expect(doctor.text.contains("damaged"), "\(doctor.text)")
    #expect(doctor.text.contains("restore a backup"), "\(doctor.text)")
    let copy = try HostProcess.temporaryFolder().appending(path: "x.apus").path()
    let backup = try HostProcess.apus("backup", copy, "--data", host.directory.path())
    #expect(backup.status == 1, "a damaged store makes no backup: \(backup.text)")
    #expect(access(copy, F_OK) != 0)
  }
}
