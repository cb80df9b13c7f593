// Strings: their end, their escapes and their UTF-8, eight bytes at a time where nothing is
// special; and the text that an escaped string stands for. No other text is unescaped here.

extension JSONGrammar {
  /// From the opening quote to behind the closing one.
  @inline(__always)
  func string(at start: Int) throws(JSONFault) -> Int {
    var at = plain(at: start + 1)
    if at < count, bytes[at] == UInt8(ascii: "\"") { return at + 1 }
    while at < count {
      switch bytes[at] {
      case UInt8(ascii: "\""): return at + 1
      case UInt8(ascii: "\\"): at = try escape(at: at)
      case 0x80...: at = try character(at: at)
      default: throw JSONFault(offset: at, reason: "a control character has to be escaped")
      }
      at = plain(at: at)
    }
    throw JSONFault(offset: at, reason: "the string has no closing quote")
  }

  /// The first byte that is a quote, a backslash, a control character or not ASCII.
  @inline(__always)
  private func plain(at start: Int) -> Int {
    var at = start
    while at + 8 <= count {
      let special = Self.special(in: word(at: at))
      if special != 0 { return at + special.trailingZeroBitCount >> 3 }
      at += 8
    }
    while at < count, Self.isPlain(bytes[at]) { at += 1 }
    return at
  }

  @inline(__always)
  private func word(at start: Int) -> UInt64 {
    UInt64(
      littleEndian: UnsafeRawPointer(bytes + start).loadUnaligned(as: UInt64.self))
  }

  /// The top bit of each byte that is special; only the lowest one is exact, since a borrow may
  /// mark a byte above it.
  @inline(__always)
  private static func special(in word: UInt64) -> UInt64 {
    let ones: UInt64 = 0x0101_0101_0101_0101
    let quotes = word ^ (ones &* 0x22)
    let backslashes = word ^ (ones &* 0x5C)
    let marks =
      (quotes &- ones) | (backslashes &- ones) | (word &- ones &* 0x20) | word
    return marks & (ones &* 0x80)
  }

  @inline(__always)
  private static func isPlain(_ byte: UInt8) -> Bool {
    byte >= 0x20 && byte < 0x80 && byte != UInt8(ascii: "\"") && byte != UInt8(ascii: "\\")
  }

  private func escape(at start: Int) throws(JSONFault) -> Int {
    guard start + 1 < count else {
      throw JSONFault(offset: start, reason: "the string has no closing quote")
    }
    switch bytes[start + 1] {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"),
      UInt8(ascii: "f"), UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"):
      return start + 2
    case UInt8(ascii: "u"):
      guard start + 6 <= count, (start + 2..<start + 6).allSatisfy({ hexDigit(at: $0) != nil })
      else { throw JSONFault(offset: start, reason: "\\u needs four hexadecimal digits") }
      return start + 6
    default:
      throw JSONFault(offset: start, reason: "there is no such escape")
    }
  }

  func hexDigit(at place: Int) -> UInt32? {
    let byte = bytes[place]
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): return UInt32(byte &- UInt8(ascii: "0"))
    case UInt8(ascii: "a")...UInt8(ascii: "f"): return UInt32(byte &- UInt8(ascii: "a") + 10)
    case UInt8(ascii: "A")...UInt8(ascii: "F"): return UInt32(byte &- UInt8(ascii: "A") + 10)
    default: return nil
    }
  }

  /// One character of two to four bytes; overlong forms and surrogates are refused (RFC 3629).
  private func character(at start: Int) throws(JSONFault) -> Int {
    let (length, second): (Int, ClosedRange<UInt8>) =
      switch bytes[start] {
      case 0xC2...0xDF: (2, 0x80...0xBF)
      case 0xE0: (3, 0xA0...0xBF)
      case 0xE1...0xEC, 0xEE...0xEF: (3, 0x80...0xBF)
      case 0xED: (3, 0x80...0x9F)
      case 0xF0: (4, 0x90...0xBF)
      case 0xF1...0xF3: (4, 0x80...0xBF)
      case 0xF4: (4, 0x80...0x8F)
      default: (0, 0...0)
      }
    guard length > 0, start + length <= count, second.contains(bytes[start + 1]),
      (start + 2..<start + max(2, length)).allSatisfy({ bytes[$0] & 0xC0 == 0x80 })
    else { throw JSONFault(offset: start, reason: "this is not UTF-8") }
    return start + length
  }
}

extension JSONScanner {
  /// The text of a string with its quotes; nil when the bytes are no string.
  ///
  /// A lone surrogate becomes U+FFFD, as no text can hold it.
  package static func string(_ quoted: ArraySlice<UInt8>) -> String? {
    quoted.withUnsafeBufferPointer { buffer in
      let grammar = JSONGrammar(buffer)
      guard buffer.count >= 2, buffer[0] == UInt8(ascii: "\""),
        (try? grammar.string(at: 0)) == buffer.count  // a fault means: no string
      else { return nil }
      return grammar.text(from: 1, to: buffer.count - 1)
    }
  }
}

extension JSONGrammar {
  /// What stands between the quotes, unescaped.
  ///
  /// Bounds are checked at each step, so that bytes
  /// nobody validated give some text and never a crash.
  func text(from start: Int, to end: Int) -> String {
    let raw = UnsafeBufferPointer(start: bytes + start, count: max(0, end - start))
    guard raw.contains(UInt8(ascii: "\\")) else { return String(decoding: raw, as: UTF8.self) }
    var plain: [UInt8] = []
    plain.reserveCapacity(raw.count)
    var at = start
    while at < end {
      guard bytes[at] == UInt8(ascii: "\\"), at + 1 < end else {
        plain.append(bytes[at])
        at += 1
        continue
      }
      at = unescape(at: at, end: end, into: &plain)
    }
    return String(decoding: plain, as: UTF8.self)
  }

  private func unescape(at start: Int, end: Int, into plain: inout [UInt8]) -> Int {
    switch bytes[start + 1] {
    case UInt8(ascii: "b"): plain.append(0x08)
    case UInt8(ascii: "f"): plain.append(0x0C)
    case UInt8(ascii: "n"): plain.append(0x0A)
    case UInt8(ascii: "r"): plain.append(0x0D)
    case UInt8(ascii: "t"): plain.append(0x09)
    case UInt8(ascii: "u"):
      let (scalar, next) = unicodeEscape(at: start, end: end)
      plain.append(contentsOf: String(Character(scalar)).utf8)
      return next
    case let literal: plain.append(literal)
    }
    return start + 2
  }

  private func unicodeEscape(at start: Int, end: Int) -> (Unicode.Scalar, next: Int) {
    guard let first = codeUnit(at: start, end: end) else { return ("\u{FFFD}", start + 2) }
    if let scalar = Unicode.Scalar(first) { return (scalar, start + 6) }
    guard first < 0xDC00, let second = codeUnit(at: start + 6, end: end),
      (0xDC00...0xDFFF).contains(second),
      let scalar = Unicode.Scalar(0x10000 + (first - 0xD800) << 10 + (second - 0xDC00))
    else { return ("\u{FFFD}", start + 6) }
    return (scalar, start + 12)
  }

  private func codeUnit(at start: Int, end: Int) -> UInt32? {
    guard start + 6 <= end, bytes[start] == UInt8(ascii: "\\"),
      bytes[start + 1] == UInt8(ascii: "u")
    else { return nil }
    var unit: UInt32 = 0
    for place in start + 2..<start + 6 {
      guard let digit = hexDigit(at: place) else { return nil }
      unit = unit << 4 | digit
    }
    return unit
  }
}
