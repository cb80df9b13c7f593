// What makes two errors the same one: their code, their type, and their words without what differs
// from event to event (numbers, ids, times, addresses). It is a rule of thumb, kept stable: alarms
// and notes name fingerprints.

/// 50 bits, the same in every store; ten characters of Crockford base32.
package struct Fingerprint: RawRepresentable, Hashable, Sendable {
  package let rawValue: Int64

  package init(rawValue: Int64) { self.rawValue = rawValue }

  package init(of error: ErrorRecord) {
    var bytes = Array(error.code.utf8)
    bytes.append(0)
    bytes.append(contentsOf: error.type.utf8)
    bytes.append(0)
    bytes.append(contentsOf: ErrorPattern.bytes(of: error.message))
    // No secret: anybody may know what an error's name is.
    let digest = SipHasher(key: Digest(high: 0, low: 0)).digest(bytes)
    self.init(rawValue: Int64(digest.high >> (64 - Self.bits)))
  }

  private static let bits: UInt64 = 50
  private static let digits = 10
}

extension Fingerprint: LosslessStringConvertible {
  package var description: String {
    CrockfordBase32.text(UInt64(bitPattern: rawValue), digits: Self.digits)
  }

  package init?(_ text: String) {
    guard let value = CrockfordBase32.number(text, digits: Self.digits) else { return nil }
    self.init(rawValue: Int64(value))
  }
}

/// An error's words with `#` in the place of everything that is likely to be another one in the next
/// event's error.
package enum ErrorPattern {
  /// Of a longer message only this much counts.
  package static let messageBytesMax = 1_024

  package static func text(of message: String) -> String {
    String(decoding: bytes(of: message), as: UTF8.self)
  }

  static func bytes(of message: String) -> [UInt8] {
    var writer = PatternWriter()
    var word: [UInt8] = []
    for byte in message.utf8.prefix(messageBytesMax) {
      if isOfWord(byte) {
        word.append(byte)
      } else {
        writer.add(word: word)
        word.removeAll(keepingCapacity: true)
        writer.add(between: byte)
      }
    }
    writer.add(word: word)
    return writer.bytes
  }

  private static func isOfWord(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"),
      UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "_"), UInt8(ascii: "-"),
      UInt8(ascii: "."), UInt8(ascii: "@"), UInt8(ascii: "+"), UInt8(ascii: "%"), 0x80...:
      true
    default: false
    }
  }
}

private struct PatternWriter {
  private(set) var bytes: [UInt8] = []
  private var previous: [UInt8] = []
  /// Where the last `#` ends, as long as nothing but separators of a list came after it.
  private var listEnd: Int?

  mutating func add(between byte: UInt8) {
    if !Self.separators.contains(byte) { listEnd = nil }
    bytes.append(byte == 10 || byte == 13 || byte == 9 ? 32 : byte)
  }

  mutating func add(word: [UInt8]) {
    guard !word.isEmpty else { return }
    var end = word.count
    while end > 0, Self.trailing.contains(word[end - 1]) { end -= 1 }
    let core = word[..<end]
    defer { previous = core.map { (65...90).contains($0) ? $0 + 32 : $0 } }
    guard isVariable(core) else {
      bytes += word
      listEnd = nil
      return
    }
    // A list of them is one: it may be of another length the next time.
    if let listEnd { bytes.removeSubrange(listEnd...) } else { bytes.append(UInt8(ascii: "#")) }
    listEnd = bytes.count
    bytes += word[end...]
  }

  private func isVariable(_ word: ArraySlice<UInt8>) -> Bool {
    guard let first = word.first else { return false }
    if word.contains(UInt8(ascii: "@")) { return true }
    let digits = word.count(where: Self.isDigit)
    guard digits > 0 else { return word.count >= 8 && word.allSatisfy(Self.isHexLetter) }
    // 404 and 502 are two causes.
    if digits == word.count { return digits > 3 || !Self.numbered.contains(previous) }
    // A type or a protocol with its number.
    let head = word.prefix { !Self.isDigit($0) }
    guard !Self.isDigit(first), digits <= 3, head.count + digits == word.count else { return true }
    return !Self.families.contains(head.map { (65...90).contains($0) ? $0 + 32 : $0 })
  }

  private static func isDigit(_ byte: UInt8) -> Bool { (48...57).contains(byte) }

  private static func isHexLetter(_ byte: UInt8) -> Bool {
    (97...102).contains(byte) || (65...70).contains(byte)
  }

  private static let separators: Set<UInt8> = Set(", ;:/|".utf8)
  private static let trailing: Set<UInt8> = Set(".-+%".utf8)

  private static let numbered: Set<[UInt8]> = Set(
    [
      "status", "code", "http", "error", "errno", "answered", "returned", "responded", "response",
      "got", "sqlstate", "signal", "exit", "statuscode",
    ].map { Array($0.utf8) })

  private static let families: Set<[UInt8]> = Set(
    [
      "int", "uint", "float", "utf", "utf-", "http", "sha", "sha-", "md", "base", "ipv", "tls",
      "tlsv", "oauth", "v", "x", "s", "ec", "k",
    ].map { Array($0.utf8) })
}

extension AttemptRecord {
  /// Of a failed attempt.
  package var fingerprint: Fingerprint? {
    outcome.isFailure ? error.map { Fingerprint(of: $0) } : nil
  }
}

extension AttemptRecord.Outcome {
  /// Whether the attempt counts against the number that is allowed.
  package var isFailure: Bool {
    switch self {
    case .thrown, .rejected, .undecodable, .timedOut, .crashed, .missingHandler: true
    case .succeeded, .returned, .cancelled: false
    }
  }
}
