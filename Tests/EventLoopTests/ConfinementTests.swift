// What a child may have, seen from inside of a real one.
import EventLoop
import Glibc
import Testing

@Suite(.timeLimit(.minutes(5)))
@LoopActor
struct ConfinementTests {
  private func said(
    _ script: String, _ confine: (inout Confinement) -> Void
  ) async throws -> [String] {
    var options = ChildProcess.Options(
      executable: "/bin/sh", arguments: ["-c", script], environment: ["PATH": "/usr/bin:/bin"])
    confine(&options.confinement)
    let exits = Happenings<ChildExit>()
    let child = try ChildProcess.spawn(options) { exits.happened($0) }
    let output = Recorded(child.output)
    let text = await output.wholeText()
    _ = await exits.next()
    output.stream.close()
    child.errors.close()
    return text.split(separator: "\n").map(String.init)
  }

  @Test func `a child has the limits it is given, soft and hard`() async throws {
    let script = "for s in S H; do ulimit -$s -c; ulimit -$s -n; ulimit -$s -d; done"
    let lines = try await said(script) {
      $0.coreBytesMax = 0
      $0.descriptorsMax = 64
      $0.dataBytesMax = 512 << 20
    }
    #expect(lines == ["0", "64", "524288", "0", "64", "524288"])
  }

  @Test func `limits above those of this process are its own`() async throws {
    var own = rlimit()
    getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &own)
    let lines = try await said("ulimit -H -n") { $0.descriptorsMax = .max }
    #expect(lines == [own.rlim_max == .max ? "unlimited" : "\(own.rlim_max)"])
  }

  @Test func `a child that is not confined is as this process`() async throws {
    var own = rlimit()
    getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &own)
    // One before has been.
    _ = try await said("true") { $0.descriptorsMax = 8 }
    let lines = try await said("ulimit -n; grep NoNewPrivs /proc/self/status") { _ in }
    #expect(lines == ["\(own.rlim_cur)", "NoNewPrivs:\t0"])
  }

  @Test func `a child gains no rights, and neither do its own children`() async throws {
    let script = "grep NoNewPrivs /proc/self/status; sh -c 'grep NoNewPrivs /proc/self/status'"
    let lines = try await said(script) { $0.hasNoNewPrivileges = true }
    #expect(lines == ["NoNewPrivs:\t1", "NoNewPrivs:\t1"])
  }

  @Test(.enabled(if: geteuid() == 0))
  func `a child of another user has that user's group and no other`() async throws {
    let lines = try await said("id -u; id -g; id -G; grep ^Cap[PE] /proc/self/status") {
      $0.user = Confinement.User(id: 65_534, group: 65_534)
      $0.endsWithParent = true
      $0.hasNoNewPrivileges = true
    }
    #expect(lines.prefix(3) == ["65534", "65534", "65534"])
    #expect(lines.dropFirst(3).allSatisfy { $0.hasSuffix("0000000000000000") })
  }

  @Test(.enabled(if: geteuid() != 0))
  func `only root may name another user`() throws {
    var options = ChildProcess.Options(executable: "/bin/true")
    options.confinement.user = Confinement.User(id: 65_534, group: 65_534)
    let fault = #expect(throws: LoopFault.self) { try ChildProcess.spawn(options) { _ in } }
    #expect(fault?.errorName == "EPERM")
  }

  @Test func `what a child started ends with it, where that is asked for`() async throws {
    var options = ChildProcess.Options(
      executable: "/bin/sh", arguments: ["-c", "sleep 600 & echo started"],
      environment: ["PATH": "/usr/bin:/bin"])
    options.endsItsGroup = true
    let exits = Happenings<ChildExit>()
    let child = try ChildProcess.spawn(options) { exits.happened($0) }
    let output = Recorded(child.output)
    #expect(await exits.next() == .status(0))
    // The sleeper holds the pipe: it ends only when that has gone.
    #expect(await output.wholeText() == "started\n")
    output.stream.close()
    child.errors.close()
  }
}
