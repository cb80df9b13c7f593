// What a redaction hides, and that it leaves the rest as it is.

import Testing

@testable import Invocations

struct RedactionTests {
  private func redaction(_ paths: String...) throws -> Redaction {
    let paths = paths.compactMap(Redaction.Path.init)
    return try #require(Redaction(paths))
  }

  private func event(_ data: String, type: String? = "application/json") -> Event {
    Event(id: "e", source: "/s", type: "t", dataContentType: type, data: Array(data.utf8))
  }

  private func shown(_ data: String, _ paths: String...) throws -> String {
    let redaction = try #require(Redaction(paths.compactMap(Redaction.Path.init)))
    return String(decoding: redaction.shown(event(data)).data, as: UTF8.self)
  }

  @Test(arguments: [
    (
      #"{"card":{"number":"4111","exp":"12"},"n":1}"#,
      #"{"card":{"number":"[redacted]","exp":"12"},"n":1}"#
    ),
    (#" { "card" : { "number" : 4111 } } "#, #"{ "card" : { "number" : "[redacted]" } } "#),
    (#"{"card":{"number":null}}"#, #"{"card":{"number":"[redacted]"}}"#),
    (#"{"card":{"number":{"a":[1,2]}}}"#, #"{"card":{"number":"[redacted]"}}"#),
    (
      #"{"card":[{"number":1},{"number":2,"x":3}]}"#,
      #"{"card":[{"number":"[redacted]"},{"number":"[redacted]","x":3}]}"#
    ),
    (#"[{"card":{"number":1}}]"#, #"[{"card":{"number":"[redacted]"}}]"#),
    (
      #"{"card":{"number":1,"number":2}}"#,
      #"{"card":{"number":"[redacted]","number":"[redacted]"}}"#
    ),
    (#"{"c\u0061rd":{"number":1}}"#, #"{"c\u0061rd":{"number":"[redacted]"}}"#),
    (#"{"card":"text"}"#, #"{"card":"text"}"#),
    (#"{"number":1}"#, #"{"number":1}"#),
    ("12", "12"),
  ])
  func `a value at its path is hidden, and the rest stays byte for byte`(
    data: String, expected: String
  ) throws {
    #expect(try shown(data, "data.card.number") == expected)
  }

  @Test func `several paths, one in another, an index and the whole`() throws {
    #expect(
      try shown(#"{"a":1,"b":2,"c":3}"#, "data.a", "data.c")
        == #"{"a":"[redacted]","b":2,"c":"[redacted]"}"#)
    #expect(try shown(#"{"a":{"b":2}}"#, "data.a.b", "data.a") == #"{"a":"[redacted]"}"#)
    #expect(try shown(#"{"a":[1,2]}"#, "data.a.1") == #"{"a":[1,"[redacted]"]}"#)
    #expect(try shown(#"{"a":1}"#, "data") == #""[redacted]""#)
    #expect(try shown(#"{"a":1}"#, "result.a") == #"{"a":1}"#)
  }

  @Test(arguments: [
    ("{\"card\":", "application/json"), ("4111", "text/plain"), ("{\"card\":1}", "text/plain"),
    ("{\"card\":1} x", nil),
  ])
  func `what cannot be looked into is hidden whole`(data: String, type: String?) throws {
    let shown = try redaction("data.card").shown(event(data, type: type))
    #expect(shown.data == Array("[redacted]".utf8) && shown.dataContentType == "text/plain")
  }

  @Test func `arrays in arrays are hidden from a depth on`() throws {
    let deep =
      String(repeating: "[", count: 100) + "{\"a\":\"value\"}" + String(repeating: "]", count: 100)
    #expect(!(try shown(deep, "data.a")).contains("value"))
  }

  @Test(arguments: ["", "card", "data.", ".data", "data..x", "results.x", "id"])
  func `what is no path of data or result is none`(text: String) {
    #expect(Redaction.Path(text) == nil)
  }

  @Test(arguments: [
    ("data.card.number", true), ("data.card", true), ("data", true), ("data.card.number.x", true),
    ("data.cards", false), ("data.card.exp", false), ("id", false), ("data.card.0.number", true),
  ])
  func `a path that would tell of a hidden value touches it`(asked: String, touches: Bool) throws {
    let path = try #require(EventPath(asked))
    #expect(try redaction("data.card.number").touches(path) == touches)
  }

  // MARK: Texts

  @Test func `a text about the event has none of its hidden values`() throws {
    let redaction = try redaction("data.card", "data.mail")
    let event = event(
      #"{"card":{"number":"4111 1111","cvc":737,"code":98765},"mail":"a\"b@c.d","open":"plain"}"#)
    let mask = try #require(redaction.mask(for: event))
    #expect(
      mask.masked("card 4111 1111 (98765) of a\"b@c.d: plain, 737")
        == "card [redacted] ([redacted]) of [redacted]: plain, 737")
    // As it stands in JSON.
    #expect(mask.masked(#"{"mail":"a\"b@c.d"}"#) == #"{"mail":"[redacted]"}"#)
    #expect(redaction.mask(for: self.event(#"{"card":{"cvc":1,"isOk":true}}"#)) == nil)
    #expect(redaction.mask(for: self.event("{}")) == nil)
  }

  @Test func `no more values of one event are looked for than the limit`() throws {
    let values = (0..<65).map { "\"value-\($0)-\"" }.joined(separator: ",")
    let redaction = try redaction("data.v")
    let mask = try #require(redaction.mask(for: event("{\"v\":[\(values)]}")))
    #expect(mask.masked("value-63-") == "[redacted]")
    #expect(mask.masked("value-64-") == "value-64-")
  }

  @Test func `a result is shown without its own paths and the event's values`() throws {
    let redaction = try redaction("data.card", "result.token")
    let mask = redaction.mask(for: event(#"{"card":"4111-1111"}"#))
    func shown(_ body: String) -> String {
      let result = StoredResult(
        status: 200, headers: [.init(name: "x-card", value: "4111-1111")], body: Array(body.utf8))
      let shown = redaction.shown(result, mask)
      #expect(shown.headers[0].value == "[redacted]")
      return String(decoding: shown.body, as: UTF8.self)
    }
    #expect(
      shown(#"{"token":"t","of":"card 4111-1111"}"#)
        == #"{"token":"[redacted]","of":"card [redacted]"}"#)
    // With a path of the result, what cannot be looked into is hidden whole.
    #expect(shown("paid with 4111-1111") == #""[redacted]""#)
    let number = redaction.mask(for: event(#"{"card":41111111}"#))
    let result = StoredResult(status: 200, headers: [], body: Array(#"{"n":41111111}"#.utf8))
    #expect(
      String(decoding: redaction.shown(result, number).body, as: UTF8.self) == #""[redacted]""#)
  }
}

struct TextMaskTests {
  private func hiding(_ values: String..., bytesMin: Int = 8) -> TextMask? {
    TextMask(values.map { ($0, "[\($0.count)]") }, bytesMin: bytesMin)
  }

  @Test func `a value is hidden wherever it stands, as often as it does`() throws {
    let mask = try #require(hiding("sesame-open"))
    #expect(mask.masked("sesame-open") == "[11]")
    #expect(mask.masked("a sesame-open, sesame-opensesame-open.") == "a [11], [11][11].")
    #expect(mask.masked("sesame-ope sesame-opeN") == "sesame-ope sesame-opeN")
    #expect(mask.masked("") == "" && mask.masked("séssesame-openß") == "sés[11]ß")
    #expect(mask.masked(Array("xsesame-open".utf8)) == Array("x[11]".utf8))
  }

  @Test func `of two values the longer one is found`() throws {
    let mask = try #require(hiding("password", "password-of-root"))
    #expect(mask.masked("password-of-root password-of") == "[16] [8]-of")
  }

  @Test func `short values are left out, and with none left there is no mask`() throws {
    #expect(hiding("1234567") == nil && hiding("") == nil && hiding(bytesMin: 0) == nil)
    #expect(hiding("12345678")?.masked("12345678") == "[8]")
  }
}
