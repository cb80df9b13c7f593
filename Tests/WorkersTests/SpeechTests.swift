// Workers that say what they must not. The host stands; the worker falls if its stream is broken.
import EventLoop
import Invocations
import Testing
import Workers

@Suite(.timeLimit(.minutes(5)))
@LoopActor
struct SpeechTests {
  @Test func `a second answer is dropped and counted`() async throws {
    try await withPool { under in
      _ = try await under.launch().get()
      under.start(1, "twice")
      _ = try await under.answer(to: 1)
      under.start(2, "echo")
      _ = try await under.answer(to: 2)
      #expect(under.pool.statistics.map(\.ignoredFrames) == [1])
      #expect(!under.unread.contains { if case .answered = $0 { true } else { false } })
    }
  }

  @Test func `frames about an attempt that it was not given are dropped and told once`()
    async throws
  {
    try await withPool { under in
      _ = try await under.launch().get()
      under.start(1, "stranger")
      under.start(2, "stranger")
      _ = try await under.answer(to: 1)
      _ = try await under.answer(to: 2)
      #expect(under.pool.statistics.map(\.ignoredFrames) == [4])
      #expect(under.printed.unread.count { $0.hasPrefix("apus: ignored a frame") } == 1)
      #expect(!under.unread.contains { if case .logged = $0 { true } else { false } })
    }
  }

  @Test(arguments: [
    ("nonsense", "a frame of unknown kind 97"),
    ("huge", "a frame of 1073741824 bytes; the limit is 16777216"),
    ("host-frame", "a drain frame, which only the host sends"),
    ("stream-without-head", "a responseBody frame out of the order of a streamed response"),
  ])
  func `a broken stream ends that worker`(handler: String, words: String) async throws {
    try await withPool { under in
      _ = try await under.launch().get()
      let pid = under.start(1, handler)
      let lost = try await under.lost()
      #expect(lost.pid == pid && lost.culprits == [name(1)] && !lost.wasKilledByHost)
      #expect(lost.how.hasPrefix("signal 9 (SIGKILL): killed, as it sent a"))
      if handler != "nonsense" { #expect(lost.how.hasSuffix(words)) }
      try await under.room()
      under.start(2, "echo")
      #expect(try await under.text(of: 2) == "{}")
    }
  }

  @Test func `an answer for an older or a younger attempt is none`() async throws {
    try await withPool { under in
      _ = try await under.launch().get()
      under.start(1, "older", attempt: 2)
      #expect(try await under.text(of: 1) == "2")
      #expect(under.pool.statistics.map(\.ignoredFrames) == [2])
      #expect(!under.unread.contains { if case .answered = $0 { true } else { false } })
    }
  }

  @Test func `an answer for what another worker runs is none`() async throws {
    try await withPool { under in
      let functions = [scripted("a"), scripted("b", worker: .dedicated)]
      _ = try await under.launch(functions).get()
      _ = under.pool.start(assignment(1, "wait", of: "a"))
      _ = under.pool.start(assignment(2, "for-another", of: "b"))
      _ = try await under.answer(to: 2)
      #expect(under.pool.statistics.map(\.ignoredFrames) == [0, 1])
      #expect(under.pool.statistics.map(\.inFlight) == [1, 0])
    }
  }

  @Test func `who broke the stream is found among several`() async throws {
    try await withPool { under in
      _ = try await under.launch().get()
      under.start(1, "wait")
      under.start(2, "host-frame")
      #expect(try await under.lost().culprits.isEmpty)
      try await under.room()
      under.start(2, "host-frame", attempt: 2)
      under.start(1, "echo", attempt: 2)
      #expect(try await under.lost().culprits == [name(2, 2)])
      #expect(try await under.text(of: 1) == "{}")
    }
  }

  @Test func `a worker that closes its channel and lives on is killed`() async throws {
    try await withPool {
      $0.outputTimeout = .milliseconds(50)
    } _: { under in
      _ = try await under.launch().get()
      under.start(1, "close-channel")
      let lost = try await under.lost()
      #expect(lost.culprits == [name(1)])
      #expect(lost.how == "signal 9 (SIGKILL)")
    }
  }
}
