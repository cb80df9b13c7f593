// Finding header fields by name. It runs for every request, so nothing here makes a new string.

import Invocations

extension HTTPCall.Field {
  /// `name` is in lower case.
  func isNamed(_ name: String) -> Bool {
    self.name.utf8.count == name.utf8.count && begins(with: name)
  }

  /// Whether the name begins with `prefix`, which is in lower case.
  func begins(with prefix: String) -> Bool {
    var bytes = name.utf8.makeIterator()
    for expected in prefix.utf8 {
      guard let byte = bytes.next() else { return false }
      let isUpper = byte >= UInt8(ascii: "A") && byte <= UInt8(ascii: "Z")
      guard (isUpper ? byte | 0x20 : byte) == expected else { return false }
    }
    return true
  }
}

extension [HTTPCall.Field] {
  /// The first value, without the space around it.
  func first(_ name: String) -> String? {
    first { $0.isNamed(name) }.map { String($0.value.trimmingSpace) }
  }
}

/// A set of header names, asked without regard to case.
package struct FieldNames: Sendable {
  /// By their length, which most others do not share.
  private var byLength: [[[UInt8]]] = []

  /// The names are in lower case.
  package init(_ names: [String]) {
    for name in names.map({ Array($0.utf8) }) {
      while byLength.count <= name.count { byLength.append([]) }
      byLength[name.count].append(name)
    }
  }

  package func contains(_ name: String) -> Bool {
    var name = name
    return name.withUTF8 { bytes in
      guard bytes.count < byLength.count else { return false }
      return byLength[bytes.count].contains { Self.isEqual(bytes, $0) }
    }
  }

  private static func isEqual(_ bytes: UnsafeBufferPointer<UInt8>, _ known: [UInt8]) -> Bool {
    for index in known.indices {
      let byte = bytes[index]
      let isUpper = byte >= UInt8(ascii: "A") && byte <= UInt8(ascii: "Z")
      if (isUpper ? byte | 0x20 : byte) != known[index] { return false }
    }
    return true
  }
}
