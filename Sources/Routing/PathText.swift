// Splits a request's path into decoded segments, or says why it is refused. A percent-encoded slash
// stays inside its segment; nothing is normalised, so that no two readers see two paths.

package struct PathFault: Error, Equatable, Sendable {
  package let reason: String
}

struct PathText {
  static let bytesMax = 8 * 1024
  static let segmentsMax = 64

  /// As they came, between the slashes.
  let raw: [Substring.UTF8View]
  /// Percent-decoded.
  let segments: [String]

  init(_ path: String) throws(PathFault) {
    guard path.utf8.count <= Self.bytesMax else {
      throw PathFault(reason: "the path is longer than \(Self.bytesMax) bytes")
    }
    guard path.utf8.first == UInt8(ascii: "/") else {
      throw PathFault(reason: "the path does not begin with '/'")
    }
    // By bytes: a sign that joins the slash before it would hide it from a walk over characters.
    raw =
      path.utf8.count == 1
      ? []
      : path.utf8.dropFirst().split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
    guard raw.count <= Self.segmentsMax else {
      throw PathFault(reason: "the path has more than \(Self.segmentsMax) segments")
    }
    var segments: [String] = []
    segments.reserveCapacity(raw.count)
    for segment in raw { segments.append(try Self.checked(Substring(segment))) }
    self.segments = segments
  }

  /// The segments from `first` on as one text.
  ///
  /// An encoded slash stays `%2F` here, so that every
  /// slash of the text is one of the path's own and `..%2F..` cannot climb.
  func rest(from first: Int) -> String {
    raw[first...].map { segment in
      let text = Substring(segment)
      return Self.decoded(text, keepingSlash: true) ?? String(text)
    }.joined(separator: "/")
  }

  private static func checked(_ segment: Substring) throws(PathFault) -> String {
    guard !segment.isEmpty else {
      throw PathFault(reason: "the path has an empty segment ('//' or a '/' at its end)")
    }
    guard let decoded = decoded(segment, keepingSlash: false) else {
      throw PathFault(reason: "the path has bad percent-encoding or is not UTF-8")
    }
    guard decoded != ".", decoded != ".." else {
      throw PathFault(reason: "the path has a '\(decoded)' segment")
    }
    return decoded
  }

  /// nil for bad percent-encoding, bad UTF-8 and NUL, at which C's strings end.
  private static func decoded(_ segment: Substring, keepingSlash: Bool) -> String? {
    guard !segment.utf8.contains(0) else { return nil }
    guard segment.utf8.contains(UInt8(ascii: "%")) else { return String(segment) }
    var bytes: [UInt8] = []
    var rest = segment.utf8[...]
    while let byte = rest.popFirst() {
      guard byte == UInt8(ascii: "%") else {
        bytes.append(byte)
        continue
      }
      guard let high = rest.popFirst().flatMap(hexDigit),
        let low = rest.popFirst().flatMap(hexDigit)
      else { return nil }
      let decoded = high << 4 | low
      guard decoded != 0 else { return nil }
      if decoded == UInt8(ascii: "/"), keepingSlash {
        bytes.append(contentsOf: "%2F".utf8)
      } else {
        bytes.append(decoded)
      }
    }
    return String(validating: bytes, as: UTF8.self)
  }

  private static func hexDigit(_ byte: UInt8) -> UInt8? {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
    default: nil
    }
  }
}
