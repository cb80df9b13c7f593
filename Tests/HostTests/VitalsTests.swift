import Foundation
import Glibc
import HTTP
import Testing

/// How a host tells of itself: its process, its workers and its store.
@Suite(.serialized)
struct VitalsTests {
  private func host() async throws -> HostProcess {
    try await HostProcess.start(
      manifests: HostProcess.manifests([
        """
        function: echo
        handler: Echo
        triggers:
          - queue: echo
        """
      ]), worker: "CrashingWorker", data: HostProcess.temporaryFolder())
  }

  @Test func `the host, its workers and its store are told of with what they cost`() async throws {
    let host = try await host()
    _ = try host.post("/v1/queues/echo/messages", "\"hello\"")
    try host.untilAllHasEnded()

    let own = try host.get("/v1/host")
    #expect(own["pid"] as? Int32 == host.processID)
    #expect(own["ready"] as? Bool == true)
    #expect(own["boot"] as? Int == 1)
    #expect(try #require(own["memoryBytes"] as? Int) > 1 << 20)
    #expect(try #require(own["memoryPeakBytes"] as? Int) >= 1 << 20)
    #expect(own["cpuMs"] is Double)
    #expect(try #require(own["uptimeMs"] as? Int) >= 0)
    #expect(own["workersStarted"] as? Int == 1)

    let worker = try #require(try host.items("/v1/workers").first)
    #expect(worker["functions"] as? [String] == ["echo"])
    #expect(worker["state"] as? String == "ready")
    #expect(worker["release"] as? Int == 1)
    #expect(worker["attempts"] as? Int == 1)
    #expect(worker["inFlight"] as? Int == 0)
    #expect(try #require(worker["memoryBytes"] as? Int) > 1 << 20)
    #expect(Glibc.kill(try #require(worker["pid"] as? Int32), 0) == 0)

    let store = try host.get("/v1/store")
    #expect(store["durability"] as? String == "disk")
    #expect(store["stalled"] is NSNull)
    #expect(try #require(store["commits"] as? Int) > 0)
    #expect(store["accepted"] as? Int == 1 && store["ended"] as? Int == 1)
    #expect(try #require(store["fileBytes"] as? Int) > 0)
    #expect(store["deadLetters"] as? Int == 0)
    let oldest = try #require(store["oldestId"] as? String)
    #expect(try host.get("/v1/invocations/\(oldest)")["function"] as? String == "echo")
    #expect(store["oldestUnfinishedId"] is NSNull)
    let echo = try host.get("/v1/functions/echo")["sinceStart"] as? [String: Any]
    #expect(echo?["started"] as? Int == 1 && echo?["accepted"] as? Int == 1)
    host.kill()
  }

  @Test func `these calls are asked with GET and without parameters`() async throws {
    let host = try await host()
    for path in ["/v1/host", "/v1/workers", "/v1/store"] {
      #expect(try host.controlDoor.send("POST", path).status == 405)
      #expect(try host.controlDoor.send("GET", "\(path)?limit=1").status == 400)
      #expect(try host.controlDoor.send("GET", "\(path)/more").status == 404)
    }
    host.kill()
  }
}
