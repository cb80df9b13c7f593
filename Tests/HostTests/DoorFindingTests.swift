// What `apus doctor` says of the doors of a real host: who may come in, and what they prove themselves
// with.

import Foundation
import Glibc
import HTTP
import Testing

@Suite(.serialized)
struct DoorFindingTests {
  private static let certificates = HostProcess.checkout.appending(
    path: "Tests/Fixtures/Certificates")

  private func host(_ data: URL, _ environment: [String: String] = [:]) async throws -> HostProcess
  {
    chmod(data.path(), 0o700)
    return try await HostProcess.start(
      manifests: HostProcess.manifests([
        "function: echo\nhandler: Echo\ntriggers: [{ queue: echo }]\n"
      ]), worker: "CrashingWorker", data: data, environment: environment,
      trust: .authorities(path: Self.certificates.appending(path: "authority.pem").path()))
  }

  private func doctor(_ data: URL) throws -> (status: Int32, text: String) {
    try HostProcess.apus("doctor", "--data", data.path())
  }

  private func copy(_ name: String, to url: URL) throws {
    try? FileManager.default.removeItem(at: url)  // of an earlier one
    try FileManager.default.copyItem(at: Self.certificates.appending(path: name), to: url)
    chmod(url.path(), 0o600)
  }

  @Test func `a door without tokens, and tokens that nobody can read`() async throws {
    let data = try HostProcess.temporaryFolder()
    let host = try await host(data)
    let open = try doctor(data)
    #expect(open.status == 0)
    #expect(open.text.contains("\(host.url) asks for no token"), "\(open.text)")
    #expect(open.text.contains("apus tokens create"))
    let made = try HostProcess.apus(
      "tokens", "create", "ci", "--scope", "read", "--data", data.path())
    #expect(made.status == 0, "\(made.text)")
    // It looks twice a second.
    try host.untilLooks { try host.controlDoor.send("GET", "/v1/host").status == 401 }
    #expect(!(try doctor(data).text.contains("asks for no token")))
    let file = data.appending(path: "tokens.json")
    chmod(file.path(), 0o644)
    let wide = try doctor(data)
    #expect(wide.status == 1 && wide.text.contains("others may reach it (mode 0644)"))
    #expect(wide.text.contains("chmod 600"), "\(wide.text)")
    try Data("nonsense".utf8).write(to: file)
    chmod(file.path(), 0o600)
    let garbage = try doctor(data)
    #expect(garbage.status == 1 && garbage.text.contains("tokens.json: "), "\(garbage.text)")
    #expect(garbage.text.contains("the host goes on with those of before"), "\(garbage.text)")
    #expect(garbage.text.contains("apus tokens create"), "\(garbage.text)")
    #expect(host.terminate() == 0)
    #expect(try doctor(data).text.contains("no host starts"))
  }

  @Test func `a renewed certificate that does not fit, and one that has expired`() async throws {
    let data = try HostProcess.temporaryFolder()
    let folder = try HostProcess.temporaryFolder()
    let (pem, key) = (folder.appending(path: "a.pem"), folder.appending(path: "a.key"))
    try copy("door.pem", to: pem)
    try copy("door.key", to: key)
    let files = [
      "APUS_CONTROL_DOOR_CERT": pem.path(), "APUS_CONTROL_DOOR_KEY": key.path(),
    ]
    let host = try await host(data, files)
    #expect(!(try doctor(data).text.contains("certificate")))
    try copy("renewed.key", to: key)
    try host.untilLooks { host.said.contains("does not fit") }
    let rejected = try doctor(data)
    #expect(rejected.status == 1)
    #expect(
      rejected.text.contains("the renewed certificate of the control door"), "\(rejected.text)")
    #expect(rejected.text.contains("a.key is not the key"), "\(rejected.text)")
    try copy("door.key", to: key)
    try host.untilLooks { !(try doctor(data).text.contains("renewed certificate")) }
    #expect(host.terminate() == 0)
    try copy("expired.pem", to: pem)
    try copy("expired.key", to: key)
    let left = try HostProcess.apus("doctor", "--data", data.path(), environment: files)
    #expect(
      left.status == 1 && left.text.contains("a.pem: the certificate expired"), "\(left.text)")
  }
}
