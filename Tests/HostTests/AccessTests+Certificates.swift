// The doors under TLS.
import Foundation
import Glibc
import HTTP
import Testing
@testable import Doors

extension AccessTests {
  static let certificates = HostProcess.checkout.appending(
    path: "Tests/Fixtures/Certificates")

  /// As certbot has it: links that are replaced.
  func install(_ name: String, in folder: URL) throws {
    for suffix in ["key", "pem"] {
      let real = folder.appending(path: "\(name).\(suffix)")
      try? FileManager.default.removeItem(at: real)  // of an earlier one
      try FileManager.default.copyItem(
        at: Self.certificates.appending(path: "\(name).\(suffix)"), to: real)
      chmod(real.path(), 0o600)
      let fresh = folder.appending(path: "fresh.\(suffix)")
      try FileManager.default.createSymbolicLink(at: fresh, withDestinationURL: real)
      rename(fresh.path(), folder.appending(path: "live.\(suffix)").path())
    }
  }

  func environment(_ folder: URL) -> [String: String] {
    var environment: [String: String] = [:]
    for door in ["FUNCTION", "CONTROL"] {
      environment["APUS_\(door)_DOOR_CERT"] = folder.appending(path: "live.pem").path()
      environment["APUS_\(door)_DOOR_KEY"] = folder.appending(path: "live.key").path()
    }
    return environment
  }

  var authority: String { Self.certificates.appending(path: "authority.pem").path() }

  @Test func `both doors speak TLS, and take up a renewed certificate`() async throws {
    let data = try HostProcess.temporaryFolder()
    let folder = try HostProcess.temporaryFolder()
    try install("door", in: folder)
    let trust = TLSTrust.authorities(path: authority)
    let host = try await host(data: data, environment: environment(folder), trust: trust)
    try await serves(host, data, trust)
    try renews(host, folder, trust)
    #expect(host.terminate() == 0)
  }

  func serves(_ host: HostProcess, _ data: URL, _ trust: TLSTrust) async throws {
    let doors = try String(contentsOf: data.appending(path: "doors.json"), encoding: .utf8)
    #expect(
      doors.contains(#""functionDoor":"https://"#) && doors.contains(#""controlDoor":"https"#))
    guard case .tls(let name, let port) = host.control else {
      return #expect(Bool(false), "the control door is \(host.control)")
    }
    let url = "https://\(name):\(port)"
    let seen = try apus("functions", "--host", url, "--ca", authority)
    #expect(seen.status == 0 && seen.output.contains("charge"), "\(seen.errors)")
    #expect(try apus("functions", "--host", url, environment: ["APUS_CA": authority]).status == 0)
    // Nobody vouches for the test's authority.
    let doubted = try apus("functions", "--host", url)
    #expect(doubted.status == 69 && doubted.errors.contains("--ca FILE"), "\(doubted.errors)")
    let plain = try apus("functions", "--host", "http://\(name):\(port)")
    #expect(plain.status == 65 && plain.errors.contains("https"), "\(plain.errors)")
    #expect(try apus("functions", "--data", data.path()).status == 0)
    let called = try HTTPClient(address(of: doors), trust: trust).send(
      "POST", "/charges", headers: [("Prefer", "respond-async")], body: Array("{}".utf8))
    #expect(called.status == 202)
    #expect(called.headers[first: "Location"]?.hasPrefix(url) == true)
  }

  func address(of doors: String) throws -> HTTPClient.Address {
    let members = try JSONSerialization.jsonObject(with: Data(doors.utf8)) as? [String: Any]
    let text = try #require(members?["functionDoor"] as? String)
    let url = try #require(URL(string: text))
    return .tls(host: try #require(url.host()), port: UInt16(try #require(url.port)))
  }

  func renews(_ host: HostProcess, _ folder: URL, _ trust: TLSTrust) throws {
    let kept = HTTPClient(host.control, trust: trust)
    defer { kept.close() }
    #expect(try kept.send("GET", "/healthz").status == 200)
    let log = host.directory.appending(path: "stderr.log")
    func untilLogged(_ text: String) throws {
      try until(text) { try String(contentsOf: log, encoding: .utf8).contains(text) }
    }
    try untilLogged("serves with a certificate")
    // A pair that does not fit changes nothing.
    let key = folder.appending(path: "door.key").path()
    try FileManager.default.removeItem(atPath: key)
    try FileManager.default.copyItem(
      atPath: Self.certificates.appending(path: "renewed.key").path(), toPath: key)
    chmod(key, 0o600)
    try untilLogged("does not fit")
    let new = HTTPClient(host.control, trust: trust)
    #expect(try new.send("GET", "/healthz").status == 200)
    new.close()
    try install("renewed", in: folder)
    try untilLogged("was renewed")
    try until(200) {
      let fresh = HTTPClient(host.control, trust: trust)
      defer { fresh.close() }
      return try fresh.send("GET", "/healthz")
    }
    #expect(try String(contentsOf: log, encoding: .utf8).contains("renewed.example"))
    #expect(try kept.send("GET", "/healthz").status == 200)
    let metrics = try kept.send("GET", "/metrics")
    #expect(
      String(decoding: metrics.body, as: UTF8.self)
        .contains(#"apus_tls_certificate_expiry_seconds{door="control"} 4733510400"#))
  }

  @Test func `a certificate that cannot be served is said at the start`() async throws {
    let folder = try HostProcess.temporaryFolder()
    let data = try HostProcess.temporaryFolder()
    func start(_ environment: [String: String]) throws -> Outcome {
      try apus(
        "serve", "--worker", HostProcess.product("CrashingWorker").path(), "--manifests",
        HostProcess.manifests([Self.manifest]).path(), "--data", data.path(),
        environment: environment)
    }
    try install("expired", in: folder)
    let expired = try start(environment(folder))
    #expect(expired.status == 65 && expired.errors.contains("live.pem: the certificate expired"))
    chmod(folder.appending(path: "expired.key").path(), 0o644)
    let open = try start(environment(folder))
    #expect(open.status == 65 && open.errors.contains("chmod o="), "\(open.errors)")
    let half = try start(["APUS_FUNCTION_DOOR_CERT": folder.appending(path: "live.pem").path()])
    #expect(half.status == 65 && half.errors.contains("'function-door-key'"), "\(half.errors)")
  }
}
