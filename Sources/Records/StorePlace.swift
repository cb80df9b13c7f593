// Whether the files that were opened still stand under their names. Who deletes a store under a host,
// or puts another in its place, would else find out at the next start, when all is lost.
import GRDBSQLite
import Glibc

struct StorePlace {
  private struct Place {
    let path: String
    let device: dev_t
    let inode: ino_t
  }

  private let places: [Place]

  /// Of a store that is open: what is not there now is not looked for later.
  init(file: String) {
    // Without its lock a second host could come, and do everything a second time.
    places = [file, "\(file)-wal", "\(file.directory)/lock"].compactMap { path in
      Self.status(path).map { Place(path: path, device: $0.st_dev, inode: $0.st_ino) }
    }
  }

  /// The first that is not what it was; nil while all is as it was.
  var loss: RecordFault? {
    for place in places {
      guard let now = Self.status(place.path) else {
        // Not to know is not to know that it is gone.
        guard errno == ENOENT || errno == ENOTDIR else { continue }
        return .lost(path: place.path, isReplaced: false)
      }
      guard now.st_dev == place.device, now.st_ino == place.inode else {
        return .lost(path: place.path, isReplaced: true)
      }
    }
    return nil
  }

  private static func status(_ path: String) -> stat? {
    var status = stat()
    return stat(path, &status) == 0 ? status : nil
  }
}

extension RecordFault {
  fileprivate func isOf(_ file: String) -> Bool {
    if case .lost(file, _) = self { true } else { false }
  }
}

/// What the writer looks after beside its commits.
final class StoreWatch {
  private let file: String
  private let place: StorePlace
  private let ballast: Ballast
  private(set) var due: UInt64

  init(file: String, ballast: Ballast) {
    self.file = file
    place = StorePlace(file: file)
    self.ballast = ballast
    due = MonotonicTime.now + StoreLimits.lookNanoseconds
  }

  /// Now and then; what is wrong with the place of the files.
  func look() -> RecordFault? {
    guard due <= MonotonicTime.now else { return nil }
    due = MonotonicTime.now + StoreLimits.lookNanoseconds
    // What could not be made at the start is made when there is room.
    if !ballast.isFreed { ballast.hold() }
    return place.loss
  }

  /// A commit failed: what is kept for that is used now.
  func commitFailed(_ failure: SQLiteFailure) {
    if failure.mayBeSpace { ballast.free() }
  }

  /// At the end of a store whose file is gone: what is in it would go with the last descriptor.
  func rescue(_ connection: Connection) {
    guard place.loss?.isOf(file) == true else { return }
    // Nobody is there any more to hear why not.
    try? DataDirectory.make(file.directory)
    _ = try? StoreCopy(source: connection, path: Self.rescuePath(of: file)).run()
  }

  /// A copy of what a host had open when it ended.
  static func rescuePath(of file: String) -> String { "\(file).rescued" }

  /// Whether there is what new work needs.
  var isWell: Bool {
    guard place.loss == nil else { return false }
    return ballast.hold() || !ballast.isFreed
  }
}

extension SQLiteFailure {
  /// A quota that is used up, and a log that cannot be mapped, are told as errors of the disk.
  fileprivate var mayBeSpace: Bool {
    primaryCode == SQLITE_FULL || primaryCode == SQLITE_IOERR
  }
}
