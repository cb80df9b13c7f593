// Real signals and real files.
import EventLoop
import Glibc
import Testing

@Suite(.timeLimit(.minutes(5)))
@LoopActor
struct SignalWatcherTests {
  @Test func `a signal to the process is seen by every watcher of it`() async throws {
    let seen = Happenings<String>()
    let first = try SignalWatcher(SIGUSR1) { seen.happened("first") }
    let second = try SignalWatcher(SIGUSR1) { seen.happened("second") }
    kill(getpid(), SIGUSR1)
    #expect(await Set([seen.next(), seen.next()]) == ["first", "second"])
    first.close()
    kill(getpid(), SIGUSR1)
    #expect(await seen.next() == "second")
    await loopTurn()
    #expect(seen.untaken.isEmpty)
    second.close()
  }

  @Test func `a signal that cannot be watched is refused`() {
    let fault = #expect(throws: LoopFault.self) { try SignalWatcher(SIGKILL) {} }
    #expect(fault?.errorName == "EINVAL")
  }

  @Test func `the loop ignores SIGPIPE`() {
    _ = EventLoop.shared
    kill(getpid(), SIGPIPE)
    var action = sigaction()
    sigaction(SIGPIPE, nil, &action)
    #expect(unsafeBitCast(action.__sigaction_handler.sa_handler, to: Int.self) == 1)
  }
}

@Suite(.timeLimit(.minutes(5)))
@LoopActor
struct FileWatcherTests {
  @Test func `what is made, changed and removed in the directory is named`() async throws {
    try await withFolder { folder in
      let changes = Happenings<String?>()
      let watcher = try FileWatcher(directory: folder) { changes.happened($0) }
      writeFile("\(folder)/made.yaml", "a")
      #expect(await changes.next() == "made.yaml")
      rename("\(folder)/made.yaml", "\(folder)/moved.yaml")
      while await changes.next() != "moved.yaml" {}
      unlink("\(folder)/moved.yaml")
      #expect(await changes.next() == "moved.yaml")
      watcher.close()
      writeFile("\(folder)/later.yaml")
      await loopTurn()
      #expect(changes.untaken.isEmpty)
    }
  }

  @Test func `a file or a missing folder is refused`() async throws {
    try await withFolder { folder in
      writeFile("\(folder)/file")
      let fault = #expect(throws: LoopFault.self) {
        try FileWatcher(directory: "\(folder)/file") { _ in }
      }
      #expect(fault?.description.contains("not a directory") == true)
      let missing = #expect(throws: LoopFault.self) {
        try FileWatcher(directory: "\(folder)/missing") { _ in }
      }
      #expect(missing?.errorName == "ENOENT")
    }
  }
}
