import Foundation
import HTTP
import Testing

/// Handlers that crash, hang and do not fit, on a real host with real workers.
@Suite(.serialized)
struct TroubleTests {
  static func manifest(_ name: String, _ handler: String, _ more: String = "") -> String {
    """
    function: \(name)
    handler: \(handler)
    triggers:
      - queue: \(name)
    retry: { attempts: 2, first: 1ms, jitter: none }
    \(more)
    """
  }

  func host(_ manifests: [String]) async throws -> HostProcess {
    try await HostProcess.start(
      manifests: HostProcess.manifests(manifests), worker: "CrashingWorker",
      data: HostProcess.temporaryFolder())
  }

  @Test func `a trap is named, has its backtrace in its log and costs the others nothing`()
    async throws
  {
    let host = try await host([
      Self.manifest("trap", "OutOfRange"), Self.manifest("echo", "Echo"),
      Self.manifest("wait", "Wait"),
    ])
    let waiting = try id(of: host.post("/v1/queues/wait/messages", "null"))
    let trap = try id(of: host.post("/v1/queues/trap/messages", "7"))
    try until(host, trap, is: "dead")
    let story = try host.get("/v1/invocations/\(trap)")
    #expect(story["reason"] as? String == "crashed")
    #expect((story["attempts"] as? [Any])?.count == 2)
    let log = (story["logs"] as? [[String: Any]] ?? []).compactMap { $0["message"] as? String }
    #expect(log.contains { $0.contains("Index out of range") }, "\(log)")
    // The worker is back, and what ran beside the crash runs again with nothing counted against it.
    let echo = try host.post("/v1/functions/echo/invoke", "\"hello\"")
    #expect(echo.body == Array("\"hello\"".utf8))
    let other = try host.get("/v1/invocations/\(waiting)")
    #expect(other["state"] as? String == "running")
    #expect(other["failures"] as? Int == 0)
    host.kill()
  }

  @Test func `a handler that blocks past its deadline costs its worker, not the host`() async throws
  {
    let host = try await host([
      Self.manifest("block", "Block", "timeout: 200ms"), Self.manifest("echo", "Echo"),
    ])
    let blocked = try id(of: host.post("/v1/queues/block/messages", "null"))
    try until(host, blocked, is: "dead")
    let story = try host.get("/v1/invocations/\(blocked)")
    #expect(story["reason"] as? String == "exhausted")
    let outcomes = (story["attempts"] as? [[String: Any]] ?? []).map { $0["outcome"] as? String }
    #expect(outcomes == ["timed-out", "timed-out"])
    let echo = try host.post("/v1/functions/echo/invoke", "\"hello\"")
    #expect(echo.status == 200)
    host.kill()
  }

  @Test func `a stream by queue or key tells all of those invocations and nothing of others`()
    async throws
  {
    let host = try await host([Self.manifest("echo", "Echo"), Self.manifest("other", "Echo")])
    let follower = HTTPClient(host.control, readTimeout: .seconds(300))
    var told = ""
    var isSent = false
    let path = "/v1/stream?queue=echo&key=%2Fqueues%2Fecho%20wanted"
    _ = try follower.stream("GET", path) { bytes in
      told += String(decoding: bytes, as: UTF8.self)
      if !isSent {
        isSent = true
        for (queue, id) in [("other", "wanted"), ("echo", "else"), ("echo", "wanted")] {
          // A refusal shows in what is told.
          _ = try? host.post("/v1/queues/\(queue)/messages?id=\(id)", "\"x\"")
        }
      }
      return !told.contains("event: ended")
    }
    for name in ["accepted", "started", "ended"] {
      #expect(told.components(separatedBy: "event: \(name)\n").count == 2, "\(name): \(told)")
    }
    #expect(try host.controlDoor.send("GET", "/v1/stream?since=1d").status == 400)
    host.kill()
  }

  @Test func `a timer that has not fired yet keeps its mark over a restart`() async throws {
    let manifests = try HostProcess.manifests([
      """
      function: once
      handler: Wait
      triggers:
        - timer: { at: 2099-01-01T00:00:00Z }
      """
    ])
    let data = try HostProcess.temporaryFolder()
    var marks: [String?] = []
    for _ in 0..<2 {
      let host = try await HostProcess.start(
        manifests: manifests, worker: "CrashingWorker", data: data)
      marks.append(try host.items("/v1/timers").first?["mark"] as? String)
      #expect(host.terminate() == 0)
    }
    #expect(marks[0] != nil && marks[0] == marks[1])
  }

  @Test func `an input that does not fit is dead at once`() async throws {
    let host = try await host([Self.manifest("echo", "Echo")])
    let id = try id(of: host.post("/v1/queues/echo/messages", "{\"not\":\"text\"}"))
    try until(host, id, is: "dead")
    let story = try host.get("/v1/invocations/\(id)")
    #expect(story["reason"] as? String == "undecodable")
    #expect((story["attempts"] as? [Any])?.count == 1)
    #expect(host.terminate() == 0)
  }

  @Test func `a second host on the same directory is refused`() async throws {
    let data = try HostProcess.temporaryFolder()
    let manifests = try HostProcess.manifests([Self.manifest("echo", "Echo")])
    let host = try await HostProcess.start(
      manifests: manifests, worker: "CrashingWorker", data: data)
    let second = Process()
    second.executableURL = HostProcess.product("apus")
    second.arguments = [
      "serve", "--manifests", manifests.path(), "--worker",
      HostProcess.product("CrashingWorker").path(), "--data", data.path(), "--function-door",
      "127.0.0.1:0", "--control-door", "127.0.0.1:0",
    ]
    second.standardError = FileHandle.nullDevice
    second.standardOutput = FileHandle.nullDevice
    try second.run()
    second.waitUntilExit()
    #expect(second.terminationStatus == 1)
    #expect(host.terminate() == 0)
  }

  @Test func `the doors answer only what they are for`() async throws {
    let host = try await host([Self.manifest("echo", "Echo")])
    #expect(try host.functionDoor.send("GET", "/v1/functions").status == 404)
    #expect(try host.controlDoor.send("GET", "/nothing").status == 404)
    #expect(try host.controlDoor.send("DELETE", "/v1/functions").status == 405)
    #expect(try host.controlDoor.send("GET", "/healthz").status == 200)
    #expect(try host.controlDoor.send("GET", "/metrics").status == 200)
    let foreign = try host.controlDoor.send(
      "GET", "/v1/functions", headers: [("Origin", "http://evil.example")])
    #expect(foreign.status == 403)
    #expect(try host.post("/v1/queues/none/messages", "1").status == 404)
    #expect(try host.post("/v1/queues/echo/messages", "{bad").status == 400)
    #expect(host.terminate() == 0)
  }

  @Test func `a token is asked for where one is set`() async throws {
    let host = try await HostProcess.start(
      manifests: HostProcess.manifests([Self.manifest("echo", "Echo")]), worker: "CrashingWorker",
      data: HostProcess.temporaryFolder(), environment: ["APUS_TOKEN": "s3cret"])
    #expect(try host.controlDoor.send("GET", "/v1/functions").status == 401)
    let wrong = try host.controlDoor.send(
      "GET", "/v1/functions", headers: [("Authorization", "Bearer s3creT")])
    #expect(wrong.status == 401)
    let right = try host.controlDoor.send(
      "GET", "/v1/functions", headers: [("Authorization", "Bearer s3cret")])
    #expect(right.status == 200)
    #expect(host.terminate() == 0)
  }

  private func id(of response: HTTPClientResponse) throws -> String {
    #expect(response.status == 202)
    let answer = try JSONSerialization.jsonObject(with: Data(response.body)) as? [String: Any]
    let item = try #require((answer?["items"] as? [[String: Any]])?.first)
    return try #require(item["invocation"] as? String)
  }

  private func until(_ host: HostProcess, _ id: String, is state: String) throws {
    try host.until { try host.get("/v1/invocations/\(id)")["state"] as? String == state }
  }
}
