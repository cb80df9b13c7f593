// The directory that holds the store: made for its owner only, and locked against a second host.
// The lock is the kernel's (flock), so that it goes when its process goes, however it goes.
import Glibc

final class DataDirectory: Sendable {
  let path: String
  /// -1 once released.
  private let lock: Monitor<Int32>

  var file: String { "\(path)/apus.db" }

  init(path: String) throws(RecordFault) {
    self.path = path
    try Self.make(path)
    let lockPath = "\(path)/lock"
    let descriptor = open(lockPath, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
    guard descriptor >= 0 else { throw .unusable(path: lockPath, detail: Self.reason()) }
    lock = Monitor(descriptor)
    try claim(descriptor)
  }

  deinit { release() }

  /// Another host may have the directory from now on.
  func release() {
    let descriptor = lock.withLock { lock in
      defer { lock = -1 }
      return lock
    }
    guard descriptor >= 0 else { return }
    // To close is not enough: a child that is just being born still has a copy of the descriptor, and
    // the lock is held while any copy is open. To unlock lets go for all of them (flock(2)).
    flock(descriptor, LOCK_UN)
    close(descriptor)
  }

  /// The file is there and is the owner's only before SQLite opens it; SQLite gives the `-wal` and
  /// `-shm` beside it the same mode.
  func prepareFile() throws(RecordFault) {
    let descriptor = open(file, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
    guard descriptor >= 0 else { throw .unusable(path: file, detail: Self.reason()) }
    defer { close(descriptor) }
    var head = [UInt8](repeating: 0, count: 16)
    let count = pread(descriptor, &head, head.count, 0)
    guard count >= 0 else { throw .unusable(path: file, detail: Self.reason()) }
    guard count == 0 || head == Self.magic else { throw .foreign(path: file) }
  }

  private static let magic = Array("SQLite format 3\u{0}".utf8)

  private static func make(_ path: String) throws(RecordFault) {
    if mkdir(path, 0o700) == 0 || errno == EEXIST { return }
    guard errno == ENOENT, let slash = path.lastIndex(of: "/"), slash > path.startIndex else {
      throw .unusable(path: path, detail: reason())
    }
    try make(String(path[..<slash]))
    guard mkdir(path, 0o700) == 0 || errno == EEXIST else {
      throw .unusable(path: path, detail: reason())
    }
  }

  private func claim(_ lock: Int32) throws(RecordFault) {
    guard flock(lock, LOCK_EX | LOCK_NB) == 0 else {
      throw errno == EWOULDBLOCK
        ? .locked(pid: Self.holder(lock), directory: path)
        : .unusable(path: "\(path)/lock", detail: Self.reason())
    }
    let pid = Array("\(getpid())\n".utf8)
    // The pid is for people; the lock holds without it, also on a full disk.
    if ftruncate(lock, 0) == 0 { _ = pwrite(lock, pid, pid.count, 0) }
  }

  private static func holder(_ lock: Int32) -> Int32? {
    var text = [UInt8](repeating: 0, count: 16)
    let count = pread(lock, &text, text.count, 0)
    return Int32(String(decoding: text.prefix(max(0, count)).prefix { $0 > 32 }, as: UTF8.self))
  }

  private static func reason() -> String { String(cString: strerror(errno)) }
}

enum FileSize {
  /// 0 where there is no such file: a write-ahead log comes and goes.
  static func bytes(of path: String) -> Int {
    var status = stat()
    return stat(path, &status) == 0 ? Int(status.st_size) : 0
  }
}
