// Whether the write-ahead log that a former host left can be read as far as it was written. SQLite takes
// what it can read and drops the rest without a word, which is right after a power loss and wrong when
// the disk has garbled what was synced long ago.
import Glibc

struct LogCheck {
  enum Verdict: Equatable {
    /// Nothing in it, or nothing that is missed.
    case sound
    /// It is no log at all, though there is something in it.
    case garbled
    /// After what can be read there are commits that cannot.
    case cut(readable: Int, lost: Int)
  }

  /// A log with one commit is at least so long.
  static let bytesMin = headerBytes + frameHeaderBytes + 512

  private static let headerBytes = 32
  private static let frameHeaderBytes = 24
  /// The first unreadable commit may have been on its way to the disk when the power went.
  private static let unsyncedCommitsMax = 1

  private let descriptor: Int32
  private let size: Int

  static func verdict(on path: String) -> Verdict {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return .sound }
    // The log has no locks of SQLite's, which closing it would let go of.
    defer { close(descriptor) }
    return LogCheck(descriptor: descriptor, size: FileSize.bytes(of: path)).verdict()
  }

  /// Space that a file system gave and nothing was written to.
  static func isBlank(_ path: String) -> Bool {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return false }
    defer { close(descriptor) }
    let log = LogCheck(descriptor: descriptor, size: FileSize.bytes(of: path))
    return log.bytes(at: 0, count: headerBytes).map { log.isBlank($0) } ?? false
  }

  private func verdict() -> Verdict {
    guard size >= Self.headerBytes + Self.frameHeaderBytes,
      let header = bytes(at: 0, count: Self.headerBytes)
    else { return .sound }
    let magic = Self.word(header, 0)
    let pageBytes = Int(Self.word(header, 8))
    guard magic & 0xFFFF_FFFE == 0x377F_0682, Self.word(header, 4) == 3_007_000,
      pageBytes >= 512, pageBytes <= 65_536, pageBytes & (pageBytes - 1) == 0
    else { return isBlank(header) ? .sound : .garbled }
    return walk(header, pageBytes, isBig: magic & 1 == 1)
  }

  /// Space that a file system gave and nothing was written to.
  private func isBlank(_ header: [UInt8]) -> Bool {
    let first = bytes(at: Self.headerBytes, count: Self.frameHeaderBytes) ?? []
    return (header + first).allSatisfy { $0 == 0 }
  }

  private func walk(_ header: [UInt8], _ pageBytes: Int, isBig: Bool) -> Verdict {
    var sum = Checksum(isBig: isBig)
    sum.add(header[0..<24])
    let isHeaderSound = sum.matches(header, at: 24)
    let frameBytes = Self.frameHeaderBytes + pageBytes
    // Where the header is not to be believed, the frames tell what they belong to.
    let first = bytes(at: Self.headerBytes, count: Self.frameHeaderBytes) ?? []
    let round = Array(isHeaderSound ? header[16..<24] : first[8..<16])
    var isReadable = isHeaderSound
    var readable = 0
    var lost = 0
    for place in stride(from: Self.headerBytes, through: size - frameBytes, by: frameBytes) {
      let count = isReadable ? frameBytes : Self.frameHeaderBytes
      guard let frame = bytes(at: place, count: count) else { break }
      // Of an older round through the file: everything from here on is.
      guard Array(frame[8..<16]) == round else {
        isReadable = false
        continue
      }
      if isReadable {
        sum.add(frame[0..<8])
        sum.add(frame[24...])
        isReadable = sum.matches(frame, at: 16)
      }
      guard Self.word(frame, 4) != 0 else { continue }
      if isReadable { readable += 1 } else { lost += 1 }
    }
    return lost > Self.unsyncedCommitsMax ? .cut(readable: readable, lost: lost) : .sound
  }

  private func bytes(at offset: Int, count: Int) -> [UInt8]? {
    var bytes = [UInt8](repeating: 0, count: count)
    return pread(descriptor, &bytes, count, off_t(offset)) == count ? bytes : nil
  }

  private static func word(_ bytes: [UInt8], _ place: Int) -> UInt32 {
    bytes[place..<place + 4].reduce(0) { $0 << 8 | UInt32($1) }
  }

  /// As the file format of the log has it: two sums over pairs of words.
  private struct Checksum {
    let isBig: Bool
    private var first: UInt32 = 0
    private var second: UInt32 = 0

    init(isBig: Bool) { self.isBig = isBig }

    mutating func add(_ bytes: ArraySlice<UInt8>) {
      bytes.withUnsafeBytes { raw in
        var place = 0
        while place + 8 <= raw.count {
          first &+= word(raw, place) &+ second
          second &+= word(raw, place + 4) &+ first
          place += 8
        }
      }
    }

    private func word(_ raw: UnsafeRawBufferPointer, _ place: Int) -> UInt32 {
      let word = raw.loadUnaligned(fromByteOffset: place, as: UInt32.self)
      return isBig ? UInt32(bigEndian: word) : UInt32(littleEndian: word)
    }

    func matches(_ bytes: [UInt8], at place: Int) -> Bool {
      LogCheck.word(bytes, place) == first && LogCheck.word(bytes, place + 4) == second
    }
  }
}
