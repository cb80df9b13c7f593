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
      descriptorsMax: 220)
    defer { host.kill() }
    let flood = try (0..<400).map { _ in
      try ClientSocket.connect(to: host.function, timeout: .seconds(20))
    }
    // Whoever is let in, an operator is among them: by TCP and by the socket in the data directory.
    let socket = HTTPClient(.unix(path: data.appending(path: "control.sock").path()))
    #expect(try socket.send("GET", "/healthz").status == 200)
    #expect(try HTTPClient(host.control).send("GET", "/readyz").status == 200)
    try host.untilRefused(at: "function", "too-many-connections")

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
}

extension HostProcess {
  func metric(_ series: String) throws -> Int {
    let text = String(decoding: try controlDoor.send("GET", "/metrics").body, as: UTF8.self)
    let line = text.split(separator: "\n").first { $0.hasPrefix(series + " ") }
    return line.flatMap { Int($0.dropFirst(series.count + 1)) } ?? 0
  }

  func refusals(at door: String, _ reason: String) throws -> Int {
    try metric("apus_http_refused_total{door=\"\(door)\",reason=\"\(reason)\"}")
  }

  /// Connections are taken in their own turns, some of them later than the client sees them open.
  func untilRefused(at door: String, _ reason: String) throws {
    let deadline = ContinuousClock.now + .seconds(60)
    while try refusals(at: door, reason) == 0, ContinuousClock.now < deadline {}
    #expect(try refusals(at: door, reason) > 0)
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
