// Picking values out of JSON, and writing it.
import Invocations
import Testing

struct JSONReadingTests {
  private let order = Array(
    #"""
    { "orderId" : "ord-1", "total": 12.50, "paid": true, "note": null, "e\u006dpty": "",
      "customer": { "id": 42, "tags": ["new", "eu\n"], "name": "Zo\u00eb \ud83d\ude00" },
      "items": [ {"sku": "A"}, [10, 20] ], "total": 99, "": "nameless" }
    """#.utf8)

  @Test(
    arguments: [
      (["orderId"], "ord-1"), (["total"], "12.50"), (["paid"], "true"), (["note"], nil),
      (["missing"], nil), (["empty"], ""), (["customer", "id"], "42"),
      (["customer", "tags", "1"], "eu\n"), (["customer", "name"], "Zo\u{EB} \u{1F600}"),
      (["customer", "tags"], #"["new", "eu\n"]"#), (["items", "0", "sku"], "A"),
      (["items", "1", "1"], "20"), (["items", "2"], nil), (["items", "-1"], nil),
      (["items", "sku"], nil), (["items", "99999999999999999999"], nil), (["orderId", "x"], nil),
      ([""], "nameless"), (["customer", "name", "0"], nil),
    ] as [([String], String?)])
  func `a path finds its text`(path: [String], text: String?) {
    #expect(JSONScanner.text(at: path, in: order) == text)
  }

  @Test func `the empty path is the whole value`() {
    #expect(JSONScanner.text(at: [], in: Array(#" "a\tb" "#.utf8)) == "a\tb")
    #expect(JSONScanner.text(at: [], in: Array(" 7 ".utf8)) == "7")
    #expect(JSONScanner.text(at: [], in: []) == nil)
  }

  @Test func `a raw value is given as written`() {
    let raw = JSONScanner.raw(at: ["items", "1"], in: order)
    #expect(raw.map { String(decoding: $0, as: UTF8.self) } == "[10, 20]")
    #expect(JSONScanner.raw(at: ["note"], in: order).map { JSONSlice($0).kind } == .null)
  }

  @Test func `members keep their order and their repeats`() throws {
    let members = try JSONScanner.members(of: order)
    #expect(
      members.map(\.name) == [
        "orderId", "total", "paid", "note", "empty", "customer", "items", "total", "",
      ])
    #expect(members[1].value.text == "12.50")
    #expect(
      members.map(\.value.kind) == [
        .string, .number, .boolean, .null, .string, .object, .array, .number, .string,
      ])
    let inner = try JSONScanner.members(of: members[5].value.bytes)
    #expect(inner.map(\.name) == ["id", "tags", "name"])
    #expect(inner[2].value.string == "Zo\u{EB} \u{1F600}")
  }

  @Test func `elements of one level are given in order`() throws {
    let elements = try JSONScanner.elements(of: Array(#" [1, "a,]", {"b": [2]}, [] ] "#.utf8))
    #expect(elements.map(\.text) == ["1", "a,]", #"{"b": [2]}"#, "[]"])
    #expect(try JSONScanner.elements(of: Array("[ ]".utf8)).isEmpty)
    #expect(try JSONScanner.members(of: Array("{ }".utf8)).isEmpty)
  }

  @Test func `asking for the level of another kind of value is a fault`() {
    #expect(throws: JSONFault(offset: 0, reason: "'{' expected")) {
      try JSONScanner.members(of: Array("[1]".utf8))
    }
    #expect(throws: JSONFault(offset: 1, reason: "'[' expected")) {
      try JSONScanner.elements(of: Array(" {}".utf8))
    }
  }

  @Test(
    arguments: [
      (#""\u0041\/\b\f\n\r\t\"\\""#, "A/\u{8}\u{C}\n\r\t\"\\"),
      (#""\ud83d\ude00""#, "\u{1F600}"), (#""\ud83d""#, "\u{FFFD}"),
      (#""\ud83dx""#, "\u{FFFD}x"), (#""\ude00\ud83d""#, "\u{FFFD}\u{FFFD}"),
      (#""\ud83d\ud83d\ude00""#, "\u{FFFD}\u{1F600}"), (#""\u0000""#, "\0"), (#""""#, ""),
      (#""a"#, nil), (#"a""#, nil), (#""a"b"#, nil), (#""\q""#, nil), ("1", nil), ("", nil),
    ] as [(String, String?)])
  func `strings are unescaped`(quoted: String, text: String?) {
    #expect(JSONScanner.string(Array(quoted.utf8)[...]) == text)
  }
}

struct JSONWriterTests {
  @Test func `an answer is written as its encoder reads`() throws {
    var json = JSONWriter()
    json.object {
      $0.field("id", "a\"b")
      $0.field("attempt", 3)
      $0.field("share", 0.5)
      $0.field("held", false)
      $0.field("reason", String?.none)
      $0.field("subject", ifPresent: String?.none)
      $0.field("data", raw: Array(#"{"n":[1]}"#.utf8))
      $0.field("tags", ["x", "y"])
      $0.object("error") { $0.field("code", ifPresent: "W001") }
      $0.array("items") { list in
        list.value(1)
        list.value("two")
        list.value(true)
        list.null()
        list.object {
          $0.name("inner"); $0.array { _ in }
        }
        list.array { $0.value(raw: "{}".utf8) }
      }
      $0.object("none") { _ in }
    }
    #expect(
      json.text
        == #"{"id":"a\"b","attempt":3,"share":0.5,"held":false,"reason":null,"data":{"n":[1]},"#
        + #""tags":["x","y"],"error":{"code":"W001"},"#
        + #""items":[1,"two",true,null,{"inner":[]},[{}]],"none":{}}"#)
    try JSONScanner.validate(json.bytes)
  }

  @Test func `every character survives being written and read`() throws {
    let scalars =
      (0...0x2FF).compactMap(Unicode.Scalar.init) + ["\u{2028}", "\u{FFFF}", "\u{1F600}"]
    let text = String(String.UnicodeScalarView(scalars))
    var json = JSONWriter()
    json.object { $0.field(text, text) }
    try JSONScanner.validate(json.bytes)
    let members = try JSONScanner.members(of: json.bytes)
    #expect(members.map(\.name) == [text])
    #expect(members.first?.value.string == text)
  }

  @Test(arguments: [
    (Double.infinity, "null"), (-Double.infinity, "null"), (Double.nan, "null"), (1, "1.0"),
    (Double.leastNonzeroMagnitude, "5e-324"), (-0.0, "-0.0"), (1e300, "1e+300"),
  ])
  func `a number is JSON whatever it is`(number: Double, text: String) throws {
    var json = JSONWriter()
    json.value(number)
    #expect(json.text == text)
    try JSONScanner.validate(json.bytes)
  }

  @Test func `whole numbers keep all their digits`() {
    var json = JSONWriter()
    json.array {
      $0.value(UInt64.max)
      $0.value(Int64.min)
    }
    #expect(json.text == "[18446744073709551615,-9223372036854775808]")
  }
}
