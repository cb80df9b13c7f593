// Scoped tokens and certificates on a real host, made and revoked by the command while it runs.

import Foundation
import Glibc
import HTTP
import Testing

@testable import Doors

@Suite(.serialized)
struct AccessTests {
  static let manifest = """
    function: charge
    handler: Bank
    triggers:
      - queue: payments
      - timer: { at: 2099-01-01T00:00:00Z }
      - http: POST /charges
    """

  func host(
    data: URL, environment: [String: String] = [:], trust: TLSTrust = .system
  ) async throws -> HostProcess {
    try await HostProcess.start(
      manifests: HostProcess.manifests([Self.manifest]), worker: "CrashingWorker", data: data,
      environment: environment, trust: trust)
  }

  struct Outcome {
    var status: Int32
    var output: String
    var errors: String
  }

  /// The command, to its end.
  func apus(_ arguments: String..., environment: [String: String] = [:]) throws -> Outcome {
    let process = Process()
    process.executableURL = HostProcess.product("apus")
    process.arguments = arguments
    process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
    let (output, errors) = (Pipe(), Pipe())
    process.standardOutput = output
    process.standardError = errors
    process.standardInput = FileHandle.nullDevice
    try process.run()
    let text = String(
      decoding: try output.fileHandleForReading.readToEnd() ?? Data(), as: UTF8.self)
    let said = String(
      decoding: try errors.fileHandleForReading.readToEnd() ?? Data(), as: UTF8.self)
    process.waitUntilExit()
    return Outcome(status: process.terminationStatus, output: text, errors: said)
  }

  func token(_ name: String, _ scopes: String, in data: URL) throws -> String {
    let made = try apus("tokens", "create", name, "--scope", scopes, "--data", data.path())
    #expect(made.status == 0, "\(made.errors)")
    return made.output.trimmingCharacters(in: .whitespacesAndNewlines)
  }

  func bearer(_ token: String) -> [(String, String)] {
    [("Authorization", "Bearer \(token)")]
  }

  func code(_ response: HTTPClientResponse) -> String? {
    let problem = try? JSONSerialization.jsonObject(with: Data(response.body)) as? [String: Any]
    return problem?["code"] as? String
  }

  /// Looks until it is so; the host looks for other files twice a second.
  func until(_ what: String, _ isSo: () throws -> Bool) throws {
    let end = ContinuousClock.now + .seconds(60)
    while try !isSo() {
      guard ContinuousClock.now < end else {
        return #expect(Bool(false), "not within a minute: \(what)")
      }
      sched_yield()
    }
  }

  func until(_ status: Int, _ ask: () throws -> HTTPClientResponse) throws {
    try until("status \(status)") { try ask().status == status }
  }

  @Test func `each call opens to its scope alone`() async throws {
    let data = try HostProcess.temporaryFolder()
    var tokens: [Scope: String] = [:]
    for scope in Scope.allCases { tokens[scope] = try token("\(scope)", scope.rawValue, in: data) }
    let host = try await host(data: data)
    for form in Call.all {
      for (method, access) in form.access {
        let path = form.path.replacing("{queue}", with: "payments")
          .replacing("{function}", with: "charge").replacing("{timer}", with: "charge/0")
          .replacing("{sha256}", with: String(repeating: "0", count: 64))
          .replacing("{id}", with: "06E3T8J9M0000").replacing("{n}", with: "1")
          .replacing("{fingerprint}", with: "0000000000")
        let without = try ask(method, path, [], host)
        #expect(without.status == (access == .anybody ? 200 : 401), "\(method) \(path)")
        for (scope, token) in tokens {
          let response = try ask(method, path, bearer(token), host)
          let isItsOwn = access == .anybody || access == .holders(of: scope)
          #expect(
            (code(response) == "insufficient-scope") == !isItsOwn,
            "\(method) \(path) with \(scope): \(response.status)")
          #expect((response.status == 403) == !isItsOwn)
          // Whoever may call it finds it.
          #expect(!isItsOwn || code(response) != "not-found", "\(method) \(path)")
        }
      }
    }
    let metrics = try host.controlDoor.send("GET", "/metrics", headers: bearer(tokens[.read] ?? ""))
    let text = String(decoding: metrics.body, as: UTF8.self)
    #expect(!text.contains(#"apus_access_refused_total{reason="missing"} 0"#))
    #expect(!text.contains(#"apus_access_refused_total{reason="scope"} 0"#))
    #expect(text.contains("apus_tokens 4"))
    #expect(host.terminate() == 0)
  }

  func ask(
    _ method: String, _ path: String, _ headers: [(String, String)], _ host: HostProcess
  ) throws -> HTTPClientResponse {
    // A stream has no end of its own.
    try host.controlDoor.stream(method, path, headers: headers) { _ in path != "/v1/stream" }
  }

  @Test func `a revoked token is refused, its stream ends, and so does an expired one's`()
    async throws
  {
    let data = try HostProcess.temporaryFolder()
    let host = try await host(data: data)
    #expect(try host.controlDoor.send("GET", "/v1/host").status == 200)
    // The first token shuts the door to those without one.
    let ci = try token("ci", "read", in: data)
    try until(401) { try host.controlDoor.send("GET", "/v1/host") }
    #expect(try host.controlDoor.send("GET", "/v1/host", headers: bearer(ci)).status == 200)
    var hasRevoked = false
    // Ends only when the host ends it.
    let follower = HTTPClient(host.control, readTimeout: .seconds(60))
    _ = try follower.stream("GET", "/v1/stream", headers: bearer(ci)) { _ in
      if !hasRevoked {
        hasRevoked = true
        #expect((try? apus("tokens", "revoke", "ci", "--data", data.path()))?.status == 0)
      }
      return true
    }
    #expect(hasRevoked)
    let refused = try host.controlDoor.send("GET", "/v1/host", headers: bearer(ci))
    #expect(refused.status == 401)
    #expect(String(decoding: refused.body, as: UTF8.self).contains("was revoked"))
    // The door does not open because its last token went; the socket is the file system's.
    #expect(try host.controlDoor.send("GET", "/v1/host").status == 401)
    #expect(try apus("functions", "--data", data.path()).status == 0)

    let made = try apus(
      "tokens", "create", "brief", "--scope", "read", "--expires", "2s", "--data", data.path())
    let brief = made.output.trimmingCharacters(in: .whitespacesAndNewlines)
    _ = try follower.stream("GET", "/v1/stream", headers: bearer(brief)) { _ in true }
    try until(401) { try host.controlDoor.send("GET", "/v1/host", headers: bearer(brief)) }
    #expect(host.terminate() == 0)
    let listed = try apus("tokens", "list", "--all", "--data", data.path()).output
    #expect(listed.contains("revoked") && listed.contains("expired"))
    let again = try apus("tokens", "revoke", "ci", "--data", data.path())
    #expect(again.status == 65 && again.errors.contains("ci (apus_"), "\(again.errors)")
    #expect(again.errors.contains("was revoked at 2"), "\(again.errors)")
    #expect(!listed.contains(ci) && !listed.contains(brief))
  }

  @Test func `the record names the token, and no header can`() async throws {
    let data = try HostProcess.temporaryFolder()
    let ci = try token("nightly-ci", "operate,read", in: data)
    let title = "nightly-ci (\(ci.prefix(13)))"
    let host = try await host(data: data, environment: ["APUS_TOKEN": "s3cret"])
    let claims = ["", "anna@night", title]
    for (token, claim) in [
      (ci, claims[0]), (ci, claims[1]), ("s3cret", claims[1]), ("s3cret", title),
    ] {
      let response = try host.controlDoor.send(
        "POST", "/v1/queues/payments/pause",
        headers: bearer(token) + (claim.isEmpty ? [] : [("Apus-Operator", claim)]))
      #expect(response.status == 200)
    }
    var names: [String?] = []
    // A deed is answered when it is done, and on disk a moment later.
    try until("four actions on record") {
      let actions = try host.controlDoor.send("GET", "/v1/actions", headers: bearer(ci))
      let list = try JSONSerialization.jsonObject(with: Data(actions.body)) as? [String: Any]
      names = (list?["items"] as? [[String: Any]] ?? []).map { $0["by"] as? String }
      return names.count == 4
    }
    #expect(
      names.reversed() == [
        title, "\(title): anna@night", "anna@night", title.replacing("apus_", with: "apus-"),
      ])
    // The operator's token guards the socket as well, as it always did.
    let place = ["functions", "--data", data.path()]
    #expect(try apus(place[0], place[1], place[2], environment: ["APUS_TOKEN": ""]).status == 1)
    let held = data.appending(path: "ci.token").path()
    try ci.write(toFile: held, atomically: true, encoding: .utf8)
    let read = try apus(
      place[0], place[1], place[2], "--token-file", held, environment: ["APUS_TOKEN": ""])
    #expect(read.status == 0, "\(read.errors)")
    let warning = "others may read"
    #expect(read.errors.contains(warning) && read.errors.contains("chmod 600"), "\(read.errors)")
    chmod(held, 0o600)
    let kept = try apus(
      place[0], place[1], place[2], "--token-file", held, environment: ["APUS_TOKEN": ""])
    #expect(kept.status == 0 && !kept.errors.contains(warning), "\(kept.errors)")
    let saved = data.appending(path: "saved.apus").path()
    let url = try #require(
      try JSONSerialization.jsonObject(
        with: Data(contentsOf: data.appending(path: "doors.json"))) as? [String: Any])
    let backup = try apus(
      "backup", saved, "--host", try #require(url["controlDoor"] as? String), "--token-file", held,
      environment: ["APUS_TOKEN": ""])
    #expect(backup.status == 0, "\(backup.errors)")
    #expect(FileManager.default.fileExists(atPath: saved + ".sha256"))
    let scoped = try apus(
      "invoke", "charge", "{}", "--data", data.path(), environment: ["APUS_TOKEN": ci])
    #expect(scoped.status == 1 && scoped.errors.contains("'ingest'"), "\(scoped.errors)")
    #expect(host.terminate() == 0)
  }

  @Test func `off loopback a token must exist before the start`() async throws {
    let data = try HostProcess.temporaryFolder()
    let everywhere = ["APUS_CONTROL_DOOR": "0.0.0.0:0"]
    let worker = HostProcess.product("CrashingWorker").path()
    let manifests = try HostProcess.manifests([Self.manifest]).path()
    func refused() throws -> String {
      let outcome = try apus(
        "serve", "--worker", worker, "--manifests", manifests, "--data", data.path(),
        "--function-door", "127.0.0.1:0", environment: everywhere)
      #expect(outcome.status == 1)
      return outcome.errors
    }
    #expect(try refused().contains("apus tokens create"))
    _ = try token("ci", "read", in: data)
    #expect(try apus("tokens", "revoke", "ci", "--data", data.path()).status == 0)
    #expect(try refused().contains("without a token"))
    chmod(data.appending(path: "tokens.json").path(), 0o644)
    let outcome = try apus(
      "serve", "--worker", worker, "--manifests", manifests, "--data", data.path())
    #expect(outcome.status == 65 && outcome.errors.contains("chmod 600"), "\(outcome.errors)")
  }

  @Test func `a token file that vanishes opens no door, and the log says so once`() async throws {
    let data = try HostProcess.temporaryFolder()
    let ci = try token("ci", "read", in: data)
    let host = try await host(data: data)
    #expect(try host.controlDoor.send("GET", "/v1/host", headers: bearer(ci)).status == 200)
    let path = data.appending(path: "tokens.json").path()
    let aside = "\(path).aside"
    #expect(rename(path, aside) == 0)
    try until(401) { try host.controlDoor.send("GET", "/v1/host", headers: bearer(ci)) }
    #expect(try host.controlDoor.send("GET", "/v1/host").status == 401)
    // The socket is the file system's to guard.
    #expect(try apus("functions", "--data", data.path()).status == 0)
    #expect(rename(aside, path) == 0)
    try until(200) { try host.controlDoor.send("GET", "/v1/host", headers: bearer(ci)) }
    let words = "the token file is gone or empty"
    #expect(host.said.components(separatedBy: words).count == 2, "\(host.said)")
    #expect(host.said.contains("apus tokens create"))
    unlink(path)
    try until(401) { try host.controlDoor.send("GET", "/v1/host", headers: bearer(ci)) }
    let other = try token("other", "read", in: data)
    try until(200) { try host.controlDoor.send("GET", "/v1/host", headers: bearer(other)) }
    #expect(try host.controlDoor.send("GET", "/v1/host").status == 401)
    #expect(host.terminate() == 0)
  }

  @Test(arguments: ["", "  ", " \t\n"])
  func `a host does not start with a blank token`(blank: String) throws {
    let outcome = try apus(
      "serve", "--worker", HostProcess.product("CrashingWorker").path(), "--manifests",
      HostProcess.manifests([Self.manifest]).path(), "--data",
      HostProcess.temporaryFolder().path(), "--function-door", "127.0.0.1:0",
      // Where it starts all the same, this ends it.
      "--control-door", "127.0.0.1:0", "--ballast", "no size", environment: ["APUS_TOKEN": blank])
    #expect(outcome.status == 65)
    #expect(outcome.errors.contains("environment APUS_TOKEN"), "\(outcome.errors)")
    #expect(outcome.errors.contains("unset"), "\(outcome.errors)")
  }

  @Test func `while there is no token, nothing is deployed over TCP`() async throws {
    let data = try HostProcess.temporaryFolder()
    let host = try await host(data: data)
    let parts = "/v1/executables/\(String(repeating: "0", count: 64))"
    for (method, path) in [
      ("GET", parts), ("PUT", parts), ("POST", "/v1/releases"),
      ("POST", "/v1/releases/1/activate?dryRun=true"),
    ] {
      let refused = try host.controlDoor.send(method, path)
      #expect(refused.status == 403 && code(refused) == "token-needed", "\(method) \(path)")
    }
    // Whoever may not deploy may do the rest.
    #expect(try host.controlDoor.send("POST", "/v1/queues/payments/pause").status == 200)
    let words = ["rollback", "1", "--dry-run"]
    let far = try apus(words[0], words[1], words[2], "--host", host.url)
    #expect(far.status == 1 && far.errors.contains("apus tokens create"), "\(far.errors)")
    #expect(far.errors.contains("--data"), "\(far.errors)")
    let near = try apus(words[0], words[1], words[2], "--data", data.path())
    #expect(near.status == 0, "\(near.errors)")
    let metrics = try host.controlDoor.send("GET", "/metrics")
    #expect(
      String(decoding: metrics.body, as: UTF8.self)
        .contains(#"apus_access_refused_total{reason="tokenless"} 5"#))
    let ci = try token("ci", "deploy", in: data)
    try until(200) {
      try host.controlDoor.send(
        "POST", "/v1/releases/1/activate?dryRun=true", headers: bearer(ci))
    }
    #expect(host.terminate() == 0)
  }

}
