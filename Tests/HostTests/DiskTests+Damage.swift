// Stores that are damaged, foreign or were left in a hurry.
import EventLoop
import Foundation
import Glibc
import HTTP
import Testing

extension DiskTests {
  func start(on data: URL) throws -> (status: Int32, text: String) {
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

  @Test func `a host that is refused leaves nothing but its lock beside a foreign file`() throws {
    let data = try HostProcess.temporaryFolder()
    try Self.otherDatabase.write(to: data.appending(path: "apus.db"))
    let refused = try start(on: data)
    #expect(refused.status == 1)
    #expect(refused.text.contains("not a store of Apus (R002)"), "\(refused.text)")
    #expect(
      try FileManager.default.contentsOfDirectory(atPath: data.path()).sorted() == [
        "apus.db", "lock",
      ])
  }

  func contents(of data: URL) throws -> [Data?] {
    ["apus.db", "apus.db-wal"].map {
      let found = FileManager.default.contents(atPath: data.appending(path: $0).path())
      // To look at a store makes an empty log beside it.
      return found?.isEmpty == true && $0 != "apus.db" ? nil : found
    }
  }

  func harm(_ data: URL, _ damage: Damage) throws {
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

  func overwrite(_ file: URL, at offset: UInt64, _ bytes: Data) throws {
    let handle = try FileHandle(forWritingTo: file)
    try handle.seek(toOffset: offset)
    try handle.write(contentsOf: bytes)
    try handle.close()
  }

  /// One page: the head of a database that says of nobody whose it is, and an empty table of tables
  /// that was used once.
  static let otherDatabase: Data = {
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
