// Secrets of the host and values that a manifest hides, blurted out by handlers in every way, and then
// looked for in every place where people read: the door's answers, the command's output, the log, and
// the bytes of the files.

import Foundation
import HTTP
import Testing

@Suite(.serialized)
struct SecrecyTests {
  private static let secret = "sk_live_7Hq2_distinctive_\"quoted\"_value"
  private static let card = "4242-5151-6060-7979"

  /// What each of these questions is answered.
  private func answers(_ host: HostProcess, _ paths: [String]) throws -> String {
    try paths.map {
      String(decoding: try host.controlDoor.send("GET", $0).body, as: UTF8.self)
    }.joined(separator: "\n")
  }

  private func apus(_ arguments: String..., data: URL) throws -> String {
    let process = Process()
    process.executableURL = HostProcess.product("apus")
    process.arguments = arguments + ["--data", data.path()]
    let output = Pipe()
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = output
    process.standardError = output
    try process.run()
    let said = try output.fileHandleForReading.readToEnd() ?? Data()
    process.waitUntilExit()
    return String(decoding: said, as: UTF8.self)
  }

  private func files(in host: HostProcess) throws -> [(name: String, bytes: Data)] {
    let names = try FileManager.default.subpathsOfDirectory(atPath: host.directory.path())
    return names.compactMap { name in
      // A worker's executable has what the tests have; nothing is written into it.
      guard !name.hasPrefix("executables"),
        let bytes = FileManager.default.contents(
          atPath: host.directory.appending(path: name).path())
      else { return nil }
      return (name, bytes)
    }
  }

  @Test func `a secret that handlers say is in no answer, output, log or file`() async throws {
    let host = try await HostProcess.start(
      manifests: HostProcess.manifests([
        """
        function: blurt
        handler: BlurtSecret
        triggers:
          - queue: blurt
          - http: POST /blurt
        secrets: [BLURT_KEY]
        retry: { attempts: 1 }
        """
      ]), worker: "CrashingWorker", data: HostProcess.temporaryFolder(),
      environment: ["BLURT_KEY": Self.secret])
    for way in ["throw", "trap"] {
      #expect(try host.post("/v1/queues/blurt/messages", "\"\(way)\"").status == 202)
      try host.untilAllHasEnded()
    }
    let called = try host.functionDoor.send(
      "POST", "/blurt", headers: [("Content-Type", "application/json")],
      body: Array("\"throw\"".utf8))
    let ids = try host.items("/v1/invocations").compactMap { $0["id"] as? String }
    #expect(ids.count == 3)
    var said = String(decoding: called.body, as: UTF8.self)
    said += try answers(
      host,
      ids.flatMap { ["/v1/invocations/\($0)", "/v1/invocations/\($0)/chain"] }
        + ["/v1/invocations", "/v1/dead-letters", "/v1/errors", "/v1/functions", "/metrics"])
    for id in ids { said += try apus("invocations", "show", id, data: host.directory) }
    said += try apus("errors", data: host.directory)
    said += try apus("sql", "SELECT * FROM logs", data: host.directory)
    said += try apus("sql", "SELECT * FROM attempts", data: host.directory)
    #expect(host.terminate() == 0)

    for words in [
      "key [secret BLURT_KEY]", "printed [secret BLURT_KEY]", "raw [secret BLURT_KEY]",
      "refused [secret BLURT_KEY]", "trapped with [secret BLURT_KEY]",
    ] { #expect(said.contains(words), "\(words)") }
    let part = Data("7Hq2_distinctive".utf8)
    #expect(Data(said.utf8).range(of: part) == nil)
    for (name, bytes) in try files(in: host) { #expect(bytes.range(of: part) == nil, "\(name)") }
  }

  private func cardHost() async throws -> HostProcess {
    try await HostProcess.start(
      manifests: HostProcess.manifests([
        """
        function: pay
        handler: BlurtCard
        triggers:
          - queue: payments
        retry: { attempts: 1 }
        redact: [data.card.number, result.token]
        """,
        """
        function: other
        handler: Echo
        triggers:
          - queue: others
        """,
      ]), worker: "CrashingWorker", data: HostProcess.temporaryFolder())
  }

  @Test
  func `a hidden value is in no answer and no output, and what was said is stored without it`()
    async throws
  {
    let host = try await cardHost()
    for note in ["well", "fail"] {
      let event = #"{"card":{"number":"\#(Self.card)"},"note":"\#(note)"}"#
      #expect(try host.post("/v1/queues/payments/messages", event).status == 202)
    }
    try host.untilAllHasEnded()
    let items = try host.items("/v1/invocations")
    let ids = items.compactMap { $0["id"] as? String }
    var said = try answers(
      host,
      ids.map { "/v1/invocations/\($0)" } + [
        "/v1/invocations", "/v1/dead-letters", "/v1/errors", "/v1/queues/payments/messages",
      ])
    for id in ids { said += try apus("invocations", "show", id, data: host.directory) }
    said += try apus("invocations", "list", "--json", data: host.directory)
    said += try apus("dead-letters", "list", "--json", data: host.directory)
    said += try apus("errors", data: host.directory)
    said += try apus("sql", "SELECT * FROM logs", data: host.directory)
    said += try apus("sql", "SELECT * FROM attempts", data: host.directory)
    #expect(!said.contains(Self.card) && !said.contains("token-of-the-bank"))
    for words in [
      "\"number\":\"[redacted]\"", "card [redacted]", "printed [redacted]",
      "card [redacted] refused", "\"token\":\"[redacted]\"", "paid with [redacted]",
      "\"note\":\"well\"",
    ] { #expect(said.contains(words), "\(words)") }

    // A redrive sends the whole event: the handler says what it got, hidden again.
    let dead = try #require(items.first { $0["state"] as? String == "dead" }?["id"] as? String)
    #expect(try host.post("/v1/invocations/\(dead)/retry").status == 202)
    try host.untilAllHasEnded()
    let again = try #require(try host.items("/v1/dead-letters").first?["id"] as? String)
    let story = try answers(host, ["/v1/invocations/\(again)"])
    #expect(story.contains("card [redacted] refused") && !story.contains(Self.card))

    // What an operator sets at such a path is hidden as well.
    let set = "set=data.card.number=5500005555555559&set=data.note=well"
    for rehearsal in ["dryRun=true&", ""] {
      let action = try host.post(
        "/v1/dead-letters/redrive?\(rehearsal)\(set)", #"{"ids":["\#(again)"]}"#)
      #expect(action.status == 200)
      #expect(!String(decoding: action.body, as: UTF8.self).contains("5500005555555559"))
    }
    let actions = try answers(host, ["/v1/actions", "/v1/actions/2"])
    #expect(actions.contains(#""data.card.number":"[redacted]""#))
    #expect(actions.contains(#""data.note":"well""#) && !actions.contains("5500005555555559"))
    host.kill()
  }

  @Test func `what an event waits for is told without the hidden value`() async throws {
    let host = try await HostProcess.start(
      manifests: HostProcess.manifests([
        """
        function: wait
        handler: Wait
        triggers:
          - queue: waiting
        order: data.pin
        redact: [data.pin]
        """
      ]), worker: "CrashingWorker", data: HostProcess.temporaryFolder())
    for _ in 0..<2 {
      #expect(try host.post("/v1/queues/waiting/messages", #"{"pin":"73"}"#).status == 202)
    }
    try host.until {
      try host.items("/v1/invocations").contains { $0["state"] as? String == "running" }
    }
    let items = try host.items("/v1/invocations")
    let waits = try #require(items.first { $0["state"] as? String == "queued" }?["id"] as? String)
    let why = try host.get("/v1/invocations/\(waits)/why")
    let sentence = try #require(why["sentence"] as? String)
    #expect(
      why["cause"] as? String == "order" && sentence.contains("one of data.pin = [redacted] run"))
    host.kill()
  }

  @Test func `nobody can guess a hidden value by searching for it`() async throws {
    let host = try await cardHost()
    func status(_ path: String) throws -> Int { try host.controlDoor.send("GET", path).status }
    let guess = "where=data.card.number=\(Self.card)"
    for path in [
      "/v1/invocations?\(guess)", "/v1/invocations?function=pay&\(guess)",
      "/v1/dead-letters?\(guess)", "/v1/stream?\(guess)", "/v1/invocations?event=4242",
      "/v1/invocations?where=data.card=x",
    ] {
      let answer = try host.controlDoor.send("GET", path)
      #expect(answer.status == 400, "\(path)")
      #expect(String(decoding: answer.body, as: UTF8.self).contains("\"redacted\""), "\(path)")
    }
    let purge = try host.post("/v1/dead-letters/purge?dryRun=true&\(guess)")
    #expect(purge.status == 400)
    #expect(try status("/v1/invocations?function=other&event=4242") == 200)
    #expect(try status("/v1/invocations?function=other&\(guess)") == 200)
    #expect(try status("/v1/invocations?where=data.note=well") == 200)
    host.kill()
  }
}
