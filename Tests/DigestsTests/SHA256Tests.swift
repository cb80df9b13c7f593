// Vectors of FIPS 180-4 and of NIST's example values.

import Testing

@testable import Digests

struct SHA256Tests {
  private func hex(_ text: String) -> String {
    Hexadecimal.encoded(SHA256.digest(of: text.utf8))
  }

  @Test(arguments: [
    ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
    ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
    (
      "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
      "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
    ),
    (
      "abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqr"
        + "lmnopqrsmnopqrstnopqrstu",
      "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1"
    ),
  ])
  func `the vectors of the standard`(text: String, hash: String) {
    #expect(hex(text) == hash)
  }

  @Test func `a million times the letter a`() {
    let bytes = [UInt8](repeating: UInt8(ascii: "a"), count: 1_000_000)
    #expect(
      Hexadecimal.encoded(SHA256.digest(of: bytes))
        == "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0")
  }

  @Test(arguments: [1, 3, 55, 56, 63, 64, 65, 127, 128, 1000])
  func `the cuts between pieces do not count`(pieceBytes: Int) {
    let bytes = (0..<1000).map { UInt8(truncatingIfNeeded: $0 &* 7) }
    var hash = SHA256()
    var rest = bytes[...]
    while !rest.isEmpty {
      hash.add(rest.prefix(pieceBytes))
      rest = rest.dropFirst(pieceBytes)
    }
    #expect(hash.finish() == SHA256.digest(of: bytes))
  }

  @Test func `a digest may be asked for on the way`() {
    var hash = SHA256()
    hash.add("ab".utf8)
    #expect(hash.finish() == SHA256.digest(of: "ab".utf8))
    hash.add("c".utf8)
    #expect(hash.finish() == SHA256.digest(of: "abc".utf8))
  }
}
