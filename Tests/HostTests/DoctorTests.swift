import Foundation
import Glibc
import HTTP
import Testing

/// `apus doctor` as a process of its own, beside a host at work and after it.
@Suite(.serialized)
struct DoctorTests {
  private func doctor(_ data: URL, _ more: String...) throws -> (status: Int32, text: String) {
    let process = Process()
    process.executableURL = HostProcess.product("apus")
    process.arguments = ["doctor", "--data", data.path()] + more
    let output = Pipe()
    process.standardOutput = output
    process.standardError = output
    try process.run()
    let bytes = try output.fileHandleForReading.readToEnd() ?? Data()
    process.waitUntilExit()
    return (process.terminationStatus, String(decoding: bytes, as: UTF8.self))
  }

  @Test func `it asks the host that works on the store, and does without one`() async throws {
    let host = try await HostProcess.start(
      manifests: HostProcess.manifests([
        """
        function: echo
        handler: Echo
        triggers:
          - queue: echo
        fields: [data.orderId]
        keep: { succeeded: 2h, count: 500 }
        """
      ]), worker: "CrashingWorker", data: HostProcess.temporaryFolder())
    #expect(try host.post("/v1/queues/echo/messages", "\"x\"").status == 202)
    try host.until {
      let counts = try host.get("/v1/functions/echo")["sinceStart"] as? [String: Any]
      return counts?["succeeded"] as? Int == 1
    }
    let function = try host.get("/v1/functions/echo")
    #expect(function["fields"] as? [String] == ["data.orderId"])
    let keep = try #require(function["keep"] as? [String: Any])
    #expect(keep["succeededMs"] as? Int == 7_200_000 && keep["count"] as? Int == 500)
    #expect(keep["deadMs"] is NSNull && keep["bytes"] is NSNull)
    let others = try #require(try host.get("/v1/store")["keep"] as? [String: Int])
    #expect(others == ["succeededMs": 604_800_000, "deadMs": 2_592_000_000])

    chmod(host.directory.path(), 0o700)
    let working = try doctor(host.directory)
    #expect(working.status == 0, "\(working.text)")
    #expect(working.text.contains("works on it"))
    #expect(working.text.contains("2h, dead 30d, newest 500"))
    host.kill()
    let left = try doctor(host.directory, "--full")
    #expect(left.status == 0, "\(left.text)")
    #expect(left.text.contains("the last host did not stop in order"))
    #expect(left.text.contains("reading every page of"))
    #expect(left.text.contains("space by part"))
    // The log has every page of so small a store; what is to be broken must lose it too.
    for name in ["apus.db-wal", "apus.db-shm"] {
      unlink(host.directory.appending(path: name).path())
    }
    try Data(repeating: UInt8(ascii: "x"), count: 5_000).write(
      to: host.directory.appending(path: "apus.db"))
    let foreign = try doctor(host.directory)
    #expect(foreign.status == 1, "\(foreign.text)")
    #expect(foreign.text.contains("1 problem: "))
    #expect(foreign.text.contains("damaged (file is not a database)"))
    #expect(foreign.text.contains("restore a backup"))
  }
}
