// The SHA-256 of a finished backup, in a file beside it that `sha256sum -c` reads too: a check of pages
// finds what does not fit together, and no byte that was changed within a value.
import Digests
import Glibc

package struct BackupDigest: Equatable, Sendable {
  /// 64 digits in lower case.
  package let hexadecimal: String

  /// What stands beside a backup.
  enum Note: Equatable {
    case none
    case digest(BackupDigest)
    case unreadable
  }

  package static func path(of file: String) -> String { "\(file).sha256" }

  package init(_ hexadecimal: String) { self.hexadecimal = hexadecimal }

  /// Reads the file once, a piece at a time.
  init(of file: String, isOver: () -> Bool) throws(StoreCopy.Failure) {
    let descriptor = open(file, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw .now }
    defer { close(descriptor) }
    var hash = SHA256()
    let piece = UnsafeMutableRawBufferPointer.allocate(
      byteCount: StoreLimits.digestPieceBytes, alignment: 16)
    defer { piece.deallocate() }
    while true {
      guard !isOver() else { throw .stopped }
      let count = read(descriptor, piece.baseAddress, piece.count)
      guard count >= 0 || errno == EINTR else { throw .now }
      if count == 0 { break }
      if count > 0 { hash.add(UnsafeRawBufferPointer(rebasing: piece[..<count])) }
    }
    hexadecimal = Hexadecimal.encoded(hash.finish())
  }

  // MARK: The file beside it

  /// Under its name only when it is whole and synced; nothing is overwritten.
  func write(for file: String) throws(StoreCopy.Failure) {
    let path = Self.path(of: file)
    let partial = "\(path).partial"
    unlink(partial)
    let descriptor = open(partial, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o600)
    guard descriptor >= 0 else { throw .now }
    defer {
      close(descriptor)
      unlink(partial)
    }
    let bytes = Array(line(for: file).utf8)
    guard Glibc.write(descriptor, bytes, bytes.count) == bytes.count, fsync(descriptor) == 0,
      link(partial, path) == 0, FileNames.sync(path.directory)
    else { throw .now }
  }

  /// For a backup that has come to its place by another way.
  package func note(for file: String) throws(RecordFault) {
    do throws(StoreCopy.Failure) { try write(for: file) } catch {
      throw error.fault(at: Self.path(of: file))
    }
  }

  /// As `sha256sum` writes it, which marks a name that holds a backslash or a line break.
  func line(for file: String) -> String {
    let name = file.split(separator: "/").last.map(String.init) ?? file
    var escaped = ""
    for character in name.unicodeScalars {
      switch character {
      case "\\": escaped += "\\\\"
      case "\n": escaped += "\\n"
      case "\r": escaped += "\\r"
      default: escaped.unicodeScalars.append(character)
      }
    }
    return "\(escaped == name ? "" : "\\")\(hexadecimal)  \(escaped)\n"
  }

  /// The first word of the file beside it.
  static func note(beside file: String) -> Note {
    let descriptor = open(path(of: file), O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else { return errno == ENOENT ? .none : .unreadable }
    defer { close(descriptor) }
    var bytes = [UInt8](repeating: 0, count: 65)
    let count = read(descriptor, &bytes, bytes.count)
    let text = String(decoding: bytes.prefix(max(0, count)), as: UTF8.self)
    let word = text.drop { $0 == "\\" }.prefix(64)
    guard let digest = Hexadecimal.decoded(word), digest.count == 32 else { return .unreadable }
    return .digest(BackupDigest(Hexadecimal.encoded(digest)))
  }
}

extension StoreLimits {
  /// Held of a backup while its digest is made.
  static let digestPieceBytes = 1 << 20
}
