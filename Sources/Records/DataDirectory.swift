// The directory that holds the store: made for its owner only, and locked against a second host.
// The lock is the kernel's (flock), so that it goes when its process goes, however it goes.
import Glibc
import Invocations

final class DataDirectory: Sendable {
  let path: String
  /// -1 once released.
  private let lock: Monitor<Int32>
  /// A host had a store here before.
  let hadStore: Bool
  /// Of a former host that did not end cleanly.
  let logNote: LogNote?

  var file: String { "\(path)/apus.db" }

  init(path: String) throws(RecordFault) {
    self.path = path
    try Self.make(path)
    let lockPath = "\(path)/lock"
    let descriptor = open(lockPath, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
    guard descriptor >= 0 else { throw .unusable(path: lockPath, detail: Self.reason()) }
    do throws(RecordFault) { try Self.claim(descriptor, path) } catch {
      close(descriptor)
      throw error
    }
    // Only now: until then another host may have been ending here.
    let note = Self.note(descriptor)
    hadStore = note.contains(Self.storeWord)
    logNote = Self.logNote(note)
    lock = Monitor(descriptor)
    writeNote(hasStore: hadStore, logNote)
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

  /// From now on an empty file here is one that has lost what was in it, and so is a missing log.
  ///
  /// Said again after each checkpoint, which writes to the file; then it need not be on disk at once.
  func noteStore(_ durability: Durability, syncing: Bool = true) {
    writeNote(hasStore: true, LogNote(of: file, isSynced: durability == .disk))
    if syncing, durability == .disk { syncNote() }
  }

  /// From now on there may be no log: said before it goes.
  func noteLogEnd() {
    writeNote(hasStore: true, nil)
    syncNote()
  }

  private static let storeWord = "store"

  /// The pid is for people; the lock holds without it, also on a full disk.
  private func writeNote(hasStore: Bool, _ logNote: LogNote?) {
    let lines = ["\(getpid())", hasStore ? Self.storeWord : nil, logNote?.line]
    let note = Array(lines.compactMap(\.self).map { "\($0)\n" }.joined().utf8)
    lock.withLock { lock in
      // Cut only afterwards: at no moment does it say less than before.
      if pwrite(lock, note, note.count, 0) == note.count { ftruncate(lock, off_t(note.count)) }
    }
  }

  private func syncNote() {
    let lock = lock.withLock { $0 }
    if lock >= 0 { fsync(lock) }
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

  private static func claim(_ lock: Int32, _ path: String) throws(RecordFault) {
    guard flock(lock, LOCK_EX | LOCK_NB) == 0 else {
      throw errno == EWOULDBLOCK
        ? .locked(pid: holder(lock), directory: path)
        : .unusable(path: "\(path)/lock", detail: reason())
    }
  }

  /// As the lock file tells.
  static func hadStore(in directory: String) -> Bool { note(in: directory).contains(storeWord) }

  /// As the lock file tells.
  static func logNote(in directory: String) -> LogNote? { logNote(note(in: directory)) }

  private static func logNote(_ note: String) -> LogNote? {
    note.split(separator: "\n").lazy.compactMap { LogNote(line: $0) }.first
  }

  /// To close the file lets go of no lock of another descriptor (flock).
  private static func note(in directory: String) -> String {
    let descriptor = open("\(directory)/lock", O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else { return "" }
    defer { close(descriptor) }
    return note(descriptor)
  }

  private static func holder(_ lock: Int32) -> Int32? { Int32(note(lock).prefix { $0 > " " }) }

  private static func note(_ lock: Int32) -> String {
    var text = [UInt8](repeating: 0, count: 128)
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
