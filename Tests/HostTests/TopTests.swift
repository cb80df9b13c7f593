import Foundation
import Glibc
import HTTP
import Testing

/// `apus top` on a terminal, with a real host behind it.
@Suite(.serialized)
struct TopTests {
  private static let enters = "\u{1B}[?1049h"
  private static let leaves = "\u{1B}[?1049l"

  private func host(in folder: URL? = nil) async throws -> HostProcess {
    try await HostProcess.start(
      manifests: HostProcess.manifests([
        """
        function: echo
        handler: Echo
        triggers:
          - queue: echo
        """,
        """
        function: another
        handler: Echo
        triggers:
          - queue: another
        """,
      ]), worker: "CrashingWorker", data: try folder ?? HostProcess.temporaryFolder())
  }

  private func top(_ terminal: PseudoTerminal, on data: URL, _ more: String...) throws -> Process {
    try terminal.start(
      HostProcess.product("apus"),
      ["top", "--data", data.path(), "--interval", "100ms"] + more)
  }

  @Test func `q leaves the screen and the terminal as they were`() async throws {
    let host = try await host()
    let terminal = try PseudoTerminal(columns: 100, rows: 20)
    let before = terminal.settings
    #expect(!terminal.isRaw)
    let top = try top(terminal, on: host.directory)
    try terminal.wait(for: "echo")
    #expect(terminal.drawn.contains(Self.enters))
    #expect(terminal.isRaw)
    // The rates are there with the second look.
    try terminal.wait(for: " commits/s")
    try terminal.type("s")
    try terminal.waitFor("sorted by waiting")
    try terminal.type("q")
    top.waitUntilExit()
    terminal.drain()
    #expect(top.terminationReason == .exit && top.terminationStatus == 0)
    #expect(terminal.drawn.contains(Self.leaves))
    #expect(terminal.settings == before)
    host.kill()
  }

  @Test(arguments: ["Ctrl-C", "SIGTERM", "SIGINT", "--count"])
  func `whatever ends it, the terminal is as it was`(end: String) async throws {
    let host = try await host()
    let terminal = try PseudoTerminal(columns: 100, rows: 20)
    let before = terminal.settings
    let top = try top(terminal, on: host.directory, "--count", end == "--count" ? "2" : "1000000")
    try terminal.wait(for: "echo")
    switch end {
    case "Ctrl-C": try terminal.type("\u{3}")
    case "SIGTERM": kill(top.processIdentifier, SIGTERM)
    case "SIGINT": kill(top.processIdentifier, SIGINT)
    default: break
    }
    top.waitUntilExit()
    terminal.drain()
    #expect(top.terminationReason == .exit && top.terminationStatus == 0)
    #expect(terminal.drawn.contains(Self.leaves))
    #expect(terminal.settings == before)
    host.kill()
  }

  @Test func `a window of another size is drawn to its new edges`() async throws {
    let host = try await host()
    let terminal = try PseudoTerminal(columns: 100, rows: 20)
    let top = try top(terminal, on: host.directory, "--count", "1000000")
    try terminal.wait(for: "q quit   s sorted by load\u{1B}[K")
    terminal.resize(columns: 12, rows: 7)
    kill(top.processIdentifier, SIGWINCH)
    try terminal.waitFor("q quit   s …")
    try terminal.type("q")
    top.waitUntilExit()
    #expect(top.terminationStatus == 0)
    host.kill()
  }

  @Test func `it outlives the host, says so, and goes on with the next one`() async throws {
    let first = try await host()
    let terminal = try PseudoTerminal(columns: 100, rows: 20)
    let before = terminal.settings
    let top = try top(terminal, on: first.directory)
    try terminal.wait(for: "boot 1")
    first.kill()
    try terminal.waitFor("no host answers; trying again")
    let second = try await host(in: first.directory)
    try terminal.waitFor("boot 2")
    try terminal.type("q")
    top.waitUntilExit()
    #expect(top.terminationStatus == 0)
    #expect(terminal.settings == before)
    second.kill()
  }

  @Test func `elsewhere than on a terminal it prints a block for each look`() async throws {
    let host = try await host()
    for (flags, part) in [
      (["--count", "2"], "STARTS/S"), (["--json", "--count", "2"], "perSecond"),
    ] {
      let process = Process()
      process.executableURL = HostProcess.product("apus")
      process.arguments =
        ["top", "--data", host.directory.path(), "--interval", "100ms"] + flags
      let output = Pipe()
      process.standardOutput = output
      try process.run()
      let said = try #require(try output.fileHandleForReading.readToEnd())
      process.waitUntilExit()
      #expect(process.terminationStatus == 0)
      let text = String(decoding: said, as: UTF8.self)
      #expect(text.components(separatedBy: part).count == 3, "\(text)")
      #expect(!text.contains("\u{1B}"))
    }
    host.kill()
  }

  @Test func `where no host is, it says so and touches no terminal`() throws {
    let terminal = try PseudoTerminal(columns: 100, rows: 20)
    let before = terminal.settings
    let top = try top(terminal, on: try HostProcess.temporaryFolder())
    top.waitUntilExit()
    terminal.drain()
    #expect(top.terminationStatus == 69)
    #expect(!terminal.drawn.contains(Self.enters))
    #expect(terminal.settings == before)
  }
}
