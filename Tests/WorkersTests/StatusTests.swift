// What is told of worker processes: what the pool knows of them, and what the kernel has of them.
import EventLoop
import Glibc
import Invocations
import Testing

@testable import Workers

@Suite(.timeLimit(.minutes(5)))
@LoopActor
struct StatusTests {
  @Test func `a worker is told of with its functions, its release and what it runs`() async throws {
    try await withPool { under in
      #expect(under.pool.statuses.isEmpty)
      let release = WorkerRelease(
        executable: scriptedWorkerPath, functions: [scripted("a"), scripted("b")], number: 3,
        recorded: 41)
      let launched = await withCheckedContinuation { then in
        under.pool.launch(release) { then.resume(returning: $0) }
        #expect(under.pool.statuses.map(\.state) == ["starting"])
      }
      _ = try launched.get()
      _ = under.pool.start(assignment(1, "wait", of: "a"))
      let status = try #require(under.pool.statuses.first)
      #expect(
        status
          == WorkerStatus(
            pid: status.pid, executable: scriptedWorkerPath, release: 41, functions: ["a", "b"],
            state: "ready", startedAt: status.startedAt, inFlight: 1, attempts: 1))
      #expect(kill(status.pid, 0) == 0)
    }
  }

  @Test func `the kernel tells what a process has, and nothing of one that is gone`() async throws {
    let own = try #require(WorkerUsage.read(pid: getpid()))
    #expect(own.memoryBytes > 1 << 20)
    #expect(own.memoryPeakBytes >= own.memoryBytes)
    #expect(own.cpuMicroseconds > 0)
    // The kernel's numbers end far below.
    #expect(WorkerUsage.read(pid: .max) == nil)
  }

  @Test func `a name with blanks and brackets does not shift the numbers`() {
    let stat = "41 (a) b (c) S 1 41 41 0 -1 4194560 500 0 3 0 120 30 0 0 20 0 9 0 1234 5678"
    #expect(WorkerUsage.ticks(stat) == 150)
    #expect(WorkerUsage.ticks("41 (a") == nil)
    #expect(WorkerUsage.residentPages("9000 1234 500 1 0 700 0\n") == 1234)
    #expect(WorkerUsage.peakKilobytes("Name:\tx\nVmHWM:\t   10240 kB\nVmRSS:\t 9000 kB\n") == 10240)
    #expect(WorkerUsage.peakKilobytes("Name:\tx\n") == nil)
  }
}
