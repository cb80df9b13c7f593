import Foundation
import HTTP
import Testing

/// Deployments to a real host: `apus serve` with real workers, asked by the real command.
@Suite(.serialized)
struct DeployTests {
  static let gate = "function: gate\ntriggers: [{ queue: gates }]\n"
  static let echo = "function: echo\ntriggers: [{ queue: words }]\n"

  // MARK: The switch

  @Test func `a running attempt ends on its worker, and no request is refused meanwhile`()
    async throws
  {
    let site = try Site([Self.gate, Self.echo])
    let host = try await site.start()
    let file = site.folder.appending(path: "open").path()
    let slow = try Self.id(of: host.post("/v1/queues/gates/messages", "\"\(file)\""))
    // Not its record: a start is written a moment after it is told.
    try host.until { try host.get("/v1/functions/gate")["running"] as? Int == 1 }

    let calls = Calls(host)
    calls.begin()
    let worker = try site.otherWorker()
    for _ in 0..<3 {
      try site.write([Self.gate, Self.echo + "timeout: \(Int.random(in: 40...1_000_000))ms\n"])
      let deployed = try site.apus(["deploy", "--worker", worker])
      #expect(deployed.status == 0, "\(deployed)")
    }
    let (count, refused) = calls.end()
    #expect(count > 0)
    #expect(refused.isEmpty, "\(refused)")

    // What starts now starts elsewhere.
    let here = try host.post("/v1/functions/gate/invoke", "\"/\"")
    #expect(here.status == 200)
    try Data().write(to: URL(filePath: file))
    try host.until {
      try host.get("/v1/invocations/\(slow)")["state"] as? String == "succeeded"
    }
    let story = try host.get("/v1/invocations/\(slow)")
    let attempts = try #require(story["attempts"] as? [[String: Any]])
    #expect(attempts.count == 1)
    #expect(story["release"] as? Int == 1)
    #expect(attempts[0]["release"] as? Int == 1)
    #expect(story["result"] as? Int == attempts[0]["worker"] as? Int)
    #expect(String(decoding: here.body, as: UTF8.self) != "\(story["result"] as? Int ?? 0)")
    let last = try host.items("/v1/invocations?function=gate&limit=1")
    #expect(last.first?["release"] as? Int == 4)
    #expect(host.terminate() == 0)
  }

  @Test func `the same twice changes nothing and says so`() async throws {
    let site = try Site([Self.echo])
    let host = try await site.start()
    let again = try site.apus(["deploy", "--worker", site.worker, "--json"])
    #expect(again.status == 0)
    let answer = try again.json()
    #expect(answer["changed"] as? Bool == false)
    #expect(answer["number"] as? Int == 1)
    #expect(try site.apus(["deploy"]).output.contains("nothing changes"))
    #expect(try host.items("/v1/releases").count == 1)
    #expect(host.terminate() == 0)
  }

  @Test func `a plan is shown before, and a dry run leaves it at that`() async throws {
    let site = try Site([Self.gate, Self.echo])
    let host = try await site.start()
    for _ in 0..<3 {
      _ = try host.post("/v1/queues/gates/messages", "\"/nowhere/\(UUID())\"")
    }
    try host.until { try host.get("/v1/functions/gate")["running"] as? Int == 3 }
    try site.write([Self.echo + "timeout: 5s\n"])
    let tried = try site.apus(["deploy", "--dry-run"])
    #expect(tried.status == 0)
    #expect(
      tried.output.split(separator: "\n").map { $0.trimmingCharacters(in: .whitespaces) } == [
        "~ change echo", "timeout  30s → 5s", "- remove gate",
        "! 3 running: they end on the worker they run on",
        "nothing was changed; this would be release 2",
      ])
    #expect(try host.items("/v1/releases").count == 1)
    #expect(try host.get("/v1/functions/gate")["state"] as? String == "active")
    host.kill()
  }

  // MARK: Refusals

  @Test func `a missing handler is refused and nothing changes`() async throws {
    let site = try Site([Self.echo])
    let host = try await site.start()
    try site.write([Self.echo, "function: absent\ntriggers: [{ queue: absent }]\n"])
    let refused = try site.apus(["deploy"])
    #expect(refused.status == 65)
    #expect(refused.errors.contains("handler 'Absent' is not in the worker"))
    #expect(try host.items("/v1/releases").count == 1)
    #expect(try host.items("/v1/functions").count == 1)
    #expect(try host.post("/v1/functions/echo/invoke", "\"here\"").body == Array("\"here\"".utf8))
    #expect(host.terminate() == 0)
  }

  @Test func `mistakes come all at once with their places, from the command and from the door`()
    async throws
  {
    let site = try Site([Self.echo])
    let host = try await site.start()
    let bad = "function: echo\ntriggers: [{ queue: words }]\nconcurency: 3\ntimeout: never\n"
    try site.write([bad])
    let refused = try site.apus(["deploy"])
    #expect(refused.status == 65)
    #expect(refused.errors.contains("0.yaml:3:1: unknown key 'concurency'"))
    let body = try JSONSerialization.data(withJSONObject: ["manifests": ["M/a.yaml": bad]])
    let response = try host.post(
      "/v1/releases", String(decoding: body, as: UTF8.self), locally: true)
    #expect(response.status == 422)
    let problem = try #require(
      try JSONSerialization.jsonObject(with: Data(response.body)) as? [String: Any])
    #expect(problem["code"] as? String == "bad-manifests")
    let detail = problem["detail"] as? String ?? ""
    #expect(detail.contains("M/a.yaml:3:1: ") && detail.contains("M/a.yaml:4:10: "), "\(detail)")
    #expect(host.terminate() == 0)
  }

  @Test func `a waiting event that no longer decodes stops a deployment, unless it is forced`()
    async throws
  {
    let wait = "function: words\nhandler: Wait\nconcurrency: 1\ntriggers: [{ queue: words }]\n"
    let site = try Site([wait])
    let host = try await site.start()
    for word in ["{\"not\": \"text\"}", "\"text\"", "7"] {
      _ = try host.post("/v1/queues/words/messages", word)
    }
    try host.until { try host.get("/v1/functions/words")["waiting"] as? Int == 2 }
    try site.write([wait.replacing("Wait", with: "Echo")])
    let refused = try site.apus(["deploy"])
    #expect(refused.status == 65)
    #expect(refused.errors.contains("of 2 waiting, 2 were sampled and 1 do not decode"))
    #expect(refused.errors.contains("--force"))
    #expect(try host.get("/v1/functions/words")["handler"] as? String == "Wait")
    let forced = try site.apus(["deploy", "--force", "--json"])
    #expect(forced.status == 0)
    #expect((try forced.json()["warnings"] as? [String])?.isEmpty == false)
    #expect(try host.get("/v1/functions/words")["handler"] as? String == "Echo")
    host.kill()
  }

  @Test func `a worker that is none is refused in its own words`() async throws {
    let site = try Site([Self.echo])
    let host = try await site.start()
    let refused = try site.apus(["deploy", "--worker", "/bin/true"])
    #expect(refused.status == 1)
    #expect(refused.errors.contains("ended before it was ready"))
    #expect(try host.items("/v1/releases").count == 1)
    let unknown = String(repeating: "0", count: 64)
    let response = try host.post(
      "/v1/releases",
      "{\"manifests\":{\"a.yaml\":\"\(Self.echo)\"},\"executable\":\"\(unknown)\"}"
        .replacing("\n", with: "\\n"), locally: true)
    #expect(response.status == 409)
    #expect(String(decoding: response.body, as: UTF8.self).contains("unknown-executable"))
    #expect(host.terminate() == 0)
  }

  // MARK: Back, and after a restart

  @Test func `a rollback brings manifests and worker back`() async throws {
    let site = try Site([Self.echo])
    let host = try await site.start()
    try site.write([Self.echo, Self.gate])
    #expect(try site.apus(["deploy", "--worker", site.otherWorker()]).status == 0)
    let executable = try host.items("/v1/releases").map { $0["executable"] as? String }
    #expect(Set(executable).count == 2)
    let back = try site.apus(["rollback", "1"])
    #expect(back.status == 0)
    #expect(back.output.contains("- remove gate"))
    #expect(back.output.contains("release 1 is live"))
    #expect(try host.items("/v1/functions").count == 1)
    let live = try host.items("/v1/releases").filter { $0["live"] as? Bool == true }
    #expect(live.map { $0["number"] as? Int } == [1])
    #expect(try site.apus(["rollback", "7"]).status == 1)
    #expect(try site.apus(["releases"]).output.contains("live"))
    #expect(host.terminate() == 0)
  }

  @Test func `kill -9 keeps the deployed release, until the files of the start change`()
    async throws
  {
    let site = try Site([Self.echo])
    var host = try await site.start()
    let elsewhere = try HostProcess.manifests([Self.echo, Self.gate])
    #expect(try site.apus(["deploy", "--manifests", elsewhere.path()]).status == 0)
    host.kill()
    host = try await site.start()
    #expect(try host.items("/v1/functions").count == 2)
    #expect(try host.items("/v1/releases").first?["live"] as? Bool == true)
    #expect(try host.items("/v1/releases").count == 2)
    #expect(host.terminate() == 0)
    try site.write([Self.gate])
    host = try await site.start()
    let releases = try host.items("/v1/releases")
    #expect(releases.map { $0["origin"] as? String } == ["start", "deploy", "start"])
    #expect(releases.map { $0["live"] as? Bool } == [true, false, false])
    #expect(
      try host.items("/v1/functions").map { $0["name"] as? String } == ["gate"])
    #expect(host.terminate() == 0)
  }

  @Test func `editing files while the host runs changes nothing`() async throws {
    let site = try Site([Self.echo])
    let host = try await site.start()
    try site.write([Self.gate])
    try Data("no executable any more".utf8).write(to: URL(filePath: site.worker))
    // A worker that is started again is what was deployed, not what lies at its old path.
    let stream = try host.items("/v1/functions")
    #expect(stream.map { $0["name"] as? String } == ["echo"])
    let pid = try #require(Self.children(of: host.processID).first)
    Glibc.kill(pid, SIGKILL)
    try host.until { try Self.children(of: host.processID).contains { $0 != pid } }
    #expect(try host.post("/v1/functions/echo/invoke", "\"on\"").body == Array("\"on\"".utf8))
    #expect(host.terminate() == 0)
  }

  // MARK: Steps

  static func id(of response: HTTPClientResponse) throws -> String {
    let answer = try #require(
      try JSONSerialization.jsonObject(with: Data(response.body)) as? [String: Any])
    let items = try #require(answer["items"] as? [[String: Any]])
    return try #require(items.first?["invocation"] as? String)
  }

  static func children(of pid: Int32) throws -> [Int32] {
    let text = try String(contentsOfFile: "/proc/\(pid)/task/\(pid)/children", encoding: .utf8)
    var found = text.split(separator: " ").compactMap { Int32($0) }
    for task in try FileManager.default.contentsOfDirectory(atPath: "/proc/\(pid)/task") {
      let path = "/proc/\(pid)/task/\(task)/children"
      // A thread may have gone since the folder was read.
      let more = (try? String(contentsOfFile: path, encoding: .utf8)) ?? ""
      found += more.split(separator: " ").compactMap { Int32($0) }
    }
    return Array(Set(found))
  }
}

/// A folder with manifests, a worker of its own and a host's data.
final class Site {
  let folder: URL
  let worker: String
  private let manifests: URL
  private let data: URL

  init(_ texts: [String]) throws {
    folder = try HostProcess.temporaryFolder()
    manifests = folder.appending(path: "Manifests")
    data = folder.appending(path: "data")
    worker = folder.appending(path: "Worker").path()
    try FileManager.default.copyItem(
      at: HostProcess.product("CrashingWorker"), to: URL(filePath: worker))
    try write(texts)
  }

  func start() async throws -> HostProcess {
    try await HostProcess.start(manifests: manifests, worker: worker, data: data)
  }

  /// In the place of what was there.
  func write(_ texts: [String]) throws {
    if FileManager.default.fileExists(atPath: manifests.path()) {
      try FileManager.default.removeItem(at: manifests)
    }
    try FileManager.default.createDirectory(at: manifests, withIntermediateDirectories: true)
    for (index, text) in texts.enumerated() {
      try Data(text.utf8).write(to: manifests.appending(path: "\(index).yaml"))
    }
  }

  /// The same program with another content: what stands behind its end is never loaded.
  func otherWorker() throws -> String {
    let other = folder.appending(path: "Worker-\(UUID().uuidString)")
    try FileManager.default.copyItem(at: HostProcess.product("CrashingWorker"), to: other)
    let file = try FileHandle(forWritingTo: other)
    try file.seekToEnd()
    try file.write(contentsOf: Data("another build".utf8))
    try file.close()
    return other.path()
  }

  struct Outcome {
    var status: Int32
    var output: String
    var errors: String

    func json() throws -> [String: Any] {
      try #require(try JSONSerialization.jsonObject(with: Data(output.utf8)) as? [String: Any])
    }
  }

  /// Runs the command against this host.
  func apus(_ arguments: [String]) throws -> Outcome {
    let process = Process()
    process.executableURL = HostProcess.product("apus")
    let isDeploy = arguments.first == "deploy" && !arguments.contains("--manifests")
    process.arguments =
      arguments + ["--data", data.path()] + (isDeploy ? ["--manifests", manifests.path()] : [])
    process.standardInput = FileHandle.nullDevice
    let (output, errors) = (Pipe(), Pipe())
    process.standardOutput = output
    process.standardError = errors
    try process.run()
    let said = try output.fileHandleForReading.readToEnd() ?? Data()
    let complained = try errors.fileHandleForReading.readToEnd() ?? Data()
    process.waitUntilExit()
    return Outcome(
      status: process.terminationStatus, output: String(decoding: said, as: UTF8.self),
      errors: String(decoding: complained, as: UTF8.self))
  }
}

/// Calls a function without a pause, from a thread of its own, until it is told to end.
// Unchecked: the thread writes before `done`, the test reads after it; the flag has a lock.
private final class Calls: @unchecked Sendable {
  private let host: HTTPClient
  private let lock = NSLock()
  private let done = DispatchSemaphore(value: 0)
  private var isOver = false
  private var count = 0
  private var refused: [String] = []

  init(_ host: HostProcess) { self.host = HTTPClient(host.controlAddress) }

  func begin() {
    Thread.detachNewThread { [self] in
      while lock.withLock({ !isOver }) { call() }
      done.signal()
    }
  }

  private func call() {
    count += 1
    do {
      let response = try host.send(
        "POST", "/v1/functions/echo/invoke", headers: [("Content-Type", "application/json")],
        body: Array("\"\(count)\"".utf8))
      let body = String(decoding: response.body, as: UTF8.self)
      if response.status != 200 || body != "\"\(count)\"" {
        refused.append("\(response.status) \(body)")
      }
    } catch { refused.append("\(error)") }
  }

  func end() -> (count: Int, refused: [String]) {
    lock.withLock { isOver = true }
    done.wait()
    return (count, refused)
  }
}
