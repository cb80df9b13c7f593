import Testing

@testable import Releases

/// The digest itself is tested in its room.
struct ContentHashTests {
  @Test func `a name is the digest in small hexadecimal digits, whole or in pieces`() {
    let name = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    #expect(ContentHash.hex(of: Array("abc".utf8)) == name)
    var hash = ContentHash()
    hash.add(Array("a".utf8))
    hash.add(Array("bc".utf8))
    #expect(hash.finish() == name)
  }

  @Test func `only 64 small hexadecimal digits are a hash`() {
    #expect(ContentHash.isHex(String(repeating: "a", count: 64)))
    #expect(!ContentHash.isHex(String(repeating: "A", count: 64)))
    #expect(!ContentHash.isHex(String(repeating: "a", count: 63)))
    #expect(!ContentHash.isHex("../" + String(repeating: "a", count: 61)))
  }
}
