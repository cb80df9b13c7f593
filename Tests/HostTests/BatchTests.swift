import Foundation
import HTTP
import Testing

/// Batches on a real host with real workers: from the queue to the record of each event.
@Suite(.serialized)
struct BatchTests {
  /// `Sort` does with each event what its data says.
  private func host(_ more: String) async throws -> HostProcess {
    let sort = """
      function: sort
      handler: Sort
      triggers:
        - queue: words
      batch: { size: 4, window: 1m }
      \(more)
      """
    let echo = """
      function: echo
      triggers:
        - queue: sorted
      """
    return try await HostProcess.start(
      manifests: HostProcess.manifests([sort, echo]), worker: "CrashingWorker",
      data: HostProcess.temporaryFolder())
  }

  /// The ids, in the order of the words.
  private func send(_ words: [String], to host: HostProcess) throws -> [String] {
    try words.map { word in
      let response = try host.post("/v1/queues/words/messages", "\"\(word)\"")
      #expect(response.status == 202)
      let answer = try JSONSerialization.jsonObject(with: Data(response.body)) as? [String: Any]
      let item = try #require((answer?["items"] as? [[String: Any]])?.first)
      return try #require(item["invocation"] as? String)
    }
  }

  private func story(_ id: String, on host: HostProcess) throws -> [String: Any] {
    try host.get("/v1/invocations/\(id)")
  }

  @Test func `each event of a batch has its own end and its own record`() async throws {
    let host = try await host("retry: { attempts: 1 }")
    let ids = try send(["done", "emit", "reject", "none"], to: host)
    try host.untilAllHasEnded()
    let stories = try ids.map { try story($0, on: host) }
    #expect(stories.map { $0["state"] as? String } == ["succeeded", "succeeded", "dead", "dead"])
    #expect(stories[2]["reason"] as? String == "rejected")
    #expect(stories[3]["reason"] as? String == "exhausted")
    #expect((stories[3]["error"] as? [String: Any])?["code"] as? String == "unanswered")
    #expect(stories.map { ($0["emitted"] as? [Any])?.count ?? 0 } == [0, 1, 0, 0])
    let echoes = try host.items("/v1/invocations?function=echo")
    #expect(echoes.map { $0["state"] as? String } == ["succeeded"])
    #expect(host.terminate() == 0)
  }

  @Test func `an event that brings its worker down dies alone and costs its batch nothing`()
    async throws
  {
    let host = try await host("retry: { attempts: 1 }")
    let ids = try send(["done", "trap", "done", "emit"], to: host)
    try host.untilAllHasEnded()
    let stories = try ids.map { try story($0, on: host) }
    #expect(
      stories.map { $0["state"] as? String } == ["succeeded", "dead", "succeeded", "succeeded"])
    #expect(stories[1]["reason"] as? String == "crashed")
    #expect(stories.map { $0["failures"] as? Int } == [0, 1, 0, 0])
    for story in stories {
      let outcomes = (story["attempts"] as? [[String: Any]] ?? []).map { $0["outcome"] as? String }
      #expect(outcomes.first == "returned", "\(outcomes)")
    }
    #expect(host.terminate() == 0)
  }
}
