// SHA-256 of what is at hand, or of a file piece by piece. What a digest is for is its caller's
// matter; secrets as keys are HMACSHA256's.

import Crypto

package struct SHA256 {
  private var hash = Crypto.SHA256()

  package static let byteCount = 32

  package init() {}

  package static func digest(of bytes: some Collection<UInt8>) -> [UInt8] {
    var hash = Self()
    hash.add(bytes)
    return hash.finish()
  }

  package mutating func add(_ bytes: some Collection<UInt8>) {
    let isDone: Void? = bytes.withContiguousStorageIfAvailable { add(UnsafeRawBufferPointer($0)) }
    if isDone == nil { Array(bytes).withUnsafeBytes { add($0) } }
  }

  package mutating func add(_ bytes: UnsafeRawBufferPointer) {
    hash.update(bufferPointer: bytes)
  }

  /// The digest of all that was added so far; more may be added after.
  package func finish() -> [UInt8] { Array(hash.finalize()) }
}
