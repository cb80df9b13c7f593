// What comes over a worker's pipes, as lines: cut from bytes, kept for the last words of a worker that
// fails, gathered as the backtrace of one that crashes. It does not know whose line it is.

/// Cuts a byte stream into lines.
///
/// A longer line comes in pieces.
struct LineCutter {
  static let lineBytesMax = 8192
  private var kept: [UInt8] = []

  mutating func cut(_ bytes: UnsafeRawBufferPointer, _ line: (String) -> Void) {
    var start = bytes.startIndex
    while let end = bytes[start...].firstIndex(of: 10) {
      take(bytes[start..<end], line)
      finish(line, evenIfEmpty: true)
      start = end + 1
    }
    take(bytes[start...], line)
  }

  /// What the stream ended with, without a newline.
  mutating func finish(_ line: (String) -> Void) { finish(line, evenIfEmpty: false) }

  private mutating func take(_ bytes: Slice<UnsafeRawBufferPointer>, _ line: (String) -> Void) {
    var rest = bytes
    while kept.count + rest.count > LineCutter.lineBytesMax {
      let piece = rest.prefix(LineCutter.lineBytesMax - kept.count)
      kept += piece
      rest = rest.dropFirst(piece.count)
      finish(line, evenIfEmpty: false)
    }
    kept += rest
  }

  private mutating func finish(_ line: (String) -> Void, evenIfEmpty: Bool) {
    guard evenIfEmpty || !kept.isEmpty else { return }
    line(String(decoding: kept, as: UTF8.self))
    kept.removeAll(keepingCapacity: true)
  }
}

/// The newest lines of a worker, at least `linesMin` of them once there were so many.
struct LastLines {
  static let linesMin = 200
  private var lines: [String] = []

  var all: [String] { lines.suffix(LastLines.linesMin) }

  mutating func append(_ line: String) {
    if lines.count == 2 * LastLines.linesMin { lines.removeFirst(LastLines.linesMin) }
    lines.append(line)
  }

  /// The message of a trap is printed before the crash is announced: what was printed from the last
  /// `Fatal error` on, if that is not long ago.
  func sinceFatalError(within count: Int = 20) -> ArraySlice<String> {
    let recent = lines.suffix(count)
    guard let start = recent.lastIndex(where: { $0.contains("Fatal error") }) else { return [] }
    return recent[start...]
  }
}

/// What a worker prints from the crash on: the first lines, up to a limit.
struct CrashLines {
  static let linesMax = 400
  static let bytesMax = 65_536
  private(set) var lines: [String] = []
  private var bytes = 0

  init(_ first: ArraySlice<String>) {
    for line in first { append(line) }
  }

  mutating func append(_ line: String) {
    bytes += line.utf8.count
    if lines.count < CrashLines.linesMax && bytes <= CrashLines.bytesMax { lines.append(line) }
  }
}

/// Lines that belong to no attempt go to the host's own log: so many in a stretch of time, or one
/// handler would fill it.
struct LooseLines {
  static let linesMax = 1_000
  static let stretch: UInt64 = 10_000_000_000
  private var began: UInt64 = 0
  private var taken = 0
  private var dropped = 0

  /// Monotonic nanoseconds.
  mutating func admits(at now: UInt64) -> Bool {
    if now - min(now, began) >= Self.stretch || began == 0 {
      began = max(now, 1)
      taken = 0
    }
    taken += 1
    if taken > Self.linesMax { dropped += 1 }
    return taken <= Self.linesMax
  }

  /// What there is to say of lines that were not taken, once.
  mutating func takeRemark() -> String? {
    guard dropped > 0 else { return nil }
    defer { dropped = 0 }
    return "apus: \(dropped) lines of this worker were dropped: more than \(Self.linesMax) in "
      + "\(Self.stretch / 1_000_000_000) s that belong to no attempt"
  }
}
