// Decides whether bytes are JSON by RFC 8259: one value, UTF-8 throughout, at most `depthMax` deep.
// It builds no tree and allocates nothing for ordinary documents. Duplicate names are allowed.

/// Where and why bytes are not JSON.
package struct JSONFault: Error, Equatable, Sendable, CustomStringConvertible {
  /// Counted in bytes from 0, at the byte that cannot stand there.
  package let offset: Int
  package let reason: String

  package init(offset: Int, reason: String) {
    self.offset = offset
    self.reason = reason
  }

  package var description: String { "bad JSON at byte \(offset): \(reason)" }
}

package enum JSONScanner {
  /// Arrays and objects inside one another; one more is refused.
  package static let depthMax = 512

  package static func validate(_ bytes: [UInt8]) throws(JSONFault) {
    try bytes.withUnsafeBufferPointer { (buffer) throws(JSONFault) in
      try JSONGrammar(buffer).document()
    }
  }

  /// Offsets in a fault count from the start of the slice.
  package static func validate(_ bytes: ArraySlice<UInt8>) throws(JSONFault) {
    try bytes.withUnsafeBufferPointer { (buffer) throws(JSONFault) in
      try JSONGrammar(buffer).document()
    }
  }
}

/// The grammar over borrowed bytes.
///
/// Each method takes the place where its part begins and returns
/// the place behind it; the pointer is valid only inside the closure that lent it.
struct JSONGrammar {
  let bytes: UnsafePointer<UInt8>
  let count: Int

  init(_ buffer: UnsafeBufferPointer<UInt8>) {
    // An empty buffer may have no address; any will do, as nothing is read from it.
    bytes = buffer.baseAddress ?? ("" as StaticString).utf8Start
    count = buffer.count
  }

  func document() throws(JSONFault) {
    let end = try value(at: 0)
    let rest = space(at: end)
    guard rest == count else {
      throw JSONFault(offset: rest, reason: "something stands after the value")
    }
  }

  /// One value with everything inside it, without recursion.
  func value(at start: Int) throws(JSONFault) -> Int {
    var nesting = Nesting()
    var at = start
    while true {
      at = space(at: at)
      guard at < count else { throw JSONFault(offset: at, reason: "a value is missing") }
      if let inner = try opened(at: at, &nesting) {
        at = inner
        continue
      }
      at = try complete(at: at)
      guard let next = try afterValue(at: at, &nesting) else { return nesting.end }
      at = next
    }
  }

  /// Steps into a container that has something in it; nil for anything else.
  @inline(__always)
  private func opened(at start: Int, _ nesting: inout Nesting) throws(JSONFault) -> Int? {
    let opening = bytes[start]
    guard opening | 0x20 == UInt8(ascii: "{") else { return nil }
    guard nesting.depth < JSONScanner.depthMax else {
      throw JSONFault(offset: start, reason: "nested deeper than \(JSONScanner.depthMax)")
    }
    let first = space(at: start + 1)
    let isObject = opening == UInt8(ascii: "{")
    guard first >= count || bytes[first] != opening + 2 else { return nil }
    nesting.push(isObject: isObject)
    return isObject ? try name(at: first) : first
  }

  /// Where the next value begins, or nil when the outermost value is complete.
  @inline(__always)
  private func afterValue(at end: Int, _ nesting: inout Nesting) throws(JSONFault) -> Int? {
    var at = end
    while nesting.depth > 0 {
      at = space(at: at)
      guard at < count else { throw JSONFault(offset: at, reason: "the text ends too early") }
      let byte = bytes[at]
      if byte == UInt8(ascii: ",") {
        return nesting.isObject ? try name(at: space(at: at + 1)) : at + 1
      }
      guard byte == nesting.closing else {
        let wanted = nesting.isObject ? "',' or '}'" : "',' or ']'"
        throw JSONFault(offset: at, reason: "\(wanted) expected")
      }
      nesting.pop()
      at += 1
    }
    nesting.end = at
    return nil
  }

  /// A member's name and its colon.
  @inline(__always)
  func name(at start: Int) throws(JSONFault) -> Int {
    try colon(after: quotedName(at: start))
  }

  @inline(__always)
  func quotedName(at start: Int) throws(JSONFault) -> Int {
    guard start < count, bytes[start] == UInt8(ascii: "\"") else {
      throw JSONFault(offset: start, reason: "a name in quotes expected")
    }
    return try string(at: start)
  }

  @inline(__always)
  func colon(after nameEnd: Int) throws(JSONFault) -> Int {
    let colon = space(at: nameEnd)
    guard colon < count, bytes[colon] == UInt8(ascii: ":") else {
      throw JSONFault(offset: colon, reason: "':' expected")
    }
    return colon + 1
  }

  /// A scalar, or a container that `opened` found empty.
  @inline(__always)
  private func complete(at start: Int) throws(JSONFault) -> Int {
    switch bytes[start] {
    case UInt8(ascii: "{"), UInt8(ascii: "["): space(at: start + 1) + 1
    case UInt8(ascii: "\""): try string(at: start)
    case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): try number(at: start)
    case UInt8(ascii: "t"): try word("true", at: start)
    case UInt8(ascii: "f"): try word("false", at: start)
    case UInt8(ascii: "n"): try word("null", at: start)
    default: throw JSONFault(offset: start, reason: "no value begins with this byte")
    }
  }

  @inline(__always)
  func space(at start: Int) -> Int {
    var at = start
    while at < count {
      let byte = bytes[at]
      if byte > 0x20 { return at }
      guard byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 else { return at }
      at += 1
    }
    return at
  }

  private func word(_ word: StaticString, at start: Int) throws(JSONFault) -> Int {
    let length = word.utf8CodeUnitCount
    guard start + length <= count else {
      throw JSONFault(offset: start, reason: "no value begins with this byte")
    }
    for place in 0..<length where bytes[start + place] != word.utf8Start[place] {
      throw JSONFault(offset: start + place, reason: "no value is spelled like this")
    }
    return start + length
  }

  private func number(at start: Int) throws(JSONFault) -> Int {
    var at = bytes[start] == UInt8(ascii: "-") ? start + 1 : start
    guard at < count, Self.isDigit(bytes[at]) else {
      throw JSONFault(offset: at, reason: "a digit expected")
    }
    at = bytes[at] == UInt8(ascii: "0") ? at + 1 : digits(at: at)
    if at < count, bytes[at] == UInt8(ascii: ".") { at = try someDigits(at: at + 1) }
    if at < count, bytes[at] | 0x20 == UInt8(ascii: "e") {
      at += 1
      let isSigned =
        at < count && (bytes[at] == UInt8(ascii: "+") || bytes[at] == UInt8(ascii: "-"))
      at = try someDigits(at: isSigned ? at + 1 : at)
    }
    return at
  }

  private func someDigits(at start: Int) throws(JSONFault) -> Int {
    let end = digits(at: start)
    guard end > start else { throw JSONFault(offset: start, reason: "a digit expected") }
    return end
  }

  @inline(__always)
  private func digits(at start: Int) -> Int {
    var at = start
    while at < count, Self.isDigit(bytes[at]) { at += 1 }
    return at
  }

  @inline(__always)
  private static func isDigit(_ byte: UInt8) -> Bool { byte &- UInt8(ascii: "0") < 10 }
}

/// Which containers are open, a bit each: 64 levels in a word, deeper ones set aside.
private struct Nesting {
  private(set) var depth = 0
  private var word: UInt64 = 0
  private var outer: [UInt64] = []
  /// Behind the outermost value, once it is complete.
  var end = 0

  @inline(__always) var isObject: Bool { word & 1 == 1 }
  @inline(__always) var closing: UInt8 { isObject ? UInt8(ascii: "}") : UInt8(ascii: "]") }

  @inline(__always)
  mutating func push(isObject: Bool) {
    if depth & 63 == 0, depth > 0 { outer.append(word) }
    word = word << 1 | (isObject ? 1 : 0)
    depth += 1
  }

  @inline(__always)
  mutating func pop() {
    depth -= 1
    word >>= 1
    if depth & 63 == 0, depth > 0 { word = outer.removeLast() }
  }
}
