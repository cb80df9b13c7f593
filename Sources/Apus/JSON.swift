// JSON at the typed edge: one decoder and one encoder for the process, and decoding errors in words
// that name the place. Dates are RFC 3339, read with or without a fraction, written with one.
#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

package enum JSON {
  // Both are safe to use from many threads at once; only their settings must not change.
  private static let decoder = makeDecoder()
  private static let encoder = makeEncoder()
  private static let dateStyle = Date.ISO8601FormatStyle(includingFractionalSeconds: true)

  package static func encode(_ value: some Encodable) throws -> [UInt8] {
    [UInt8](try encoder.encode(value))
  }

  /// Throws `UndecodableInput` and nothing else; `root` is the first word of the place it names.
  package static func decode<Value: Decodable>(
    _ type: Value.Type, from bytes: [UInt8], root: String
  ) throws(UndecodableInput) -> Value {
    guard !bytes.isEmpty else {
      throw UndecodableInput("\(root): is empty, expected \(type)")
    }
    do {
      return try decoder.decode(type, from: Data(bytes))
    } catch let error as DecodingError {
      throw UndecodableInput(error.sentence(root: root))
    } catch {
      throw UndecodableInput("\(root): \(error)")
    }
  }

  static func date(_ text: String) -> Date? {
    // The reason for a failure is always the same: the text is not a date.
    try? Date(text, strategy: dateStyle)
  }

  private static func makeDecoder() -> JSONDecoder {
    let decoder = JSONDecoder()
    decoder.dateDecodingStrategy = .custom { decoder in
      let container = try decoder.singleValueContainer()
      let text = try container.decode(String.self)
      guard let date = date(text) else {
        throw DecodingError.dataCorruptedError(
          in: container, debugDescription: "expected a date such as 2027-01-01T00:00:00Z")
      }
      return date
    }
    return decoder
  }

  private static func makeEncoder() -> JSONEncoder {
    let encoder = JSONEncoder()
    // Sorted, so that what a handler says twice has the same bytes twice.
    encoder.outputFormatting = [.withoutEscapingSlashes, .sortedKeys]
    encoder.dateEncodingStrategy = .custom { date, encoder in
      var container = encoder.singleValueContainer()
      try container.encode(date.formatted(dateStyle))
    }
    return encoder
  }
}

extension DecodingError {
  /// `data.items[0].quantity: expected Int, found string`.
  func sentence(root: String) -> String {
    switch self {
    case .typeMismatch(let type, let context):
      let wanted = "\(context.place(root)): expected \(Self.word(for: type))"
      guard let found = context.found else { return wanted }
      return "\(wanted), found \(found)"
    case .valueNotFound(let type, let context):
      return "\(context.place(root)): expected \(Self.word(for: type)), found null"
    case .keyNotFound(let key, let context):
      return "\(context.place(root)).\(key.stringValue): is missing"
    case .dataCorrupted(let context) where context.codingPath.isEmpty:
      // The decoder gives the same error for a number that does not fit.
      return "\(root): is not JSON, or holds a number that its type cannot hold"
    case .dataCorrupted(let context):
      return "\(context.place(root)): \(context.debugDescription)"
    @unknown default: return "\(root): \(self)"
    }
  }

  private static func word(for type: any Any.Type) -> String {
    let name = "\(type)"
    if name.hasPrefix("Array<") { return "an array" }
    return name.hasPrefix("Dictionary<") ? "an object" : name
  }
}

extension DecodingError.Context {
  fileprivate func place(_ root: String) -> String {
    codingPath.reduce(into: root) { place, key in
      place += key.intValue.map { "[\($0)]" } ?? ".\(key.stringValue)"
    }
  }

  /// What the decoder met; it says so only in its description, `… but found a string instead`.
  fileprivate var found: String? {
    guard let start = debugDescription.firstRange(of: "but found ") else { return nil }
    let rest = debugDescription[start.upperBound...]
    guard let end = rest.firstRange(of: " instead") else { return nil }
    let words = rest[..<end.lowerBound]
    if words == "a dictionary" { return "an object" }
    return String(words.hasPrefix("a ") ? words.dropFirst(2) : words)
  }
}
