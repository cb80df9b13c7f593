// A second opinion on what JSON is: slow, recursive, over Unicode scalars, and sharing no code with
// the scanner. The mutation test asks both.

struct PlainJSONReader {
  private var rest: ArraySlice<Unicode.Scalar>

  static func accepts(_ bytes: [UInt8]) -> Bool {
    guard let text = String(validating: bytes, as: UTF8.self) else { return false }
    var reader = PlainJSONReader(rest: Array(text.unicodeScalars)[...])
    return reader.value(depth: 0) && reader.isAtEnd()
  }

  private mutating func isAtEnd() -> Bool {
    space()
    return rest.isEmpty
  }

  private mutating func space() {
    rest = rest.drop { [" ", "\n", "\r", "\t"].contains($0) }
  }

  private mutating func take(_ scalar: Unicode.Scalar) -> Bool {
    guard rest.first == scalar else { return false }
    rest = rest.dropFirst()
    return true
  }

  private mutating func value(depth: Int) -> Bool {
    space()
    switch rest.first {
    case "{": return depth < 512 && list(closing: "}") { $0.member(depth: depth + 1) }
    case "[": return depth < 512 && list(closing: "]") { $0.value(depth: depth + 1) }
    case "\"": return string()
    case "t": return word("true")
    case "f": return word("false")
    case "n": return word("null")
    default: return number()
    }
  }

  private mutating func list(
    closing: Unicode.Scalar, _ entry: (inout PlainJSONReader) -> Bool
  ) -> Bool {
    rest = rest.dropFirst()
    space()
    if take(closing) { return true }
    repeat {
      guard entry(&self) else { return false }
      space()
    } while take(",")
    return take(closing)
  }

  private mutating func member(depth: Int) -> Bool {
    space()
    guard string() else { return false }
    space()
    return take(":") && value(depth: depth)
  }

  private mutating func string() -> Bool {
    guard take("\"") else { return false }
    while let scalar = rest.popFirst() {
      if scalar == "\"" { return true }
      guard scalar.value >= 0x20 else { return false }
      guard scalar == "\\" else { continue }
      guard let escaped = rest.popFirst() else { return false }
      if escaped == "u" {
        guard rest.prefix(4).filter({ $0.properties.isASCIIHexDigit }).count == 4 else {
          return false
        }
        rest = rest.dropFirst(4)
      } else if !"\"\\/bfnrt".unicodeScalars.contains(escaped) {
        return false
      }
    }
    return false
  }

  private mutating func word(_ word: String) -> Bool {
    guard rest.starts(with: word.unicodeScalars) else { return false }
    rest = rest.dropFirst(word.unicodeScalars.count)
    return true
  }

  private mutating func number() -> Bool {
    _ = take("-")
    if !take("0"), !digits() { return false }
    if take("."), !digits() { return false }
    if take("e") || take("E") {
      if !take("+") { _ = take("-") }
      return digits()
    }
    return true
  }

  private mutating func digits() -> Bool {
    let found = rest.prefix { ("0"..."9").contains($0) }
    rest = rest.dropFirst(found.count)
    return !found.isEmpty
  }
}
