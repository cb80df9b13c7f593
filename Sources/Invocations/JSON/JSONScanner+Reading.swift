// Picks single values out of JSON that was validated before, without building a tree. On bytes that
// nobody validated it finds nothing or something odd, and never leaves the buffer.

/// One value inside a larger text, as written.
package struct JSONSlice: Sendable, Equatable {
  package enum Kind: Sendable { case object, array, string, number, boolean, null }

  package let bytes: ArraySlice<UInt8>

  package init(_ bytes: ArraySlice<UInt8>) { self.bytes = bytes }

  /// By the first byte alone.
  package var kind: Kind {
    switch bytes.first {
    case UInt8(ascii: "{"): .object
    case UInt8(ascii: "["): .array
    case UInt8(ascii: "\""): .string
    case UInt8(ascii: "t"), UInt8(ascii: "f"): .boolean
    case UInt8(ascii: "n"): .null
    default: .number
    }
  }

  /// nil unless the value is a string.
  package var string: String? { JSONScanner.string(bytes) }

  /// Strings unescaped, other values as written; nil for `null`.
  package var text: String? {
    switch kind {
    case .null: nil
    case .string: string
    case .object, .array, .number, .boolean: String(decoding: bytes, as: UTF8.self)
    }
  }
}

extension JSONScanner {
  /// The text of the value at a path of member names; nil where there is nothing or `null`.
  ///
  /// Strings are unescaped, numbers and booleans as written, objects and arrays raw. In an array
  /// a member is an index from 0. Of repeated names the first counts, as in Foundation's decoder.
  package static func text(at members: [String], in bytes: [UInt8]) -> String? {
    raw(at: members, in: bytes).flatMap { JSONSlice($0).text }
  }

  /// The value at a path as it is written.
  package static func raw(at members: [String], in bytes: [UInt8]) -> ArraySlice<UInt8>? {
    let range = bytes.withUnsafeBufferPointer { buffer in
      JSONGrammar(buffer).range(at: members)
    }
    return range.map { bytes[$0] }
  }

  /// One level of an object, in the order of the text, repeated names included.
  package static func members(
    of bytes: ArraySlice<UInt8>
  ) throws(JSONFault) -> [(name: String, value: JSONSlice)] {
    let base = bytes.startIndex
    return try bytes.withUnsafeBufferPointer {
      (buffer) throws(JSONFault) -> [(name: String, value: JSONSlice)] in
      var found: [(name: String, value: JSONSlice)] = []
      try JSONGrammar(buffer).eachMember { name, value in
        let slice = bytes[base + value.lowerBound..<base + value.upperBound]
        found.append((name, JSONSlice(slice)))
        return true
      }
      return found
    }
  }

  package static func members(
    of bytes: [UInt8]
  ) throws(JSONFault) -> [(name: String, value: JSONSlice)] {
    try members(of: bytes[...])
  }

  /// One level of an array.
  package static func elements(
    of bytes: ArraySlice<UInt8>
  ) throws(JSONFault) -> [JSONSlice] {
    let base = bytes.startIndex
    return try bytes.withUnsafeBufferPointer { (buffer) throws(JSONFault) -> [JSONSlice] in
      var found: [JSONSlice] = []
      try JSONGrammar(buffer).eachElement { value in
        found.append(JSONSlice(bytes[base + value.lowerBound..<base + value.upperBound]))
        return true
      }
      return found
    }
  }

  package static func elements(of bytes: [UInt8]) throws(JSONFault) -> [JSONSlice] {
    try elements(of: bytes[...])
  }
}

extension JSONGrammar {
  fileprivate func range(at members: [String]) -> Range<Int>? {
    let start = space(at: 0)
    guard start < count else { return nil }
    if members.isEmpty { return end(ofValueAt: start).map { start..<$0 } }
    // The first member ends the search of its level, so nobody asks where the text ends.
    var value = start..<count
    for member in members {
      let inner = JSONGrammar(
        UnsafeBufferPointer(start: bytes + value.lowerBound, count: value.count))
      guard let found = inner.child(member) else { return nil }
      value = value.lowerBound + found.lowerBound..<value.lowerBound + found.upperBound
    }
    return value
  }

  /// The member of an object, or the element of an array, at the start of these bytes.
  private func child(_ member: String) -> Range<Int>? {
    var found: Range<Int>?
    // A fault here means that the text was never validated: nothing is found in it.
    if bytes[0] == UInt8(ascii: "[") {
      guard let index = Self.index(member) else { return nil }
      var place = 0
      try? eachElement { value in
        if place == index { found = value }
        place += 1
        return found == nil
      }
    } else {
      try? eachRawMember { name, value in
        if matches(name, member) { found = value }
        return found == nil
      }
    }
    return found
  }

  private static func index(_ member: String) -> Int? {
    member.utf8.allSatisfy { (48...57).contains($0) } ? Int(member) : nil
  }

  private func matches(_ name: Range<Int>, _ member: String) -> Bool {
    let raw = UnsafeBufferPointer(start: bytes + name.lowerBound, count: name.count)
    if raw.elementsEqual(member.utf8) { return true }
    guard raw.contains(UInt8(ascii: "\\")) else { return false }
    return text(from: name.lowerBound, to: name.upperBound).utf8.elementsEqual(member.utf8)
  }

  fileprivate func eachMember(
    _ body: (String, Range<Int>) -> Bool
  ) throws(JSONFault) {
    try eachRawMember { name, value in
      body(text(from: name.lowerBound, to: name.upperBound), value)
    }
  }

  /// Calls `body` with the place of each name (without quotes) and value until it says false.
  private func eachRawMember(
    _ body: (Range<Int>, Range<Int>) -> Bool
  ) throws(JSONFault) {
    try eachEntry(opening: "{", closing: "}") { (at) throws(JSONFault) in
      let nameEnd = try quotedName(at: at)
      let valueAt = space(at: try colon(after: nameEnd))
      let end = try valueEnd(at: valueAt)
      return (end, body(at + 1..<nameEnd - 1, valueAt..<end))
    }
  }

  fileprivate func eachElement(_ body: (Range<Int>) -> Bool) throws(JSONFault) {
    try eachEntry(opening: "[", closing: "]") { (at) throws(JSONFault) in
      let end = try valueEnd(at: at)
      return (end, body(at..<end))
    }
  }

  /// The commas and brackets of one level; `entry` returns where it ended and whether to go on.
  private func eachEntry(
    opening: Unicode.Scalar, closing: Unicode.Scalar,
    _ entry: (Int) throws(JSONFault) -> (end: Int, goesOn: Bool)
  ) throws(JSONFault) {
    var at = space(at: 0)
    guard at < count, bytes[at] == UInt8(ascii: opening) else {
      throw JSONFault(offset: at, reason: "'\(opening)' expected")
    }
    at = space(at: at + 1)
    if at < count, bytes[at] == UInt8(ascii: closing) { return }
    while true {
      let (end, goesOn) = try entry(at)
      guard goesOn else { return }
      at = space(at: end)
      guard at < count else { throw JSONFault(offset: at, reason: "the text ends too early") }
      if bytes[at] == UInt8(ascii: closing) { return }
      guard bytes[at] == UInt8(ascii: ",") else {
        throw JSONFault(offset: at, reason: "',' or '\(closing)' expected")
      }
      at = space(at: at + 1)
    }
  }

  private func valueEnd(at start: Int) throws(JSONFault) -> Int {
    guard let end = end(ofValueAt: start) else {
      throw JSONFault(offset: start, reason: "a value is missing or has no end")
    }
    return end
  }

  /// Behind the value, found by its brackets and quotes alone.
  private func end(ofValueAt start: Int) -> Int? {
    guard start < count else { return nil }
    switch bytes[start] {
    case UInt8(ascii: "\""): return endOfString(at: start)
    case UInt8(ascii: "{"), UInt8(ascii: "["): return endOfContainer(at: start)
    default:
      var at = start
      while at < count, !Self.endsScalar(bytes[at]) { at += 1 }
      return at > start ? at : nil
    }
  }

  private static func endsScalar(_ byte: UInt8) -> Bool {
    switch byte {
    case 0...0x20, UInt8(ascii: ","), UInt8(ascii: "}"), UInt8(ascii: "]"), UInt8(ascii: ":"): true
    default: false
    }
  }

  private func endOfString(at start: Int) -> Int? {
    var at = start + 1
    while at < count {
      switch bytes[at] {
      case UInt8(ascii: "\""): return at + 1
      case UInt8(ascii: "\\"): at += 2
      default: at += 1
      }
    }
    return nil
  }

  private func endOfContainer(at start: Int) -> Int? {
    var depth = 0
    var at = start
    while at < count {
      switch bytes[at] {
      case UInt8(ascii: "\""):
        guard let end = endOfString(at: at) else { return nil }
        at = end
        continue
      case UInt8(ascii: "{"), UInt8(ascii: "["): depth += 1
      case UInt8(ascii: "}"), UInt8(ascii: "]"): depth -= 1
      default: break
      }
      at += 1
      if depth == 0 { return at }
    }
    return nil
  }
}
