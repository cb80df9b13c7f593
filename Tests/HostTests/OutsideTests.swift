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

  @Test func `dead letters sent again at a rate are due one after the other`() async throws {
    let host = try await host()
    for _ in 0..<3 { _ = try deadLetter(on: host) }
    #expect(try bulk("redrive?rate=1/h&all=true", "", on: host).answer["done"] as? Int == 3)
    let again = try host.items("/v1/invocations?function=echo").filter { $0["redriveOf"] is String }
    let hours = again.compactMap { ($0["dueAt"] as? String)?.prefix(13) }
    #expect(hours.count == 3 && Set(hours).count == 3, "\(hours)")
    #expect(try bulk("redrive?rate=fast&all=true", "", on: host).status == 400)
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
