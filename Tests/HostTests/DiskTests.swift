import EventLoop
import Foundation
import Glibc
import HTTP
import Testing

/// Disks that are full, fail, freeze, or lose their files, under a real host with real workers.
@Suite(.serialized)
struct DiskTests {
  static let manifests = [
    TroubleTests.manifest("gate", "Gate", "concurrency: 4"),
    TroubleTests.manifest("echo", "Echo"), TroubleTests.manifest("fail", "Fail"),
  ]

  func host(
    on data: URL? = nil, before: [String] = [], more: [String] = []
  ) async throws -> HostProcess {
    try await HostProcess.start(
      manifests: HostProcess.manifests(Self.manifests), worker: "CrashingWorker",
      data: data ?? HostProcess.temporaryFolder(), before: before,
      more: more)
  }

  func isReady(_ host: HostProcess) throws -> Bool {
    try host.controlDoor.send("GET", "/readyz").status == 200
  }

  func obstacle(_ host: HostProcess) throws -> String {
    let answer = try host.controlDoor.send("GET", "/readyz")
    return answer.status == 503 ? String(decoding: answer.body, as: UTF8.self) : ""
  }

  /// Accepts until it is refused; how many were acknowledged.
  func fill(_ host: HostProcess, until refused: (HTTPClientResponse) -> Bool) throws -> Int {
    let large = "\"" + String(repeating: "x", count: 60_000) + "\""
    for acknowledged in 0..<100_000 {
      let answer = try host.post("/v1/queues/echo/messages", large)
      if refused(answer) { return acknowledged }
      #expect(answer.status == 202)
    }
    Issue.record("nothing was refused")
    return 0
  }

  func isStoreRefusal(_ answer: HTTPClientResponse) -> Bool {
    guard answer.status == 503 else { return false }
    #expect(String(decoding: answer.body, as: UTF8.self).contains("store-unavailable"))
    #expect(answer.headers[first: "Retry-After"] != nil)
    return true
  }

  func count(_ needle: String, in text: String) -> Int {
    text.components(separatedBy: needle).count - 1
  }

  /// Something that runs until `open` is called, and its id.
  func gate(_ host: HostProcess) throws -> (id: String, open: () throws -> Void) {
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
  static let canMount: Bool = {
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
  static let remount: UInt = 32
  static let readOnly: UInt = 1

  static func made(_ file: URL) throws -> URL {
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

  func limitFiles(of host: HostProcess, to bytes: Int?) throws {
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
    #expect(
      second.text.contains("another host (pid \(host.processID)) works here (R001)"), "\(second)")
    #expect(second.text.contains("stop it, or choose another directory"))
    #expect(host.terminate() == 0)
  }

}
