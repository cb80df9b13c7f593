// A real host in a process of its own, with its workers, its store and its doors: what a user runs.

import EventLoop
import Foundation
import HTTP
import Testing

final class HostProcess {
  let directory: URL
  let functionDoor: HTTPClient
  let controlDoor: HTTPClient
  /// The way of those whom the file system lets in: without a token they may deploy there only.
  let localDoor: HTTPClient
  private let process: Process
  let control: HTTPClient.Address
  let functionAddress: HTTPClient.Address
  var controlAddress: HTTPClient.Address { control }
  /// Of the control door.
  let url: String
  var processID: Int32 { process.processIdentifier }

  /// Starts `apus serve` and returns when its doors are open.
  ///
  /// `before` is what a shell does first, such as `umask 022`; `more` are further arguments.
  static func start(
    manifests: URL, worker: String, data: URL, environment: [String: String] = [:],
    before: [String] = [], more: [String] = [], trust: TLSTrust = .system
  ) async throws -> HostProcess {
    try FileManager.default.createDirectory(at: data, withIntermediateDirectories: true)
    try? FileManager.default.removeItem(at: data.appending(path: "doors.json"))  // of a killed host
    let process = Process()
    process.executableURL = Self.product("apus")
    process.arguments =
      [
        "serve", "--manifests", manifests.path(), "--worker", Self.product(worker).path(), "--data",
        data.path(), "--function-door", "127.0.0.1:0", "--control-door", "127.0.0.1:0",
      ] + more
    if !before.isEmpty, let host = process.executableURL {
      process.executableURL = URL(filePath: "/bin/sh")
      process.arguments =
        ["-c", (before + ["exec \"$0\" \"$@\""]).joined(separator: "; "), host.path()]
        + (process.arguments ?? [])
    }
    process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
    process.standardInput = FileHandle.nullDevice
    let errors = data.appending(path: "stderr.log")  // the test's own, like the directory
    try Data().write(to: errors)
    process.standardError = try FileHandle(forWritingTo: errors)
    process.standardOutput = FileHandle.nullDevice
    let doors = try await Self.appearance(of: "doors.json", in: data, after: process)
    return try HostProcess(process, directory: data, doors: doors, trust: trust)
  }

  private init(_ process: Process, directory: URL, doors: Data, trust: TLSTrust) throws {
    self.process = process
    self.directory = directory
    let addresses = try #require(try JSONSerialization.jsonObject(with: doors) as? [String: Any])
    functionAddress = try Self.address(addresses["functionDoor"])
    functionDoor = HTTPClient(functionAddress, trust: trust)
    control = try Self.address(addresses["controlDoor"])
    url = try #require(addresses["controlDoor"] as? String)
    controlDoor = HTTPClient(control, trust: trust)
    localDoor = HTTPClient(.unix(path: directory.appending(path: "control.sock").path()))
  }

  private static func address(_ value: Any?) throws -> HTTPClient.Address {
    let url = try #require((value as? String).flatMap(URL.init(string:)))
    let (host, port) = (try #require(url.host()), UInt16(try #require(url.port)))
    return url.scheme == "https" ? .tls(host: host, port: port) : .tcp(host: host, port: port)
  }

  /// Runs the process and waits until the file is there, or the process has ended.
  private static func appearance(
    of name: String, in directory: URL, after process: Process
  ) async throws -> Data {
    let (changes, feed) = AsyncStream<Void>.makeStream()
    let watcher = try await watch(directory, feed)
    process.terminationHandler = { _ in feed.yield() }
    try process.run()
    for await _ in changes {
      if let data = FileManager.default.contents(atPath: directory.appending(path: name).path()) {
        await close(watcher)
        return data
      }
      guard process.isRunning else { break }
    }
    await close(watcher)
    let said = FileManager.default.contents(
      atPath: directory.appending(path: "stderr.log").path())
    throw HostDidNotStart(said: String(decoding: said ?? Data(), as: UTF8.self))
  }

  struct HostDidNotStart: Error { var said: String }
  /// Within five minutes, whatever the host had to tell.
  struct NeverSo: Error {}

  @LoopActor
  private static func watch(
    _ directory: URL, _ feed: AsyncStream<Void>.Continuation
  ) throws -> FileWatcher {
    try FileWatcher(directory: directory.path()) { _ in feed.yield() }
  }

  @LoopActor
  private static func close(_ watcher: FileWatcher) { watcher.close() }

  /// What the host has said so far.
  var said: String {
    let log = FileManager.default.contents(atPath: directory.appending(path: "stderr.log").path())
    return String(decoding: log ?? Data(), as: UTF8.self)
  }

  /// `apus` with these words, to its end.
  @discardableResult
  static func apus(
    _ words: String..., environment: [String: String] = [:]
  ) throws -> (status: Int32, text: String) {
    try apus(words, environment: environment)
  }

  @discardableResult
  static func apus(
    _ words: [String], environment: [String: String] = [:]
  ) throws -> (status: Int32, text: String) {
    let process = Process()
    process.executableURL = product("apus")
    process.arguments = words
    process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
    process.standardInput = FileHandle.nullDevice
    let output = Pipe()
    process.standardOutput = output
    process.standardError = output
    try process.run()
    let bytes = try output.fileHandleForReading.readToEnd() ?? Data()
    process.waitUntilExit()
    return (process.terminationStatus, String(decoding: bytes, as: UTF8.self))
  }

  // MARK: Ends

  func kill() {
    Glibc.kill(process.processIdentifier, SIGKILL)
    process.waitUntilExit()
  }

  /// SIGTERM, and the exit status.
  func terminate() -> Int32 {
    process.terminate()
    process.waitUntilExit()
    return process.terminationStatus
  }

  // MARK: Questions

  func get(_ path: String) throws -> [String: Any] {
    let response = try controlDoor.send("GET", path)
    #expect(response.status == 200, "\(path): \(String(decoding: response.body, as: UTF8.self))")
    return try #require(
      try JSONSerialization.jsonObject(with: Data(response.body)) as? [String: Any])
  }

  /// All of a listing, page by page.
  func items(_ path: String) throws -> [[String: Any]] {
    var all: [[String: Any]] = []
    var cursor: String?
    repeat {
      let separator = path.contains("?") ? "&" : "?"
      let page = try get(path + (cursor.map { "\(separator)cursor=\($0)" } ?? ""))
      all += try #require(page["items"] as? [[String: Any]])
      cursor = page["next"] as? String
    } while cursor != nil
    return all
  }

  func post(
    _ path: String, _ body: String = "", headers: [(String, String)] = [], locally: Bool = false
  ) throws -> HTTPClientResponse {
    try (locally ? localDoor : controlDoor).send(
      "POST", path, headers: [("Content-Type", "application/json")] + headers,
      body: Array(body.utf8))
  }

  func order(_ id: String, card: String = "4242") throws -> HTTPClientResponse {
    let body = """
      {"orderId":"\(id)","customerId":"cust-441","items":[{"sku":"book","quantity":1}],\
      "total":129.99,"card":"\(card)"}
      """
    return try functionDoor.send(
      "POST", "/orders", headers: [("Content-Type", "application/json"), ("Idempotency-Key", id)],
      body: Array(body.utf8))
  }

  /// Blocks until nothing is unfinished.
  ///
  /// Work counts as ended as soon as its end is decided; what a listing tells is on disk.
  func untilAllHasEnded() throws {
    try until { try self.unfinished() == 0 && self.backlog() == 0 }
  }

  /// Changes that are not on disk yet.
  private func backlog() throws -> Int {
    let metrics = String(decoding: try controlDoor.send("GET", "/metrics").body, as: UTF8.self)
    let line = metrics.split(separator: "\n").first { $0.hasPrefix("apus_record_backlog ") }
    return try #require(line.flatMap { Int($0.split(separator: " ")[1]) })
  }

  /// Looks once, and then whenever the host tells that something happened.
  ///
  /// Gives up in the end: a host whose timers go on has always something to tell.
  func until(_ isSo: @escaping () throws -> Bool) throws {
    let follower = HTTPClient(control, readTimeout: .seconds(300))
    let end = ContinuousClock.now + .seconds(300)
    var failure: (any Error)?
    _ = try follower.stream("GET", "/v1/stream") { _ in
      do {
        if try isSo() { return false }
        if ContinuousClock.now > end { throw NeverSo() }
        return true
      } catch {
        failure = error
        return false
      }
    }
    if let failure { throw failure }
    #expect(try isSo())
  }

  /// Looks until it is so, for what no stream tells, such as files that the host looks at.
  func untilLooks(_ isSo: () throws -> Bool) throws {
    let end = ContinuousClock.now + .seconds(60)
    while try !isSo() {
      guard ContinuousClock.now < end else {
        return #expect(Bool(false), "not within a minute: \(said)")
      }
      sched_yield()
    }
  }

  func unfinished() throws -> Int {
    try items("/v1/functions").reduce(0) { sum, function in
      sum + (function["waiting"] as? Int ?? 0) + (function["running"] as? Int ?? 0)
    }
  }

  // MARK: Places

  static func product(_ name: String) -> URL {
    // Test bundles and executables are built into the same folder; a test may bring its own worker.
    name.hasPrefix("/")
      ? URL(filePath: name)
      : Bundle.main.bundleURL.appending(path: name)
  }

  static let checkout = URL(filePath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent()

  /// Everything of this run of the tests, until it ends.
  private static let folders: URL = {
    atexit {
      // What cannot be removed is the system's to remove.
      try? FileManager.default.removeItem(at: HostProcess.folders)
    }
    return FileManager.default.temporaryDirectory.appending(path: "hosts-\(getpid())")
  }()

  static func temporaryFolder() throws -> URL {
    // Short: the path of a socket in it has 107 bytes at most.
    let folder = folders.appending(path: "\(UUID().uuidString.prefix(8))")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    return folder
  }

  /// Manifests for one test, one text a function.
  static func manifests(_ texts: [String]) throws -> URL {
    let folder = try temporaryFolder()
    for (index, text) in texts.enumerated() {
      try text.write(
        to: folder.appending(path: "\(index).yaml"), atomically: true, encoding: .utf8)
    }
    return folder
  }
}
