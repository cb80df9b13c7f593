// The directory that holds the store: made for its owner only, and locked against a second host.
// The lock is the kernel's (flock), so that it goes when its process goes, however it goes.
import Glibc

final class DataDirectory: Sendable {
  let path: String
  /// -1 once released.
  private let lock: Monitor<Int32>
  /// A host had a store here before.
  let hadStore: Bool

  var file: String { "\(path)/apus.db" }

  init(path: String) throws(RecordFault) {
    self.path = path
    try Self.make(path)
    let lockPath = "\(path)/lock"
    let descriptor = open(lockPath, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
    guard descriptor >= 0 else { throw .unusable(path: lockPath, detail: Self.reason()) }
    lock = Monitor(descriptor)
    hadStore = Self.note(descriptor).contains(Self.storeWord)
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
    let rescue = StoreWatch.rescuePath(of: file)
    if access(file, F_OK) != 0, access(rescue, F_OK) == 0 {
      throw .rescued(path: file, copy: rescue)
    }
    let descriptor = open(file, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
    guard descriptor >= 0 else { throw .unusable(path: file, detail: Self.reason()) }
    defer { close(descriptor) }
    var head = [UInt8](repeating: 0, count: 16)
    let count = pread(descriptor, &head, head.count, 0)
    guard count >= 0 else { throw .unusable(path: file, detail: Self.reason()) }
    // Nothing in it is what a store is before its first commit, and what a broken disk leaves of one.
    if count == 0 {
      guard !hadStore, FileSize.bytes(of: "\(file)-wal") == 0 else { throw .emptied(path: file) }
      return
    }
    guard head != Self.magic else { return }
    throw hadStore
      ? .corrupt(path: file, detail: "its first bytes are not those of a database")
      : .foreign(path: file)
  }

  /// From now on an empty file here is one that has lost what was in it.
  func noteStore() { writeNote(lock.withLock { $0 }, hasStore: true) }

  private static let storeWord = "store"

  /// The pid is for people; the lock holds without it, also on a full disk.
  private func writeNote(_ lock: Int32, hasStore: Bool) {
    let note = Array("\(getpid())\n\(hasStore ? "\(Self.storeWord)\n" : "")".utf8)
    // Cut only afterwards: at no moment does it say less than before.
    if pwrite(lock, note, note.count, 0) == note.count { ftruncate(lock, off_t(note.count)) }
  }

  private static let magic = Array("SQLite format 3\u{0}".utf8)

  static func make(_ path: String) throws(RecordFault) {
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
    writeNote(lock, hasStore: hadStore)
  }

  /// As the lock file tells; to close that lets go of no lock of another descriptor (flock).
  static func hadStore(in directory: String) -> Bool {
    let descriptor = open("\(directory)/lock", O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else { return false }
    defer { close(descriptor) }
    return note(descriptor).contains(storeWord)
  }

  private static func holder(_ lock: Int32) -> Int32? { Int32(note(lock).prefix { $0 > " " }) }

  private static func note(_ lock: Int32) -> String {
    var text = [UInt8](repeating: 0, count: 32)
    let count = pread(lock, &text, text.count, 0)
    return String(decoding: text.prefix(max(0, count)), as: UTF8.self)
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
