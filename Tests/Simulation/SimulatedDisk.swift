// A disk in memory that can be cut off, fail, fill and forget: what was written and not synced may be
// lost, in part, in any order, when the power goes. SQLite reaches it as a VFS of its own
// (sqlite.org/vfs.html); every write, sync, truncation and removal is a step at which things may end.
import GRDBSQLite
import Synchronization

package final class SimulatedDisk {
  /// Bytes of a file, and what of them would survive a loss of power.
  struct File: Sendable {
    var bytes: [UInt8] = []
    /// As of the last sync; nil where not even the name is on disk.
    var synced: [UInt8]?
    /// Since the last sync, oldest first.
    var unsynced: [Change] = []
  }

  enum Change: Sendable {
    case write(offset: Int, bytes: [UInt8])
    case truncate(size: Int)
  }

  /// What a disk holds.
  package struct Image: Sendable {
    var files: [String: File] = [:]
    package init() {}
  }

  package enum Trouble: Sendable { case none, full, failing }

  package private(set) var image: Image
  /// Everything fails from now on, as it does for a process that is gone.
  package private(set) var isCutOff = false
  /// Steps (writes, syncs, truncations, removals) left before the disk is cut off; nil for no end.
  package var stepsLeft: Int?
  package private(set) var steps = 0
  package var trouble = Trouble.none
  /// A disk that says that it is done and is not.
  package var ignoresSyncs = false
  /// Regions of memory that connections share, and their locks.
  var shared: [String: SharedMemory] = [:]
  var locks: [String: [ObjectIdentifier: Int32]] = [:]
  /// How many connections have it open.
  var openFiles = 0

  /// Under which SQLite finds it.
  package let folder: String

  package init(_ image: Image = Image()) {
    self.image = image
    let number = Self.nextPlace.wrappingAdd(1, ordering: .relaxed).oldValue
    folder = "\(SimulatedFiles.root)\(number)"
    mount()
  }

  // MARK: What a loss leaves

  /// After `kill -9`: the system keeps all that was written.
  package func imageAfterKill() -> Image {
    var after = Image()
    // Gone with the processes: the memory that they shared.
    after.files = image.files
    return after
  }

  /// After a loss of power: what was synced, and of the rest whatever `chance` says, sector by
  /// sector.
  ///
  /// A sector of 512 bytes is whole or as before. Later writes may survive earlier ones.
  package func imageAfterPowerLoss(_ chance: (_ below: Int) -> Int) -> Image {
    var after = Image()
    for (name, file) in image.files.sorted(by: { $0.key < $1.key }) {
      // A file whose name was never synced may be there all the same.
      guard file.synced != nil || chance(2) == 0 else { continue }
      var bytes = file.synced ?? []
      // Often all or nothing of what was on its way; else each sector for itself.
      let mood = chance(4)
      for change in file.unsynced {
        switch change {
        case .truncate(let size):
          if mood == 0 || mood > 1 && chance(2) == 0 { Self.resize(&bytes, to: size) }
        case .write(let offset, let written):
          Self.apply(written, at: offset, to: &bytes) {
            mood == 0 || mood > 1 && chance(2) == 0
          }
        }
      }
      after.files[name] = File(bytes: bytes, synced: bytes)
    }
    return after
  }

  private static func apply(
    _ written: [UInt8], at offset: Int, to bytes: inout [UInt8], survives: () -> Bool
  ) {
    var place = 0
    while place < written.count {
      let sectorEnd = (offset + place) / 512 * 512 + 512
      let count = min(written.count - place, sectorEnd - offset - place)
      if survives() {
        let end = offset + place + count
        if bytes.count < end { resize(&bytes, to: end) }
        bytes.replaceSubrange(offset + place..<end, with: written[place..<place + count])
      }
      place += count
    }
  }

  static func resize(_ bytes: inout [UInt8], to size: Int) {
    if size < bytes.count {
      bytes.removeLast(bytes.count - size)
    } else {
      bytes.append(contentsOf: repeatElement(0, count: size - bytes.count))
    }
  }

  // MARK: What SQLite does

  func step(_ grows: Bool) -> Int32 {
    guard !isCutOff else { return SQLITE_IOERR }
    if let left = stepsLeft {
      guard left > 0 else {
        isCutOff = true
        return SQLITE_IOERR
      }
      stepsLeft = left - 1
    }
    steps += 1
    switch trouble {
    case .none: return SQLITE_OK
    case .full: return grows ? SQLITE_FULL : SQLITE_OK
    case .failing: return SQLITE_IOERR
    }
  }

  /// For whoever holds it now; what it holds stays for `imageAfterKill`.
  package func cutOff() { isCutOff = true }

  func make(_ name: String) { if image.files[name] == nil { image.files[name] = File() } }

  func write(_ name: String, _ bytes: UnsafeRawBufferPointer, at offset: Int) -> Int32 {
    let size = image.files[name]?.bytes.count ?? 0
    let code = step(offset + bytes.count > size)
    guard code == SQLITE_OK else { return code }
    let end = offset + bytes.count
    if size < end { Self.resize(&image.files[name, default: File()].bytes, to: end) }
    image.files[name]?.bytes.withUnsafeMutableBytes { target in
      UnsafeMutableRawBufferPointer(rebasing: target[offset..<end]).copyMemory(from: bytes)
    }
    image.files[name]?.unsynced.append(.write(offset: offset, bytes: Array(bytes)))
    return SQLITE_OK
  }

  /// False where the file is shorter; the rest is zeroes.
  func read(_ name: String, into target: UnsafeMutableRawBufferPointer, at offset: Int) -> Int32 {
    guard !isCutOff else { return IOError.failedRead }
    guard let file = image.files[name] else { return IOError.failedRead }
    let count = max(0, min(target.count, file.bytes.count - offset))
    file.bytes.withUnsafeBytes { source in
      if count > 0 {
        target.copyMemory(
          from: UnsafeRawBufferPointer(rebasing: source[offset..<offset + count]))
      }
    }
    guard count < target.count else { return SQLITE_OK }
    UnsafeMutableRawBufferPointer(rebasing: target[count...]).initializeMemory(
      as: UInt8.self, repeating: 0)
    return IOError.shortRead
  }

  func truncate(_ name: String, to size: Int) -> Int32 {
    let code = step(false)
    guard code == SQLITE_OK else { return IOError.failedTruncation }
    Self.resize(&image.files[name, default: File()].bytes, to: size)
    image.files[name]?.unsynced.append(.truncate(size: size))
    return SQLITE_OK
  }

  func sync(_ name: String) -> Int32 {
    guard step(false) == SQLITE_OK else { return IOError.failedSync }
    guard !ignoresSyncs else { return SQLITE_OK }
    guard var file = image.files[name] else { return SQLITE_OK }
    file.synced = file.bytes
    file.unsynced = []
    image.files[name] = file
    return SQLITE_OK
  }

  func remove(_ name: String) -> Int32 {
    guard step(false) == SQLITE_OK else { return IOError.failedDelete }
    guard image.files.removeValue(forKey: name) != nil else { return IOError.nothingToDelete }
    return SQLITE_OK
  }

  // MARK: Places

  private static let mounted = Mutex<[String: Place]>([:])
  private static let nextPlace = Atomic<Int>(1)

  private struct Place: @unchecked Sendable {
    // The disk is its owner's alone: whoever mounts it is the only one that uses its path.
    weak var disk: SimulatedDisk?
  }

  private func mount() {
    SimulatedFiles.register()
    Self.mounted.withLock { $0[folder] = Place(disk: self) }
  }

  package var storePath: String { "\(folder)/apus.db" }

  static func at(_ path: String) -> SimulatedDisk? {
    guard let slash = path.lastIndex(of: "/") else { return nil }
    return mounted.withLock { $0[String(path[..<slash])]?.disk }
  }

  deinit { Self.mounted.withLock { $0 = $0.filter { $0.value.disk != nil } } }
}

/// What `-shm` is on other disks.
final class SharedMemory {
  static let slots = 8
  var regions: [UnsafeMutableRawPointer] = []
  var exclusive = [ObjectIdentifier?](repeating: nil, count: slots)
  var readers = [Set<ObjectIdentifier>](repeating: [], count: slots)
  var users = 0

  deinit { for region in regions { region.deallocate() } }
}

/// SQLite's extended codes, which its header makes of the plain ones by macros (sqlite.org/rescode.html).
enum IOError {
  static let failedRead = SQLITE_IOERR | 1 << 8
  static let shortRead = SQLITE_IOERR | 2 << 8
  static let failedSync = SQLITE_IOERR | 4 << 8
  static let failedTruncation = SQLITE_IOERR | 6 << 8
  static let failedDelete = SQLITE_IOERR | 10 << 8
  static let nothingToDelete = SQLITE_IOERR | 23 << 8
}
