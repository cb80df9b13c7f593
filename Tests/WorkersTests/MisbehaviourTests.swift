// Handlers of a real worker that do what no handler should: the culprit is named, the others run
// again, and the pool goes on.
import EventLoop
import Foundation
import Glibc
import Invocations
import Testing

@testable import Workers

@Suite(.timeLimit(.minutes(5)))
@LoopActor
struct MisbehaviourTests {
  private func launch(
    _ under: PoolUnderTest, _ limits: FunctionLimits = FunctionLimits()
  ) async throws {
    _ = try await under.launch([scripted(limits: limits)], executable: crashingWorkerPath).get()
  }

  /// The first line of this invocation's log.
  private func line(of id: Int64, in under: PoolUnderTest) async throws -> String {
    try await under.first { news in
      guard case .logged(let line) = news, line.invocation.rawValue == id else { return nil }
      return line.message
    }
  }

  private func failure(of id: Int64, in under: PoolUnderTest) async throws -> Failure {
    guard case .failed(let failure, _, _) = try await under.answer(to: id) else {
      throw Unexpected(what: "an answer that is no failure")
    }
    return failure
  }

  struct Unexpected: Error { let what: String }

  // MARK: ends of a process

  @Test(arguments: [0, 1]) func `an exit is a crash of whoever called it, whatever its status`(
    status: Int
  ) async throws {
    try await withPool { under in
      try await launch(under)
      under.start(1, "Exit", data: "\(status)")
      let lost = try await under.lost()
      #expect(lost.culprits == [name(1)] && lost.how == "exit status \(status)")
      #expect(lost.code == LostWorker.crashed)
      try await under.room()
      under.start(2, "Echo", data: #""on""#)
      #expect(try await under.text(of: 2) == #""on""#)
    }
  }

  @Test func `a stack overflow is named among others`() async throws {
    try await withPool { under in
      try await launch(under)
      under.start(1, "Wait")
      _ = try await line(of: 1, in: under)
      under.start(2, "Overflow", data: "0")
      let lost = try await under.lost()
      #expect(lost.culprits == [name(2)] && lost.others == [name(1)])
    }
  }

  @Test func `a loop that never suspends ends at its kill, and others run again`() async throws {
    try await withPool { under in
      try await launch(under)
      under.start(1, "Wait")
      _ = try await line(of: 1, in: under)
      under.start(2, "Deaf")
      _ = try await line(of: 2, in: under)
      under.pool.cancel(name(2))
      under.pool.kill(name(2))
      let lost = try await under.lost()
      #expect(lost.culprits == [name(2)] && lost.others == [name(1)] && lost.wasKilledByHost)
    }
  }

  @Test func `what a handler forked ends with its worker`() async throws {
    try await withPool { under in
      try await launch(under)
      under.start(1, "ForkAndExit")
      let copy = try #require(pid_t(try await line(of: 1, in: under)))
      let lost = try await under.lost()
      #expect(lost.culprits == [name(1)] && lost.how == "exit status 3")
      // All streams have ended, which the copy would hold open; the kernel may still be at its end.
      #expect(isGone(copy))
    }
  }

  @Test func `a copy of a worker does not answer for it`() async throws {
    try await withPool { under in
      try await launch(under)
      under.start(1, "Fork")
      let copy = try #require(pid_t(try await under.text(of: 1)))
      #expect(getpgid(copy) == under.pool.statistics.first?.pid)
      under.start(2, "Echo", data: #""on""#)
      #expect(try await under.text(of: 2) == #""on""#)
      await under.stop()
      #expect(isGone(copy))
    }
  }

  /// No such process, or one that has ended and that nobody has asked for.
  private func isGone(_ pid: pid_t) -> Bool {
    guard kill(pid, 0) == 0 else { return true }
    let status = FileManager.default.contents(atPath: "/proc/\(pid)/stat") ?? Data()
    let state = String(decoding: status, as: UTF8.self).split(separator: ")").last?.dropFirst()
    return state?.first == "Z" || state?.first == "X" || state == nil
  }

  @Test func `a worker without descriptors is of no use and is replaced`() async throws {
    try await withPool { under in
      try await launch(under)
      under.start(1, "CloseAll")
      let lost = try await under.lost()
      #expect(lost.culprits == [name(1)])
      try await under.room()
      under.start(2, "Echo", data: #""on""#)
      #expect(try await under.text(of: 2) == #""on""#)
    }
  }

  // MARK: limits

  @Test func `a flood over the pipes is bounded by the log's limits`() async throws {
    try await withPool { under in
      try await launch(under)
      under.start(1, "FloodPipes", data: "4", limits: FunctionLimits(logLines: 100))
      #expect(try await under.text(of: 1) == "4")
      let lines = under.unread.compactMap { if case .logged(let line) = $0 { line } else { nil } }
      #expect(lines.count <= 101)
    }
  }

  @Test func `a flood that is nobody's does not fill the host's log`() async throws {
    try await withPool { under in
      try await launch(under)
      under.start(1, "Wait")
      _ = try await line(of: 1, in: under)
      under.start(2, "FloodPipes", data: "4")
      #expect(try await under.text(of: 2) == "4")
      #expect(under.printed.unread.count < 8 * 1024)
      under.pool.cancel(name(1))
      _ = try await under.answer(to: 1)
      await under.stop()
      #expect(under.printed.unread.contains { $0.contains("lines of this worker were dropped") })
    }
  }

  @Test func `lines have a limit of their number and one of their size`() async throws {
    for (limits, key) in [
      (FunctionLimits(logLines: 10), "logLines"), (FunctionLimits(logBytes: 15), "logSize"),
    ] {
      try await withPool { under in
        try await launch(under)
        under.start(1, "LogMany", data: "1000", limits: limits)
        _ = try await under.answer(to: 1)
        let lines = under.unread.compactMap { if case .logged(let line) = $0 { line } else { nil } }
        #expect(lines.dropLast().map(\.message) == (0..<lines.count - 1).map(String.init))
        #expect(lines.count <= 13)
        #expect(lines.last?.message.contains("'limits.\(key)'") == true)
        #expect(lines.last?.level == "warning")
      }
    }
  }

  @Test func `a result at its limit is one, and a byte more names the limit`() async throws {
    try await withPool { under in
      try await launch(under, FunctionLimits(resultBytes: 102))
      under.start(1, "Large", data: "100", limits: FunctionLimits(resultBytes: 102))
      #expect(try await under.text(of: 1).utf8.count == 102)
      under.start(2, "Large", data: "101", limits: FunctionLimits(resultBytes: 102))
      let error = try await failure(of: 2, in: under).error
      #expect(error.code == "result-too-large")
      #expect(error.message == "the result has 103 bytes; 'limits.result' allows 102")
    }
  }

  @Test func `a result that fits no frame is refused where it is made`() async throws {
    try await withPool { under in
      try await launch(under)
      under.start(1, "Large", data: "\(17 << 20)")
      let error = try await failure(of: 1, in: under).error
      #expect(error.code == "result-too-large" && error.type == "ResultTooLarge")
    }
  }

  @Test func `events past their limit are none`() async throws {
    let few = FunctionLimits(emitted: 2)
    try await withPool { under in
      try await launch(under, few)
      under.start(1, "EmitMany", data: "2", limits: few)
      guard case .succeeded(_, let emitted, _, _) = try await under.answer(to: 1) else {
        throw Unexpected(what: "a failure at the limit")
      }
      #expect(emitted.count == 2)
      under.start(2, "EmitMany", data: "3", limits: few)
      let own = try await failure(of: 2, in: under).error
      #expect(own.code == "too-many-emits")
      #expect(own.message == "the attempt emitted 3 events; 'limits.emits' allows 2")
      under.start(3, "EmitMany", data: "5000")
      let library = try await failure(of: 3, in: under).error
      #expect(library.code == "too-many-emits" && library.type == "TooManyEmits")
    }
  }

  // MARK: memory

  private func withWatchedPool(
    _ body: @LoopActor (PoolUnderTest) async throws -> Void
  ) async throws {
    try await withPool({ $0.memoryInterval = .milliseconds(10) }, body)
  }

  private let small = FunctionLimits(memoryBytes: 128 << 20)

  @Test func `a balloon is stopped, and named when it was alone`() async throws {
    try await withWatchedPool { under in
      try await launch(under, small)
      under.start(1, "Balloon")
      let lost = try await under.lost()
      #expect(lost.culprits == [name(1)])
      #expect(lost.code == LostWorker.outOfMemory)
      #expect(lost.how.hasPrefix("signal 9 (SIGKILL): killed, as it held "), "\(lost.how)")
      #expect(lost.how.hasSuffix(" MiB, and 'limits.memory' of its functions is 128 MiB"))
    }
  }

  @Test func `a balloon among others is found, and costs them nothing`() async throws {
    try await withWatchedPool { under in
      try await launch(under, small)
      for id in 1...3 { under.start(Int64(id), "Wait") }
      under.start(4, "Balloon")
      let first = try await under.lost()
      #expect(first.culprits.isEmpty && first.others.count == 4)
      try await under.room()
      for id in 1...3 { under.start(Int64(id), "Echo", attempt: 2, data: #""on""#) }
      under.start(4, "Balloon", attempt: 2)
      for id in 1...3 { #expect(try await under.text(of: Int64(id)) == #""on""#) }
      let second = try await under.lost()
      #expect(second.culprits == [name(4, 2)] && second.code == LostWorker.outOfMemory)
    }
  }

  @Test func `whoever runs last in a worker that others have filled is not to blame`() async throws
  {
    try await withWatchedPool { under in
      try await launch(under, small)
      under.start(1, "Echo", data: #""first""#)
      _ = try await under.answer(to: 1)
      under.start(2, "Balloon")
      let first = try await under.lost()
      #expect(first.culprits.isEmpty && first.others == [name(2)])
      try await under.room()
      under.start(2, "Balloon", attempt: 2)
      #expect(try await under.lost().culprits == [name(2, 2)])
    }
  }

  @Test(.enabled(if: WorkerSettings().boundsData))
  func `what no process may ask for is refused in the attempt that asks`() async throws {
    try await withPool { under in
      try await launch(under, small)
      under.start(1, "Wait")
      _ = try await line(of: 1, in: under)
      under.start(2, "Gulp", data: "4096")
      let lost = try await under.lost()
      #expect(lost.culprits == [name(2)] && lost.others == [name(1)])
      #expect(lost.code == LostWorker.outOfMemory, "\(lost)")
      #expect(lost.how.hasSuffix(": refused memory; 'limits.memory' of its functions is 128 MiB"))
      #expect(lost.lastWords?.contains("failed to allocate 4294967") == true)
    }
  }

  // A sanitizer takes a multiple of all memory: its workers are replaced at other moments.
  @Test(.enabled(if: WorkerSettings().boundsData))
  func `a worker that has grown is replaced, and ends what it runs`() async throws {
    try await withWatchedPool { under in
      try await launch(under, small)
      under.start(1, "Wait")
      _ = try await line(of: 1, in: under)
      let grown = under.start(2, "Leak", data: "140")
      #expect(try await under.text(of: 2) == "\(grown)")
      // Started first, so that there is room at any time.
      _ = try await under.started()
      let next = try await under.started()
      #expect(next != grown)
      #expect(under.pool.hasRoom(for: scripted()))
      try await under.first { news in
        if case .roomAgain = news { under.pool.statistics.count == 2 ? () : nil } else { nil }
      }
      while under.start(3, "Echo", data: #""on""#) == grown {
        _ = try await under.answer(to: 3)
      }
      _ = try await under.answer(to: 3)
      under.pool.cancel(name(1))
      guard case .cancelled = try await under.answer(to: 1) else {
        throw Unexpected(what: "no end of what ran beside")
      }
      let ended = try await under.ended()
      #expect(ended.pid == grown && ended.expected)
      #expect(ended.how.hasPrefix("exit status 0: replaced, as it held "), "\(ended.how)")
    }
  }

  @Test func `functions with other memory have another process`() async throws {
    try await withPool { under in
      let functions = [scripted("a"), scripted("b"), scripted("c", limits: small)]
      _ = try await under.launch(functions).get()
      #expect(under.pool.statistics.map(\.functions) == [["a", "b"], ["c"]])
    }
  }
}
