// A worker as a real process: it ends with its host, answers while its handlers block, and a crash
// names the attempt that caused it.
import Foundation
import Glibc
import Testing
import WorkerProtocol

@Suite(.timeLimit(.minutes(5))) struct WorkerProcessTests {
  @Test func `started by hand it says what it is`() throws {
    let child = try ChildWorker(hasChannel: false)
    #expect(try child.exit() == .status(64))
    #expect(
      child.errors().hasPrefix(
        "CrashingWorker is an Apus worker and does nothing by itself: start it with `apus dev`"))
  }

  @Test func `it lists its handlers as JSON`() throws {
    let path = FileManager.default.temporaryDirectory.path + "/apus-test-list-\(UUID())"
    defer { unlink(path) }
    let child = try ChildWorker(arguments: ["--list-handlers"], hasChannel: false, output: path)
    #expect(try child.exit() == .status(0))
    let listing = contents(of: path)
    #expect(listing.hasPrefix(#"{"#) && listing.hasSuffix("}\n"))
    #expect(listing.contains("\"protocolVersion\":\(Hello.version)"))
    for word in [
      #""name":"Echo""#, #""input":"String""#, #""output":"String""#, #""kind":"event""#,
    ] {
      #expect(listing.contains(word))
    }
  }

  @Test func `it says hello with the id of its build`() async throws {
    let child = try ChildWorker()
    let hello = try await child.host.hello()
    #expect(hello.buildID.contains("-"))
    #expect(hello.handlers.contains { $0.name == "Echo" })
    child.host.hangUp()
    #expect(try child.exit() == .status(0))
  }

  @Test func `it ends at once with its host, whatever runs`() async throws {
    let child = try ChildWorker()
    child.host.start("Wait")
    try await child.host.line("waiting")
    child.host.hangUp()
    #expect(try child.exit() == .status(0))
  }

  @Test func `it drains and exits with status 0`() async throws {
    let child = try ChildWorker()
    child.host.start("Echo", 1, #""a""#)
    child.host.send(.drain)
    #expect(try await child.host.ending().json == #""a""#)
    #expect(await child.host.rest().isEmpty)
    #expect(try child.exit() == .status(0))
  }

  @Test func `a stream of nonsense ends it with a status of its own`() async throws {
    let child = try ChildWorker()
    child.host.write([UInt8](repeating: 0x47, count: 64))
    _ = await child.host.rest()
    #expect(try child.exit() == .status(76))
    #expect(child.errors().contains("CrashingWorker: the host sent a frame of"))
  }

  @Test func `ping is answered while every thread for handlers is blocked`() async throws {
    let child = try ChildWorker()
    _ = try await child.host.hello()
    let threads = max(2, sysconf(Int32(_SC_NPROCESSORS_ONLN)))
    for number in 1...threads { child.host.start("Block", Int64(number)) }
    for _ in 1...threads { try await child.host.line("blocking") }
    child.host.start("Echo", 1000, #""a""#)
    child.host.send(.cancel, 1000)
    #expect(try await child.host.ending().failure?.kind == .notBegun)
    for _ in 1...10 {
      child.host.send(.ping)
      #expect(await child.host.next()?.head.kind == .health)
    }
    child.host.hangUp()
    #expect(try child.exit() == .status(0))
  }

  @Test func `a result that waits for company leaves although every thread is blocked`()
    async throws
  {
    let child = try ChildWorker()
    var frames: [UInt8] = []
    for number in 1...3 { frames += child.host.startFrame("Echo", Int64(number), #""a""#) }
    for number in 4...100 { frames += child.host.startFrame("Block", Int64(number)) }
    child.host.write(frames)
    for _ in 1...3 { #expect(try await child.host.ending().json == #""a""#) }
    child.host.hangUp()
    #expect(try child.exit() == .status(0))
  }

  @Test(arguments: [
    ("Trap", "null", SIGILL), ("OutOfRange", "7", SIGILL), ("BadAddress", "16", SIGSEGV),
    ("Abort", "null", SIGABRT), ("Overflow", "0", SIGSEGV), ("TrapInActor", "null", SIGILL),
    ("TrapInChild", "null", SIGILL),
  ])
  func `a crash names its attempt and no other`(
    _ handler: String, _ input: String, _ signal: Int32
  ) async throws {
    let child = try ChildWorker()
    child.host.start("Wait", 1)
    child.host.start("Wait", 2)
    for _ in 1...2 { try await child.host.line("waiting") }
    child.host.start(handler, 0x0102_0304_0506_0708, attempt: 0x0203, input)
    let last = await child.host.rest()
    #expect(last.map(\.head.kind) == [.crashed])
    #expect(last.first?.head.invocation == 0x0102_0304_0506_0708)
    #expect(last.first?.head.attempt == 0x0203)
    #expect(try child.exit() == .signal(signal))
  }

  @Test(arguments: [("OutOfRange", "7"), ("Overflow", "0"), ("Abort", "null")])
  func `Swift's own backtrace follows`(_ handler: String, _ input: String) async throws {
    let child = try ChildWorker(environment: [
      "SWIFT_BACKTRACE=enable=yes,color=no,threads=crashed,registers=none,images=none,"
        + "symbolicate=off,limit=8",
      "PATH=/usr/bin:/bin",
    ])
    child.host.start(handler, 9, input)
    #expect(
      await child.host.rest().contains { $0.head.kind == .crashed && $0.head.invocation == 9 })
    guard case .signal = try child.exit() else {
      Issue.record("the worker did not die of its crash")
      return
    }
    #expect(child.errors().contains("*** Program crashed: "))
  }

  @Test func `a signal from outside names nobody`() async throws {
    let child = try ChildWorker()
    _ = try await child.host.hello()
    child.host.start("KillFromOutside")
    guard case .log? = await child.host.next()?.head.kind else { throw WorkerWentAway() }
    kill(child.pid, SIGSEGV)
    // On a slow machine it holds its thread for long enough for a line that says so.
    #expect(await child.host.rest().allSatisfy { $0.head.kind == .log })
    #expect(try child.exit() == .signal(SIGSEGV))
  }
}
