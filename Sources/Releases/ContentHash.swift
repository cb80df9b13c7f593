// The SHA-256 that names an executable on the shelf, as text.

import Digests

package struct ContentHash {
  private var hash = SHA256()

  package init() {}

  /// In hexadecimal, lower case.
  package static func hex(of bytes: [UInt8]) -> String {
    Hexadecimal.encoded(SHA256.digest(of: bytes))
  }

  package static func isHex(_ text: String) -> Bool {
    text.utf8.count == 2 * SHA256.byteCount
      && text.utf8.allSatisfy { (48...57).contains($0) || (97...102).contains($0) }
  }

  package mutating func add(_ bytes: some Collection<UInt8>) { hash.add(bytes) }

  package mutating func add(_ bytes: UnsafeRawBufferPointer) { hash.add(bytes) }

  package func finish() -> String { Hexadecimal.encoded(hash.finish()) }
}
