// Signed calls at a real host's function door.

import Digests
import EventSources
import Foundation
import HTTP
import Testing

@Suite(.serialized)
struct WebhookTests {
  private static let hubSecret = "hub-secret-of-this-test"
  private static let billingSecret =
    "whsec_" + Base64.encoded(Array("the billing of this test".utf8))

  private func host(
    secrets: [String: String] = ["HUB": hubSecret, "BILLING": billingSecret], also: String = ""
  ) async throws -> HostProcess {
    try await HostProcess.start(
      manifests: HostProcess.manifests([
        """
        function: hook
        handler: Echo
        triggers:
          - http: POST /hooks/github
            verify: { scheme: github, secret: HUB }
          - http: POST /hooks/billing
            verify: { scheme: standard-webhooks, secret: [GONE, BILLING] }
          - http: POST /open
        \(also)
        """
      ]), worker: "CrashingWorker", data: HostProcess.temporaryFolder(),
      environment: secrets.merging([
        "GONE": Base64.encoded(Array("the one that was there before".utf8))
      ]) {
        first, _ in first
      })
  }

  private func github(
    _ host: HostProcess, _ body: String, delivery: String, secret: String = hubSecret,
    key: String? = nil
  ) throws -> HTTPClientResponse {
    let code = HMACSHA256.code(of: body.utf8, key: secret.utf8)
    return try host.functionDoor.send(
      "POST", "/hooks/github",
      headers: [
        ("Content-Type", "application/json"), ("X-GitHub-Delivery", delivery),
        ("X-Hub-Signature-256", "sha256=" + Hexadecimal.encoded(code)),
      ] + (key.map { [("Idempotency-Key", $0)] } ?? []), body: Array(body.utf8))
  }

  private func billing(
    _ host: HostProcess, _ body: String, id: String, age: Int = 0
  ) throws -> HTTPClientResponse {
    let time = Int(Date().timeIntervalSince1970) - age
    let key = try #require(Base64.decoded(String(Self.billingSecret.dropFirst(6))))
    let code = HMACSHA256.code(of: "\(id).\(time).\(body)".utf8, key: key)
    return try host.functionDoor.send(
      "POST", "/hooks/billing",
      headers: [
        ("Content-Type", "application/json"), ("webhook-id", id), ("webhook-timestamp", "\(time)"),
        ("webhook-signature", "v1," + Base64.encoded(code)),
      ], body: Array(body.utf8))
  }

  private func code(_ response: HTTPClientResponse) throws -> String? {
    let body = try JSONSerialization.jsonObject(with: Data(response.body)) as? [String: Any]
    return body?["code"] as? String
  }

  @Test func `what is signed runs once, and what comes again gets the stored answer`() async throws
  {
    let host = try await host()
    let first = try github(host, "\"push\"", delivery: "d-1")
    #expect(first.status == 200 && first.body == Array("\"push\"".utf8))
    let invocation = try #require(first.headers[first: "Apus-Invocation"])
    let shown = try host.get("/v1/invocations/\(invocation)")
    #expect((shown["event"] as? [String: Any])?["id"] as? String == "d-1")
    #expect(shown["key"] as? String == "/hooks/github d-1")

    // Under another Idempotency-Key too: nobody signed that one.
    for key in [nil, "another"] {
      let again = try github(host, "\"push\"", delivery: "d-1", key: key)
      #expect(again.status == 200 && again.body == first.body)
      #expect(again.headers[first: "Idempotency-Replayed"] == "true")
      #expect(again.headers[first: "Apus-Invocation"] == invocation)
    }
    #expect(
      try github(host, "\"push\"", delivery: "d-2").headers[first: "Apus-Invocation"] != invocation)
    let other = try billing(host, "\"paid\"", id: "d-1")
    #expect(other.status == 200 && other.body == Array("\"paid\"".utf8))
    #expect(try host.items("/v1/invocations").count == 3)
    host.kill()
  }

  @Test func `what is not signed is refused, counted, told once and not recorded`() async throws {
    let host = try await host()
    let bare = try host.functionDoor.send("POST", "/hooks/github", body: Array("\"push\"".utf8))
    #expect(try bare.status == 401 && code(bare) == "missing-signature")
    #expect(bare.headers[first: "WWW-Authenticate"] == "Webhook scheme=\"github\"")
    for _ in 0..<3 {
      let forged = try github(host, "\"push\"", delivery: "d", secret: "guessed")
      #expect(try forged.status == 401 && code(forged) == "bad-signature")
    }
    let old = try billing(host, "\"paid\"", id: "m-1", age: 400)
    #expect(try old.status == 401 && code(old) == "stale-timestamp")
    #expect(try billing(host, "\"paid\"", id: "m-1").status == 200)
    // A route without `verify` is as it was.
    let open = try host.functionDoor.send(
      "POST", "/open", headers: [("Content-Type", "application/json")], body: Array("\"x\"".utf8))
    #expect(open.status == 200)

    #expect(try host.items("/v1/invocations").count == 2)
    let metrics = String(decoding: try host.controlDoor.send("GET", "/metrics").body, as: UTF8.self)
    for (code, count) in [("missing-signature", 1), ("bad-signature", 3), ("stale-timestamp", 1)] {
      #expect(
        metrics.contains(
          "apus_webhooks_refused_total{function=\"hook\",code=\"\(code)\"} \(count)\n"))
    }
    #expect(host.terminate() == 0)
    let log = try String(
      contentsOf: host.directory.appending(path: "stderr.log"), encoding: .utf8)
    let told = log.split(separator: "\n").filter { $0.contains("refused for their signature") }
    #expect(told.count == 3, "\(told)")
  }

  @Test func `the secret is the host's: no worker has it, and no signature is stored`() async throws
  {
    let host = try await host(also: "environment: { MODE: test }")
    #expect(try github(host, "\"push\"", delivery: "d-1").status == 200)
    let worker = try #require(try host.items("/v1/workers").first?["pid"] as? Int)
    let environment = try Data(contentsOf: URL(filePath: "/proc/\(worker)/environ"))
    #expect(environment.range(of: Data("MODE=test".utf8)) != nil)
    #expect(environment.range(of: Data(Self.hubSecret.utf8)) == nil)
    #expect(host.terminate() == 0)
    let signature = Hexadecimal.encoded(
      HMACSHA256.code(of: "\"push\"".utf8, key: Self.hubSecret.utf8))
    for name in try FileManager.default.contentsOfDirectory(atPath: host.directory.path()) {
      guard
        let bytes = FileManager.default.contents(
          atPath: host.directory.appending(path: name).path())
      else { continue }
      #expect(bytes.range(of: Data(signature.utf8)) == nil, "\(name)")
      #expect(bytes.range(of: Data(Self.hubSecret.utf8)) == nil, "\(name)")
    }
  }

  @Test func `a secret that is missing or no good refuses the start, by its name`() async throws {
    await #expect {
      _ = try await host(secrets: ["BILLING": Self.billingSecret])
    } throws: { error in
      "\(error)".contains("missing secrets: HUB (asked for by hook)")
    }
    await #expect {
      _ = try await host(secrets: ["HUB": Self.hubSecret, "BILLING": "no base64 at all"])
    } throws: { error in
      "\(error)".contains("is none of the scheme standard-webhooks")
        && !"\(error)".contains("no base64 at all")
    }
  }
}
