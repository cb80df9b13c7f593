// An Item of RFC 8941 that is a String, with its parameters checked and dropped.

package struct StructuredFieldFault: Error, Equatable, Sendable {
  /// In bytes from 0, in the field's value with its lines joined.
  package let offset: Int
  package let reason: String
}

package enum StructuredFieldString {
  /// `lines` are the values of the field's lines in their order.
  package static func parse(_ lines: [String]) throws(StructuredFieldFault) -> String {
    var reader = StructuredFieldReader(lines.joined(separator: ", "))
    return try reader.item()
  }
}

private struct StructuredFieldReader {
  private let bytes: [UInt8]
  private var at = 0

  init(_ text: String) { bytes = Array(text.utf8) }

  mutating func item() throws(StructuredFieldFault) -> String {
    skipSpaces()
    let text = try string()
    try parameters()
    skipSpaces()
    guard at == bytes.count else { throw fault("nothing can follow the string") }
    return text
  }

  private var next: UInt8? { at < bytes.count ? bytes[at] : nil }

  private func fault(_ reason: String) -> StructuredFieldFault {
    StructuredFieldFault(offset: at, reason: reason)
  }

  private mutating func take(_ character: Unicode.Scalar) -> Bool {
    guard next == UInt8(ascii: character) else { return false }
    at += 1
    return true
  }

  private mutating func skipSpaces() { while take(" ") {} }

  private mutating func string() throws(StructuredFieldFault) -> String {
    guard take("\"") else { throw fault("a string in double quotes expected") }
    var text: [UInt8] = []
    while let byte = next {
      guard (0x20...0x7E).contains(byte) else {
        throw fault("only visible ASCII and spaces can stand in a string")
      }
      if take("\"") { return String(decoding: text, as: UTF8.self) }
      if take("\\") {
        guard let escaped = next, escaped == UInt8(ascii: "\"") || escaped == UInt8(ascii: "\\")
        else { throw fault("a backslash can only escape '\"' and '\\'") }
      }
      text.append(bytes[at])
      at += 1
    }
    throw fault("the string has no closing quote")
  }

  private mutating func parameters() throws(StructuredFieldFault) {
    while take(";") {
      skipSpaces()
      guard let first = next, first.isLowercaseLetter || first == UInt8(ascii: "*") else {
        throw fault("a parameter's name begins with a lower-case letter or '*'")
      }
      skip { $0.isLowercaseOrDigit || "_-.*".utf8.contains($0) }
      if take("=") { try bareItem() }
    }
  }

  private mutating func skip(while condition: (UInt8) -> Bool) {
    while let byte = next, condition(byte) { at += 1 }
  }

  private mutating func bareItem() throws(StructuredFieldFault) {
    switch next {
    case UInt8(ascii: "\""): _ = try string()
    case UInt8(ascii: "?"): try boolean()
    case UInt8(ascii: ":"): try byteSequence()
    case let first? where first.isDigit || first == UInt8(ascii: "-"): try number()
    case let first? where first.isLetter || first == UInt8(ascii: "*"):
      skip { $0.isTokenByte || $0 == UInt8(ascii: ":") || $0 == UInt8(ascii: "/") }
    default: throw fault("a parameter's value expected")
    }
  }

  private mutating func boolean() throws(StructuredFieldFault) {
    at += 1
    guard take("0") || take("1") else { throw fault("'?0' or '?1' expected") }
  }

  private mutating func byteSequence() throws(StructuredFieldFault) {
    at += 1
    skip { $0.isLetter || $0.isDigit || "+/=".utf8.contains($0) }
    guard take(":") else { throw fault("':' expected at the end of the bytes") }
  }

  /// At most 15 digits, or 12 before the point and 3 behind it.
  private mutating func number() throws(StructuredFieldFault) {
    _ = take("-")
    let whole = digits()
    guard take(".") else {
      guard (1...15).contains(whole) else { throw fault("a number has 1 to 15 digits") }
      return
    }
    guard (1...12).contains(whole), (1...3).contains(digits()) else {
      throw fault("a decimal has 1 to 12 digits before the point and 1 to 3 behind it")
    }
  }

  private mutating func digits() -> Int {
    let start = at
    skip(while: \.isDigit)
    return at - start
  }
}

extension UInt8 {
  fileprivate var isLowercaseLetter: Bool { (97...122).contains(self) }
  fileprivate var isLetter: Bool { (97...122).contains(self | 0x20) }
}
