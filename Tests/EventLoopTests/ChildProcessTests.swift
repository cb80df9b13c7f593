// Real children: what they inherit, what comes back, how they end.
import EventLoop
import Glibc
import Testing

@Suite(.timeLimit(.minutes(5)))
@LoopActor
struct ChildProcessTests {
  @Test func `output and errors come apart, and the exit status is the child's`() async throws {
    let child = try Running(shell: "echo out; echo err >&2; exit 7")
    #expect(await child.output.wholeText() == "out\n")
    #expect(await child.errors.wholeText() == "err\n")
    #expect(await child.exits.next() == .status(7))
    child.close()
  }

  @Test func `arguments arrive as they are`() async throws {
    let child = try Running(
      ChildProcess.Options(
        executable: "/usr/bin/printf", arguments: ["[%s]", "a b", "", "$HOME", "ü'\""]))
    #expect(await child.output.wholeText() == "[a b][][$HOME][ü'\"]")
    child.close()
  }

  @Test func `the environment is what was given and nothing else`() async throws {
    setenv("NOT_FOR_CHILDREN", "1", 1)
    let some = try Running(
      ChildProcess.Options(
        executable: "/usr/bin/env", environment: ["MODE": "test=1", "EMPTY": ""]))
    let lines = await some.output.wholeText().split(separator: "\n")
    #expect(Set(lines) == ["MODE=test=1", "EMPTY="])
    some.close()
    let none = try Running(ChildProcess.Options(executable: "/usr/bin/env"))
    #expect(await none.output.wholeText() == "")
    none.close()
  }

  @Test(arguments: [false, true])
  func `a child has no descriptor but 0 to 3`(channel: Bool) async throws {
    // A descriptor that somebody forgot to mark, and handles of every kind.
    let forgotten = open("/dev/null", O_RDONLY)
    #expect(fcntl(forgotten, F_GETFD) == 0)
    let listener = try Listener.listen(tcp: "127.0.0.1", port: 0) { _ in }
    let (stream, peer) = try streamAndPeer()
    let other = try Running(shell: "read line <&3", channel: true)
    // The glob is expanded by the shell itself; the descriptor by which it lists is gone when
    // the test asks for it.
    let child = try Running(
      shell:
        "for d in /proc/self/fd/*; do [ -e $d ] && echo ${d##*/}; done; readlink /proc/$$/fd/0",
      channel: channel)
    var expected = ["0", "1", "2", "/dev/null"]
    if channel { expected.insert("3", at: 3) }
    #expect(await child.output.wholeText().split(separator: "\n").map(String.init) == expected)
    child.close()
    other.child.channel?.close()
    _ = await other.exits.next()
    other.close()
    stream.close()
    listener.close()
    close(peer)
    close(forgotten)
  }

  @Test func `a child's signals are neither blocked nor ignored nor handled`() async throws {
    let child = try Running(
      ChildProcess.Options(executable: "/bin/cat", arguments: ["/proc/self/status"]))
    let lines = await child.output.wholeText().split(separator: "\n")
    for name in ["SigBlk:\t", "SigIgn:\t", "SigCgt:\t"] {
      let line = try #require(lines.first { $0.hasPrefix(name) })
      let signals = try #require(UInt64(line.dropFirst(name.count), radix: 16))
      // 1 to 31; those above are the C library's own, or nobody's.
      #expect(signals & 0x7fff_ffff == 0, "\(line)")
    }
    child.close()
  }

  @Test func `the child leads a session of its own`() async throws {
    let child = try Running(shell: "read line <&3", channel: true)
    #expect(getsid(child.child.pid) == child.child.pid)
    #expect(getpgid(child.child.pid) == child.child.pid)
    child.child.channel?.close()
    #expect(await child.exits.next() == .status(1))
    child.close()
  }

  @Test func `the channel carries bytes both ways, by descriptor 3`() async throws {
    let child = try Running(shell: "cat <&3 >&3", channel: true)
    let channel = Recorded(try #require(child.child.channel))
    let sent = [UInt8](repeating: 65, count: 1_000_000)
    channel.stream.write(sent)
    channel.stream.endWriting()
    #expect(await channel.bytes(sent.count) == sent)
    #expect(await channel.ends.next() == .endOfFile)
    #expect(await child.exits.next() == .status(0))
    channel.stream.close()
    child.close()
  }

  @Test func `without a channel there is none`() async throws {
    let child = try Running(shell: "true")
    #expect(child.child.channel == nil)
    #expect(await child.exits.next() == .status(0))
    child.close()
  }

  @Test func `output that nobody reads waits in the pipe, and all of it comes after the exit`()
    async throws
  {
    let child = try Running(shell: "head -c 60000 /dev/zero", reading: false)
    #expect(await child.exits.next() == .status(0))
    child.output.stream.startReading()
    #expect(await child.output.wholeText().utf8.count == 60_000)
    child.close()
  }

  @Test func `a signal reaches the child and all of its group`() async throws {
    let child = try Running(shell: "sleep 600 & echo ready; wait")
    #expect(await child.output.text(6) == "ready\n")
    child.child.signal(SIGKILL)
    #expect(await child.exits.next() == .signal(SIGKILL))
    // The pipe ends only when the grandchild has gone too.
    #expect(await child.output.wholeText() == "")
    child.child.signal(SIGKILL)
    child.close()
  }

  @Test func `a child can be asked to end and then ends well`() async throws {
    let child = try Running(
      shell: "trap 'exit 3' TERM; echo ready; while read x <&3; do :; done", channel: true)
    #expect(await child.output.text(6) == "ready\n")
    child.child.signal(SIGTERM)
    #expect(await child.exits.next() == .status(3))
    child.child.channel?.close()
    child.close()
  }

  @Test func `a child that kills itself is told by its signal`() async throws {
    let child = try Running(shell: "kill -SEGV $$")
    #expect(await child.exits.next() == .signal(SIGSEGV))
    child.close()
  }

  @Test func `a child starts in its working directory`() async throws {
    let child = try Running(
      ChildProcess.Options(executable: "/bin/pwd", workingDirectory: "/usr/lib"))
    #expect(await child.output.wholeText() == "/usr/lib\n")
    child.close()
  }

  @Test func `many children at once end each in its own way`() async throws {
    let children = try (0..<20).map { try Running(shell: "exit \($0)") }
    for (number, child) in children.enumerated() {
      #expect(await child.exits.next() == .status(Int32(number)))
      child.close()
    }
  }

  @Test(arguments: [
    ChildProcess.Options(executable: "/nowhere/worker"),
    ChildProcess.Options(executable: "/bin/true", workingDirectory: "/nowhere"),
  ])
  func `a child that cannot start is refused by name and leaves nothing open`(
    options: ChildProcess.Options
  ) {
    let before = openDescriptors()
    for _ in 0..<100 {
      let fault = #expect(throws: LoopFault.self) {
        try ChildProcess.spawn(options) { _ in Issue.record("nothing ran") }
      }
      #expect(fault?.errorName == "ENOENT")
      #expect(fault?.description.contains("/nowhere") == true)
    }
    // Other threads of the test run open a few meanwhile.
    #expect(openDescriptors() < before + 100)
  }

  @Test func `texts that the kernel would cut are refused`() {
    for options in [
      ChildProcess.Options(executable: "/bin/true", arguments: ["a\0b"]),
      ChildProcess.Options(executable: "/bin/true", environment: ["A=B": "C"]),
      ChildProcess.Options(executable: "/bin/true", environment: ["": "C"]),
      ChildProcess.Options(executable: "/bin/true", environment: ["A": "\0"]),
    ] {
      #expect(throws: LoopFault.self) { try ChildProcess.spawn(options) { _ in } }
    }
  }

  private func openDescriptors() -> Int {
    (0..<1024).count { fcntl(Int32($0), F_GETFD) >= 0 }
  }
}

/// A child with all that came out of it.
@LoopActor
private final class Running {
  let child: ChildProcess
  let output: Recorded
  let errors: Recorded
  let exits = Happenings<ChildExit>()

  init(_ options: ChildProcess.Options, reading: Bool = true) throws {
    child = try ChildProcess.spawn(options) { [exits] in exits.happened($0) }
    output = Recorded(child.output, reading: reading)
    errors = Recorded(child.errors)
  }

  convenience init(shell script: String, channel: Bool = false, reading: Bool = true) throws {
    let options = ChildProcess.Options(
      executable: "/bin/sh", arguments: ["-c", script], environment: ["PATH": "/usr/bin:/bin"],
      channel: channel)
    try self.init(options, reading: reading)
  }

  func close() {
    child.output.close()
    child.errors.close()
    child.channel?.close()
  }
}
