// Reads one compiled time zone (TZif, RFC 8536) from the system's database.
// It refuses files with leap seconds: an instant here is a count of seconds without them.

import Glibc

/// What is wrong with the bytes, in words for the person who looks after the machine.
struct TZifDefect: Error, Equatable {
  let reason: String
}

/// The transitions of one zone, cleaned of those that do not move the clock.
struct TZifFile: Equatable {
  /// Of the largest file in the database some 4 KB; more is not a time zone.
  static let bytesMax = 256 * 1024

  var initialOffset = 0
  var transitions: [Int] = []
  /// The offset after each transition.
  var offsets: [Int] = []
  var footer: FooterRule?

  init(parsing bytes: [UInt8]) throws(TZifDefect) {
    var reader = TZifReader(bytes: bytes)
    var header = try reader.header()
    var timeBytes = 4
    if header.version >= 2 {
      try reader.skip(header.blockBytes(timeBytes: 4))
      header = try reader.header()
      timeBytes = 8
    }
    guard header.leapSeconds == 0 else {
      throw TZifDefect(reason: "it counts leap seconds (use the zone without 'right/')")
    }
    let times = try reader.integers(count: header.transitions, width: timeBytes)
    let types = try reader.integers(count: header.transitions, width: 1)
    let utcOffsets = try reader.utcOffsets(count: header.types)
    try reader.skip(header.names + header.standardMarks + header.utcMarks)
    try adopt(times: times, types: types.map { $0 & 0xFF }, utcOffsets: utcOffsets)
    if timeBytes == 8 { footer = try FooterRule(parsing: try reader.footer()) }
  }

  private mutating func adopt(
    times: [Int], types: [Int], utcOffsets: [Int]
  ) throws(TZifDefect) {
    guard let first = utcOffsets.first else { throw TZifDefect(reason: "it has no local time") }
    initialOffset = first
    var previous = Int.min
    for (time, type) in zip(times, types) {
      guard time > previous else { throw TZifDefect(reason: "its transitions are out of order") }
      guard type < utcOffsets.count else {
        throw TZifDefect(reason: "a transition names a local time that is not there")
      }
      previous = time
      apply(offset: utcOffsets[type], at: time)
    }
  }

  private mutating func apply(offset: Int, at time: Int) {
    // Some compilers write a first transition at the beginning of the universe.
    if time <= TimeZoneRules.beginningOfTime {
      initialOffset = offset
    } else if offset != offsets.last ?? initialOffset {
      transitions.append(time)
      offsets.append(offset)
    }
  }
}

private struct TZifHeader {
  let version: Int
  let utcMarks: Int
  let standardMarks: Int
  let leapSeconds: Int
  let transitions: Int
  let types: Int
  let names: Int

  func blockBytes(timeBytes: Int) -> Int {
    transitions * (timeBytes + 1) + types * 6 + names + leapSeconds * (timeBytes + 4)
      + standardMarks + utcMarks
  }
}

/// A cursor over the bytes that never passes their end.
private struct TZifReader {
  let bytes: [UInt8]
  private var position = 0

  init(bytes: [UInt8]) {
    self.bytes = bytes
  }

  mutating func header() throws(TZifDefect) -> TZifHeader {
    guard bytes.dropFirst(position).starts(with: "TZif".utf8) else {
      throw TZifDefect(reason: "it does not start with 'TZif'")
    }
    try skip(4)
    let mark = try integers(count: 1, width: 1)[0]
    try skip(15)
    let counts = try integers(count: 6, width: 4)
    guard counts.allSatisfy({ (0...TZifFile.bytesMax).contains($0) }) else {
      throw TZifDefect(reason: "its header counts more than a file can hold")
    }
    return TZifHeader(
      version: mark == 0 ? 1 : mark - 0x30, utcMarks: counts[0], standardMarks: counts[1],
      leapSeconds: counts[2], transitions: counts[3], types: counts[4], names: counts[5])
  }

  mutating func skip(_ count: Int) throws(TZifDefect) {
    guard count <= bytes.count - position else { throw TZifDefect(reason: "it is cut short") }
    position += count
  }

  /// Big endian, two's complement.
  mutating func integers(count: Int, width: Int) throws(TZifDefect) -> [Int] {
    let start = position
    try skip(count * width)
    return (0..<count).map { index in
      let first = start + index * width
      var value = Int(Int8(bitPattern: bytes[first]))
      for byte in bytes[(first + 1)..<(first + width)] { value = value << 8 | Int(byte) }
      return value
    }
  }

  mutating func utcOffsets(count: Int) throws(TZifDefect) -> [Int] {
    var offsets: [Int] = []
    for _ in 0..<count {
      let offset = try integers(count: 1, width: 4)[0]
      try skip(2)
      guard abs(offset) <= TimeZoneRules.offsetSecondsMax else {
        throw TZifDefect(reason: "an offset from UTC is longer than a day")
      }
      offsets.append(offset)
    }
    return offsets
  }

  /// The text between the two line feeds that close the file.
  mutating func footer() throws(TZifDefect) -> String {
    let rest = bytes.dropFirst(position)
    guard rest.first == 0x0A, let end = rest.dropFirst().firstIndex(of: 0x0A) else {
      throw TZifDefect(reason: "its footer is missing")
    }
    return String(decoding: rest.dropFirst().prefix(upTo: end), as: UTF8.self)
  }
}

extension TZifFile {
  /// The bytes of `DIRECTORY/NAME`; the name has been checked for dots and slashes by the caller.
  static func contents(
    of name: String, in directory: String
  ) throws(TimeZoneError) -> [UInt8] {
    let descriptor = open(directory + "/" + name, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else {
      throw failure(opening: name, in: directory, code: errno)
    }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else {
      throw .unreadable(name, code: errno)
    }
    // A folder such as 'Europe' opens, but it is not a zone.
    guard status.st_mode & S_IFMT == S_IFREG else {
      throw .unknown(name, directory: directory)
    }
    return try contents(of: name, descriptor: descriptor)
  }

  private static func contents(
    of name: String, descriptor: Int32
  ) throws(TimeZoneError) -> [UInt8] {
    // One byte past the limit tells a file that fits from one that does not.
    var bytes = [UInt8](repeating: 0, count: bytesMax + 1)
    var count = 0
    while count < bytes.count {
      let room = bytes.count - count
      let got = bytes.withUnsafeMutableBytes {
        read(descriptor, $0.baseAddress?.advanced(by: count), room)
      }
      if got < 0 && errno == EINTR { continue }
      guard got >= 0 else { throw .unreadable(name, code: errno) }
      guard got > 0 else { return Array(bytes.prefix(count)) }
      count += got
    }
    throw .malformed(name, reason: "it has more than \(bytesMax) bytes")
  }

  private static func failure(
    opening name: String, in directory: String, code: Int32
  ) -> TimeZoneError {
    guard code == ENOENT || code == ENOTDIR else { return .unreadable(name, code: code) }
    return access(directory, F_OK) == 0
      ? .unknown(name, directory: directory) : .noDatabase(directory: directory)
  }
}
