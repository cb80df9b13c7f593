// Workers that die: who is blamed, who is given back, what is in the log, who runs alone.
import EventLoop
import Glibc
import Invocations
import Testing

@testable import Workers

@Suite(.timeLimit(.minutes(5)))
@LoopActor
struct CrashTests {
  /// A sanitizer in the worker takes its signals before Swift's backtracer can.
  private nonisolated static let isSanitized =
    dlsym(nil, "__tsan_init") != nil || dlsym(nil, "__asan_init") != nil

  @Test(.enabled(if: !isSanitized))
  func `the log of the culprit has the message and the backtrace`() async throws {
    try await withPool { under in
      _ = try await under.launch().get()
      under.start(1, "wait")
      under.start(2, "trap")
      let lost = try await under.lost()
      #expect(lost.how == "signal 4 (SIGILL)" || lost.how == "signal 5 (SIGTRAP)")
      let lines = under.unread.compactMap { if case .logged(let line) = $0 { line } else { nil } }
      #expect(lines.allSatisfy { $0.invocation == name(2).id && $0.level == "stderr" })
      #expect(lines.count { $0.message.contains("Fatal error: the scripted trap") } == 1)
      #expect(lines.contains { $0.message.contains("misbehave") }, "no backtrace")
      let words = try #require(lost.lastWords)
      #expect(words.hasPrefix("the scripted trap, in "), "\(words)")
    }
  }

  @Test func `a named culprit alone is blamed`() async throws {
    try await withPool { under in
      _ = try await under.launch().get()
      for id in 1...2 { under.start(Int64(id), "wait") }
      let pid = under.start(3, "trap")
      let lost = try await under.lost()
      #expect(lost.pid == pid)
      #expect(lost.culprits == [name(3)])
      #expect(lost.others == [name(1), name(2)])
      #expect(!lost.wasKilledByHost)
      let ended = try await under.ended()
      #expect(ended.pid == pid && !ended.expected)

      // The others are nobody's suspects: they run beside each other in the replacement.
      try await under.room()
      let pids = [under.start(1, "wait", attempt: 2), under.start(2, "release", attempt: 2)]
      #expect(Set(pids).count == 1 && pids[0] != pid)
      _ = try await under.answer(to: 1)
      _ = try await under.answer(to: 2)
    }
  }

  @Test func `the only one in flight is the culprit, named or not`() async throws {
    for (handler, how) in [("exit", "exit status 3"), ("trap-without-name", "signal 9 (SIGKILL)")] {
      try await withPool { under in
        _ = try await under.launch().get()
        under.start(1, handler)
        let lost = try await under.lost()
        #expect(lost.culprits == [name(1)])
        #expect(lost.others.isEmpty)
        #expect(lost.how == how)
        #expect(!lost.wasKilledByHost)
      }
    }
  }

  @Test func `a grandchild that holds the streams delays the report, not for ever`() async throws {
    try await withPool {
      $0.outputTimeout = .milliseconds(50)
    } _: { under in
      _ = try await under.launch().get()
      under.start(1, "exit-with-child")
      let line = try await under.first { if case .logged(let line) = $0 { line } else { nil } }
      let grandchild = try #require(pid_t(line.message))
      defer { kill(grandchild, SIGKILL) }
      let lost = try await under.lost()
      #expect(lost.culprits == [name(1)] && lost.how == "exit status 3")
      #expect(kill(grandchild, 0) == 0)
    }
  }

  @Test func `suspects run alone until the culprit shows`() async throws {
    try await withPool { under in
      _ = try await under.launch().get()
      for id in 1...2 { under.start(Int64(id), "wait") }
      let shared = under.start(3, "trap-without-name")
      let first = try await under.lost()
      #expect(first.culprits.isEmpty)
      #expect(first.others == [name(1), name(2), name(3)])
      try await under.room()

      // Given back and started again: one after the other, apart from what is new.
      let alone = under.start(1, "echo", attempt: 2)
      under.start(3, "trap-without-name", attempt: 2)
      under.start(2, "echo", attempt: 2)
      let other = under.start(4, "wait")
      #expect(alone != other && other != shared)
      #expect(under.pool.statistics.filter(\.isIsolation).map(\.pid) == [alone])
      #expect(try await under.text(of: 1) == "{}")
      let second = try await under.lost()
      #expect(second.culprits == [name(3, 2)])
      #expect(second.others.isEmpty)
      #expect(second.pid == alone)
      #expect(try await under.text(of: 2) == "{}")
      under.pool.cancel(name(4))
      _ = try await under.answer(to: 4)

      // Cleared suspects share again; the culprit stays alone.
      #expect(under.start(1, "echo", attempt: 3) == other)
      #expect(under.start(3, "echo", attempt: 3) != other)
      _ = try await under.answer(to: 1)
      _ = try await under.answer(to: 3)
    }
  }

  @Test func `of twenty suspects half run at a time, and a kill from outside costs two turns`()
    async throws
  {
    try await withPool { under in
      _ = try await under.launch().get()
      var pid: Int32 = 0
      for id in 1...20 { pid = under.start(Int64(id), "wait") }
      kill(pid, SIGKILL)
      #expect(try await under.lost().others.count == 20)
      try await under.room()
      for id in 1...20 { under.start(Int64(id), "wait", attempt: 2) }
      for half in [1...10, 11...20] {
        var begun: [Int64] = []
        for _ in half {
          begun.append(
            try await under.first {
              if case .begins(let name, _) = $0 { name.id.rawValue } else { nil }
            })
        }
        #expect(begun == half.map(Int64.init))
        #expect(under.pool.statistics.filter(\.isIsolation).map(\.inFlight) == [10])
        for id in half { under.pool.cancel(name(Int64(id), 2)) }
        for id in half { _ = try await under.answer(to: Int64(id)) }
      }
    }
  }

  @Test func `a suspect that is cancelled before its turn is given back`() async throws {
    try await withPool { under in
      _ = try await under.launch().get()
      under.start(1, "wait")
      under.start(2, "trap-without-name")
      _ = try await under.lost()
      try await under.room()
      under.start(1, "stream", attempt: 2)
      under.start(2, "echo", attempt: 2)
      try await under.first { if case .streamBegan = $0 { () } else { nil } }
      under.pool.cancel(name(2, 2))
      let back = try await under.lost()
      #expect(back.others == [name(2, 2)])
      #expect(back.culprits.isEmpty)
      under.pool.resumeStream(name(1, 2))
      guard case .succeeded(.streamed, _, _, _) = try await under.answer(to: 1) else {
        Issue.record("the suspect whose turn it was did not go on")
        return
      }
    }
  }

  @Test func `suspects that wait when a release is swapped are given back`() async throws {
    try await withPool { under in
      _ = try await under.launch().get()
      under.start(1, "wait")
      under.start(2, "trap-without-name")
      _ = try await under.lost()
      try await under.room()
      under.start(1, "stream", attempt: 2)
      under.start(2, "echo", attempt: 2)
      try await under.first { if case .streamBegan = $0 { () } else { nil } }
      _ = try await under.launch(number: 2).get()
      #expect(try await under.lost().others == [name(2, 2)])
      under.start(2, "echo", attempt: 3)
      #expect(try await under.text(of: 2) == "{}")
    }
  }

  @Test func `a kill for the deadline blames those that were overdue`() async throws {
    try await withPool { under in
      _ = try await under.launch().get()
      let pid = under.start(1, "hang")
      under.start(2, "wait")
      under.start(3, "hang")
      under.pool.cancel(name(1))
      under.pool.kill(name(1))
      under.pool.kill(name(3))
      let lost = try await under.lost()
      #expect(lost.pid == pid)
      #expect(lost.culprits == [name(1), name(3)])
      #expect(lost.others == [name(2)])
      #expect(lost.wasKilledByHost)
      try await under.room()
      #expect(!under.pool.statistics.contains { $0.pid == pid })
    }
  }

  @Test func `a worker that is stopped answers no ping and is replaced without blame`() async throws
  {
    try await withPool {
      $0.pingInterval = .milliseconds(10)
      $0.pingTimeout = .milliseconds(200)
    } _: { under in
      _ = try await under.launch().get()
      under.start(1, "wait")
      under.start(2, "stop")
      let lost = try await under.lost()
      #expect(lost.culprits.isEmpty && !lost.wasKilledByHost)
      #expect(lost.others == [name(1), name(2)])
      try await under.room()
      let pids = [under.start(1, "wait", attempt: 2), under.start(2, "release", attempt: 2)]
      #expect(Set(pids).count == 1)
    }
  }

  @Test func `pings do not trouble a healthy worker`() async throws {
    try await withPool {
      $0.pingInterval = .milliseconds(1)
    } _: { under in
      _ = try await under.launch().get()
      for id in 1...50 {
        under.start(Int64(id), "echo")
        _ = try await under.answer(to: Int64(id))
      }
      #expect(under.pool.statistics.map(\.answered) == [50])
    }
  }

  @Test func `lines printed by one attempt alone are in its log`() async throws {
    try await withPool { under in
      _ = try await under.launch().get()
      under.start(1, "print")
      var lines: [String] = []
      for _ in 0..<2 {
        let line = try await under.first { if case .logged(let line) = $0 { line } else { nil } }
        #expect(line.invocation == name(1).id && line.attempt == 1)
        lines.append("\(line.level): \(line.message)")
      }
      #expect(Set(lines) == ["stdout: printed e1", "stderr: complained e1"])
    }
  }

  @Test func `lines that could be of several attempts are in nobody's log`() async throws {
    try await withPool { under in
      _ = try await under.launch().get()
      under.start(1, "wait")
      under.start(2, "print")
      #expect(try await under.printed.first { $0.hasPrefix("printed") ? $0 : nil } == "printed e2")
      #expect(try await under.printed.first { $0.hasPrefix("compl") ? $0 : nil } == "complained e2")
      #expect(!under.unread.contains { if case .logged = $0 { true } else { false } })
    }
  }

  @Test func `lines that a worker of Apus names are in their attempts' logs`() async throws {
    try await withPool { under in
      let printer = scripted(handler: "PrintInTurns")
      _ = try await under.launch([printer], executable: crashingWorkerPath).get()
      under.start(1, "PrintInTurns", data: #""one""#)
      under.start(2, "PrintInTurns", data: #""two""#)
      var lines: [Int64: [String]] = [:]
      for _ in 0..<6 {
        let line = try await under.first { if case .logged(let line) = $0 { line } else { nil } }
        lines[line.invocation.rawValue, default: []].append("\(line.level): \(line.message)")
      }
      for (id, name) in [(Int64(1), "one"), (2, "two")] {
        #expect(
          lines[id] == [
            "stderr: \(name) is bad, and worse", "stdout: \(name) begins, goes on and ends",
            "stdout: no end of \(name)",
          ])
      }
      #expect(under.printed.unread.isEmpty)
    }
  }

  @Test func `a flood of lines is cut off with one line that says so`() async throws {
    try await withPool { under in
      _ = try await under.launch().get()
      under.start(1, "flood", limits: FunctionLimits(logLines: 50))
      _ = try await under.answer(to: 1)
      let lines = under.unread.compactMap { if case .logged(let line) = $0 { line } else { nil } }
      #expect(lines.count == 51)
      #expect(
        lines.last?.message
          == "more than 50 lines ('limits.logLines'): the rest of this attempt's log is dropped")
      under.start(2, "echo")
      #expect(try await under.text(of: 2) == "{}")
    }
  }
}

struct CrashWordsTests {
  private func words(_ lines: String...) -> String? { CrashWords(lines)?.text }

  @Test func `a crash is told by its message and the first frame that somebody wrote`() {
    #expect(
      words(
        "Shop/Charge.swift:12: Fatal error: Index out of range", "Thread 2 crashed:",
        "0 [inlined] [system] 0x0000aaaa Array._checkSubscript in Shop at //<compiler-generated>",
        "1 [ra] 0x0000aaab ChargePayment.run(_:) + 98 in Shop at /src/Shop/Charge.swift:12:5")
        == "Index out of range, in ChargePayment.run(_:) at Charge.swift:12:5")
  }

  @Test func `an optimised build still names what it can`() {
    #expect(
      words(
        "0 [inlined] [system] 0x0000aaaa Swift runtime failure: Index out of range in Shop",
        "1 [system] 0x0000aaaa closure #4 in Night.functions.getter + 2092 in d509 at //<compiler-generated>",
        "2 [ra] 0x00007fed swift::runJobInEstablishedExecutorContext(swift::Job*) + 367 in lib.so")
        == "Index out of range, in closure #4 in Night.functions.getter")
  }

  @Test func `words without a crash are none`() {
    #expect(words("just a line", "3 of 4 done") == nil)
  }
}
