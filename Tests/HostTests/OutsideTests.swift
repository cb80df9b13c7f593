import Foundation
import HTTP
import Testing

/// What a client that reads only the contract comes upon: refusals, addresses, repeats.
@Suite(.serialized)
struct OutsideTests {
  private func host() async throws -> HostProcess {
    try await HostProcess.start(
      manifests: HostProcess.manifests([
        """
        function: echo
        handler: Echo
        triggers:
          - queue: echo
        retry: { attempts: 1 }
        payloadLimit: 1KiB
        """
      ]), worker: "CrashingWorker", data: HostProcess.temporaryFolder())
  }

  private func deadLetter(on host: HostProcess) throws -> String {
    let response = try host.post("/v1/queues/echo/messages", "{}")
    let answer = try JSONSerialization.jsonObject(with: Data(response.body)) as? [String: Any]
    let item = try #require((answer?["items"] as? [[String: Any]])?.first)
    let id = try #require(item["invocation"] as? String)
    try host.until { try host.get("/v1/invocations/\(id)")["state"] as? String == "dead" }
    return id
  }

  private func bulk(
    _ verb: String, _ body: String, on host: HostProcess
  ) throws -> (status: Int, answer: [String: Any]) {
    let response = try host.post("/v1/dead-letters/\(verb)", body)
    let answer = try JSONSerialization.jsonObject(with: Data(response.body)) as? [String: Any]
    return (response.status, answer ?? [:])
  }

  @Test func `a dead letter that was thrown away is not sent again`() async throws {
    let host = try await host()
    let ids = "{\"ids\":[\"\(try deadLetter(on: host))\"]}"
    #expect(try bulk("purge", ids, on: host).answer["done"] as? Int == 1)
    #expect(try bulk("redrive", ids, on: host).answer["done"] as? Int == 0)
    #expect(try bulk("purge", ids, on: host).answer["done"] as? Int == 0)
    host.kill()
  }

  @Test func `ids and filters exclude each other`() async throws {
    let host = try await host()
    let ids = "{\"ids\":[\"\(try deadLetter(on: host))\"]}"
    let both = try bulk("redrive?function=echo", ids, on: host)
    #expect(both.status == 400 && both.answer["code"] as? String == "two-selections")
    host.kill()
  }

  @Test func `dead letters are sent again no faster than was asked`() async throws {
    let host = try await host()
    for _ in 0..<3 { _ = try deadLetter(on: host) }
    let begun = try bulk("redrive?rate=1/h&all=true", "", on: host)
    #expect(begun.status == 202 && begun.answer["selected"] as? Int == 3)
    let number = try #require(begun.answer["id"] as? Int)
    try host.until { try host.get("/v1/actions/\(number)")["done"] as? Int == 1 }
    #expect(try host.items("/v1/dead-letters").filter { $0["redriveOf"] is NSNull }.count == 2)
    #expect(try bulk("redrive?rate=fast&all=true", "", on: host).status == 400)
    host.kill()
  }

  @Test func `a timer tells its instants and what became of them`() async throws {
    let host = try await HostProcess.start(
      manifests: HostProcess.manifests([
        """
        function: report
        handler: Echo
        triggers:
          - timer: { cron: "0 0 1 1 *" }
          - timer: { at: 2001-01-01T00:00:00Z }
        retry: { attempts: 1 }
        """
      ]), worker: "CrashingWorker", data: HostProcess.temporaryFolder())
    let fired = try host.post("/v1/timers/report/0/fire")
    #expect(fired.status == 202)
    try host.untilAllHasEnded()
    let timers = try host.items("/v1/timers")
    let yearly = try #require(timers.first)
    let instants = try #require(yearly["upcoming"] as? [String])
    #expect(instants.count == 5 && instants.first == yearly["next"] as? String)
    #expect(instants.allSatisfy { $0.hasSuffix("-01-01T00:00:00.000Z") }, "\(instants)")
    let firing = try #require((yearly["firings"] as? [[String: Any]])?.first)
    // The handler wants a text: what became of it is its end.
    #expect(firing["state"] as? String == "dead" && firing["reason"] as? String == "undecodable")
    #expect(firing["instant"] as? String == yearly["last"] as? String)
    #expect(timers[1]["next"] is NSNull && timers[1]["last"] is NSNull)
    let shown = try host.get("/v1/timers/report/0")["timer"] as? [String: Any]
    #expect((shown?["firings"] as? [Any])?.count == 1)
    host.kill()
  }

  @Test func `a queue tells how long its oldest event has waited`() async throws {
    let host = try await host()
    #expect(try host.get("/v1/queues/echo")["oldestAgeMs"] is NSNull)
    #expect(try host.post("/v1/queues/echo/messages?delay=1h", "\"x\"").status == 202)
    let queue = try #require(try host.items("/v1/queues").first)
    #expect(queue["waiting"] as? Int == 1 && queue["running"] as? Int == 0)
    let oldest = try #require(queue["oldestAt"] as? String)
    let created = try host.items("/v1/invocations").first?["createdAt"] as? String
    #expect(oldest == created)
    #expect((queue["oldestAgeMs"] as? Int).map { $0 >= 0 } == true)
    host.kill()
  }

  @Test func `a function tells its last minute, its settings and the names of its secrets`()
    async throws
  {
    let host = try await HostProcess.start(
      manifests: HostProcess.manifests([
        """
        function: echo
        handler: Echo
        triggers:
          - queue: echo
        retry: { attempts: 1 }
        environment: { MODE: test }
        secrets: [ECHO_KEY]
        idempotency: { keep: 1h }
        """
      ]), worker: "CrashingWorker", data: HostProcess.temporaryFolder(),
      environment: ["ECHO_KEY": "hidden"])
    for data in ["\"x\"", "{}"] {
      #expect(try host.post("/v1/queues/echo/messages", data).status == 202)
    }
    try host.until {
      let counts = try host.get("/v1/functions/echo")["sinceStart"] as? [String: Any]
      return counts?["succeeded"] as? Int == 1 && counts?["dead"] as? Int == 1
    }
    let function = try host.get("/v1/functions/echo")
    let minute = try #require(function["lastMinute"] as? [String: Int])
    #expect(minute == ["accepted": 2, "started": 2, "succeeded": 1, "failed": 1])
    #expect(function["environment"] as? [String: String] == ["MODE": "test"])
    #expect(function["secrets"] as? [String] == ["ECHO_KEY"])
    #expect((function["idempotency"] as? [String: Any])?["keepMs"] as? Int == 3_600_000)
    #expect(!"\(function)".contains("hidden"))
    host.kill()
  }

  @Test func `the attempt that runs is told with its worker`() async throws {
    let host = try await HostProcess.start(
      manifests: HostProcess.manifests([
        "function: wait\nhandler: Wait\ntriggers:\n  - queue: wait\n"
      ]), worker: "CrashingWorker", data: HostProcess.temporaryFolder())
    #expect(try host.post("/v1/queues/wait/messages", "\"x\"").status == 202)
    try host.until { try host.items("/v1/invocations?state=running").count == 1 }
    let id = try #require(try host.items("/v1/invocations").first?["id"] as? String)
    let attempts = try host.get("/v1/invocations/\(id)")["attempts"] as? [[String: Any]]
    #expect(attempts?.count == 1)
    #expect(attempts?.first?["worker"] is Int && attempts?.first?["finishedAt"] is NSNull)
    host.kill()
  }

  @Test func `a wish that a call does not know is refused, and nothing is done`() async throws {
    let host = try await host()
    #expect(try host.post("/v1/queues/echo/messages?delay=1h", "\"x\"").status == 202)
    for path in ["queues/echo/purge", "queues/echo/pause", "functions/echo/pause"] {
      #expect(try host.post("/v1/\(path)?dryRun=true").status == 400, "\(path)")
    }
    #expect(try host.get("/v1/queues/echo")["waiting"] as? Int == 1)
    for path in ["queues/echo", "functions/echo", "timers", "invocations/0AKQNH4800000"] {
      #expect(try host.controlDoor.send("GET", "/v1/\(path)?bogus=1").status == 400, "\(path)")
    }
    let release = try #require(try host.items("/v1/releases").first?["number"] as? Int)
    let tried = try host.post("/v1/releases/\(release)/activate?dryRun=true", locally: true)
    let answer = try JSONSerialization.jsonObject(with: Data(tried.body)) as? [String: Any]
    #expect(tried.status == 200 && answer?["dryRun"] as? Bool == true)
    host.kill()
  }

  @Test func `who invokes a function that requires a key has to give one`() async throws {
    let host = try await HostProcess.start(
      manifests: HostProcess.manifests([
        """
        function: echo
        handler: Echo
        triggers:
          - queue: echo
        idempotency: { required: true }
        """
      ]), worker: "CrashingWorker", data: HostProcess.temporaryFolder())
    let path = "/v1/functions/echo/invoke"
    let refused = try host.post(path, "\"x\"")
    #expect(refused.status == 400)
    #expect(String(decoding: refused.body, as: UTF8.self).contains("idempotency-key-missing"))
    let key = ("Idempotency-Key", "\"k\"")
    #expect(try host.post(path, "\"x\"", headers: [key]).status == 200)
    #expect(try host.post(path + "?id=7", "\"x\"").status == 200)
    host.kill()
  }

  @Test func `HEAD tells the length that GET would have, and OPTIONS of the server is answered`()
    async throws
  {
    let host = try await host()
    for client in [host.functionDoor, host.controlDoor] {
      let head = try client.send("HEAD", "/nothing")
      #expect(
        head.headers[first: "Content-Length"] == "\(try client.send("GET", "/nothing").body.count)")
      #expect(try client.send("OPTIONS", "*").status == 204)
    }
    let refused = try host.controlDoor.send("DELETE", "/v1/functions")
    #expect(refused.headers[first: "Allow"] == "GET, HEAD")
    host.kill()
  }

  @Test func `an event too large to invoke with is 413`() async throws {
    let host = try await host()
    let large = "\"" + String(repeating: "x", count: 2_000) + "\""
    #expect(try host.post("/v1/functions/echo/invoke", large).status == 413)
    host.kill()
  }

  @Test func `who does not wait at the function door is told where to ask`() async throws {
    let shop = try await HostProcess.start(
      manifests: HostProcess.checkout.appending(path: "Manifests"), worker: "Shop",
      data: HostProcess.temporaryFolder())
    let response = try shop.functionDoor.send(
      "POST", "/orders",
      headers: [("Content-Type", "application/json"), ("Prefer", "respond-async")],
      body: Array("{}".utf8))
    #expect(response.status == 202)
    let location = try #require(response.headers[first: "Location"].flatMap(URL.init(string:)))
    #expect(location.host() != nil)
    #expect(try shop.get(location.path())["id"] != nil)
    shop.kill()
  }

  @Test func `one key for another query is one key with another request`() async throws {
    let shop = try await HostProcess.start(
      manifests: HostProcess.checkout.appending(path: "Manifests"), worker: "Shop",
      data: HostProcess.temporaryFolder())
    func order(_ path: String) throws -> Int {
      try shop.functionDoor.send(
        "POST", path,
        headers: [("Content-Type", "application/json"), ("Idempotency-Key", "\"k\"")],
        body: Array(
          #"{"orderId":"o","customerId":"c","items":[{"sku":"book","quantity":1}],"total":1,"card":"4242"}"#
            .utf8)
      ).status
    }
    #expect(try order("/orders") == 202)
    #expect(try order("/orders") == 202)
    #expect(try order("/orders?x=1") == 422)
    shop.kill()
  }
}
