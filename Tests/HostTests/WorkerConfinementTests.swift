import Foundation
import Glibc
import HTTP
import Testing
import Workers

/// What workers of a real host have of the machine, and what is told of their secrets.
@Suite(.serialized, .timeLimit(.minutes(5)))
struct WorkerConfinementTests {
  private static let secret = "sk-canary-9f8e7d6c5b4a3210"

  private func host(
    _ manifests: [String], environment: [String: String] = [:]
  ) async throws -> HostProcess {
    try await HostProcess.start(
      manifests: HostProcess.manifests(manifests), worker: "CrashingWorker",
      data: HostProcess.temporaryFolder(), environment: environment)
  }

  private func invoke(_ function: String, on host: HostProcess) throws -> [String: Any] {
    let answer = try host.post("/v1/functions/\(function)/invoke", "null")
    try #require(answer.status == 200, "\(String(decoding: answer.body, as: UTF8.self))")
    return try #require(
      try JSONSerialization.jsonObject(with: Data(answer.body)) as? [String: Any])
  }

  @Test func `a worker has the variables, the descriptors and the limits that are written down`()
    async throws
  {
    // What is open here and not marked is open in the host as well.
    let forgotten = (0..<50).map { _ in open("/dev/null", O_RDONLY) }
    defer { for descriptor in forgotten { close(descriptor) } }
    let host = try await host(
      [
        TroubleTests.manifest(
          "surroundings", "Surroundings", "environment: { MODE: test }\nlimits: { memory: 64MiB }")
      ], environment: ["NOT_FOR_WORKERS": "1"])
    let found = try invoke("surroundings", on: host)
    let allowed: Set = [
      "MODE", "PATH", "HOME", "LANG", "TZ", "TMPDIR", "APUS_LOG_LEVEL", "SWIFT_BACKTRACE",
    ]
    let variables = Set(found["variables"] as? [String] ?? [])
    #expect(variables.isSubset(of: allowed) && variables.contains("MODE"), "\(variables)")
    let own = Set(["0", "1", "2", "3"])
    let strangers = (found["files"] as? [String: String] ?? [:]).filter { number, target in
      // What the worker opens itself: its wake-up, and the folder it lists.
      !own.contains(number) && !target.hasPrefix("socket:") && !target.hasPrefix("/proc/")
        && !target.hasPrefix("anon_inode:")
    }
    #expect(strangers.isEmpty, "\(strangers)")
    let status = try #require(found["status"] as? String)
    #expect(status.contains("NoNewPrivs:\t1\n"))
    let limits = try #require(found["limits"] as? String).split(separator: "\n")
    func limit(_ name: String) -> String? {
      limits.first { $0.hasPrefix(name) }?.dropFirst(26).split(separator: " ").first.map(
        String.init)
    }
    #expect(limit("Max core file size") == "0")
    #expect(limit("Max open files").flatMap { Int($0) } ?? .max <= 4096)
    let data = WorkerSettings().boundsData ? "\(2 * (64 << 20) + (1 << 30))" : "unlimited"
    #expect(limit("Max data size") == data)
    #expect(host.terminate() == 0)
  }

  @Test func `a secret is in no file, no answer, no log and no command line`() async throws {
    let secrets = "secrets: [CANARY_KEY]"
    let host = try await host(
      [
        TroubleTests.manifest("blab", "Blab", secrets),
        TroubleTests.manifest("blab-and-trap", "BlabAndTrap", secrets),
      ], environment: ["CANARY_KEY": Self.secret])
    var stories: [String] = []
    for queue in ["blab", "blab-and-trap"] {
      let sent = try host.post("/v1/queues/\(queue)/messages", "\"CANARY_KEY\"")
      #expect(sent.status == 202)
      try host.until {
        try host.items("/v1/dead-letters").contains { $0["function"] as? String == queue }
      }
      let letter = try host.items("/v1/dead-letters").first { $0["function"] as? String == queue }
      stories.append("/v1/invocations/\(try #require(letter?["id"] as? String))")
    }
    var said = ""
    for path in stories + [
      "/v1/functions", "/v1/functions/blab", "/v1/queues", "/v1/invocations", "/v1/dead-letters",
      "/v1/errors", "/v1/workers", "/v1/host", "/v1/releases", "/metrics",
    ] {
      let answer = try host.controlDoor.send("GET", path)
      #expect(answer.status == 200, "\(path)")
      said += String(decoding: answer.body, as: UTF8.self)
    }
    // It was said all the same, by its name.
    for words in [
      "the key is [secret CANARY_KEY]", "printed [secret CANARY_KEY]", "raw [secret CANARY_KEY]",
      "no charge with [secret CANARY_KEY]",
    ] { #expect(said.contains(words), "\(words)") }
    for pid in try host.items("/v1/workers").compactMap({ $0["pid"] as? Int })
      + [Int(host.processID)]
    {
      said += contents("/proc/\(pid)/cmdline")
    }
    #expect(!said.contains(Self.secret))
    #expect(!contents(host.directory.appending(path: "apus.db-wal").path()).contains(Self.secret))
    #expect(host.terminate() == 0)
    let files = FileManager.default.enumerator(at: host.directory, includingPropertiesForKeys: nil)
    var looked = 0
    while let file = files?.nextObject() as? URL {
      looked += 1
      #expect(!contents(file.path()).contains(Self.secret), "\(file.path())")
    }
    #expect(looked > 4)
  }

  /// As Latin-1, so that any byte is a character.
  private func contents(_ path: String) -> String {
    String(data: FileManager.default.contents(atPath: path) ?? Data(), encoding: .isoLatin1) ?? ""
  }

  @Test(.enabled(if: geteuid() == 0))
  func `workers run as another user, with nothing of the host's`() async throws {
    let manifests = [TroubleTests.manifest("surroundings", "Surroundings")]
    let host = try await host(manifests, environment: ["APUS_WORKER_USER": "nobody"])
    let status = try #require(try invoke("surroundings", on: host)["status"] as? String)
    let nobody = try #require(getpwnam("nobody"))
    let (user, group) = (nobody.pointee.pw_uid, nobody.pointee.pw_gid)
    #expect(status.contains("Uid:\t\(user)\t\(user)\t\(user)\t\(user)\n"))
    #expect(status.contains("Gid:\t\(group)\t\(group)\t\(group)\t\(group)\n"))
    #expect(status.contains("Groups:\t \n") || status.contains("Groups:\t\n"))
    #expect(status.contains("CapEff:\t0000000000000000\n"))
    // Its directory can be passed through, and not looked at.
    for (path, mode) in [("", 0o710), ("/executables", 0o710), ("/apus.db", 0o600)] {
      let attributes = try FileManager.default.attributesOfItem(
        atPath: host.directory.path() + path)
      #expect(attributes[.posixPermissions] as? Int == mode, "\(path)")
    }
    // A crash is named all the same.
    #expect(host.terminate() == 0)
  }

  @Test func `a user that workers cannot run as is refused before anything starts`() throws {
    let refusals =
      geteuid() == 0
      ? [("no-such-user", "there is no user 'no-such-user'"), ("root", "which is root")]
      : [("nobody", "only root may run workers as another user")]
    for (user, words) in refusals {
      let process = Process()
      process.executableURL = HostProcess.product("apus")
      process.arguments = [
        "serve", "--manifests",
        try HostProcess.manifests([TroubleTests.manifest("echo", "Echo")]).path(), "--worker",
        HostProcess.product("CrashingWorker").path(), "--data",
        try HostProcess.temporaryFolder().path(), "--worker-user", user,
      ]
      let errors = Pipe()
      process.standardError = errors
      process.standardOutput = FileHandle.nullDevice
      try process.run()
      let said = String(
        decoding: try errors.fileHandleForReading.readToEnd() ?? Data(), as: UTF8.self)
      process.waitUntilExit()
      #expect(process.terminationStatus == 1)
      #expect(said.contains(words), "\(said)")
    }
  }
}
