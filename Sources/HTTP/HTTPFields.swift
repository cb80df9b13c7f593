// The header fields of one message, in the order they came. Names are compared without regard to
// case. It does not judge what it is given: HTTPHeadRules does for requests, HTTPResponseWriter for
// responses.

package struct HTTPFields: Sendable {
  /// Name and value as they stand on the wire, without the space around the value.
  package private(set) var entries: [(String, String)]

  package init(_ entries: [(String, String)] = []) {
    self.entries = entries
  }

  package subscript(first name: String) -> String? {
    entries.first { asciiEqualIgnoringCase($0.0, name) }?.1
  }

  package func all(_ name: String) -> [String] {
    entries.lazy.filter { asciiEqualIgnoringCase($0.0, name) }.map(\.1)
  }

  package mutating func append(_ name: String, _ value: String) {
    entries.append((name, value))
  }
}

/// Comparison for field names and protocol words, which RFC 9110 defines in ASCII alone.
func asciiEqualIgnoringCase(_ left: String, _ right: String) -> Bool {
  guard left.utf8.count == right.utf8.count else { return false }
  var (left, right) = (left, right)
  return left.withUTF8 { left in
    right.withUTF8 { right in
      for index in left.indices where asciiLowercased(left[index]) != asciiLowercased(right[index])
      {
        return false
      }
      return true
    }
  }
}

func asciiLowercased(_ byte: UInt8) -> UInt8 {
  UInt8(ascii: "A") <= byte && byte <= UInt8(ascii: "Z") ? byte | 0x20 : byte
}

/// The members of a comma-separated list, trimmed, without the empty ones.
func listMembers(_ value: String) -> [Substring] {
  value.split(separator: ",").map(trimmed).filter { !$0.isEmpty }
}

func trimmed(_ text: Substring) -> Substring {
  let head = text.drop { $0 == " " || $0 == "\t" }
  guard let last = head.lastIndex(where: { $0 != " " && $0 != "\t" }) else { return "" }
  return head[...last]
}

enum HTTPGrammar {
  /// RFC 9110 §5.6.2: what a method or a field name is made of.
  static func isToken(_ text: String) -> Bool {
    var text = text
    // Once, and not for each byte: a static is looked at before it is read.
    let isTokenByte = tokenBytes
    return text.withUTF8 { !$0.isEmpty && $0.allSatisfy { isTokenByte[Int($0)] } }
  }

  static func isTokenByte(_ byte: UInt8) -> Bool {
    tokenBytes[Int(byte)]
  }

  private static let tokenBytes: [Bool] = (0...255).map { byte in
    switch UInt8(byte) {
    case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"),
      UInt8(ascii: "A")...UInt8(ascii: "Z"):
      true
    default: "!#$%&'*+-.^_`|~".utf8.contains(UInt8(byte))
    }
  }

  /// No control byte but the tab: a CR, LF or NUL in a value would end the line for some reader.
  static func isFieldValue(_ text: String) -> Bool {
    var text = text
    return text.withUTF8 { hasNothingForbidden(UnsafeRawBufferPointer($0)) }
  }

  /// Without a branch for each byte, so that many are looked at together.
  static func hasNothingForbidden(_ line: UnsafeRawBufferPointer) -> Bool {
    line.reduce(0 as UInt8) { $0 | (isForbiddenInLine($1) ? 1 : 0) } == 0
  }

  static func isForbiddenInLine(_ byte: UInt8) -> Bool {
    (byte < 0x20 && byte != 0x09) || byte == 0x7F
  }
}
