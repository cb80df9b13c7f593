// Comparison, chance and hexadecimal digits.

import Testing

@testable import Digests

struct ByteTests {
  @Test(arguments: [
    ("", "", true), ("a", "a", true), ("a", "b", false), ("a", "", false), ("", "a", false),
    ("secret", "secreT", false), ("Secret", "secret", false), ("secret", "secret ", false),
    ("secret", "secre", false),
  ])
  func `equal is equal in every byte and in length`(left: String, right: String, isEqual: Bool) {
    #expect(isEqualInConstantTime(left.utf8, right.utf8) == isEqual)
  }

  @Test func `random bytes are as many as asked for, and others each time`() {
    #expect(SecureRandom.bytes(0).isEmpty)
    let drawn = (0..<100).map { _ in SecureRandom.bytes(32) }
    #expect(drawn.allSatisfy { $0.count == 32 })
    #expect(Set(drawn).count == 100)
    // 3,200 bytes that never had one of the 256 values would be a generator that cannot make it.
    #expect(Set(drawn.joined()).count == 256)
  }

  @Test func `hexadecimal digits there and back`() {
    let bytes = Array(UInt8.min...UInt8.max)
    let text = Hexadecimal.encoded(bytes)
    #expect(text.hasPrefix("000102") && text.hasSuffix("fdfeff"))
    #expect(Hexadecimal.decoded(text) == bytes)
    #expect(Hexadecimal.decoded(text.uppercased()) == bytes)
    #expect(Hexadecimal.decoded("") == [])
  }

  @Test(arguments: ["0", "0g", "g0", "00 ", " 0", "0x00", "é0", "+1"])
  func `what is no pair of digits is refused`(text: String) {
    #expect(Hexadecimal.decoded(text) == nil)
  }
}
