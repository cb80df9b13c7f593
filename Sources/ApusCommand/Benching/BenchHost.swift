// The host under load: this program's `serve` in a process of its own, in a directory of its own,
// with its real doors and workers. Whatever happens to the bench, it is ended again.

import EventLoop
import Glibc
import Hosting
import Synchronization

final class BenchHost {
  /// From the process's start until its doors are open.
  private static let startTimeout = 120.0
  /// From SIGTERM until SIGKILL.
  private static let stopTimeout = 30.0

  let data: String
  let controlPort: UInt16
  let functionPort: UInt16
  let control: ControlClient
  /// From the process's start until its doors were open.
  let startSeconds: Double
  private let process: HostChild

  static func start(
    _ functions: [BenchFunction], in folder: String, arguments: [String], stop: BenchStop
  ) throws -> BenchHost {
    // A host that starts again on the same store finds them there.
    for function in functions
    where Files.status("\(folder)/manifests/\(function.name).yaml") == nil {
      try writing { () throws(Files.Fault) in
        try Files.write(function.manifest, to: "\(folder)/manifests/\(function.name).yaml")
      }
    }
    let executable = try ownExecutable()
    let data = "\(folder)/data"
    let options = ChildProcess.Options(
      executable: executable,
      arguments: [
        "serve", "--manifests", "\(folder)/manifests", "--worker", executable, "--data", data,
        "--function-door", "127.0.0.1:0", "--control-door", "127.0.0.1:0",
      ] + arguments,
      // No setting or token of the user's, and no settings file: the bench says how it measures.
      environment: Environment.variables.filter { !$0.key.hasPrefix("APUS_") },
      workingDirectory: folder)
    // Of a host that was killed here.
    unlink("\(data)/doors.json")
    let began = BenchClock.now
    let process = try HostChild.start(options)
    do {
      let doors = try self.doors(of: process, in: data, since: began, stop)
      return try BenchHost(process, data, doors, BenchClock.seconds(since: began))
    } catch {
      process.kill()
      throw error
    }
  }

  private init(_ process: HostChild, _ data: String, _ doors: Answer, _ seconds: Double) throws {
    self.process = process
    self.data = data
    startSeconds = seconds
    controlPort = try Self.port(doors["controlDoor"])
    functionPort = try Self.port(doors["functionDoor"])
    let place = try HostPlace.find(host: "127.0.0.1:\(controlPort)", dataDirectory: "")
    control = ControlClient(place, token: nil)
  }

  var pid: Int32 { process.pid }

  /// SIGKILL; returns when it is gone.
  func kill() { process.kill() }

  /// SIGTERM, and SIGKILL when that is not enough.
  ///
  /// It throws what the host said last when it did not end well.
  func stop() throws(CommandFault) {
    process.signal(SIGTERM)
    let began = BenchClock.now
    while process.exit == nil, BenchClock.seconds(since: began) < Self.stopTimeout {
      BenchClock.nap(milliseconds: 2)
    }
    guard let exit = process.exit else {
      process.kill()
      throw .failed("the host did not end within \(Int(Self.stopTimeout)) s of SIGTERM")
    }
    guard exit == .status(0) else {
      throw .failed("the host ended badly (\(exit)): \(process.said)")
    }
  }

  // MARK: Start

  private static func doors(
    of process: HostChild, in data: String, since began: UInt64, _ stop: BenchStop
  ) throws -> Answer {
    while BenchClock.seconds(since: began) < startTimeout {
      try stop.check()
      if let exit = process.exit {
        throw CommandFault.failed("the host of the bench did not start (\(exit)): \(process.said)")
      }
      // Not there yet is what is waited for.
      if let bytes = try? Files.read("\(data)/doors.json") { return Answer(bytes) }
      BenchClock.nap(milliseconds: 1)
    }
    throw CommandFault.failed(
      "the host of the bench opened no door within \(Int(startTimeout)) s: \(process.said)")
  }

  private static func port(_ door: String?) throws(CommandFault) -> UInt16 {
    guard let text = door?.split(separator: ":").last, let port = UInt16(text) else {
      throw .failed("the host of the bench named no door to send to")
    }
    return port
  }

  private static func ownExecutable() throws(CommandFault) -> String {
    var path = [CChar](repeating: 0, count: 4096)
    let count = readlink("/proc/self/exe", &path, path.count)
    let bytes = path.prefix(max(0, count)).map { UInt8(bitPattern: $0) }
    let text = String(decoding: bytes, as: UTF8.self)
    guard count > 0, Files.status(text) != nil else {
      throw .failed("the file of this program is gone ('\(text)'); start the bench again")
    }
    return text
  }

  static func writing(_ body: () throws(Files.Fault) -> Void) throws(CommandFault) {
    do throws(Files.Fault) { try body() } catch {
      throw .failed("\(error.path) cannot be written: \(error.reason)")
    }
  }
}

/// The host's process, watched by the loop and asked by the command's thread.
final class HostChild: Sendable {
  /// Of what it said last.
  private static let bytesMax = 8 << 10

  private struct State {
    var pid: Int32 = 0
    var exit: ChildExit?
    var said: [UInt8] = []
  }

  @LoopActor private static var live: [Int32: ChildProcess] = [:]

  private let state = Mutex(State())

  static func start(_ options: ChildProcess.Options) throws(CommandFault) -> HostChild {
    let host = HostChild()
    let fault = onLoop { () -> LoopFault? in
      do throws(LoopFault) {
        let child = try ChildProcess.spawn(options) { host.ended($0) }
        live[child.pid] = child
        host.state.withLock { $0.pid = child.pid }
        host.read(child.output)
        host.read(child.errors)
        return nil
      } catch { return error }
    }
    if let fault { throw .failed("'\(options.executable)' cannot be started: \(fault)") }
    return host
  }

  /// Every host of this process, there and then.
  @LoopActor static func killAll() { for child in live.values { child.signal(SIGKILL) } }

  var pid: Int32 { state.withLock { $0.pid } }
  var exit: ChildExit? { state.withLock { $0.exit } }

  var said: String {
    let bytes = state.withLock { $0.said }
    let text = String(decoding: bytes, as: UTF8.self)
    return text.isEmpty ? "it said nothing" : text
  }

  func signal(_ number: Int32) {
    let pid = pid
    onLoop { Self.live[pid]?.signal(number) }
  }

  /// Returns when it is gone.
  func kill() {
    signal(SIGKILL)
    while exit == nil { BenchClock.nap(milliseconds: 1) }
  }

  @LoopActor
  private func ended(_ exit: ChildExit) {
    Self.live[pid] = nil
    state.withLock { $0.exit = exit }
  }

  @LoopActor
  private func read(_ stream: ByteStream) {
    stream.onRead = { bytes in
      self.state.withLock { state in
        state.said += bytes
        state.said.removeFirst(max(0, state.said.count - Self.bytesMax))
      }
    }
    stream.onEnd = { [weak stream] _ in stream?.close() }
    stream.startReading()
  }
}
