// What is around a store's file: its disk, its neighbours, who may read it and who works on it. Looked
// at from outside: no lock is taken, because a host that starts at that moment would be refused.
import Glibc

package struct StoreSurroundings: Sendable, Equatable {
  package struct Permission: Sendable, Equatable {
    package var path: String
    package var mode: Int
    package var modeMax: Int

    package init(path: String, mode: Int, modeMax: Int) {
      self.path = path
      self.mode = mode
      self.modeMax = modeMax
    }
  }

  /// A file beside the store.
  package struct Neighbour: Sendable, Equatable {
    package var path: String
    package var bytes: Int

    package init(path: String, bytes: Int) {
      self.path = path
      self.bytes = bytes
    }

    init?(_ path: String) {
      var status = stat()
      guard stat(path, &status) == 0 else { return nil }
      self.init(path: path, bytes: Int(status.st_size))
    }
  }

  package var fileBytes = 0
  /// Of the write-ahead log.
  package var logBytes = 0
  package var diskBytes = 0
  /// What a process that is not root may still write.
  package var diskFreeBytes = 0
  /// Its file system takes no writes.
  package var isReadOnly = false
  /// What is kept for a full disk; nil where it is not there.
  package var ballastBytes: Int?
  /// Copies from before upgrades.
  package var copies: [Neighbour] = []
  /// Write-ahead logs that were found damaged and set aside.
  package var damagedLogs: [Neighbour] = []
  /// Commits in the log that the next start cannot read; known only while no host works.
  package var lostCommits = 0
  package var isLogGarbled = false
  /// The next start refuses for it.
  package var isLogMissing = false
  /// What the next start will say of a log that is gone; nil where there is nothing to say.
  package var possibleLoss: String?
  /// The host that works here; nil where none does, or where that is hidden.
  package var hostPid: Int32?
  /// This user may not look who works here.
  package var isHidden = false
  /// Wider than they should be.
  package var wide: [Permission] = []

  package init() {}

  init(of directory: String) {
    fileBytes = FileSize.bytes(of: "\(directory)/apus.db")
    logBytes = FileSize.bytes(of: "\(directory)/apus.db-wal")
    var disk = statvfs()
    if statvfs(directory, &disk) == 0 {
      diskBytes = Int(disk.f_blocks) * Int(disk.f_frsize)
      diskFreeBytes = Int(disk.f_bavail) * Int(disk.f_frsize)
      isReadOnly = Int(disk.f_flag) & ST_RDONLY != 0
    }
    ballastBytes = Neighbour("\(directory)/\(Ballast.name)")?.bytes
    copies = (1...Schema.version).compactMap { Neighbour("\(directory)/apus.db.before-\($0)") }
    damagedLogs = Evidence.names("\(directory)/apus.db-wal.damaged").compactMap { Neighbour($0) }
    hostPid = LockLook.holder(of: "\(directory)/lock")
    isHidden = Looking.isHidden("\(directory)/lock")
    wide = Self.wide(in: directory)
    // While a host works, what is in the log is on its way.
    if hostPid == nil {
      read(LogCheck.verdict(on: "\(directory)/apus.db-wal"))
      readAbsence(in: directory)
    }
  }

  private mutating func readAbsence(in directory: String) {
    let file = "\(directory)/apus.db"
    guard fileBytes > 0 else { return }
    switch LogAbsence(of: file, note: DataDirectory.logNote(in: directory)) {
    case .none: break
    case .possible: possibleLoss = OpeningRemarks.possibleLoss(of: "\(file)-wal")
    case .certain: isLogMissing = access(LogAbsence.leave(for: "\(file)-wal"), F_OK) != 0
    }
  }

  private mutating func read(_ verdict: LogCheck.Verdict) {
    switch verdict {
    case .sound: break
    case .garbled: isLogGarbled = true
    case .cut(_, let lost): lostCommits = lost
    }
  }

  /// What others than its owner may use, of all that a host keeps in its directory: nothing, where they
  /// cannot enter it.
  package static func wide(in directory: String) -> [Permission] {
    var own = stat()
    guard stat(directory, &own) == 0, own.st_mode & 0o077 != 0 else { return [] }
    let isPassedThrough = own.st_mode & 0o777 == 0o710
    let shelf = "\(directory)/executables"
    let files = names(in: directory).map { "\(directory)/\($0)" }
    let executables = names(in: "\(directory)/executables").map { "\(directory)/executables/\($0)" }
    return ([directory] + files + executables).compactMap { path in
      var status = stat()
      guard lstat(path, &status) == 0, status.st_mode & S_IFMT != S_IFLNK else { return nil }
      let mode = Int(status.st_mode & 0o777)
      // The group of the user that workers run as passes through, and reads the executables alone.
      if isPassedThrough, path == directory || path.hasPrefix(shelf), mode & 0o027 == 0 {
        return nil
      }
      // What its owner runs or enters stays so.
      let modeMax = status.st_mode & S_IFMT == S_IFDIR || mode & 0o100 != 0 ? 0o700 : 0o600
      return mode & 0o077 == 0 ? nil : Permission(path: path, mode: mode, modeMax: modeMax)
    }
  }

  /// In a directory of one's own choice there may be anything.
  private static let namesMax = 1000

  private static func names(in directory: String) -> [String] {
    guard let stream = opendir(directory) else { return [] }
    defer { closedir(stream) }
    var names: [String] = []
    while names.count < namesMax, let entry = readdir(stream) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      if name != ".", name != ".." { names.append(name) }
    }
    return names.sorted()
  }
}

/// Who holds a file's lock, as the kernel lists it.
enum LockLook {
  /// nil where nobody does; where the kernel's list cannot be read the file's own word is taken, if
  /// that process lives.
  static func holder(of path: String) -> Int32? {
    var status = stat()
    guard stat(path, &status) == 0 else { return nil }
    let noted = number(in: text(of: path, bytesMax: 16))
    let locks = text(of: "/proc/locks", bytesMax: 4 << 20)
    guard !locks.isEmpty else {
      return noted.flatMap { kill($0, 0) == 0 || errno == EPERM ? $0 : nil }
    }
    return holder(in: locks, inode: UInt64(status.st_ino), noted: noted)
  }

  /// Lines such as `4: FLOCK  ADVISORY  WRITE 4711 fe:00:1802287 0 EOF`.
  ///
  /// The device is left alone, since a layered file system tells another one there; the process that
  /// the file names is believed first, as two devices may have the same inode.
  static func holder(in locks: String, inode: UInt64, noted: Int32?) -> Int32? {
    let holders = locks.split(separator: "\n").compactMap { line -> Int32? in
      let words = line.split(separator: " ")
      guard words.count >= 6, words[1] == "FLOCK", words[3] == "WRITE",
        let found = words[5].split(separator: ":").last.flatMap({ UInt64($0) }), found == inode
      else { return nil }
      return Int32(words[4])
    }
    return noted.flatMap { holders.contains($0) ? $0 : nil } ?? holders.first
  }

  private static func number(in text: String) -> Int32? { Int32(text.prefix { !$0.isWhitespace }) }

  private static func text(of path: String, bytesMax: Int) -> String {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else { return "" }
    defer { close(descriptor) }
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 64 << 10)
    while bytes.count < bytesMax {
      let count = read(descriptor, &chunk, min(chunk.count, bytesMax - bytes.count))
      guard count > 0 else { break }
      bytes += chunk[..<count]
    }
    return String(decoding: bytes, as: UTF8.self)
  }
}
