// Version 7 UUIDs of RFC 9562: time first, so that ids sort in the order in which they were made.

package import Invocations

/// Strictly growing ids, also within a millisecond and when the clock steps back.
package struct UUIDv7Generator: Sendable {
  private var random: any RandomNumberGenerator & Sendable
  private var milliseconds: UInt64 = 0
  /// `rand_a`, 12 bits, and `rand_b`, 62 bits: one number that grows within a millisecond.
  private var high: UInt64 = 0
  private var low: UInt64 = 0

  private static let highMax: UInt64 = (1 << 12) - 1
  private static let lowMax: UInt64 = (1 << 62) - 1
  private static let timeMax: UInt64 = (1 << 48) - 1

  package init(random: any RandomNumberGenerator & Sendable = FastRandom()) {
    self.random = random
  }

  package mutating func next(at now: WallTime) -> String {
    let time = min(UInt64(max(0, now.milliseconds)), Self.timeMax)
    if time > milliseconds {
      begin(at: time)
    } else {
      grow()
    }
    return Self.text(milliseconds << 16 | 0x7000 | high, 0b10 << 62 | low)
  }

  private mutating func begin(at time: UInt64) {
    milliseconds = time
    // The top bit starts at 0, which leaves room to grow in.
    high = random.next() & (Self.highMax >> 1)
    low = random.next() & Self.lowMax
  }

  /// By a random step, so that one id does not give away the next.
  private mutating func grow() {
    low += (random.next() >> 32) + 1
    guard low > Self.lowMax else { return }
    low &= Self.lowMax
    high += 1
    // 2⁷³ ids were made in this millisecond: the next one is borrowed.
    if high > Self.highMax { begin(at: milliseconds + 1) }
  }

  private static func text(_ first: UInt64, _ second: UInt64) -> String {
    String(unsafeUninitializedCapacity: 36) { characters in
      var place = 0
      for digitIndex in 0..<32 {
        if digitIndex == 8 || digitIndex == 12 || digitIndex == 16 || digitIndex == 20 {
          characters[place] = UInt8(ascii: "-")
          place += 1
        }
        let word = digitIndex < 16 ? first : second
        let digit = UInt8(word >> UInt64(60 - digitIndex % 16 * 4) & 15)
        characters[place] = digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") - 10 + digit
        place += 1
      }
      return place
    }
  }
}

/// xoshiro256**, seeded by the system: for ids, which have to be unique and need not be secret.
///
/// The system's own generator costs a system call for each number.
package struct FastRandom: RandomNumberGenerator, Sendable {
  private var state: (UInt64, UInt64, UInt64, UInt64)

  package init() {
    var system = SystemRandomNumberGenerator()
    // A state of all zeros would give zeros for ever; the bit keeps it away.
    state = (system.next() | 1, system.next(), system.next(), system.next())
  }

  package mutating func next() -> UInt64 {
    let result = Self.rotated(state.1 &* 5, by: 7) &* 9
    let shifted = state.1 << 17
    state.2 ^= state.0
    state.3 ^= state.1
    state.1 ^= state.2
    state.0 ^= state.3
    state.2 ^= shifted
    state.3 = Self.rotated(state.3, by: 45)
    return result
  }

  private static func rotated(_ word: UInt64, by count: UInt64) -> UInt64 {
    word << count | word >> (64 - count)
  }
}
