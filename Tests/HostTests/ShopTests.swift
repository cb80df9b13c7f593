import Foundation
import HTTP
import Testing

/// The sample shop on a real host: its whole flow, its idempotency, and its books after kills.
@Suite(.serialized)
struct ShopTests {
  let shop = HostProcess.checkout.appending(path: "Manifests")

  @Test func `an order goes all the way to its receipt, and its story tells it`() async throws {
    let host = try await HostProcess.start(
      manifests: shop, worker: "Shop", data: HostProcess.temporaryFolder())
    let response = try host.order("ord-1")
    #expect(response.status == 202)
    let id = try #require(response.headers[first: "Apus-Invocation"])
    try host.untilAllHasEnded()

    let story = try host.get("/v1/invocations/\(id)")
    #expect(story["state"] as? String == "succeeded")
    #expect((story["attempts"] as? [Any])?.count == 1)
    var next = try #require((story["emitted"] as? [String])?.first)
    for function in ["reserve-stock", "charge-payment", "send-receipt"] {
      let step = try host.get("/v1/invocations/\(next)")
      #expect(step["function"] as? String == function)
      #expect(step["state"] as? String == "succeeded")
      #expect((step["logs"] as? [Any])?.isEmpty == false)
      next = (step["emitted"] as? [String])?.first ?? ""
    }
    #expect(host.terminate() == 0)
  }

  @Test func `a stolen card is rejected for good and its stock released`() async throws {
    let host = try await HostProcess.start(
      manifests: shop, worker: "Shop", data: HostProcess.temporaryFolder())
    _ = try host.order("ord-2", card: "0000")
    try host.untilAllHasEnded()
    let letters = try host.items("/v1/dead-letters")
    #expect(letters.map { $0["reason"] as? String } == ["rejected"])
    let released = try host.items("/v1/invocations?function=release-stock")
    #expect(released.map { $0["state"] as? String } == ["succeeded"])
    #expect(host.terminate() == 0)
  }

  @Test func `an idempotency key replays, clashes and is required to be well formed`() async throws
  {
    let host = try await HostProcess.start(
      manifests: shop, worker: "Shop", data: HostProcess.temporaryFolder())
    let first = try host.order("ord-3")
    let again = try host.order("ord-3")
    #expect(again.status == 202)
    #expect(again.body == first.body)
    #expect(again.headers[first: "Idempotency-Replayed"] == "true")
    #expect(again.headers[first: "Apus-Invocation"] == first.headers[first: "Apus-Invocation"])
    let other = try host.functionDoor.send(
      "POST", "/orders", headers: [("Idempotency-Key", "ord-3")], body: Array("{}".utf8))
    #expect(other.status == 422)
    let bad = try host.functionDoor.send(
      "POST", "/orders", headers: [("Idempotency-Key", "\"open")], body: Array("{}".utf8))
    #expect(bad.status == 400)
    #expect(host.terminate() == 0)
  }

  @Test func `kill -9 of the host at any moment loses nothing acknowledged`() async throws {
    let data = try HostProcess.temporaryFolder()
    var acknowledged: Set<String> = []
    var sent = 0
    for round in 0..<4 {
      let host = try await HostProcess.start(manifests: shop, worker: "Shop", data: data)
      for _ in 0..<(40 + 7 * round) {
        sent += 1
        let response = try host.order("kill-\(sent)")
        #expect(response.status == 202)
        acknowledged.insert("kill-\(sent)")
      }
      host.kill()
    }
    let host = try await HostProcess.start(manifests: shop, worker: "Shop", data: data)
    try host.untilAllHasEnded()
    try checkBooks(host, acknowledged)
    #expect(host.terminate() == 0)
  }

  /// Every acknowledged order has one invocation of each step, each in a final state.
  private func checkBooks(_ host: HostProcess, _ acknowledged: Set<String>) throws {
    for function in ["place-order", "reserve-stock", "charge-payment"] {
      let all = try host.items("/v1/invocations?function=\(function)&limit=1000")
      let orders = all.compactMap { item -> String? in
        let data = (item["event"] as? [String: Any])?["data"] as? [String: Any]
        return data?["orderId"] as? String
      }
      #expect(Set(orders) == acknowledged, "\(function)")
      #expect(orders.count == acknowledged.count, "\(function): one each")
      #expect(all.allSatisfy { $0["state"] as? String == "succeeded" })
    }
    let receipts = try host.items("/v1/invocations?function=send-receipt&limit=1000")
    #expect(receipts.count == acknowledged.count)
  }
}
