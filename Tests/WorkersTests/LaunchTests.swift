// Releases that come up, or do not; the swap from one to the next; what a process is given; the stop.
import EventLoop
import Glibc
import Invocations
import Testing
import Workers

@Suite(.timeLimit(.minutes(5)))
@LoopActor
struct LaunchTests {
  @Test func `before a release there is no room, and a release without functions is ready`()
    async throws
  {
    try await withPool { under in
      #expect(!under.pool.hasRoom(for: scripted()))
      #expect(try await under.launch([]).get() == WorkerRoster())
      #expect(!under.pool.hasRoom(for: scripted()))
      _ = try await under.launch().get()
      #expect(under.pool.hasRoom(for: scripted()))
    }
  }

  @Test func `the environment is the manifest's, the secrets and the short list, exactly`()
    async throws
  {
    try await withPool {
      $0 = WorkerSettings { $0 == "KEY" ? "s3cret" : nil }
      $0.passedThrough = ["PATH": "/usr/bin", "TZ": "UTC"]
    } _: { under in
      let function = scripted(
        environment: ["MODE": "test", "TZ": "Europe/Berlin"], secrets: ["KEY"])
      _ = try await under.launch([function]).get()
      under.start(1, "environment")
      #expect(
        try await under.text(of: 1)
          == """
          KEY=s3cret
          MODE=test
          PATH=/usr/bin
          SWIFT_BACKTRACE=\(WorkerSettings.quickBacktrace)
          TZ=Europe/Berlin
          """)
    }
  }

  @Test func `only the short list passes through from the host`() async throws {
    setenv("APUS_TEST_PRIVATE", "private", 1)
    defer { unsetenv("APUS_TEST_PRIVATE") }
    try await withPool { under in
      _ = try await under.launch().get()
      under.start(1, "environment")
      let names = try await under.text(of: 1).split(separator: "\n").compactMap {
        $0.split(separator: "=").first.map(String.init)
      }
      let allowed = Set(WorkerSettings.passedThroughNames + ["SWIFT_BACKTRACE"])
      #expect(Set(names).isSubset(of: allowed))
      #expect(names.contains("PATH"))
    }
  }

  @Test func `a worker has four descriptors, and none of its siblings`() async throws {
    try await withPool {
      $0.workersPerGroup = 3
    } _: { under in
      _ = try await under.launch().get()
      for id in 1...3 { under.start(Int64(id), "descriptors") }
      for id in 1...3 { #expect(try await under.text(of: Int64(id)) == "0 1 2 3") }
    }
  }

  @Test func `functions share processes only with equal needs`() async throws {
    try await withPool { under in
      let functions = [
        scripted("a"), scripted("b"), scripted("c", environment: ["MODE": "test"]),
        scripted("d", worker: .dedicated), scripted("e", worker: .dedicated),
      ]
      _ = try await under.launch(functions).get()
      #expect(under.pool.statistics.map(\.functions) == [["a", "b"], ["c"], ["d"], ["e"]])
      let pids = ["a", "b", "c"].map { under.pool.start(assignment(1, "wait", of: $0)) }
      #expect(pids[0] == pids[1] && pids[1] != pids[2])
    }
  }

  @Test func `a missing secret is named before any process starts`() async throws {
    try await withPool { under in
      let functions = [scripted("a", secrets: ["KEY"]), scripted("b", secrets: ["KEY"])]
      let result = await under.launch(functions)
      #expect(result == .failure(.missingSecrets(["KEY": ["a", "b"]])))
      #expect(under.pool.statistics.isEmpty)
    }
  }

  @Test func `an executable that is not there is a fault that says so`() async throws {
    try await withPool { under in
      guard
        case .failure(.cannotStart(let path, let reason)) = await under.launch(
          executable: "/nowhere/worker")
      else {
        Issue.record("not refused")
        return
      }
      #expect(path == "/nowhere/worker")
      #expect(reason.contains("ENOENT"))
    }
  }

  @Test func `a worker that dies before its hello fails the launch with its last words`()
    async throws
  {
    try await withPool { under in
      let result = await under.launch([scripted(environment: ["SCRIPT": "dies"])])
      #expect(
        result
          == .failure(
            .ended(
              executable: scriptedWorkerPath, how: "exit status 7",
              lines: ["cannot open the shop: no key"])))
    }
  }

  @Test(arguments: [
    ("wrong-version", "the worker speaks protocol version"), ("nonsense-first", "a frame of"),
  ])
  func `a worker that begins with nonsense fails the launch`(script: String, words: String)
    async throws
  {
    try await withPool { under in
      let result = await under.launch([scripted(environment: ["SCRIPT": script])])
      guard case .failure(.spokeNonsense(_, let reason, _)) = result else {
        Issue.record("\(result)")
        return
      }
      #expect(reason.hasPrefix(words))
    }
  }

  @Test func `a worker without a hello is killed after its time`() async throws {
    try await withPool {
      $0.helloTimeout = .milliseconds(50)
    } _: { under in
      let result = await under.launch([scripted(environment: ["SCRIPT": "silent"])])
      guard case .failure(.saidNoHello(_, within: .milliseconds(50), _)) = result else {
        Issue.record("\(result)")
        return
      }
      let ended = try await under.ended()
      #expect(ended.how == "signal 9 (SIGKILL): killed, as it did not say hello")
    }
  }

  @Test func `a release that fails changes nothing`() async throws {
    try await withPool { under in
      _ = try await under.launch().get()
      let pid = under.start(1, "wait")
      _ = await under.launch([scripted(environment: ["SCRIPT": "dies"])], number: 2)
      #expect(under.start(2, "release") == pid)
      _ = try await under.answer(to: 1)
    }
  }

  @Test func `of two launches the later counts`() async throws {
    try await withPool { under in
      async let first = under.launch([scripted(environment: ["SCRIPT": "silent"])])
      while under.pool.statistics.isEmpty { await Task.yield() }
      _ = try await under.launch(number: 2).get()
      #expect(await first == .failure(.superseded))
      #expect(try await under.ended().expected)
      #expect(under.pool.statistics.map(\.release) == [2])
    }
  }

  @Test func `a swap moves new attempts over and lets old ones finish`() async throws {
    try await withPool { under in
      _ = try await under.launch().get()
      let old = under.start(1, "wait")
      _ = try await under.launch(number: 2).get()
      let new = under.start(2, "echo")
      #expect(new != old)
      #expect(try await under.text(of: 2) == "{}")
      #expect(under.pool.statistics.map(\.state) == [.draining, .ready])
      // The old worker still hears of its attempt.
      under.pool.cancel(name(1))
      guard case .cancelled = try await under.answer(to: 1) else {
        Issue.record("not cancelled")
        return
      }
      let ended = try await under.ended()
      #expect(ended.pid == old && ended.how == "exit status 0" && ended.expected)
    }
  }

  @Test func `a drained worker is killed after its time, and nobody is blamed`() async throws {
    try await withPool {
      $0.drainTimeout = .milliseconds(50)
      $0.drainMargin = .zero
    } _: { under in
      let deaf = scripted(environment: ["SCRIPT": "ignores-drain"], timeout: .milliseconds(10))
      _ = try await under.launch([deaf]).get()
      let old = under.start(1, "hang")
      _ = try await under.launch(number: 2).get()
      let lost = try await under.lost()
      #expect(lost.pid == old && lost.culprits.isEmpty && lost.others == [name(1)])
      #expect(!lost.wasKilledByHost)
      let ended = try await under.ended()
      #expect(ended.pid == old && ended.expected)
      #expect(under.start(1, "wait", attempt: 2) == under.start(2, "wait"))
    }
  }

  @Test func `an attempt may take its own time on an older release, not the drain's`() async throws
  {
    try await withPool {
      $0.drainTimeout = .milliseconds(1)
    } _: { under in
      _ = try await under.launch().get()
      let old = under.start(1, "wait")
      _ = try await under.launch(number: 2).get()
      // Far longer than the drain: a worker that was to be killed would be gone.
      let begin = EventLoop.monotonicNow()
      var turn: Int64 = 2
      while EventLoop.monotonicNow() - begin < 50_000_000 {
        under.start(turn, "echo")
        _ = try await under.text(of: turn)
        turn += 1
      }
      under.pool.cancel(name(1))
      guard case .cancelled = try await under.answer(to: 1) else {
        Issue.record("not cancelled")
        return
      }
      #expect(try await under.ended().pid == old)
    }
  }

  @Test func `where releases follow each other too fast, the oldest gives its work back`()
    async throws
  {
    try await withPool {
      $0.drainTimeout = .milliseconds(50)
      $0.retiredReleasesMax = 1
    } _: { under in
      _ = try await under.launch().get()
      under.start(1, "wait")
      _ = try await under.launch(number: 2).get()
      under.start(2, "wait")
      _ = try await under.launch(number: 3).get()
      #expect(try await under.lost().others == [name(1)])
      #expect(under.pool.statistics.map(\.release) == [2, 3])
    }
  }

  @Test func `an overdue attempt of a drained worker is killed like any other`() async throws {
    try await withPool { under in
      _ = try await under.launch().get()
      let old = under.start(1, "hang")
      _ = try await under.launch(number: 2).get()
      under.pool.kill(name(1))
      let lost = try await under.lost()
      #expect(lost.pid == old && lost.culprits == [name(1)] && lost.wasKilledByHost)
    }
  }

  @Test func `a stop lets attempts finish`() async throws {
    try await withPool { under in
      _ = try await under.launch().get()
      under.start(1, "wait")
      under.start(2, "wait")
      async let stopped: Void = under.stop(giveBackAfter: .seconds(30))
      while under.pool.hasRoom(for: scripted()) { await Task.yield() }
      under.pool.cancel(name(1))
      under.pool.cancel(name(2))
      await stopped
      #expect(under.pool.statistics.isEmpty)
      _ = try await under.answer(to: 1)
      _ = try await under.answer(to: 2)
      #expect(try await under.ended().how == "exit status 0")
      #expect(await under.launch() == .failure(.stopped))
    }
  }

  @Test func `a stop gives back what runs too long`() async throws {
    try await withPool { under in
      _ = try await under.launch().get()
      under.start(1, "hang")
      async let patient: Void = under.stop(giveBackAfter: .seconds(30))
      while under.pool.hasRoom(for: scripted()) { await Task.yield() }
      // The second word is in a hurry.
      await under.stop(giveBackAfter: .milliseconds(20))
      await patient
      let lost = try await under.lost()
      #expect(lost.others == [name(1)] && lost.culprits.isEmpty && !lost.wasKilledByHost)
    }
  }
}
