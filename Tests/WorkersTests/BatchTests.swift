// Batches over real processes: with the scripted worker what the host does, with a worker of Apus
// what comes of it.
import EventLoop
import Invocations
import Testing
import WorkerProtocol
import Workers

@Suite(.timeLimit(.minutes(5)))
@LoopActor
struct BatchTests {
  private nonisolated static let sorter = scripted(handler: "Sort")

  /// `words` are what the sorter shall do, for invocations from 1 on.
  private func batch(_ words: [String], from first: Int64 = 1, attempt: Int = 1) -> [Assignment] {
    words.enumerated().map { place, word in
      assignment(
        first + Int64(place), "Sort", attempt: attempt, data: Array("\"\(word)\"".utf8))
    }
  }

  private func withSorter(_ body: @LoopActor (PoolUnderTest) async throws -> Void) async throws {
    try await withPool { under in
      _ = try await under.launch([BatchTests.sorter], executable: crashingWorkerPath).get()
      try await body(under)
    }
  }

  private func line(_ message: String, in under: PoolUnderTest) async throws -> AttemptName {
    try await under.first { news in
      guard case .logged(let line) = news, line.message == message else { return nil }
      return AttemptName(id: line.invocation, attempt: line.attempt)
    }
  }

  // MARK: answers

  @Test func `the limits are those of the frame`() {
    #expect(BatchLimits.sizeMax == StartBatch.itemsMax)
    #expect(BatchLimits.bytesMax * 2 <= FrameHead.payloadBytesMax)
  }

  @Test func `the roster says that a handler takes batches`() async throws {
    try await withPool { under in
      let roster = try await under.launch([Self.sorter], executable: crashingWorkerPath).get()
      #expect(
        roster.handlers.contains(
          .init(name: "Sort", kind: .batch, input: "String", output: "Void")))
    }
  }

  @Test func `each attempt of a batch ends by its own news`() async throws {
    try await withSorter { under in
      let pid = under.pool.start(batch: batch(["done", "retry", "reject", "none", "emit"]))
      #expect(under.pool.statistics.map(\.pid) == [pid])
      #expect(under.pool.statistics.map(\.inFlight) == [5])
      guard case .succeeded(.nothing, let none, _, _) = try await under.answer(to: 1),
        case .failed(let retried, _, _) = try await under.answer(to: 2),
        case .failed(let rejected, _, _) = try await under.answer(to: 3),
        case .failed(let unanswered, _, _) = try await under.answer(to: 4),
        case .succeeded(.nothing, let emitted, _, _) = try await under.answer(to: 5)
      else {
        Issue.record("not as told")
        return
      }
      #expect(none.isEmpty && emitted.map(\.queue) == ["sorted"])
      #expect(retried.kind == .thrown && retried.retryAfter == .seconds(30))
      #expect(rejected.kind == .rejected)
      #expect(unanswered.kind == .thrown)
      #expect(
        unanswered.error
          == ErrorRecord(
            code: "unanswered",
            message: "the handler returned without an answer for this event",
            type: "UnansweredEvent"))
      #expect(under.pool.statistics.map(\.inFlight) == [0])
      #expect(under.pool.statistics.map(\.answered) == [5])
    }
  }

  @Test func `a thrown error is the error of all`() async throws {
    try await withSorter { under in
      _ = under.pool.start(batch: batch(["done", "throw", "done"]))
      for id in 1...3 {
        guard case .failed(let failure, _, _) = try await under.answer(to: Int64(id)) else {
          Issue.record("not a failure")
          continue
        }
        #expect(failure.retryAfter == .seconds(7) && failure.error.message == "all of it")
      }
    }
  }

  @Test func `what cannot be decoded ends alone`() async throws {
    try await withSorter { under in
      let odd = assignment(9, "Sort", data: Array("{}".utf8))
      _ = under.pool.start(batch: [odd] + batch(["done"]))
      guard case .failed(let failure, _, _) = try await under.answer(to: 9) else {
        Issue.record("not a failure")
        return
      }
      #expect(failure.kind == .undecodable)
      guard case .succeeded = try await under.answer(to: 1) else {
        Issue.record("not a success")
        return
      }
    }
  }

  // MARK: limits

  @Test func `a thousand attempts of eight mebibytes are one frame`() async throws {
    try await withPool { under in
      _ = try await under.launch().get()
      let data = [UInt8](repeating: 65, count: BatchLimits.bytesMax / BatchLimits.sizeMax)
      let batch = (1...BatchLimits.sizeMax).map { assignment(Int64($0), "count", data: data) }
      _ = under.pool.start(batch: batch)
      for id in 1...BatchLimits.sizeMax {
        #expect(try await under.text(of: Int64(id)) == "1000")
      }
    }
  }

  @Test func `a batch that fits no frame goes in parts, and what fits none is answered`()
    async throws
  {
    try await withPool { under in
      _ = try await under.launch().get()
      var batch = (1...4).map { assignment(Int64($0), "count") }
      let large = [UInt8](repeating: 115, count: FrameHead.payloadBytesMax)
      var acceptance = batch[0].acceptance
      acceptance.event.subject = String(decoding: large, as: UTF8.self)
      batch[0].accepted = Shared(acceptance)
      _ = under.pool.start(batch: batch)
      guard case .failed(let failure, _, _) = try await under.answer(to: 1) else {
        Issue.record("not a failure")
        return
      }
      #expect(failure.error.code == "payload-too-large")
      // The second ran alone, as an ordinary attempt.
      for id: Int64 in [3, 4] { #expect(try await under.text(of: id) == "2") }
    }
  }

  @Test func `what is no batch is the caller's mistake`() async {
    await #expect(processExitsWith: .failure) {
      try await withPool { under in _ = under.pool.start(batch: []) }
    }
    await #expect(processExitsWith: .failure) {
      try await withPool { under in
        _ = try await under.launch().get()
        _ = under.pool.start(batch: (1...1001).map { assignment($0, "wait") })
      }
    }
    await #expect(processExitsWith: .failure) {
      try await withPool { under in
        _ = try await under.launch([scripted(), scripted("other")]).get()
        _ = under.pool.start(batch: [assignment(1, "wait"), assignment(2, "wait", of: "other")])
      }
    }
  }

  @Test func `an event larger than a batch is a batch of one`() async throws {
    try await withPool { under in
      _ = try await under.launch().get()
      let data = [UInt8](repeating: 65, count: BatchLimits.bytesMax + 1)
      _ = under.pool.start(batch: [assignment(1, "emit", data: data)])
      guard case .succeeded(_, let emitted, _, _) = try await under.answer(to: 1) else {
        Issue.record("not a success")
        return
      }
      #expect(emitted.first?.data == data)
    }
  }

  @Test func `room is counted in attempts`() async throws {
    try await withPool {
      $0.attemptsInFlightMax = 4
    } _: { under in
      _ = try await under.launch().get()
      _ = under.pool.start(batch: (1...3).map { assignment($0, "wait") })
      #expect(under.pool.hasRoom(for: scripted()))
      _ = under.pool.start(batch: (4...6).map { assignment($0, "wait") })
      #expect(!under.pool.hasRoom(for: scripted()))
      for id in 1...3 {
        #expect(!under.pool.hasRoom(for: scripted()))
        under.pool.cancel(name(Int64(id)))
        _ = try await under.answer(to: Int64(id))
      }
      #expect(under.pool.hasRoom(for: scripted()))
    }
  }

  // MARK: crashes

  @Test(arguments: ["trap", "exit"])
  func `a crash blames nobody of a batch before one has shown to be the culprit`(how: String)
    async throws
  {
    try await withSorter { under in
      let shared = under.pool.start(batch: batch(["done", how, "done"]))
      let lost = try await under.lost()
      #expect(lost.pid == shared)
      #expect(lost.culprits.isEmpty && lost.others == [name(1), name(2), name(3)])
      try await under.room()

      let next = under.pool.start(batch: batch(["done", how, "done"], attempt: 2))
      #expect(next != shared)
      var done: Set<Int64> = []
      var culprits: [AttemptName] = []
      while done.count + culprits.count < 3 {
        let (answered, lost) = try await under.first { news -> (AttemptName?, LostWorker?)? in
          switch news {
          case .answered(let name, .succeeded): (name, nil)
          case .lost(let lost): (nil, lost)
          default: nil
          }
        }
        if let answered { done.insert(answered.id.rawValue) }
        culprits += lost?.culprits ?? []
        // What dies with the culprit before it has answered runs once more.
        for other in lost?.others ?? [] {
          let id = other.id.rawValue
          let again = batch([id == 2 ? how : "done"], from: id, attempt: other.attempt + 1)
          _ = under.pool.start(batch: again)
        }
      }
      #expect(culprits.map(\.id.rawValue) == [2] && done == [1, 3])
    }
  }

  @Test func `a named crash beside a batch blames nobody of it`() async throws {
    try await withPool { under in
      _ = try await under.launch().get()
      _ = under.pool.start(batch: (1...3).map { assignment($0, "wait") })
      under.start(9, "trap")
      let lost = try await under.lost()
      #expect(lost.culprits == [name(9)])
      #expect(lost.others == [name(1), name(2), name(3)])
      // Nobody of them is a suspect: they run together again.
      try await under.room()
      _ = under.pool.start(batch: (1...3).map { assignment($0, "count", attempt: 2) })
      for id in 1...3 { #expect(try await under.text(of: Int64(id)) == "3") }
    }
  }

  @Test func `suspects are taken out of a batch`() async throws {
    try await withPool { under in
      _ = try await under.launch().get()
      under.start(1, "wait")
      under.start(2, "trap-without-name")
      #expect(try await under.lost().others == [name(1), name(2)])
      try await under.room()
      let shared = under.pool.start(
        batch: (1...5).map { assignment($0, "count", attempt: 2) })
      #expect(under.pool.statistics.filter { !$0.isIsolation }.map(\.pid) == [shared])
      for id in 3...5 { #expect(try await under.text(of: Int64(id)) == "3") }
      // Alone they come as ordinary attempts.
      for id: Int64 in [1, 2] {
        guard case .failed(let failure, _, _) = try await under.answer(to: id) else {
          Issue.record("not alone")
          continue
        }
        #expect(failure.error.message == "no handler count")
      }
    }
  }

  @Test func `the last words of a crash are in one log, and the others say where`() async throws {
    try await withSorter { under in
      _ = under.pool.start(batch: batch(["done", "trap"]))
      _ = try await under.lost()
      let lines = under.unread.compactMap { if case .logged(let line) = $0 { line } else { nil } }
      #expect(lines.contains { $0.invocation == name(1).id && $0.message.contains("in a batch") })
      #expect(
        lines.filter { $0.invocation == name(2).id }.map(\.message) == [
          "the worker crashed in this batch; the log of \(name(1).id) has its last words"
        ])
    }
  }

  // MARK: cancellation

  @Test func `one cancelled attempt does not stop the others`() async throws {
    try await withSorter { under in
      _ = under.pool.start(batch: batch(["none", "wait"]))
      _ = try await line("waiting", in: under)
      under.pool.cancel(name(1))
      // Not even by force, as long as the other is wanted.
      under.pool.kill(name(1))
      #expect(under.pool.statistics.map(\.state) == [.ready])
      under.pool.cancel(name(2))
      for id: Int64 in [1, 2] {
        guard case .cancelled = try await under.answer(to: id) else {
          Issue.record("not cancelled")
          continue
        }
      }
    }
  }

  @Test func `a batch that ignores its deadline is killed, and all of it is to blame`()
    async throws
  {
    try await withSorter { under in
      let pid = under.pool.start(batch: batch(["done", "deaf", "done"]))
      _ = try await line("deaf", in: under)
      for id: Int64 in [1, 2, 3] { under.pool.cancel(name(id)) }
      under.pool.kill(name(1))
      let lost = try await under.lost()
      #expect(lost.pid == pid && lost.wasKilledByHost)
      #expect(lost.culprits == [name(1), name(2), name(3)])
      // Late is not suspect: they run together again.
      try await under.room()
      let next = under.pool.start(batch: batch(["done", "done", "done"], attempt: 2))
      #expect(under.pool.statistics.filter { !$0.isIsolation }.map(\.pid).contains(next))
      #expect(under.pool.statistics.filter(\.isIsolation).isEmpty)
      for id: Int64 in [1, 2, 3] { _ = try await under.answer(to: id) }
    }
  }

  @Test func `lines printed by a lone batch are in the log of one of it`() async throws {
    try await withPool { under in
      _ = try await under.launch().get()
      _ = under.pool.start(batch: (1...2).map { assignment($0, "print") })
      var lines: Set<String> = []
      while lines.count < 4 {
        let line = try await under.first { if case .logged(let line) = $0 { line } else { nil } }
        #expect([name(1).id, name(2).id].contains(line.invocation))
        lines.insert(line.message)
      }
      #expect(
        lines == [
          "printed e1", "printed e2", "complained e1", "and ended without a newlinecomplained e2",
        ])
    }
  }

  @Test func `lines printed beside a batch are in nobody's log`() async throws {
    try await withPool { under in
      _ = try await under.launch().get()
      under.start(9, "wait")
      _ = under.pool.start(batch: (1...2).map { assignment($0, "print") })
      _ = try await under.printed.first { $0 == "printed e2" ? $0 : nil }
      #expect(!under.unread.contains { if case .logged = $0 { true } else { false } })
    }
  }
}

/// Functions that asked for workers of their own.
@Suite(.timeLimit(.minutes(5)))
@LoopActor
struct DedicatedWorkerTests {
  @Test(arguments: [("a", "d"), ("d", "a")])
  func `a crash of one worker leaves the other alive`(crashing: String, living: String)
    async throws
  {
    try await withPool { under in
      let functions = [scripted("a"), scripted("b"), scripted("d", worker: .dedicated)]
      _ = try await under.launch(functions).get()
      let kept = under.pool.start(assignment(1, "wait", of: living))
      let gone = under.pool.start(assignment(2, "trap", of: crashing))
      #expect(kept != gone)
      let lost = try await under.lost()
      #expect(lost.pid == gone && lost.culprits == [name(2)] && lost.others.isEmpty)
      let again = under.pool.start(assignment(3, "release", of: living))
      #expect(again == kept)
      guard case .succeeded = try await under.answer(to: 1) else {
        Issue.record("the living worker did not go on")
        return
      }
      // The crashed one comes back, for its own functions.
      while !under.pool.hasRoom(for: scripted(crashing)) { try await under.roomAgain() }
      let back = under.pool.start(assignment(4, "echo", of: crashing))
      #expect(back != gone && back != kept)
      #expect(try await under.text(of: 4) == "{}")
    }
  }
}
