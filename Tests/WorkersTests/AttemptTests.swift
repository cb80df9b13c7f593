// The journey of attempts to a worker and back, over real processes.
import EventLoop
import Invocations
import Testing
import Workers

@Suite(.timeLimit(.minutes(5)))
@LoopActor
struct AttemptTests {
  @Test func `a worker says what it holds and answers`() async throws {
    try await withPool { under in
      let roster = try await under.launch().get()
      #expect(roster.buildID == "scripted")
      #expect(
        roster.handlers == [.init(name: "echo", kind: .event, input: "RawData", output: "RawData")])
      let pid = under.start(1, "echo", data: #"{"a":1}"#)
      #expect(try await under.started() == pid)
      #expect(try await under.text(of: 1) == #"{"a":1}"#)
      #expect(under.pool.statistics.map(\.inFlight) == [0])
      #expect(under.pool.statistics.map(\.answered) == [1])
      #expect(under.pool.statistics.map(\.handlers) == [1])
    }
  }

  @Test func `a dispatcher off the actor can hold the pool as its port`() async throws {
    try await withPool { under in
      _ = try await under.launch().get()
      let holder = PortHolder(under.pool)
      #expect(holder.startIfRoom(assignment(1, "echo")) != nil)
      #expect(try await under.text(of: 1) == "{}")
    }
  }

  @Test func `the handler is told all of the assignment`() async throws {
    try await withPool { under in
      _ = try await under.launch().get()
      under.start(1, "tell", attempt: 2)
      let line = try await under.first { if case .logged(let line) = $0 { line } else { nil } }
      #expect(
        line
          == LogLine(
            invocation: InvocationID(rawValue: 1), attempt: 2,
            time: WallTime(milliseconds: 1_700_000_000_000), level: "notice", message: "running",
            metadata: [.init(name: "order", value: "42")]))
      let words = [
        "scripted", "2", "3", "1", "0000000000001", "77", "e1", "2023-11-14T22:13:20.123Z",
        "level=7", "POST /orders", "true",
      ]
      #expect(try await under.text(of: 1) == words.joined(separator: "|"))
    }
  }

  @Test func `every kind of failure arrives as what it is`() async throws {
    let kinds: [Failure.Kind] = [.thrown, .rejected, .undecodable, .missingHandler]
    try await withPool { under in
      _ = try await under.launch().get()
      for (code, kind) in kinds.enumerated() {
        let id = Int64(code + 1)
        _ = under.pool.start(assignment(id, "fail", data: [UInt8(code)]))
        guard case .failed(let failure, let cpu, let memory) = try await under.answer(to: id) else {
          Issue.record("not a failure")
          continue
        }
        #expect(failure.kind == kind)
        #expect(failure.retryAfter == .milliseconds(1500))
        #expect(
          failure.error
            == ErrorRecord(code: kind.rawValue, message: "as told", type: "ScriptedError"))
        #expect(cpu == 12)
        #expect(memory == 34)
      }
    }
  }

  @Test func `what a handler emitted comes with its success`() async throws {
    try await withPool { under in
      _ = try await under.launch().get()
      under.start(1, "emit")
      guard case .succeeded(.nothing, let emitted, _, _) = try await under.answer(to: 1) else {
        Issue.record("not a success")
        return
      }
      #expect(
        emitted == [
          EmittedEvent(
            queue: "receipts", type: "paid", subject: "42", id: nil, delay: .milliseconds(1500),
            contentType: "application/json", data: Array("{}".utf8))
        ])
    }
  }

  @Test func `a cancelled attempt says so`() async throws {
    try await withPool { under in
      _ = try await under.launch().get()
      under.start(1, "wait")
      under.pool.cancel(name(1))
      guard case .cancelled = try await under.answer(to: 1) else {
        Issue.record("not cancelled")
        return
      }
      // Nobody has these: nothing happens.
      under.pool.cancel(name(1))
      under.pool.kill(name(1))
      under.start(2, "echo")
      #expect(try await under.text(of: 2) == "{}")
    }
  }

  @Test func `a streamed response comes in order and obeys pause and resume`() async throws {
    try await withPool { under in
      _ = try await under.launch().get()
      under.start(1, "stream")
      let head = try await under.first { news in
        if case .streamBegan(_, let status, let headers) = news { (status, headers) } else { nil }
      }
      #expect(head.0 == 200)
      #expect(head.1 == [.init(name: "content-type", value: "text/plain")])
      under.pool.pauseStream(name(1))
      under.pool.resumeStream(name(1))
      for text in ["before the pause", "after the pause"] {
        let part = try await under.first {
          if case .streamed(_, let part) = $0 { part } else { nil }
        }
        #expect(String(decoding: part, as: UTF8.self) == text)
      }
      guard case .succeeded(.streamed, _, _, _) = try await under.answer(to: 1) else {
        Issue.record("not streamed")
        return
      }
    }
  }

  @Test func `a thousand attempts are in flight at once`() async throws {
    try await withPool { under in
      _ = try await under.launch().get()
      for id in 1...1000 { under.start(Int64(id), "wait") }
      #expect(under.pool.statistics.map(\.inFlight) == [1000])
      under.start(1001, "release")
      for id in 1...1001 { _ = try await under.answer(to: Int64(id)) }
      #expect(under.pool.statistics.map(\.inFlight) == [0])
    }
  }

  @Test func `at the limit there is no room, and room is told once`() async throws {
    try await withPool {
      $0.attemptsInFlightMax = 4
    } _: { under in
      _ = try await under.launch().get()
      try await under.roomAgain()
      for id in 1...3 { under.start(Int64(id), "wait") }
      #expect(under.pool.hasRoom(for: scripted()))
      under.start(4, "wait")
      #expect(!under.pool.hasRoom(for: scripted()))
      under.pool.cancel(name(1))
      under.pool.cancel(name(2))
      try await under.roomAgain()
      #expect(under.pool.hasRoom(for: scripted()))
      _ = try await under.answer(to: 1)
      _ = try await under.answer(to: 2)
      under.start(5, "release")
      for id in 3...5 { _ = try await under.answer(to: Int64(id)) }
      #expect(!under.unread.contains { if case .roomAgain = $0 { true } else { false } })
    }
  }

  @Test func `unsent bytes above the limit leave no room until they are gone`() async throws {
    try await withPool {
      $0.unsentBytesMax = 100_000
    } _: { under in
      _ = try await under.launch().get()
      try await under.roomAgain()
      let large = [UInt8](repeating: 65, count: 2_000_000)
      _ = under.pool.start(assignment(1, "emit", data: large))
      #expect(!under.pool.hasRoom(for: scripted()))
      try await under.room()
      guard case .succeeded(_, let emitted, _, _) = try await under.answer(to: 1) else {
        Issue.record("not a success")
        return
      }
      #expect(emitted.first?.data == large)
    }
  }

  @Test func `the least loaded worker gets the next attempt`() async throws {
    try await withPool {
      $0.workersPerGroup = 2
    } _: { under in
      _ = try await under.launch().get()
      let pids = (1...4).map { under.start(Int64($0), "wait") }
      #expect(Set(pids).count == 2)
      #expect(under.pool.statistics.map(\.inFlight) == [2, 2])
    }
  }

  @Test func `an event that fits no frame is answered and harms nobody`() async throws {
    try await withPool { under in
      _ = try await under.launch().get()
      _ = under.pool.start(assignment(1, "echo", data: [UInt8](repeating: 65, count: 17 << 20)))
      guard case .failed(let failure, _, _) = try await under.answer(to: 1) else {
        Issue.record("not a failure")
        return
      }
      #expect(failure.kind == .undecodable)
      #expect(failure.error.code == "payload-too-large")
      under.start(2, "echo")
      #expect(try await under.text(of: 2) == "{}")
    }
  }
}

/// As the dispatcher is: a plain class that only knows the port.
private final class PortHolder {
  private let pool: any WorkerPool

  init(_ pool: any WorkerPool) { self.pool = pool }

  func startIfRoom(_ assignment: Assignment) -> Int32? {
    pool.hasRoom(for: assignment.function) ? pool.start(assignment) : nil
  }
}
