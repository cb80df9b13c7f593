import Foundation
import Glibc
import HTTP
import Synchronization
import Testing

/// `apus backup` of a host at work, and `apus restore` of what it wrote, as processes of their own.
@Suite(.serialized)
struct KeepingTests {
  private func host(on data: URL, _ manifests: URL) async throws -> HostProcess {
    try await HostProcess.start(manifests: manifests, worker: "CrashingWorker", data: data)
  }

  private func invocation(_ answer: HTTPClientResponse) throws -> String {
    #expect(answer.status == 202)
    let body = try JSONSerialization.jsonObject(with: Data(answer.body)) as? [String: Any]
    return try #require(
      (body?["items"] as? [[String: Any]])?.first?["invocation"] as? String)
  }

  @Test func `what was acknowledged before a backup under load is there, and is finished`()
    async throws
  {
    let gate = try HostProcess.temporaryFolder().appending(path: "open")
    let manifests = try HostProcess.manifests([
      TroubleTests.manifest("echo", "Echo"),
      TroubleTests.manifest("gate", "Gate", "concurrency: 2"),
    ])
    let host = try await host(on: HostProcess.temporaryFolder(), manifests)
    var before: [String] = []
    for number in 0..<100 {
      before.append(try invocation(host.post("/v1/queues/echo/messages?id=e\(number)", "\"x\"")))
    }
    // Two that run and two that wait for them, at the moment of the backup.
    var open: [String] = []
    for _ in 0..<4 {
      open.append(try invocation(host.post("/v1/queues/gate/messages", "\"\(gate.path())\"")))
    }
    let isOver = Atomic<Bool>(false)
    let control = host.control
    let load = Thread {
      let client = HTTPClient(control)
      while !isOver.load(ordering: .relaxed) {
        // What comes after the backup has begun may be in it or not.
        _ = try? client.send(
          "POST", "/v1/queues/echo/messages", headers: [("Content-Type", "application/json")],
          body: Array("\"load\"".utf8))
      }
    }
    load.start()
    let file = try HostProcess.temporaryFolder().appending(path: "shop.apus").path()
    let backup = try HostProcess.apus("backup", file, "--data", host.directory.path(), "--json")
    isOver.store(true, ordering: .relaxed)
    #expect(backup.status == 0, "\(backup.text)")
    let told = try #require(
      try JSONSerialization.jsonObject(with: Data(backup.text.utf8)) as? [String: Any])
    #expect((told["executables"] as? [String])?.count == 1)
    #expect((told["invocations"] as? Int ?? 0) >= 104)
    var status = stat()
    #expect(stat(file, &status) == 0 && status.st_mode & 0o777 == 0o600)
    let twice = try HostProcess.apus("backup", file, "--data", host.directory.path())
    #expect(twice.status == 1 && twice.text.contains("nothing is overwritten"), "\(twice.text)")
    // Neither over the store of a host, nor over one that is at rest.
    let running = try HostProcess.apus("restore", file, "--data", host.directory.path())
    #expect(running.status == 1)
    #expect(running.text.contains("pid \(host.processID)"), "\(running.text)")
    host.kill()
    let there = try HostProcess.apus("restore", file, "--data", host.directory.path())
    #expect(there.status == 1 && there.text.contains("there is a store already"), "\(there.text)")

    let place = try HostProcess.temporaryFolder().appending(path: "new")
    let restore = try HostProcess.apus("restore", file, "--data", place.path())
    #expect(restore.status == 0, "\(restore.text)")
    for word in [
      "events accepted after that are not in it", "keys used since are not known",
      "no tokens came with it", "apus tokens create", "checked against its SHA-256",
    ] {
      #expect(restore.text.contains(word), "\(restore.text)")
    }
    let next = try await self.host(on: place, manifests)
    try Data().write(to: gate)
    try next.untilAllHasEnded()
    for id in before + open {
      let found = try next.get("/v1/invocations/\(id)")
      #expect(found["state"] as? String == "succeeded", "\(id)")
      #expect(found["failures"] as? Int == 0, "\(id)")
    }
    let again = try next.post("/v1/queues/echo/messages?id=e7", "\"x\"")
    #expect(String(decoding: again.body, as: UTF8.self).contains("\"duplicate\":true"))
    // The live release came along with its executable.
    let releases = try FileManager.default.contentsOfDirectory(
      atPath: place.appending(path: "executables").path())
    #expect(releases == told["executables"] as? [String])
    #expect(next.terminate() == 0)
  }

  @Test func `a backup needs no host`() async throws {
    let manifests = try HostProcess.manifests([TroubleTests.manifest("echo", "Echo")])
    let host = try await host(on: HostProcess.temporaryFolder(), manifests)
    _ = try invocation(host.post("/v1/queues/echo/messages", "\"x\""))
    try host.untilAllHasEnded()
    #expect(host.terminate() == 0)
    let file = try HostProcess.temporaryFolder().appending(path: "shop.apus").path()
    let backup = try HostProcess.apus("backup", file, "--data", host.directory.path())
    #expect(backup.status == 0, "\(backup.text)")
    #expect(backup.text.contains("1 invocations, 0 of them unfinished"), "\(backup.text)")
    unlink(file + ".sha256")
    let place = try HostProcess.temporaryFolder()
    try Data("{}".utf8).write(to: place.appending(path: "tokens.json"))
    let restore = try HostProcess.apus("restore", file, "--data", place.path())
    #expect(
      restore.text.contains("without its digest: \(file).sha256 is not beside it"),
      "\(restore.text)")
    #expect(!restore.text.contains("no tokens came with it"), "\(restore.text)")
    let none = try HostProcess.apus(
      "backup", file + "2", "--data", HostProcess.temporaryFolder().path())
    #expect(none.status == 1 && none.text.contains("No such file"), "\(none.text)")
  }
}
