// Batches in a worker process: who is named by a crash, and what happens when no thread is free.
import Glibc
import Testing
import WorkerProtocol

@Suite(.timeLimit(.minutes(5))) struct BatchProcessTests {
  @Test func `it lists its batch handlers as such`() async throws {
    let child = try ChildWorker()
    let hello = try await child.host.hello()
    #expect(
      hello.handlers.contains(
        .init(name: "Sort", kind: .batch, input: "String", output: "Void")))
    child.host.hangUp()
    #expect(try child.exit() == .status(0))
  }

  @Test func `a crash names an attempt of the batch that is in flight`() async throws {
    let child = try ChildWorker()
    _ = try await child.host.hello()
    child.host.start("Wait", 1)
    try await child.host.line("waiting")
    child.host.startBatch("Sort", from: 50, ["{}", #""done""#, #""trap""#])
    let undecodable = try await child.host.ending()
    #expect(undecodable.invocation == 50)
    #expect(undecodable.failure?.kind == .undecodable)
    let last = await child.host.rest()
    #expect(last.map(\.head.kind) == [.crashed])
    #expect(last.first?.head.invocation == 51)
    #expect(try child.exit() == .signal(SIGILL))
  }

  @Test func `what is cancelled before a thread is free is given back, and the rest runs`()
    async throws
  {
    let child = try ChildWorker()
    _ = try await child.host.hello()
    let threads = Int64(max(2, sysconf(Int32(_SC_NPROCESSORS_ONLN))))
    for number in 1...threads { child.host.start("KillFromOutside", 100 + number) }
    var spinning = 0
    while spinning < threads, let said = await child.host.next() {
      if said.head.kind == .log { spinning += 1 }
    }
    child.host.startBatch("Sort", [#""done""#, #""done""#, #""done""#])
    child.host.startBatch("Sort", from: 11, [#""done""#, #""done""#])
    for id: Int64 in [1, 3, 11, 12] { child.host.send(.cancel, id) }
    let withdrawn = try await child.host.endings(4)
    #expect(Set(withdrawn.keys) == [1, 3, 11, 12])
    #expect(withdrawn.values.allSatisfy { $0.failure?.kind == .notBegun })
    for number in 1...threads { child.host.send(.cancel, 100 + number) }
    let rest = try await child.host.endings(Int(threads) + 1)
    #expect(rest[2]?.result?.value == .nothing)
    child.host.send(.drain)
    #expect(await child.host.rest().isEmpty)
    #expect(try child.exit() == .status(0))
  }
}
