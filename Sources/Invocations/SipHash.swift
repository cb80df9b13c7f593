// SipHash-2-4 with 128 bits of output (Aumasson and Bernstein, 2012): the digests of idempotency
// keys and bodies. Nobody without the store's key can aim a collision. It is no signature.

package struct SipHasher: Sendable {
  private let key: Digest

  /// `low` holds the first eight bytes of the key, little endian.
  package init(key: Digest) { self.key = key }

  /// What an idempotency key is looked up by.
  ///
  /// Function names hold no zero byte, so that no other pair gives the same bytes.
  package func digest(function: String, key text: String) -> Digest {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(function.utf8.count + 1 + text.utf8.count)
    bytes.append(contentsOf: function.utf8)
    bytes.append(0)
    bytes.append(contentsOf: text.utf8)
    return digest(bytes)
  }

  /// 64 bits that stand for values of events; a clash makes two values wait for each other, no more.
  package func lane(_ values: [String?]) -> Int64 {
    var bytes: [UInt8] = []
    for value in values {
      bytes.append(value == nil ? 0 : 1)
      let text = value ?? ""
      withUnsafeBytes(of: UInt64(text.utf8.count).littleEndian) { bytes.append(contentsOf: $0) }
      bytes.append(contentsOf: text.utf8)
    }
    return Int64(bitPattern: digest(bytes).high)
  }

  package func digest(_ bytes: [UInt8]) -> Digest {
    bytes.withUnsafeBytes { buffer in
      var state = SipState(key)
      let wordsEnd = buffer.count & ~7
      for offset in stride(from: 0, to: wordsEnd, by: 8) {
        state.absorb(
          UInt64(littleEndian: buffer.loadUnaligned(fromByteOffset: offset, as: UInt64.self)))
      }
      var last = UInt64(truncatingIfNeeded: buffer.count) << 56
      for offset in wordsEnd..<buffer.count {
        last |= UInt64(buffer[offset]) << UInt64((offset - wordsEnd) * 8)
      }
      state.absorb(last)
      return state.finish()
    }
  }
}

/// The four words that every round stirs.
private struct SipState {
  private var v0: UInt64
  private var v1: UInt64
  private var v2: UInt64
  private var v3: UInt64

  init(_ key: Digest) {
    v0 = key.low ^ 0x736f_6d65_7073_6575
    v1 = key.high ^ 0x646f_7261_6e64_6f6d ^ 0xee
    v2 = key.low ^ 0x6c79_6765_6e65_7261
    v3 = key.high ^ 0x7465_6462_7974_6573
  }

  mutating func absorb(_ word: UInt64) {
    v3 ^= word
    stir(rounds: 2)
    v0 ^= word
  }

  mutating func finish() -> Digest {
    v2 ^= 0xee
    stir(rounds: 4)
    let low = v0 ^ v1 ^ v2 ^ v3
    v1 ^= 0xdd
    stir(rounds: 4)
    return Digest(high: v0 ^ v1 ^ v2 ^ v3, low: low)
  }

  private mutating func stir(rounds: Int) {
    for _ in 0..<rounds {
      v0 &+= v1
      v1 = Self.rotated(v1, 13) ^ v0
      v0 = Self.rotated(v0, 32)
      v2 &+= v3
      v3 = Self.rotated(v3, 16) ^ v2
      v0 &+= v3
      v3 = Self.rotated(v3, 21) ^ v0
      v2 &+= v1
      v1 = Self.rotated(v1, 17) ^ v2
      v2 = Self.rotated(v2, 32)
    }
  }

  private static func rotated(_ word: UInt64, _ places: UInt64) -> UInt64 {
    word << places | word >> (64 - places)
  }
}
