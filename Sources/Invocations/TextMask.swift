// Hides known values in texts: a secret in a log line, a card number in an error's message. It finds
// the value as it is and as JSON escapes it, and no other form of it.

package struct TextMask: Sendable {
  private struct Value: Sendable {
    let bytes: [UInt8]
    let mark: [UInt8]
  }

  /// The longest first, so that none hides only the beginning of another.
  private let values: [Value]
  /// Whether a value begins with this byte.
  private let begins: [Bool]

  /// nil where nothing is left to hide.
  ///
  /// Values of less than `bytesMin` are left out: they would be found everywhere.
  package init?(_ values: [(value: String, mark: String)], bytesMin: Int) {
    var all: [Value] = []
    for (value, mark) in values where value.utf8.count >= bytesMin {
      let bytes = Array(value.utf8)
      all.append(Value(bytes: bytes, mark: Array(mark.utf8)))
      let escaped = Self.escaped(value)
      if escaped != bytes { all.append(Value(bytes: escaped, mark: Array(mark.utf8))) }
    }
    guard !all.isEmpty else { return nil }
    self.values = all.sorted { $0.bytes.count > $1.bytes.count }
    var begins = [Bool](repeating: false, count: 256)
    for value in all { begins[Int(value.bytes[0])] = true }
    self.begins = begins
  }

  private static func escaped(_ text: String) -> [UInt8] {
    var json = JSONWriter()
    json.value(text)
    return Array(json.bytes.dropFirst().dropLast())
  }

  package func masked(_ text: String) -> String {
    var text = text
    return text.withUTF8(replacing).map { String(decoding: $0, as: UTF8.self) } ?? text
  }

  package func masked(_ bytes: [UInt8]) -> [UInt8] {
    bytes.withUnsafeBufferPointer(replacing) ?? bytes
  }

  /// nil where there is nothing to hide, which is nearly always.
  private func replacing(_ bytes: UnsafeBufferPointer<UInt8>) -> [UInt8]? {
    begins.withUnsafeBufferPointer { begins in
      var out: [UInt8]?
      var copied = 0
      var place = 0
      while place < bytes.count {
        guard begins[Int(bytes[place])], let value = value(at: place, in: bytes) else {
          place += 1
          continue
        }
        out = (out ?? []) + bytes[copied..<place] + value.mark
        place += value.bytes.count
        copied = place
      }
      return out.map { $0 + bytes[copied...] }
    }
  }

  private func value(at place: Int, in bytes: UnsafeBufferPointer<UInt8>) -> Value? {
    values.first { value in
      value.bytes.count <= bytes.count - place
        && value.bytes.elementsEqual(bytes[place..<place + value.bytes.count])
    }
  }
}
