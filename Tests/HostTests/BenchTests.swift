import Foundation
import Testing

/// `apus bench`, for real and small: that it measures, not how fast it was.
struct BenchTests {
  @Test func `a bench finishes all that it sent and leaves nothing behind`() throws {
    let folder = try HostProcess.temporaryFolder()
    let process = Process()
    let output = Pipe()
    process.executableURL = HostProcess.product("apus")
    process.arguments = ["bench", "queue", "--count", "2000", "--data", folder.path(), "--json"]
    // Nothing of the user's may reach the host of a bench.
    process.environment = ProcessInfo.processInfo.environment.merging([
      "APUS_TOKEN": "secret", "APUS_DURABILITY": "nonsense",
    ]) { $1 }
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = output
    try process.run()
    let said = try #require(try output.fileHandleForReading.readToEnd())
    process.waitUntilExit()
    #expect(process.terminationStatus == 0)
    let page = try #require(try JSONSerialization.jsonObject(with: said) as? [String: Any])
    let scenario = try #require((page["scenarios"] as? [[String: Any]])?.first)
    let check = try #require(scenario["check"] as? [String: Any])
    #expect(check["holds"] as? Bool == true)
    #expect(check["accepted"] as? Int == 2000)
    #expect(check["finished"] as? Int == 2000)
    #expect(check["twice"] as? Int == 0)
    #expect(check["lost"] as? Int == 0)
    #expect(check["onRecord"] as? Int == 2000)
    let latencies = try #require(scenario["latencies"] as? [String: [String: Any]])
    #expect(latencies["postToAnswer"]?["count"] as? Int == 20)
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path()).isEmpty)
  }
}
