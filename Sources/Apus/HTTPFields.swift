// Query items and header fields: small ordered lists with the look-up rules of their kind.

/// The items of a URL's query, decoded, in the order they were sent.
public struct HTTPQuery: Sendable, Hashable {
  /// One item: `name=value`, or `name` alone with an empty value.
  public struct Item: Sendable, Hashable {
    /// The decoded name.
    public var name: String
    /// The decoded value.
    public var value: String
  }

  /// The query as it was sent, without the question mark.
  public let text: String?
  /// All items in order; a name may stand more than once.
  public let items: [Item]

  /// Reads a query as browsers write it: `%41` and `+` are decoded.
  public init(_ text: String?) {
    self.text = text
    items = (text ?? "").utf8.split(separator: UInt8(ascii: "&")).map { item in
      let parts = item.split(
        separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
      return Item(
        name: Self.decoded(parts[0]), value: parts.count > 1 ? Self.decoded(parts[1]) : "")
    }
  }

  /// The value of the first item of this name.
  public subscript(name: String) -> String? { items.first { $0.name == name }?.value }

  /// The values of all items of this name, in order.
  public func values(of name: String) -> [String] {
    items.filter { $0.name == name }.map(\.value)
  }

  private static func decoded(_ text: Substring.UTF8View) -> String {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(text.count)
    var rest = text
    while let byte = rest.popFirst() {
      switch byte {
      case UInt8(ascii: "+"): bytes.append(UInt8(ascii: " "))
      case UInt8(ascii: "%"):
        // A percent sign without two hex digits stands for itself.
        if let value = hexByte(rest.prefix(2)) {
          bytes.append(value)
          rest = rest.dropFirst(2)
        } else {
          bytes.append(byte)
        }
      default: bytes.append(byte)
      }
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  private static func hexByte(_ digits: Substring.UTF8View) -> UInt8? {
    guard digits.count == 2, digits.first != UInt8(ascii: "+"), digits.first != UInt8(ascii: "-")
    else { return nil }
    return UInt8(Substring(digits), radix: 16)
  }
}

/// Header fields in order; names are compared without regard to case.
public struct HTTPHeaders: Sendable, Hashable, ExpressibleByDictionaryLiteral {
  /// One header field.
  public struct Field: Sendable, Hashable {
    /// The name as it was written.
    public var name: String
    /// The value.
    public var value: String
  }

  /// All fields in order; a name may stand more than once.
  public private(set) var fields: [Field] = []

  /// Makes header fields, one for each pair.
  public init(dictionaryLiteral elements: (String, String)...) { self.init(fields: elements) }

  init(fields: [(String, String)]) {
    self.fields = fields.map { Field(name: $0.0, value: $0.1) }
  }

  /// The value of the first field of this name; setting it replaces all of them.
  public subscript(name: String) -> String? {
    get { fields.first { Self.equal($0.name, name) }?.value }
    set {
      fields.removeAll { Self.equal($0.name, name) }
      if let newValue { add(name, newValue) }
    }
  }

  /// The values of all fields of this name, in order.
  public func values(of name: String) -> [String] {
    fields.filter { Self.equal($0.name, name) }.map(\.value)
  }

  /// Appends a field and keeps those of the same name.
  public mutating func add(_ name: String, _ value: String) {
    fields.append(Field(name: name, value: value))
  }

  private static func equal(_ left: String, _ right: String) -> Bool {
    left.utf8.elementsEqual(right.utf8) { lowered($0) == lowered($1) }
  }

  private static func lowered(_ byte: UInt8) -> UInt8 {
    (65...90).contains(byte) ? byte + 32 : byte
  }
}
