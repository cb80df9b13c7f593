// Space kept for a bad day: a file that holds nothing and is given up when the disk is full, so that
// what runs can still be written while new work is refused. It is never read, and never waited for.
import Glibc
import Synchronization

package final class Ballast: Sendable {
  package static let name = "ballast"

  private let path: String
  private let bytes: Int
  private let state: Atomic<UInt8>

  private enum State: UInt8 {
    case off, missing, held, freed
  }

  init(directory: String, bytes: Int) {
    path = "\(directory)/\(Self.name)"
    self.bytes = bytes
    state = Atomic(State.off.rawValue)
    guard bytes > 0 else { return }
    state.store(State.missing.rawValue, ordering: .releasing)
    hold()
  }

  /// What it should be, and whether it is there.
  package var status: (bytes: Int, isHeld: Bool) { (bytes, now == .held) }

  /// It was there and has been given up: until it can be had again there is no room for new work.
  var isFreed: Bool { now == .freed }

  private var now: State { State(rawValue: state.load(ordering: .acquiring)) ?? .off }

  private func become(_ next: State) { state.store(next.rawValue, ordering: .releasing) }

  /// True where there is nothing to be had, or it is there.
  @discardableResult
  func hold() -> Bool {
    guard now == .missing || now == .freed else { return true }
    guard isThere || hasRoom && make() else { return false }
    become(.held)
    return true
  }

  func free() {
    guard now == .held else { return }
    unlink(path)
    become(.freed)
  }

  private var isThere: Bool {
    var status = stat()
    return stat(path, &status) == 0 && Int(status.st_size) == bytes
      && Int(status.st_blocks) * 512 >= bytes
  }

  /// Asked before, since to fill the disk up in vain would hurt whoever writes at that moment.
  private var hasRoom: Bool {
    var disk = statvfs()
    guard statvfs(path.directory, &disk) == 0 else { return false }
    return Int(disk.f_bavail) * Int(disk.f_frsize) >= bytes + StoreLimits.ballastHeadroomBytes
  }

  private func make() -> Bool {
    unlink(path)
    let descriptor = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o600)
    guard descriptor >= 0 else { return false }
    defer { close(descriptor) }
    guard posix_fallocate(descriptor, 0, off_t(bytes)) == 0 else {
      unlink(path)
      return false
    }
    return true
  }
}

extension String {
  /// Where a file is; `.` of a bare name.
  var directory: String {
    guard let slash = lastIndex(of: "/") else { return "." }
    return slash == startIndex ? "/" : String(self[..<slash])
  }
}
