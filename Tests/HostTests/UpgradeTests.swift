import Foundation
import HTTP
import Testing

/// Stores of former versions, killed with work in flight, under a real host of this one.
///
/// Each was filled by a host of its time with the sample shop: orders that are charged, one whose bank
/// did not answer and that waits for its second attempt, one rejected and one that does not decode,
/// receipts in line behind one that was running at the kill, some that were delayed, and a timer that had
/// fired. Schema 2 is the store of schema 1 with the next version's tables. Two things were made to last,
/// or these stores would say something else six hours and thirty days later: `keys`, and when what is
/// unfinished was accepted.
@Suite(.serialized)
struct UpgradeTests {
  private struct Story: Decodable {
    /// Ids of what had not ended, by function.
    var unfinished: [String: [String]]
    /// Instants of the timer.
    var fired: [String]
    /// Of an order that was charged.
    var key: String
  }

  private func host(on data: URL) async throws -> HostProcess {
    try await HostProcess.start(
      manifests: HostProcess.manifests([
        """
        function: charge
        handler: ChargePayment
        triggers:
          - queue: payments
        idempotency: { key: data.orderId, keep: 30d }
        """,
        """
        function: receipt
        handler: SendReceipt
        triggers:
          - queue: notifications
        """,
        """
        function: later
        handler: SendReceipt
        triggers:
          - queue: later
        """,
        """
        function: status
        handler: ReportStatus
        triggers:
          - timer: { cron: "* * * * *", missed: latest }
        """,
      ]), worker: "Shop", data: data)
  }

  @Test(arguments: 1...4)
  func `what an older version left unfinished is finished by this one`(schema: Int) async throws {
    let folder = HostProcess.checkout.appending(path: "Tests/Fixtures/stores")
    let story = try JSONDecoder().decode(
      Story.self, from: Data(contentsOf: folder.appending(path: "schema-\(schema).json")))
    let data = try HostProcess.temporaryFolder()
    try FileManager.default.copyItem(
      at: folder.appending(path: "schema-\(schema).sqlite"), to: data.appending(path: "apus.db"))

    let host = try await host(on: data)
    try host.until {
      try story.unfinished.values.joined().allSatisfy {
        try host.get("/v1/invocations/\($0)")["state"] as? String == "succeeded"
      }
    }
    // What ran at the kill and what waited has used no attempt up that it did not make.
    let charged = try host.get("/v1/invocations/\(#require(story.unfinished["charge"]?.first))")
    #expect(charged["attempt"] as? Int == 2)
    #expect(charged["failures"] as? Int == 1)

    // The keys are remembered over the change.
    let order = """
      {"orderId":"\(story.key)","customerId":"c-1","items":[{"sku":"book","quantity":1}],\
      "total":12.5,"card":"4242"}
      """
    let again = try host.post("/v1/queues/payments/messages", order)
    let answer = try JSONSerialization.jsonObject(with: Data(again.body)) as? [String: Any]
    let item = try #require((answer?["items"] as? [[String: Any]])?.first)
    #expect(item["duplicate"] as? Bool == true, "\(item)")

    // No instant twice, not even the one that had fired.
    try host.until {
      try host.items("/v1/invocations?function=status").contains {
        ($0["event"] as? [String: Any])?["time"] as? String ?? "" > story.fired[0]
      }
    }
    let instants = try host.items("/v1/invocations?function=status").compactMap {
      ($0["event"] as? [String: Any])?["time"] as? String
    }
    #expect(Set(instants).count == instants.count, "\(instants)")
    #expect(instants.filter { story.fired.contains($0) }.count <= 1)

    let log = try String(contentsOf: data.appending(path: "stderr.log"), encoding: .utf8)
    #expect(log.contains("bringing the store from schema \(schema) to 5"), "\(log)")
    #expect(log.contains("what it was is kept as"), "\(log)")
    #expect(FileManager.default.fileExists(atPath: data.appending(path: "apus.db.before-5").path()))
    #expect(host.terminate() == 0)
  }
}
