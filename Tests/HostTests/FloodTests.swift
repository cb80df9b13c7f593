// A flood at the function door of a real host that may open few descriptors: operators still get in,
// workers still start, and afterwards all is as before.

import Foundation
import Testing

@testable import HTTP

struct FloodTests {
  static let manifests = [
    "function: echo\nhandler: Echo\ntriggers:\n  - queue: echo\n  - http: POST /echo\n",
    "function: trap\nhandler: Trap\ntriggers:\n  - queue: trap\nretry: { attempts: 1 }\n",
  ]

  @Test func `a flooded function door keeps out neither operators nor workers`() async throws {
    let data = try HostProcess.temporaryFolder()
    let host = try await HostProcess.start(
      manifests: HostProcess.manifests(Self.manifests), worker: "CrashingWorker", data: data,
      before: ["ulimit -n 220"])
    defer { host.kill() }
    let flood = try (0..<400).map { _ in
      try ClientSocket.connect(to: host.functionAddress, timeout: .seconds(20))
    }
    // Whoever is let in, an operator is among them: by TCP and by the socket in the data directory.
    let socket = HTTPClient(.unix(path: data.appending(path: "control.sock").path()))
    #expect(try socket.send("GET", "/healthz").status == 200)
    #expect(try HTTPClient(host.control).send("GET", "/readyz").status == 200)
    try host.until(in: .seconds(60)) {
      try host.refusals(at: "function", "too-many-connections") > 0
    }

    // A worker that falls is replaced: there are descriptors left for it.
    #expect(try host.post("/v1/queues/trap/messages", "null").status == 202)
    try host.until { try host.unfinished() == 0 }
    let echo = try host.post("/v1/functions/echo/invoke", "\"hello\"")
    #expect(echo.body == Array("\"hello\"".utf8))
    #expect(try host.metric("apus_workers_lost_total") == 1)

    for socket in flood { socket.close() }
    try host.untilFunctionDoorAnswers()
    #expect(try host.metric("apus_http_accept_pauses_total{door=\"control\"}") == 0)
  }

  @Test func `without one descriptor left the host waits, and goes on when there are some`()
    async throws
  {
    let data = try HostProcess.temporaryFolder()
    // Some 28 are its own; the least that the doors may take is more than the rest.
    let host = try await HostProcess.start(
      manifests: HostProcess.manifests(Self.manifests), worker: "CrashingWorker", data: data,
      before: ["ulimit -n 60"])
    defer { host.kill() }
    let before = try host.post("/v1/functions/echo/invoke", "\"before\"")
    #expect(before.status == 200)
    let flood = try (0..<80).map { number in
      try ClientSocket.connect(
        to: number % 2 == 0 ? host.functionAddress : host.control, timeout: .seconds(20))
    }
    // The connection of before is still ours. A worker falls, and cannot be replaced yet.
    try host.until(in: .seconds(60)) {
      try host.metric("apus_http_accept_pauses_total{door=\"function\"}")
        + host.metric("apus_http_accept_pauses_total{door=\"control\"}") > 0
    }
    #expect(try host.post("/v1/queues/trap/messages", "null").status == 202)
    #expect(try host.post("/v1/queues/echo/messages", "\"later\"").status == 202)
    try host.until(in: .seconds(60)) { try host.metric("apus_workers_lost_total") > 0 }

    for socket in flood { socket.close() }
    try host.untilFunctionDoorAnswers()
    try host.untilAllHasEnded()
    let ended = try host.items("/v1/invocations?queue=echo").map { $0["state"] as? String }
    #expect(ended == ["succeeded"])
    #expect(try HTTPClient(host.control).send("GET", "/readyz").status == 200)
  }

  static let malformed: [(String, [Int])] = [
    (
      "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n",
      [400]
    ),
    ("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999\r\n\r\n", [403, 413]),
    ("GET /../../etc/passwd HTTP/1.1\r\nHost: a\r\n\r\n", [400, 403]),
    ("GET /%2e%2e/%2e%2e/etc/passwd HTTP/1.1\r\nHost: a\r\n\r\n", [400, 403]),
    ("GET /echo%00.json HTTP/1.1\r\nHost: a\r\n\r\n", [400, 403]),
    ("GET /%c0%ae%c0%ae/ HTTP/1.1\r\nHost: a\r\n\r\n", [400, 403]),
    ("GET /\(String(repeating: "a/", count: 3_000)) HTTP/1.1\r\nHost: a\r\n\r\n", [400, 403]),
    ("GET /\(String(repeating: "a", count: 9_000)) HTTP/1.1\r\nHost: a\r\n\r\n", [414]),
    ("GET / HTTP/1.1\r\nHost: a\r\nX: \(String(repeating: "a", count: 40_000))\r\n\r\n", [431]),
    ("\u{16}\u{3}\u{1}\u{2}\u{0}\u{1}", [400]),
    ("SSH-2.0-OpenSSH_9.2\r\n\r\n", [400, 501, 505]),
    ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", [505]),
  ]

  @Test func `both doors of a host refuse what is malformed, count it and go on`() async throws {
    let data = try HostProcess.temporaryFolder()
    let host = try await HostProcess.start(
      manifests: HostProcess.manifests(Self.manifests), worker: "CrashingWorker", data: data)
    defer { host.kill() }
    for address in [host.functionAddress, host.control] {
      for (request, statuses) in Self.malformed {
        let socket = try ClientSocket.connect(to: address, timeout: .seconds(20))
        defer { socket.close() }
        _ = socket.send(Array(request.utf8), timeout: .seconds(20))
        let answer = String(
          decoding: try socket.receive(timeout: .seconds(20)) ?? [], as: UTF8.self)
        let status = Int(answer.dropFirst(9).prefix(3)) ?? 0
        #expect(statuses.contains(status), "\(request.prefix(60)): \(answer.prefix(200))")
      }
    }
    for door in ["function", "control"] {
      #expect(try host.refusals(at: door, "request-line-too-long") == 1)
      #expect(try host.refusals(at: door, "headers-too-long") == 1)
      #expect(try host.refusals(at: door, "ambiguous-framing") == 1)
    }
    #expect(try host.post("/v1/functions/echo/invoke", "\"hello\"").status == 200)
    #expect(try host.metric("apus_workers_lost_total") == 0)
  }
}

extension HostProcess {
  /// For what the event stream does not tell.
  func until(in time: Duration, _ isSo: () throws -> Bool) throws {
    let deadline = ContinuousClock.now + time
    while try !isSo(), ContinuousClock.now < deadline {}
    #expect(try isSo())
  }

  func metric(_ series: String) throws -> Int {
    let text = String(decoding: try controlDoor.send("GET", "/metrics").body, as: UTF8.self)
    let line = text.split(separator: "\n").first { $0.hasPrefix(series + " ") }
    return line.flatMap { Int($0.dropFirst(series.count + 1)) } ?? 0
  }

  func refusals(at door: String, _ reason: String) throws -> Int {
    try metric("apus_http_refused_total{door=\"\(door)\",reason=\"\(reason)\"}")
  }

  /// As soon as the host has seen that connections are gone; each try is one more event for it.
  func untilFunctionDoorAnswers() throws {
    let deadline = ContinuousClock.now + .seconds(60)
    while ContinuousClock.now < deadline {
      // A connection that is refused may be reset before its answer is read.
      let answer = try? functionDoor.send(
        "POST", "/echo", headers: [("Content-Type", "application/json")], body: Array("\"x\"".utf8))
      if answer?.status == 200 { return }
    }
    Issue.record("the function door did not come back")
  }
}
