// A handler that holds its thread is named in its own log, while it does.
import Apus
import Testing
import WorkerProtocol

@Suite(.timeLimit(.minutes(5))) struct HogTests {
  /// Reads on to the line that names a hog.
  private func hog(of child: ChildWorker) async throws -> (invocation: Int64, line: LogEntry) {
    while let said = await child.host.next() {
      guard let line = try said.log else { continue }
      if line.metadata.contains(NameValue(name: "code", value: "hog")) {
        return (said.head.invocation, line)
      }
    }
    throw WorkerWentAway()
  }

  private func cpuMilliseconds(_ line: LogEntry) throws -> Int {
    try #require(line.metadata.first { $0.name == "cpuMs" }.flatMap { Int($0.value) })
  }

  @Test func `a handler that blocks its thread is named after a second`() async throws {
    let child = try ChildWorker()
    child.host.start("Wait", 1)
    child.host.start("Block", 2)
    let (invocation, line) = try await hog(of: child)
    #expect(invocation == 2)
    #expect(line.level == .warning)
    #expect(line.message.hasPrefix("holds its thread for 1."))
    #expect(line.message.contains(" s without suspending, blocked (0.0 s of CPU time)"))
    #expect(line.message.hasSuffix("or move blocking work to a thread of its own"))
    #expect(try cpuMilliseconds(line) < 100)
    child.host.hangUp()
  }

  @Test func `a busy one is told from it by its CPU time`() async throws {
    let child = try ChildWorker()
    child.host.start("Spin", 3)
    var (invocation, line) = try await hog(of: child)
    // A machine that gives it hardly a core in the first second does later.
    while !line.message.contains(" s without suspending, busy (") {
      (invocation, line) = try await hog(of: child)
    }
    #expect(invocation == 3)
    #expect(try cpuMilliseconds(line) >= 100)
    child.host.send(.cancel, 3)
    #expect(try await child.host.ending().json == "true")
    child.host.hangUp()
  }

  @Test func `of a batch the first event that is open has the line`() async throws {
    let child = try ChildWorker()
    child.host.startBatch("Sort", ["7", #""block""#, #""done""#])
    #expect(try await child.host.ending().failure?.kind == .undecodable)
    #expect(try await hog(of: child).invocation == 2)
    child.host.hangUp()
  }

  @Test func `a hog is named at one second, at ten and then each minute`() {
    var told: [Duration] = [.zero]
    for _ in 0..<4 { told.append(HogTimes.next(after: told[told.count - 1])) }
    #expect(told.dropFirst() == [.seconds(1), .seconds(10), .seconds(70), .seconds(130)])
  }
}
