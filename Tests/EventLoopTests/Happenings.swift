// What the tests of this room share: waiting for callbacks instead of for time, and raw sockets that
// stand for the peer.
import Foundation
import EventLoop
import Glibc

/// Callbacks put values in, a test takes them out in order and waits where there is none yet.
@LoopActor
final class Happenings<Value: Sendable> {
  private(set) var untaken: [Value] = []
  private var waiting: CheckedContinuation<Value, Never>?

  func happened(_ value: Value) {
    if let waiting {
      self.waiting = nil
      waiting.resume(returning: value)
    } else {
      untaken.append(value)
    }
  }

  func next() async -> Value {
    if !untaken.isEmpty { return untaken.removeFirst() }
    return await withCheckedContinuation { waiting = $0 }
  }
}

/// A stream with all that came out of it.
@LoopActor
final class Recorded {
  let stream: ByteStream
  let reads = Happenings<[UInt8]>()
  let ends = Happenings<StreamEnd>()
  let drains = Happenings<Void>()
  private var received: [UInt8] = []

  init(_ stream: ByteStream, reading: Bool = true) {
    self.stream = stream
    stream.onRead = { [reads] in reads.happened(Array($0)) }
    stream.onEnd = { [ends] in ends.happened($0) }
    stream.onDrained = { [drains] in drains.happened(()) }
    if reading { stream.startReading() }
  }

  /// The next `count` bytes, however they were split on their way.
  func bytes(_ count: Int) async -> [UInt8] {
    while received.count < count { received += await reads.next() }
    defer { received.removeFirst(count) }
    return Array(received.prefix(count))
  }

  func text(_ count: Int) async -> String { String(decoding: await bytes(count), as: UTF8.self) }

  /// Everything up to the end.
  func wholeText() async -> String {
    _ = await ends.next()
    defer { received = [] }
    return String(decoding: reads.untaken.reduce(into: received) { $0 += $1 }, as: UTF8.self)
  }
}

struct Failed: Error {
  let call: String
}

/// A stream socket that no child inherits, exit tests least of all.
let unsharedStream = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue)

/// Connects to a listener on 127.0.0.1; the kernel completes it without the listener's help.
func connect(port: UInt16) throws -> Int32 {
  let descriptor = socket(AF_INET, unsharedStream, 0)
  var address = sockaddr_in()
  address.sin_family = sa_family_t(AF_INET)
  address.sin_port = port.bigEndian
  address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
  let code = withUnsafePointer(to: &address) {
    $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
      connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
    }
  }
  if code != 0 { throw Failed(call: "connect") }
  return descriptor
}

func connect(unix path: String) throws -> Int32 {
  let descriptor = socket(AF_UNIX, unsharedStream, 0)
  var address = sockaddr_un()
  address.sun_family = sa_family_t(AF_UNIX)
  withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: Array(path.utf8)) }
  let code = withUnsafePointer(to: &address) {
    $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
      connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
    }
  }
  if code != 0 {
    close(descriptor)
    throw Failed(call: "connect")
  }
  return descriptor
}

/// A connected pair: one end on the loop, the other in the hands of the test.
@LoopActor
func streamAndPeer() throws -> (stream: ByteStream, peer: Int32) {
  var pair: [Int32] = [-1, -1]
  guard socketpair(AF_UNIX, unsharedStream, 0, &pair) == 0 else {
    throw Failed(call: "socketpair")
  }
  return (try ByteStream.adopt(descriptor: pair[0]), pair[1])
}

/// A new empty folder of the system's temporary folder, removed with all in it afterwards.
@LoopActor
func withFolder<Result>(_ body: @LoopActor (String) async throws -> Result) async throws -> Result {
  let parent = FileManager.default.temporaryDirectory.path
  var template = Array("\(parent)/loop-XXXXXX".utf8CString)
  guard mkdtemp(&template) != nil else { throw Failed(call: "mkdtemp") }
  let folder = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
  defer {
    if let entries = opendir(folder) {
      while let entry = readdir(entries) {
        let name = withUnsafeBytes(of: entry.pointee.d_name) { bytes in
          String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
        }
        unlink("\(folder)/\(name)")
      }
      closedir(entries)
    }
    rmdir(folder)
  }
  return try await body(folder)
}

func writeFile(_ path: String, _ text: String = "") {
  let descriptor = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0o600)
  _ = text.withCString { write(descriptor, $0, strlen($0)) }
  close(descriptor)
}

/// Resumes when the loop has polled and closed what was to be closed.
@LoopActor
func loopTurn() async {
  let fired = Happenings<Void>()
  let timer = LoopTimer { fired.happened(()) }
  for _ in 0..<2 {
    timer.arm(atMonotonic: EventLoop.shared.now + 1_000_000)
    await fired.next()
  }
  timer.close()
}
