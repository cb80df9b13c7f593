// Writes JSON by appending bytes: what the doors and the records answer with. It keeps the commas;
// that names stand only in objects and raw bytes are JSON is the caller's duty.

package struct JSONWriter: Sendable {
  package private(set) var bytes: [UInt8] = []
  private var needsComma = false

  package init(capacity: Int = 256) { bytes.reserveCapacity(capacity) }

  package var text: String { String(decoding: bytes, as: UTF8.self) }

  // MARK: Containers

  /// An object as the document, or as the next element of an array.
  package mutating func object<Fault>(
    _ members: (inout JSONWriter) throws(Fault) -> Void
  ) throws(Fault) {
    open(UInt8(ascii: "{"))
    try members(&self)
    close(UInt8(ascii: "}"))
  }

  package mutating func array<Fault>(
    _ elements: (inout JSONWriter) throws(Fault) -> Void
  ) throws(Fault) {
    open(UInt8(ascii: "["))
    try elements(&self)
    close(UInt8(ascii: "]"))
  }

  package mutating func object<Fault>(
    _ name: String, _ members: (inout JSONWriter) throws(Fault) -> Void
  ) throws(Fault) {
    self.name(name)
    try object(members)
  }

  package mutating func array<Fault>(
    _ name: String, _ elements: (inout JSONWriter) throws(Fault) -> Void
  ) throws(Fault) {
    self.name(name)
    try array(elements)
  }

  // MARK: Members; nil is written as null

  package mutating func field(_ name: String, _ value: String?) {
    self.name(name)
    if let value { self.value(value) } else { null() }
  }

  package mutating func field(_ name: String, _ value: (some BinaryInteger)?) {
    self.name(name)
    if let value { self.value(value) } else { null() }
  }

  package mutating func field(_ name: String, _ value: Double?) {
    self.name(name)
    if let value { self.value(value) } else { null() }
  }

  package mutating func field(_ name: String, _ value: Bool?) {
    self.name(name)
    if let value { self.value(value) } else { null() }
  }

  /// `raw` is one complete JSON value.
  package mutating func field(_ name: String, raw: some Collection<UInt8>) {
    self.name(name)
    value(raw: raw)
  }

  package mutating func field(_ name: String, _ values: [String]) {
    array(name) { list in
      for value in values { list.value(value) }
    }
  }

  /// Writes the member only where there is a value.
  package mutating func field(_ name: String, ifPresent value: String?) {
    if let value { field(name, value) }
  }

  package mutating func field(_ name: String, ifPresent value: (some BinaryInteger)?) {
    if let value { field(name, value) }
  }

  /// A member whose value the next call writes.
  package mutating func name(_ name: String) {
    separate()
    quote(name)
    bytes.append(UInt8(ascii: ":"))
    needsComma = false
  }

  // MARK: Values

  package mutating func value(_ text: String) {
    separate()
    quote(text)
  }

  package mutating func value(_ number: some BinaryInteger) {
    separate()
    bytes.append(contentsOf: String(number).utf8)
  }

  /// Infinities and NaN, for which JSON has no word, become null.
  package mutating func value(_ number: Double) {
    guard number.isFinite else { return null() }
    separate()
    bytes.append(contentsOf: number.description.utf8)
  }

  package mutating func value(_ truth: Bool) {
    separate()
    bytes.append(contentsOf: truth ? "true".utf8 : "false".utf8)
  }

  package mutating func value(raw: some Collection<UInt8>) {
    separate()
    bytes.append(contentsOf: raw)
  }

  package mutating func null() {
    separate()
    bytes.append(contentsOf: "null".utf8)
  }

  // MARK: Bytes

  private mutating func open(_ bracket: UInt8) {
    separate()
    bytes.append(bracket)
    needsComma = false
  }

  private mutating func close(_ bracket: UInt8) {
    bytes.append(bracket)
    needsComma = true
  }

  private mutating func separate() {
    if needsComma { bytes.append(UInt8(ascii: ",")) }
    needsComma = true
  }

  private mutating func quote(_ text: String) {
    bytes.append(UInt8(ascii: "\""))
    var text = text
    text.withUTF8 { characters in
      var hasEscape = false
      for byte in characters { hasEscape = hasEscape || Self.needsEscape(byte) }
      if hasEscape {
        for byte in characters { escape(byte) }
      } else {
        bytes.append(contentsOf: characters)
      }
    }
    bytes.append(UInt8(ascii: "\""))
  }

  private static func needsEscape(_ byte: UInt8) -> Bool {
    byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\")
  }

  private mutating func escape(_ byte: UInt8) {
    guard Self.needsEscape(byte) else { return bytes.append(byte) }
    switch byte {
    case 0x08: bytes.append(contentsOf: "\\b".utf8)
    case 0x0C: bytes.append(contentsOf: "\\f".utf8)
    case 0x0A: bytes.append(contentsOf: "\\n".utf8)
    case 0x0D: bytes.append(contentsOf: "\\r".utf8)
    case 0x09: bytes.append(contentsOf: "\\t".utf8)
    case UInt8(ascii: "\""), UInt8(ascii: "\\"):
      bytes.append(UInt8(ascii: "\\"))
      bytes.append(byte)
    default:
      bytes.append(contentsOf: "\\u00".utf8)
      bytes.append(Self.hexDigits[Int(byte >> 4)])
      bytes.append(Self.hexDigits[Int(byte & 15)])
    }
  }

  private static let hexDigits = Array("0123456789abcdef".utf8)
}
