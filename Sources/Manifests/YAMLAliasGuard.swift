// Looks at aliases before the YAML library does. The library compares keys by their whole content
// while it parses, so an alias inside a key can cost it exponential time; and values that alias
// each other can nest so deep that letting go of them overflows the stack. For the rest an alias is
// one reference, and the count of values bounds it afterwards.

enum YAMLAliasGuard {
  /// What is wrong with the aliases of a document, judged by its bytes alone: a text that only
  /// looks like an alias counts as one.
  static func fault(in text: String) -> String? {
    let bytes = Array(text.utf8)
    let aliases = bytes.indices.filter { isAlias(at: $0, in: bytes) }
    guard !aliases.isEmpty else { return nil }
    guard aliases.count <= ManifestLimits.aliasesMax else {
      return "more than \(ManifestLimits.aliasesMax) aliases (*name) in one document"
    }
    guard !bytes.indices.contains(where: { beginsComplexKey(at: $0, in: bytes) }),
      !aliases.contains(where: { isKey(endOfName(after: $0, in: bytes), in: bytes) })
    else { return "a document with aliases (*name) may only have plain text as keys" }
    guard !isDeep(bytes) else {
      return "a document with aliases (*name) may have at most "
        + "\(ManifestLimits.bracketsBesideAliasesMax) brackets and "
        + "\(ManifestLimits.indentBesideAliasesMax) columns of indentation"
    }
    return nil
  }

  /// Each level of nesting takes a bracket, or a column before the text of a line.
  private static func isDeep(_ bytes: [UInt8]) -> Bool {
    let brackets = bytes.count { $0 == UInt8(ascii: "[") || $0 == UInt8(ascii: "{") }
    return brackets > ManifestLimits.bracketsBesideAliasesMax
      || bytes.split(whereSeparator: { $0 == 0x0A || $0 == 0x0D }).contains { line in
        line.prefix { " \t-?:".utf8.contains($0) }.count > ManifestLimits.indentBesideAliasesMax
      }
  }

  private static func isAlias(at index: Int, in bytes: [UInt8]) -> Bool {
    bytes[index] == UInt8(ascii: "*") && startsToken(at: index, in: bytes)
      && index + 1 < bytes.count && isNameByte(bytes[index + 1])
  }

  /// `? key`, or a collection that ends right before a colon.
  private static func beginsComplexKey(at index: Int, in bytes: [UInt8]) -> Bool {
    switch bytes[index] {
    case UInt8(ascii: "?"): startsToken(at: index, in: bytes)
    case UInt8(ascii: "]"), UInt8(ascii: "}"): isKey(index + 1, in: bytes)
    default: false
    }
  }

  private static func isKey(_ end: Int, in bytes: [UInt8]) -> Bool {
    bytes[end...].first { ![0x20, 0x09, 0x0A, 0x0D].contains($0) } == UInt8(ascii: ":")
  }

  private static func endOfName(after index: Int, in bytes: [UInt8]) -> Int {
    bytes[(index + 1)...].firstIndex { !isNameByte($0) } ?? bytes.count
  }

  private static func startsToken(at index: Int, in bytes: [UInt8]) -> Bool {
    index == 0 || " \t\r\n[{,:-?".utf8.contains(bytes[index - 1])
  }

  private static func isNameByte(_ byte: UInt8) -> Bool {
    (97...122).contains(byte) || (65...90).contains(byte) || (48...57).contains(byte)
      || byte == UInt8(ascii: "_") || byte == UInt8(ascii: "-")
  }
}
