import Foundation
import HTTP
import Testing

/// The night of whoever is woken by an alarm: which cause, whose orders, mended, and by whom.
@Suite(.serialized)
struct ActionTests {
  private static let manifest = """
    function: charge
    handler: Bank
    triggers:
      - queue: payments
    retry: { attempts: 1 }
    fields: [data.orderId, data.card]
    """
  private static let receipts = """
    function: receive
    handler: Block
    triggers:
      - queue: receipts
    fields: [data.orderId]
    """

  private func host(data: URL? = nil) async throws -> HostProcess {
    try await HostProcess.start(
      manifests: HostProcess.manifests([Self.manifest, Self.receipts]), worker: "CrashingWorker",
      data: data ?? HostProcess.temporaryFolder())
  }

  private func send(_ order: String, card: String, to host: HostProcess) throws {
    let body = #"{"orderId":"\#(order)","card":"\#(card)","note":"a  b"}"#
    #expect(try host.post("/v1/queues/payments/messages", body).status == 202)
  }

  /// Six orders that died of two causes.
  private func broken(_ host: HostProcess) throws {
    #expect(try host.post("/v1/functions/receive/pause").status == 200)
    for number in 1...4 { try send("ord-\(number)", card: "stolen", to: host) }
    for number in 5...6 { try send("ord-\(number)", card: "empty", to: host) }
    try host.until { try host.items("/v1/dead-letters").count == 6 }
  }

  private func answer(_ response: HTTPClientResponse) throws -> [String: Any] {
    try #require(try JSONSerialization.jsonObject(with: Data(response.body)) as? [String: Any])
  }

  @Test func `errors are told by cause, and one cause is redriven, mended`() async throws {
    let host = try await host()
    try broken(host)
    let causes = try host.items("/v1/errors?open=true")
    #expect(causes.map { $0["deadLetters"] as? Int } == [4, 2])
    let stolen = try #require(causes.first)
    #expect(stolen["pattern"] as? String == "the card of # is stolen")
    #expect(stolen["firstRelease"] as? Int == 1)
    let fingerprint = try #require(stolen["fingerprint"] as? String)
    let filter = "fingerprint=\(fingerprint)"
    #expect(try host.items("/v1/dead-letters?\(filter)").count == 4)

    let path = "/v1/dead-letters/redrive?\(filter)&set=data.card=tok-1"
    let letter = try #require(try host.items("/v1/dead-letters").first?["id"] as? String)
    let named = #"{"ids":["\#(letter)","06E3T8J9M0000"],"dryRun":true}"#
    let one = try answer(try host.post("/v1/dead-letters/redrive", named))
    #expect(one["selected"] as? Int == 1 && one["refusedCount"] as? Int == 1)
    let impossible = try host.post("/v1/dead-letters/redrive?set=data.card.x=1", named)
    #expect(try answer(impossible)["refusedCount"] as? Int == 2)
    let rehearsal = try answer(try host.post(path + "&dryRun=true"))
    #expect(rehearsal["selected"] as? Int == 4 && rehearsal["done"] as? Int == 0)
    let action = try answer(try host.post(path, headers: [("Apus-Operator", "anna@night")]))
    #expect(action["state"] as? String == "done" && action["done"] as? Int == 4)

    // The mended event is a new one that names the old, and the rest of it is as it was.
    let mended = try host.items("/v1/invocations?function=charge&where=data.card=tok-1")
    #expect(mended.count == 4)
    let event = try #require(mended.first?["event"] as? [String: Any])
    let old = try #require(mended.first?["redriveOf"] as? String)
    let oldEvent = try host.get("/v1/invocations/\(old)")["event"] as? [String: Any]
    #expect(event["apusmends"] as? String == oldEvent?["id"] as? String)
    #expect((event["data"] as? [String: Any])?["note"] as? String == "a  b")
    #expect(try host.get("/v1/invocations/\(old)")["settledBy"] as? Int == action["id"] as? Int)
    #expect(try host.items("/v1/dead-letters").count == 2)

    // Who did what.
    let done = try host.items("/v1/actions")
    #expect(done.map { $0["action"] as? String } == ["redrive", "pause"])
    #expect(done.first?["by"] as? String == "anna@night")
    #expect((done.first?["filter"] as? [String: Any])?["fingerprint"] as? String == fingerprint)
    #expect((done.first?["set"] as? [String: Any])?["data.card"] as? String == "tok-1")
    host.kill()
  }

  @Test func `one customer's orders are found, with everything that came of them`() async throws {
    let host = try await host()
    let operatorName = [("Apus-Operator", "bo")]
    #expect(try host.post("/v1/functions/receive/pause", headers: operatorName).status == 200)
    for number in 1...3 { try send("ord-\(number)", card: "good", to: host) }
    try host.until {
      try host.items("/v1/invocations?function=receive&where=data.orderId=ord-2").count == 1
    }
    let found = try host.items("/v1/invocations?where=data.orderId=ord-2")
    #expect(found.map { $0["function"] as? String } == ["receive", "charge"])
    let effect = try #require(found.first?["id"] as? String)
    let chain = try host.get("/v1/invocations/\(effect)/chain")["items"] as? [[String: Any]]
    #expect(chain?.map { $0["id"] as? String } == [found[1]["id"] as? String, effect])
    #expect(chain?.last?["link"] as? String == "emitted")
    let why = try host.get("/v1/invocations/\(effect)/why")
    #expect(why["cause"] as? String == "function-paused")
    #expect(why["pausedBy"] as? String == "bo")
    #expect((why["sentence"] as? String)?.hasPrefix("Function 'receive' is paused by bo ") == true)
    #expect(try host.items("/v1/invocations?text=ASKED%20for%20ord-3").count == 1)
    #expect(try host.post("/v1/invocations/cancel?where=data.orderId=ord-2").status == 200)
    #expect(try host.get("/v1/invocations/\(effect)")["state"] as? String == "cancelled")
    host.kill()
  }

  @Test func `an action outlives its host, and can be aborted`() async throws {
    let data = try HostProcess.temporaryFolder()
    var host = try await host(data: data)
    try broken(host)
    let begun = try host.post("/v1/dead-letters/redrive?all=true&rate=1/h&to=receive")
    #expect(begun.status == 202)
    let number = try #require(try answer(begun)["id"] as? Int)
    try host.until { try host.get("/v1/actions/\(number)")["done"] as? Int == 1 }
    host.kill()
    host = try await self.host(data: data)
    // The pace begins anew: the next one leaves at once.
    try host.until { try host.items("/v1/dead-letters").count == 4 }
    let running = try host.get("/v1/actions/\(number)")
    #expect(running["state"] as? String == "running" && running["selected"] as? Int == 6)
    #expect(
      try host.post("/v1/actions/\(number)/abort", headers: [("Apus-Operator", "bo")]).status == 202
    )
    let aborted = try host.get("/v1/actions/\(number)")
    #expect(aborted["state"] as? String == "aborted" && aborted["finishedAt"] is String)
    #expect((aborted["note"] as? String)?.hasPrefix("aborted by bo, action ") == true)
    #expect(try host.items("/v1/dead-letters").count == 4)
    #expect(try host.post("/v1/actions/\(number)/abort").status == 409)
    // A deed is answered when it is done, and on disk a moment later.
    try host.until { try host.items("/v1/actions").first?["by"] as? String == "bo" }
    let sent = try host.items("/v1/invocations?function=receive")
    #expect(sent.count == 2 && sent.allSatisfy { $0["trigger"] as? String == "redrive" })
    host.kill()
  }

  @Test func `a deed that came to nothing is on record as that`() async throws {
    let host = try await HostProcess.start(
      manifests: HostProcess.manifests([Self.manifest + "\nqueueLimit: 1", Self.receipts]),
      worker: "CrashingWorker", data: HostProcess.temporaryFolder())
    try send("ord-1", card: "stolen", to: host)
    try host.until { try host.items("/v1/dead-letters").count == 1 }
    let letter = try #require(try host.items("/v1/dead-letters").first?["id"] as? String)
    #expect(try host.post("/v1/functions/charge/pause").status == 200)
    try send("ord-2", card: "good", to: host)
    #expect(try host.post("/v1/invocations/\(letter)/retry").status == 429)
    try host.until { try host.items("/v1/actions").first?["state"] as? String == "failed" }
    let action = try #require(try host.items("/v1/actions").first)
    #expect(action["done"] as? Int == 0 && action["action"] as? String == "redrive")
    // An action by filter waits until there is room.
    #expect(try host.post("/v1/dead-letters/redrive?all=true&rate=100/s").status == 202)
    #expect(try host.post("/v1/functions/charge/resume").status == 200)
    try host.until {
      try host.items("/v1/actions").contains {
        $0["done"] as? Int == 1 && $0["action"] as? String == "redrive"
      }
    }
    host.kill()
  }

  @Test func `what cannot be asked is said`() async throws {
    let host = try await host()
    for path in [
      "/v1/dead-letters/redrive?all=true&set=subject=x", "/v1/dead-letters/redrive?all=true&set=x",
      "/v1/dead-letters/redrive?all=true&to=nobody", "/v1/dead-letters/purge?all=true&set=data.a=1",
      "/v1/invocations/retry?state=succeeded", "/v1/invocations/retry?state=dead,waiting",
      "/v1/invocations/cancel?state=dead", "/v1/invocations/cancel",
      "/v1/dead-letters/redrive?fingerprint=x",
    ] {
      #expect(try host.post(path).status == 400, "\(path)")
    }
    for path in [
      "/v1/invocations?since=1m&until=2m", "/v1/invocations?where=data.a",
      "/v1/errors/short", "/v1/errors?limit=0", "/v1/actions/x",
    ] {
      #expect(try host.controlDoor.send("GET", path).status == 400, "\(path)")
    }
    #expect(try host.controlDoor.send("GET", "/v1/actions/99").status == 404)
    #expect(try host.controlDoor.send("GET", "/v1/errors/AAG3ZD5YWC").status == 404)
    host.kill()
  }
}
