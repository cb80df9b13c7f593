// Makes inputs without looking at what they do: a corpus entry, changed a few times. A seed makes the
// same input for ever, so that a find replays from its number.

/// Steele, Lea and Flood's generator: small, and good enough to pick places and bytes.
package struct SplitMix64: RandomNumberGenerator, Sendable {
  private var state: UInt64

  package init(seed: UInt64) { state = seed }

  package mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
    return mixed ^ mixed >> 31
  }
}

package struct Mutator: Sendable {
  private static let changesMax = 6
  private static let inputBytesMax = 8 * 1024

  private let entries: [[UInt8]]
  private let tokens: [[UInt8]]

  package init(_ corpus: FuzzCorpus) {
    entries = corpus.entries.isEmpty ? [[]] : corpus.entries
    tokens = corpus.tokens.isEmpty ? [[0]] : corpus.tokens
  }

  package func input(seed: UInt64) -> [UInt8] {
    var random = SplitMix64(seed: seed)
    var bytes = pick(entries, &random)
    for _ in 0..<Int.random(in: 1...Self.changesMax, using: &random) { change(&bytes, &random) }
    return Array(bytes.prefix(Self.inputBytesMax))
  }

  private func pick<Element>(_ list: [Element], _ random: inout SplitMix64) -> Element {
    list[Int.random(in: list.indices, using: &random)]
  }

  private func change(_ bytes: inout [UInt8], _ random: inout SplitMix64) {
    let place = Int.random(in: 0...bytes.count, using: &random)
    switch Int.random(in: 0..<9, using: &random) {
    case 0 where place < bytes.count:
      bytes[place] ^= 1 << UInt8.random(in: 0...7, using: &random)
    case 1 where place < bytes.count: bytes[place] = interesting(&random)
    case 2: bytes.insert(interesting(&random), at: place)
    case 3: bytes.removeSubrange(place..<min(bytes.count, place + length(&random)))
    case 4: splice(&bytes, at: place, &random)
    case 5: bytes.replaceSubrange(place..<place, with: pick(tokens, &random))
    case 6:
      let end = min(bytes.count, place + length(&random))
      bytes.replaceSubrange(place..<end, with: pick(tokens, &random))
    case 7: repeatPart(&bytes, at: place, &random)
    default: lie(&bytes, at: place, &random)
    }
  }

  /// Mostly few.
  private func length(_ random: inout SplitMix64) -> Int {
    1 << Int.random(in: 0...6, using: &random)
  }

  private func interesting(_ random: inout SplitMix64) -> UInt8 {
    Bool.random(using: &random)
      ? UInt8.random(in: 0...255, using: &random)
      : pick([0, 1, 9, 10, 13, 32, 34, 37, 44, 47, 48, 57, 58, 92, 127, 128, 192, 255], &random)
  }

  /// The front of one entry and the end of another.
  private func splice(_ bytes: inout [UInt8], at place: Int, _ random: inout SplitMix64) {
    let other = pick(entries, &random)
    let from = Int.random(in: 0...other.count, using: &random)
    bytes.replaceSubrange(place..., with: other[from...])
  }

  private func repeatPart(_ bytes: inout [UInt8], at place: Int, _ random: inout SplitMix64) {
    let part = bytes[place..<min(bytes.count, place + length(&random))]
    let times = Int.random(in: 1...8, using: &random)
    for _ in 0..<times where bytes.count < Self.inputBytesMax {
      bytes.insert(contentsOf: part, at: place)
    }
  }

  /// A number that is another length than what follows it: in binary, or as decimal digits.
  private func lie(_ bytes: inout [UInt8], at place: Int, _ random: inout SplitMix64) {
    let value = pick(
      [UInt32(0), 1, 0x7F, 0xFF, 0xFFFF, 0xFF_FFFF, 1 << 24, .max >> 1, .max], &random)
    if let digit = bytes[place...].firstIndex(where: { (48...57).contains($0) }),
      Bool.random(using: &random)
    {
      let digits = bytes[digit...].prefix { (48...57).contains($0) }
      bytes.replaceSubrange(digits.indices, with: Array(String(value).utf8))
      return
    }
    guard place + 4 <= bytes.count else { return }
    for offset in 0..<4 { bytes[place + offset] = UInt8(truncatingIfNeeded: value >> (8 * offset)) }
  }
}
