// What handlers print, in a worker as a real process: each line in the log of the attempt that printed
// it, whoever else prints.
import Foundation
import Glibc
import Testing
import WorkerProtocol

@Suite(.timeLimit(.minutes(5))) struct PrintingTests {
  /// A sanitizer takes the signals of the crashing child for itself.
  private static let isSanitized =
    dlsym(nil, "__tsan_init") != nil || dlsym(nil, "__asan_init") != nil

  /// The lines of each invocation, as `level: message`, up to the given number of ends.
  private func lines(
    of child: ChildWorker, untilEnds count: Int
  ) async throws -> [Int64: [String]] {
    var lines: [Int64: [String]] = [:]
    var ends = 0
    while ends < count, let said = await child.host.next() {
      if let entry = try said.log {
        lines[said.head.invocation, default: []].append("\(entry.level): \(entry.message)")
      }
      if said.head.kind == .result || said.head.kind == .failure { ends += 1 }
    }
    return lines
  }

  @Test func `two attempts print at once and neither has a word of the other`() async throws {
    let child = try ChildWorker()
    child.host.start("PrintInTurns", 1, #""one""#)
    child.host.start("PrintInTurns", 2, #""two""#)
    let lines = try await lines(of: child, untilEnds: 2)
    for (invocation, name) in [(Int64(1), "one"), (2, "two")] {
      #expect(
        lines[invocation] == [
          "stderr: \(name) is bad, and worse", "stdout: \(name) begins, goes on and ends",
          "stdout: no end of \(name)",
        ])
    }
    child.host.hangUp()
    #expect(try child.exit() == .status(0))
    #expect(child.errors().isEmpty)
  }

  @Test func `tasks and shared actors print for the attempt that asked them`() async throws {
    let child = try ChildWorker()
    child.host.start("PrintInTasks", 1, #""one""#)
    child.host.start("PrintInTasks", 2, #""two""#)
    let lines = try await lines(of: child, untilEnds: 2)
    for (invocation, name) in [(Int64(1), "one"), (2, "two")] {
      #expect(
        lines[invocation]
          == ["stdout: in a task of \(name)", "stdout: in an actor for \(name)"])
    }
    child.host.hangUp()
  }

  @Test func `what no attempt is known for goes over the pipe`() async throws {
    let path = FileManager.default.temporaryDirectory.path + "/apus-test-printed-\(UUID())"
    defer { unlink(path) }
    let child = try ChildWorker(output: path)
    child.host.start("PrintElsewhere")
    #expect(try await lines(of: child, untilEnds: 1).isEmpty)
    child.host.hangUp()
    #expect(try child.exit() == .status(0))
    #expect(contents(of: path) == "from a queue\nraw\n")
  }

  @Test func `a line past the limit comes in pieces of whole characters`() async throws {
    let child = try ChildWorker()
    child.host.start("PrintLong", 1, "30000")
    let log = try await child.host.ending().log
    #expect(log.map(\.utf8.count) == [65_535, 24_465, 5])
    #expect(log.prefix(2).joined() == String(repeating: "€", count: 30_000))
    #expect(log.last == "short")
    child.host.hangUp()
  }

  @Test(arguments: [65_535, 65_536, 65_537, 131_072]) func `a line at the limit is whole`(
    _ bytes: Int
  ) async throws {
    let child = try ChildWorker()
    let text = String(repeating: "x", count: bytes)
    child.host.start("PrintText", 1, "\"\(text)\\n\\nnext\"")
    let pieces = try await child.host.ending().log
    #expect(pieces.count == (bytes + 65_535) / 65_536 + 2)
    #expect(pieces.dropLast(2).joined() == text)
    #expect(pieces.suffix(2) == ["", "next"])
    child.host.hangUp()
  }

  @Test func `printed lines have the limit of log lines`() async throws {
    let child = try ChildWorker()
    child.host.start("PrintLines", 1, "10100")
    let log = try await child.host.ending().log
    #expect(log.count == 10_001)
    #expect(log.last == "more than 10000 log lines in one attempt; the rest is dropped")
    // On a slow machine it holds its thread for long enough to be named.
    let numbers = log.dropLast().filter { !$0.hasPrefix("holds its thread") }
    #expect(numbers == (0..<numbers.count).map(String.init))
    child.host.hangUp()
  }

  @Test func `a flood is dropped and counted while the host does not read`() async throws {
    let path = FileManager.default.temporaryDirectory.path + "/apus-test-done-\(UUID())"
    try #require(mkfifo(path, 0o600) == 0)
    defer { unlink(path) }
    let done = open(path, O_RDWR)
    defer { close(done) }
    let child = try ChildWorker(output: path, reads: false)
    child.host.start("PrintFlood", 1, "400")
    var byte: UInt8 = 0
    try #require(read(done, &byte, 1) == 1)
    child.host.startReading()
    let log = try await child.host.ending().log
    let kept = log.filter { $0.hasPrefix("x") }.count
    // 8 MiB of ours, and what the kernel takes.
    #expect((139...200).contains(kept))
    let words = try #require(log.last?.split(separator: " ", maxSplits: 1))
    #expect(words.last == "log lines dropped: the host reads them too slowly")
    // On a slow machine it holds its thread for long enough to be named, in lines that are dropped too.
    #expect(try (400 - kept...403 - kept).contains(#require(Int(words[0]))))
    child.host.hangUp()
  }

  @Test(.enabled(if: !isSanitized))
  func `what was printed before a trap is told, and the trap's own words go over the pipe`()
    async throws
  {
    let child = try ChildWorker()
    child.host.start("PrintAndTrap", 7)
    var lines: [String] = []
    for said in await child.host.rest() {
      if let entry = try said.log { lines.append("\(entry.level): \(entry.message)") }
    }
    #expect(lines == ["stdout: last line", "stderr: last complaint"])
    #expect(try child.exit() == .signal(SIGILL))
    #expect(child.errors().contains("Fatal error: after printing"))
  }
}
