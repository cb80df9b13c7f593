// A worker as a process of its own, started the way the host starts it: a socket on descriptor 3.
import Foundation
import Glibc
import Testing

enum ChildExit: Equatable {
  case status(Int32)
  case signal(Int32)
}

final class ChildWorker: Sendable {
  let host: HostEnd
  let pid: pid_t
  private let errorsPath: String

  /// Without a channel the child is what a curious user starts by hand.
  init(
    arguments: [String] = [], environment: [String] = [], hasChannel: Bool = true,
    output: String = "/dev/null", reads: Bool = true
  ) throws {
    let pair = makeSocketPair()
    defer { close(pair.worker) }
    errorsPath = FileManager.default.temporaryDirectory.path + "/apus-test-\(UUID())"
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
    posix_spawn_file_actions_addopen(&actions, 1, output, O_WRONLY | O_CREAT, 0o600)
    posix_spawn_file_actions_addopen(&actions, 2, errorsPath, O_WRONLY | O_CREAT, 0o600)
    if hasChannel {
      posix_spawn_file_actions_adddup2(&actions, pair.worker, 3)
    } else {
      posix_spawn_file_actions_addclose(&actions, 3)
    }
    // As libuv does: the thread of the test blocks signals that the child must not.
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    var noSignals = sigset_t()
    sigemptyset(&noSignals)
    posix_spawnattr_setsigmask(&attributes, &noSignals)
    posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))
    let words = [Self.executable] + arguments
    var argv = words.map { strdup($0) } + [nil]
    var envp = environment.map { strdup($0) } + [nil]
    defer { for word in argv + envp { free(word) } }
    var pid: pid_t = 0
    let status = posix_spawn(&pid, Self.executable, &actions, &attributes, &argv, &envp)
    try #require(status == 0, "\(Self.executable) does not start (error \(status))")
    self.pid = pid
    host = HostEnd(descriptor: pair.host)
    if reads { host.startReading() }
  }

  deinit { unlink(errorsPath) }

  /// Beside the test bundle, where the package puts all that it builds.
  private static let executable: String = {
    let path = [UInt8](unsafeUninitializedCapacity: 4096) { bytes, count in
      guard let start = bytes.baseAddress else { return }
      count = start.withMemoryRebound(to: CChar.self, capacity: bytes.count) {
        max(0, readlink("/proc/self/exe", $0, bytes.count))
      }
    }
    let folder = String(decoding: path, as: UTF8.self).split(separator: "/").dropLast()
    return "/" + folder.joined(separator: "/") + "/CrashingWorker"
  }()

  /// Waits for the end; the socket has ended already, so this is short.
  func exit() throws -> ChildExit {
    var status: Int32 = 0
    var waited = waitpid(pid, &status, 0)
    while waited < 0, errno == EINTR { waited = waitpid(pid, &status, 0) }
    try #require(waited == pid)
    let signal = status & 0x7f
    return signal == 0 ? .status(status >> 8 & 0xff) : .signal(signal)
  }

  func errors() -> String { contents(of: errorsPath) }
}

func contents(of path: String) -> String {
  guard let file = fopen(path, "r") else { return "" }
  defer { fclose(file) }
  var text: [UInt8] = []
  var buffer = [UInt8](repeating: 0, count: 64 << 10)
  while case let count = fread(&buffer, 1, buffer.count, file), count > 0 {
    text += buffer.prefix(count)
  }
  return String(decoding: text, as: UTF8.self)
}
