import Foundation
import Glibc
import HTTP
import Testing
import Workers

/// Handlers that take what is not theirs, on a real host: each limit is named on the invocation, and
/// the host and the other functions go on.
@Suite(.serialized, .timeLimit(.minutes(5)))
struct MisbehaviourTests {
  private func host(
    _ manifests: [String], environment: [String: String] = [:]
  ) async throws -> HostProcess {
    try await HostProcess.start(
      manifests: HostProcess.manifests(manifests), worker: "CrashingWorker",
      data: HostProcess.temporaryFolder(), environment: environment)
  }

  private func send(_ queue: String, _ data: String, to host: HostProcess) throws -> String {
    let response = try host.post("/v1/queues/\(queue)/messages", data)
    try #require(response.status == 202)
    let answer = try JSONSerialization.jsonObject(with: Data(response.body)) as? [String: Any]
    let item = try #require((answer?["items"] as? [[String: Any]])?.first)
    return try #require(item["invocation"] as? String)
  }

  /// What is told of the invocation once it has ended.
  private func end(of id: String, on host: HostProcess) throws -> [String: Any] {
    try host.until {
      let state = try host.get("/v1/invocations/\(id)")["state"] as? String
      return state == "dead" || state == "succeeded"
    }
    return try host.get("/v1/invocations/\(id)")
  }

  private func error(_ story: [String: Any]) -> (code: String, message: String) {
    let error = story["error"] as? [String: Any]
    return (error?["code"] as? String ?? "", error?["message"] as? String ?? "")
  }

  private func messages(_ story: [String: Any]) -> [String] {
    (story["logs"] as? [[String: Any]] ?? []).compactMap { $0["message"] as? String }
  }

  private func expectThatEchoAnswers(_ host: HostProcess) throws {
    #expect(try host.post("/v1/functions/echo/invoke", "\"on\"").body == Array("\"on\"".utf8))
  }

  @Test func `each limit is named by the invocation that passed it`() async throws {
    let host = try await host([
      TroubleTests.manifest("echo", "Echo"),
      TroubleTests.manifest("large", "Large", "limits: { result: 1KiB }"),
      TroubleTests.manifest("emit-many", "EmitMany", "limits: { emits: 3 }"),
      TroubleTests.manifest("log-many", "LogMany", "limits: { logLines: 5 }"),
      TroubleTests.manifest("balloon", "Balloon", "limits: { memory: 64MiB }"),
      TroubleTests.manifest("receipts", "Echo"),
    ])
    let large = error(try end(of: send("large", "2000", to: host), on: host))
    #expect(large.code == "result-too-large")
    #expect(large.message == "the result has 2002 bytes; 'limits.result' allows 1024")
    let story = try end(of: send("emit-many", "4", to: host), on: host)
    #expect(error(story).code == "too-many-emits")
    #expect((story["emitted"] as? [Any])?.isEmpty == true)
    let logged = try end(of: send("log-many", "100", to: host), on: host)
    #expect(logged["state"] as? String == "succeeded")
    #expect(
      messages(logged) == (0..<5).map(String.init) + [
        "more than 5 lines ('limits.logLines'): the rest of this attempt's log is dropped"
      ])
    let balloon = try end(of: send("balloon", "null", to: host), on: host)
    #expect(balloon["reason"] as? String == "crashed")
    #expect(error(balloon).code == "out-of-memory")
    #expect(error(balloon).message.contains("'limits.memory' of its functions is 64 MiB"))
    try expectThatEchoAnswers(host)
    let functions = try host.items("/v1/functions")
    let limits = functions.first { $0["name"] as? String == "balloon" }?["limits"]
    #expect((limits as? [String: Any])?["memory"] as? Int == 64 << 20)
    #expect(host.terminate() == 0)
  }

  @Test func `a handler that ends the process, or what is in it, has used its attempts`()
    async throws
  {
    let host = try await host([
      TroubleTests.manifest("echo", "Echo"), TroubleTests.manifest("exit", "Exit"),
      TroubleTests.manifest("close-all", "CloseAll"),
      TroubleTests.manifest("overflow", "Overflow"),
      TroubleTests.manifest("fork-and-exit", "ForkAndExit"),
      TroubleTests.manifest("deaf", "Deaf", "timeout: 200ms"),
    ])
    for (queue, data, reason) in [
      ("exit", "0", "crashed"), ("exit", "1", "crashed"), ("close-all", "null", "crashed"),
      ("overflow", "0", "crashed"), ("fork-and-exit", "null", "crashed"),
      ("deaf", "null", "exhausted"),
    ] {
      let story = try end(of: send(queue, data, to: host), on: host)
      #expect(story["reason"] as? String == reason, "\(queue)")
      #expect((story["attempts"] as? [Any])?.count == 2, "\(queue)")
      try expectThatEchoAnswers(host)
    }
    #expect(host.terminate() == 0)
  }

  // A sanitizer keeps what was freed.
  @Test(.enabled(if: WorkerSettings().boundsData))
  func `a flood of lines and of raw bytes does not grow the host`() async throws {
    let host = try await host([
      TroubleTests.manifest("echo", "Echo"),
      TroubleTests.manifest("flood-pipes", "FloodPipes", "timeout: 5m"),
      TroubleTests.manifest("log-large", "LogLarge", "timeout: 5m"),
    ])
    // Several at once: then nobody knows whose the raw bytes are.
    let calls = (0..<4).flatMap { _ in [("flood-pipes", "2"), ("log-large", "200")] }
    let address = host.control
    DispatchQueue.concurrentPerform(iterations: calls.count) { number in
      let client = HTTPClient(address, readTimeout: .seconds(300))
      let (function, data) = calls[number]
      let answer = try? client.send(  // nil is no 200 either
        "POST", "/v1/functions/\(function)/invoke",
        headers: [("Content-Type", "application/json")], body: Array(data.utf8))
      #expect(answer.map { 200..<300 ~= $0.status } == true)
    }
    try expectThatEchoAnswers(host)
    let peak = try #require(try host.get("/v1/host")["memoryPeakBytes"] as? Int)
    #expect(peak < 512 << 20, "\(peak >> 20) MiB")
    #expect(host.terminate() == 0)
  }

  @Test func `workers that do not start make their functions unhealthy, and no others`()
    async throws
  {
    let file = try HostProcess.temporaryFolder().appending(path: "broken").path()
    let host = try await host([
      TroubleTests.manifest("echo", "Echo"),
      TroubleTests.manifest("exit", "Exit", "environment: { FAILS_WHILE_THERE: \(file) }"),
      TroubleTests.manifest("other", "Echo", "environment: { FAILS_WHILE_THERE: \(file) }"),
    ])
    #expect(FileManager.default.createFile(atPath: file, contents: nil))
    let exit = try send("exit", "1", to: host)
    func state(_ name: String) throws -> [String: Any] {
      try host.get("/v1/functions/\(name)")
    }
    // Each call is an event of the stream, and shows that echo is not held up.
    while try state("exit")["state"] as? String != "unhealthy" { try expectThatEchoAnswers(host) }
    #expect(try state("other")["state"] as? String == "unhealthy")
    #expect((try state("exit")["problem"] as? String)?.contains("exit status 7") == true)
    #expect(try state("echo")["state"] as? String == "active")
    let waiting = try send("other", "\"later\"", to: host)
    try FileManager.default.removeItem(atPath: file)
    #expect(try end(of: waiting, on: host)["state"] as? String == "succeeded")
    #expect(try end(of: exit, on: host)["reason"] as? String == "crashed")
    #expect(try state("exit")["state"] as? String == "active")
    #expect(host.terminate() == 0)
  }

  @Test func `no worker outlives a killed host, not even one that is stopped`() async throws {
    let lock = try HostProcess.temporaryFolder().appending(path: "held").path()
    let host = try await host([
      TroubleTests.manifest("echo", "Echo"), TroubleTests.manifest("hold-lock", "HoldLock"),
      TroubleTests.manifest("deaf", "Deaf"),
    ])
    let id = try send("hold-lock", "\"\(lock)\"", to: host)
    var pid: pid_t = 0
    // Each call makes the log go to disk.
    while pid == 0 {
      try expectThatEchoAnswers(host)
      pid = try messages(host.get("/v1/invocations/\(id)")).first.flatMap { pid_t($0) } ?? 0
    }
    for _ in 0..<2 { _ = try send("deaf", "null", to: host) }
    #expect(kill(pid, SIGSTOP) == 0)
    host.kill()
    // The kernel lets go of a lock only when its process has gone.
    let file = open(lock, O_RDWR)
    defer { close(file) }
    #expect(flock(file, LOCK_EX) == 0)
  }
}
