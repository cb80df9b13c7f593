// The scanner against the shared parsing vectors, at its limits, and on damaged documents.
import Invocations
import Testing

struct JSONScannerTests {
  private func isJSON(_ bytes: [UInt8]) -> Bool {
    do {
      try JSONScanner.validate(bytes)
      return true
    } catch { return false }
  }

  private func fault(_ text: String) -> JSONFault? {
    do {
      try JSONScanner.validate(Array(text.utf8))
      return nil
    } catch { return error }
  }

  @Test(.enabled(if: JSONVectors.folder != nil))
  func `every parsing vector is accepted or refused as its name says`() {
    let names = JSONVectors.names
    #expect(names.count == 318)
    for name in names {
      let accepted = isJSON(JSONVectors.bytes(of: name))
      if name.hasPrefix("y_") { #expect(accepted, "\(name)") }
      if name.hasPrefix("n_") { #expect(!accepted, "\(name)") }
    }
  }

  @Test func `512 levels are accepted and 513 are not`() {
    for (opening, closing) in [("[", "]"), (#"{"a":"#, "}")] {
      func nested(_ depth: Int) -> [UInt8] {
        let text =
          String(repeating: opening, count: depth) + "1" + String(repeating: closing, count: depth)
        return Array(text.utf8)
      }
      #expect(isJSON(nested(512)))
      #expect(!isJSON(nested(513)))
    }
    let empty = String(repeating: "[", count: 513) + String(repeating: "]", count: 513)
    #expect(!isJSON(Array(empty.utf8)))
  }

  @Test func `containers of both kinds close in the order they opened, at any depth`() {
    let opened = (0..<200).map { $0 % 3 == 0 ? #"{"a":"# : "[" }.joined()
    let closed = (0..<200).reversed().map { $0 % 3 == 0 ? "}" : "]" }
    #expect(isJSON(Array((opened + "0" + closed.joined()).utf8)))
    for place in [0, 63, 64, 65, 128, 199] {
      var wrong = closed
      wrong[place] = wrong[place] == "]" ? "}" : "]"
      #expect(!isJSON(Array((opened + "0" + wrong.joined()).utf8)), "\(place)")
    }
  }

  @Test(arguments: [
    ("", 0, "a value is missing"), ("  ", 2, "a value is missing"),
    (#"{"a" 1}"#, 5, "':' expected"), (#"{"a":1,}"#, 7, "a name in quotes expected"),
    ("[1 2]", 3, "',' or ']' expected"), (#"{"a":1]"#, 6, "',' or '}' expected"),
    ("[1,]", 3, "no value begins with this byte"), ("01", 1, "something stands after the value"),
    ("-", 1, "a digit expected"), ("1.e5", 2, "a digit expected"), ("[1e+]", 4, "a digit expected"),
    ("truf", 3, "no value is spelled like this"), ("\"ab", 3, "the string has no closing quote"),
    (#""\x""#, 1, "there is no such escape"),
    (#""\u12G4""#, 1, "\\u needs four hexadecimal digits"),
    ("\"a\tb\"", 2, "a control character has to be escaped"), ("[1", 2, "the text ends too early"),
    ("\u{FEFF}{}", 0, "no value begins with this byte"),
  ])
  func `a fault names the byte and the reason`(text: String, offset: Int, reason: String) {
    #expect(fault(text) == JSONFault(offset: offset, reason: reason))
    #expect(fault(text)?.description == "bad JSON at byte \(offset): \(reason)")
  }

  @Test(
    arguments: [
      [0x80], [0xC0, 0xAF], [0xC1, 0xBF], [0xC3], [0xE0, 0x9F, 0x80], [0xED, 0xA0, 0x80],
      [0xE2, 0x82], [0xF0, 0x8F, 0xBF, 0xBF], [0xF4, 0x90, 0x80, 0x80], [0xF5, 0x80, 0x80, 0x80],
      [0xFE], [0xE2, 0x28, 0xA1], [0xF0, 0x9F, 0x98],
    ] as [[UInt8]])
  func `bytes that are not UTF-8 are refused wherever they stand`(bad: [UInt8]) {
    for padding in 0...9 {
      let text = [0x22] + [UInt8](repeating: 0x61, count: padding) + bad + [0x22]
      #expect(throws: JSONFault(offset: padding + 1, reason: "this is not UTF-8")) {
        try JSONScanner.validate(text)
      }
    }
  }

  @Test func `each special byte is seen at each place of a long string`() {
    for place in 0..<40 {
      for special: UInt8 in [0x00, 0x1F, 0x22, 0x5C, 0xFF] {
        var text = [0x22] + [UInt8](repeating: 0x7E, count: 40) + [0x22]
        text[place + 1] = special
        #expect(!isJSON(text), "\(special) at \(place)")
      }
      for plain: UInt8 in [0x20, 0x21, 0x23, 0x5B, 0x5D, 0x7F] {
        var text = [0x22] + [UInt8](repeating: 0x7E, count: 40) + [0x22]
        text[place + 1] = plain
        #expect(isJSON(text), "\(plain) at \(place)")
      }
    }
  }

  @Test func `a slice is judged by itself, with offsets from its start`() throws {
    let bytes = Array(#"xx{"a":1}yy"#.utf8)
    try JSONScanner.validate(bytes[2..<9])
    #expect(throws: JSONFault(offset: 7, reason: "something stands after the value")) {
      try JSONScanner.validate(bytes[2..<10])
    }
  }

  @Test(arguments: 1...8)
  func `damaged documents never crash and are judged as a plain reader judges them`(seed: UInt64) {
    var chance = SeededChance(seed: seed)
    var accepted = 0
    for _ in 0..<3_000 {
      let bytes = chance.damaged(Self.documents[chance.below(Self.documents.count)])
      let isValid = isJSON(bytes)
      accepted += isValid ? 1 : 0
      #expect(
        isValid == PlainJSONReader.accepts(bytes), "\(String(decoding: bytes, as: UTF8.self))")
      readEverything(in: bytes, isValid: isValid)
    }
    #expect(accepted > 100 && accepted < 2_900)
  }

  private func readEverything(in bytes: [UInt8], isValid: Bool) {
    for path in [[], ["a"], ["a", "b"], ["list", "0"], ["list", "1", "x"], ["n\u{E9}e"]] {
      _ = JSONScanner.text(at: path, in: bytes)
    }
    let whole = JSONScanner.raw(at: [], in: bytes)
    guard isValid else {
      _ = try? JSONScanner.members(of: bytes)  // whatever it says, it must not crash
      _ = try? JSONScanner.elements(of: bytes)  // the same
      return
    }
    #expect(whole.map { isJSON(Array($0)) } == true)
    switch whole.map({ JSONSlice($0).kind }) {
    case .object: #expect(throws: Never.self) { try JSONScanner.members(of: bytes) }
    case .array: #expect(throws: Never.self) { try JSONScanner.elements(of: bytes) }
    default: break
    }
  }

  private static let documents = [
    #"{"a":{"b":[1,2.5e-3,{"x":"y"}]},"list":["one",{"x":null}],"née":"\u00e9\ud83d\ude00"}"#,
    #"[true,false,null,-0,1E+9,"",{},[],"a long string with nothing special in it at all"]"#,
    "\"\u{1F600} text \u{E9}\u{20AC} and \\\"quotes\\\" \\\\ \\n end\"",
    #" { "a" : [ [ [ ] ] , { } ] , "a" : 0 } "#,
  ].map { Array($0.utf8) }
}

/// SplitMix64: a seed replays a failure.
private struct SeededChance: RandomNumberGenerator {
  private static let pieces = Array("{}[]\",:\\u0e-. \n".utf8)
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
    return mixed ^ mixed >> 31
  }

  mutating func below(_ limit: Int) -> Int { Int.random(in: 0..<limit, using: &self) }

  mutating func damaged(_ document: [UInt8]) -> [UInt8] {
    var bytes = document
    for _ in 0..<below(4) where !bytes.isEmpty {
      let place = below(bytes.count)
      switch below(5) {
      case 0: bytes[place] = UInt8(truncatingIfNeeded: next())
      case 1: bytes.remove(at: place)
      case 2: bytes.insert(Self.pieces[below(Self.pieces.count)], at: place)
      case 3: bytes.removeSubrange(place...)
      default: bytes.insert(contentsOf: bytes[place..<min(bytes.count, place + 6)], at: place)
      }
    }
    return bytes
  }
}
