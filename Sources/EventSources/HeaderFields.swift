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
