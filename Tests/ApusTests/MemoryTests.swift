// Each answer tells how much memory its worker has held at most.
import Testing
import WorkerProtocol

@Suite(.timeLimit(.minutes(5))) struct MemoryTests {
  @Test func `what a handler holds shows in its answer`() async throws {
    let child = try ChildWorker()
    child.host.start("Hold", 1, "1")
    let little = try #require(try await child.host.ending().result?.memoryBytes)
    // A worker with nothing to do is a few megabytes, however large the process that started it.
    #expect((1 << 20..<100 << 20).contains(little))
    child.host.start("Hold", 2, "200")
    let much = try #require(try await child.host.ending().result?.memoryBytes)
    #expect(much >= little + 190 << 20)
    child.host.start("Fail", 3)
    let failed = try #require(try await child.host.ending().failure?.memoryBytes)
    #expect(failed >= much)
    child.host.hangUp()
  }
}
