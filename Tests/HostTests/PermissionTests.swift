// What a host makes is its owner's alone, whatever the umask it was started under.

import Digests
import Foundation
import Glibc
import HTTP
import Testing

@Suite(.serialized)
struct PermissionTests {
  private func mode(_ path: String) -> Int {
    var status = stat()
    return lstat(path, &status) == 0 ? Int(status.st_mode & 0o777) : -1
  }

  private func host(in data: URL, umask: String) async throws -> HostProcess {
    try await HostProcess.start(
      manifests: HostProcess.manifests([
        """
        function: echo
        handler: Echo
        triggers:
          - queue: echo
        """
      ]), worker: "CrashingWorker", data: data, before: ["umask \(umask)"])
  }

  @Test(arguments: ["000", "022", "077"])
  func `every file is 0600 and every directory 0700`(umask: String) async throws {
    let data = try HostProcess.temporaryFolder()
    chmod(data.path(), 0o700)
    let host = try await host(in: data, umask: umask)
    #expect(try host.post("/v1/queues/echo/messages", "\"x\"").status == 202)
    try host.untilAllHasEnded()
    // A part of an executable is kept, too.
    let bytes = [UInt8](repeating: 7, count: 100)
    let name = Hexadecimal.encoded(SHA256.digest(of: bytes))
    let part = try host.localDoor.send(
      "PUT", "/v1/executables/\(name)?offset=0&size=100", body: Array(bytes[..<50]))
    #expect(part.status < 300, "\(String(decoding: part.body, as: UTF8.self))")
    let names = try FileManager.default.subpathsOfDirectory(atPath: data.path())
    for expected in ["apus.db", "apus.db-wal", "apus.db-shm", "lock", "doors.json", "control.sock"]
    {
      #expect(names.contains(expected), "\(names)")
    }
    #expect(names.filter { $0.hasPrefix("executables/") }.count >= 2, "\(names)")
    for name in names where name != "stderr.log" {
      let path = data.appending(path: name).path()
      #expect(mode(path) & 0o077 == 0, "\(name) has \(String(mode(path), radix: 8))")
    }
    #expect(mode(data.appending(path: "executables").path()) == 0o700)
    host.kill()
  }

  @Test func `a directory that others may enter is told of, once and with the remedy`() async throws
  {
    let data = try HostProcess.temporaryFolder()
    chmod(data.path(), 0o755)
    let host = try await host(in: data, umask: "022")
    #expect(host.terminate() == 0)
    func told() throws -> [Substring] {
      try String(contentsOf: data.appending(path: "stderr.log"), encoding: .utf8)
        .split(separator: "\n").filter { $0.contains("others may use") }
    }
    let lines = try told()
    #expect(lines.count == 1 && lines[0].contains("chmod 0700"), "\(lines)")
    chmod(data.path(), 0o700)
    let closed = try await self.host(in: data, umask: "022")
    #expect(closed.terminate() == 0)
    #expect(try told().isEmpty)
  }
}
