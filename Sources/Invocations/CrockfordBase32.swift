// Numbers as people read them aloud and type them: Crockford's base32, without the look-alikes I, L
// and O, and without U.

enum CrockfordBase32 {
  private static let alphabet = Array("0123456789ABCDEFGHJKMNPQRSTVWXYZ".utf8)

  /// The lowest `digits` times five bits, the highest first.
  static func text(_ number: UInt64, digits: Int) -> String {
    // Once, and not for each digit: a static is looked at before it is read.
    let alphabet = alphabet
    return String(unsafeUninitializedCapacity: digits) { characters in
      var rest = number
      for place in stride(from: digits - 1, through: 0, by: -1) {
        characters[place] = alphabet[Int(rest & 31)]
        rest >>= 5
      }
      return digits
    }
  }

  /// Reads what `text` wrote; lower case and the look-alikes are taken as Crockford has them.
  ///
  /// Anything else is nil.
  static func number(_ text: String, digits: Int) -> UInt64? {
    guard text.utf8.count == digits else { return nil }
    var value: UInt64 = 0
    for character in text.utf8 {
      guard let digit = digit(character), value <= UInt64.max >> 5 else { return nil }
      value = value << 5 | digit
    }
    return value
  }

  private static func digit(_ character: UInt8) -> UInt64? {
    let upper = character >= 97 && character <= 122 ? character - 32 : character
    switch upper {
    case UInt8(ascii: "I"), UInt8(ascii: "L"): return 1
    case UInt8(ascii: "O"): return 0
    default: return alphabet.firstIndex(of: upper).map { UInt64($0) }
    }
  }
}
