// Replacements: at once, or with growing pauses while workers do not start.
import Foundation
import EventLoop
import Glibc
import Invocations
import Testing

@testable import Workers

@Suite(.timeLimit(.minutes(5)))
@LoopActor
struct RestartTests {
  @Test func `a crashed worker is replaced at once`() async throws {
    try await withPool { under in
      _ = try await under.launch().get()
      try await under.roomAgain()
      var pids: Set<Int32> = []
      for id in 1...4 {
        try await under.room()
        pids.insert(under.start(Int64(id), "exit"))
        _ = try await under.lost()
      }
      #expect(pids.count == 4)
      #expect(!under.unread.contains { if case .unhealthy = $0 { true } else { false } })
    }
  }

  @Test func `workers that do not start are unhealthy until one does`() async throws {
    let file = FileManager.default.temporaryDirectory.path + "/apus-workers-test-\(UUID())"
    defer { unlink(file) }
    try await withPool { under in
      let script = ["SCRIPT": "dies-while-file-exists", "SCRIPT_FILE": file]
      _ = try await under.launch([scripted(environment: script)]).get()
      close(open(file, O_CREAT | O_WRONLY, 0o600))
      under.start(1, "exit")
      let (functions, reason) = try await under.first { news in
        if case .unhealthy(let functions, let reason) = news { (functions, reason) } else { nil }
      }
      #expect(functions == ["scripted"])
      #expect(reason.contains("exit status 7"))
      #expect(reason.contains("cannot open the shop: no key"))
      #expect(!under.pool.hasRoom(for: scripted()))
      unlink(file)
      let healthy = try await under.first {
        if case .healthy(let functions) = $0 { functions } else { nil }
      }
      #expect(healthy == ["scripted"])
      try await under.room()
      under.start(2, "echo")
      #expect(try await under.text(of: 2) == "{}")
      #expect(!under.unread.contains { if case .unhealthy = $0 { true } else { false } })
    }
  }

  @Test func `pauses after failed starts grow from nothing to ten seconds`() {
    var pause = RestartPause()
    var steps: [UInt64] = []
    for _ in 1...10 {
      pause.startFailed(at: 1_000_000_000)
      steps.append((pause.due - 1_000_000_000) / 1_000_000)
    }
    #expect(steps == [0, 100, 200, 400, 800, 1600, 3200, 6400, 10_000, 10_000])
    pause.started()
    pause.startFailed(at: 0)
    #expect(pause.due == 0)
  }

  @Test func `five crashes within ten seconds are free, the sixth is not`() {
    var pause = RestartPause()
    for second in 1...5 {
      pause.crashed(at: UInt64(second) * 1_000_000_000)
      #expect(pause.due == UInt64(second) * 1_000_000_000)
    }
    pause.crashed(at: 6_000_000_000)
    #expect(pause.due == 6_100_000_000)
    pause.crashed(at: 60_000_000_000)
    #expect(pause.due == 60_000_000_000)
  }
}
