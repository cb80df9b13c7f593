// HMAC with SHA-256, RFC 2104: who knows the key has made the digest.

import Crypto

package struct HMACSHA256 {
  private var code: HMAC<Crypto.SHA256>

  package init(key: some Collection<UInt8>) {
    code = HMAC(key: SymmetricKey(data: Array(key)))
  }

  package static func code(of bytes: some Collection<UInt8>, key: some Collection<UInt8>) -> [UInt8]
  {
    var code = Self(key: key)
    code.add(bytes)
    return code.finish()
  }

  package mutating func add(_ bytes: some Collection<UInt8>) {
    let isDone: Void? = bytes.withContiguousStorageIfAvailable {
      code.update(data: UnsafeRawBufferPointer($0))
    }
    if isDone == nil { code.update(data: Array(bytes)) }
  }

  /// The code of all that was added so far. Compare it with `isEqualInConstantTime`.
  package func finish() -> [UInt8] { Array(code.finalize()) }
}
