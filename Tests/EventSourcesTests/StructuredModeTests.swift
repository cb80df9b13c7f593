// CloudEvents as JSON, one and many, and how an event is shown.
import EventSources
import Invocations
import Testing

struct StructuredModeTests {
  private func decode(_ body: String, batch: Bool = false) throws(IngestFault) -> [Event] {
    var ids = UUIDv7Generator(random: SeededRandom())
    let type = batch ? "application/cloudevents-batch+json" : "application/cloudevents+json"
    return try CloudEventDecoder(source: "/queues/orders", payloadBytesMax: 64).decode(
      headers: [field("Content-Type", type)], query: nil, body: Array(body.utf8), now: .newYear,
      ids: &ids
    ).events
  }

  private func event(_ members: String) -> String {
    #"{"specversion":"1.0","id":"1","source":"/s","type":"t"\#(members)}"#
  }

  private func fault(_ body: String, batch: Bool = false) -> String {
    do {
      _ = try decode(body, batch: batch)
      return "accepted"
    } catch { return "\(error.status) \(error.code.rawValue): \(error.message)" }
  }

  @Test func `a structured event has everything in one object`() throws {
    let body = event(
      #", "subject": "s\u00e9""#
        + #","time":"2027-01-01T00:00:00+01:00","datacontenttype":"application/json","#
        + #""dataschema":"urn:x","flag":true,"count":-7,"word":"w","gone":null,"data": {"a" : [1]}"#
    )
    let event = try decode(" \(body)\n")[0]
    #expect(event.subject == "s\u{E9}" && event.time == "2027-01-01T00:00:00+01:00")
    #expect(event.dataSchema == "urn:x" && event.dataContentType == "application/json")
    #expect(String(decoding: event.data, as: UTF8.self) == #"{"a" : [1]}"#)
    #expect(
      event.extensions == [
        .init(name: "count", value: .integer(-7)), .init(name: "flag", value: .boolean(true)),
        .init(name: "word", value: .string("w")),
      ])
  }

  @Test(
    arguments: [
      ("", "", nil), (#","data":null"#, "null", nil), (#","data":"x""#, #""x""#, nil),
      (#","data_base64":"eyJhIjoxfQ==""#, #"{"a":1}"#, nil),
      (#","data_base64":"aGk=""#, "hi", "application/octet-stream"),
      (#","data_base64":null"#, "", "application/octet-stream"),
      (#","datacontenttype":"text/xml","data":"<a b=\"1\"/>""#, #"<a b="1"/>"#, "text/xml"),
      (#","datacontenttype":"text/xml","data":null"#, "", "text/xml"),
      (#","datacontenttype":"image/png","data_base64":"aGk=""#, "hi", "image/png"),
      (#","datacontenttype":"a/b+json","data":[ ]"#, "[ ]", "a/b+json"),
    ] as [(String, String, String?)])
  func `data comes inline, as text or in base64`(
    members: String, data: String, type: String?
  ) throws {
    let event = try decode(event(members))[0]
    #expect(String(decoding: event.data, as: UTF8.self) == data)
    #expect(event.dataContentType == type)
  }

  @Test(arguments: [
    (#","data":1,"data_base64":"aGk=""#, "'data' and 'data_base64' exclude each other"),
    (#","data":1,"data":2"#, "'data' is given twice"), (#","id":"2""#, "'id' is given twice"),
    (#","data_base64":"aGk""#, "'data_base64' must be a string of padded base64"),
    (#","data_base64":1"#, "'data_base64' must be a string of padded base64"),
    (
      #","datacontenttype":"text/xml","data":{}"#,
      "'data' must be a string when its type is 'text/xml'"
    ),
    (#","datacontenttype":"json""#, "'datacontenttype' must be a media type"),
    (#","subject":1"#, "'subject' must be a string; got 1"),
    (#","subject":"""#, "'subject' is empty"),
    (#","x":1.5"#, "'x' must be a whole number of 32 bits; got 1.5"),
    (#","x":2147483648"#, "'x' must be a whole number of 32 bits; got 2147483648"),
    (#","x":{}"#, "'x' must be a string, a whole number or a boolean"),
    (#","X":1"#, "attribute name 'X' must be"), (#","x":1,"x":1"#, "'x' is given twice"),
    (#","x":"a\u0000""#, "'x' has a control character"),
    (#","time":"2027-02-29T00:00:00Z""#, "'time' must be RFC 3339"),
  ])
  func `a bad member is named`(members: String, part: String) {
    let said = fault(event(members))
    #expect(said.hasPrefix("400 bad-event: ") && said.contains(part), "\(said)")
  }

  @Test(arguments: [
    ("[]", "400 bad-event: an event is a JSON object"), ("", "400 bad-json: bad JSON at byte 0"),
    ("{\"specversion\":1}", "'specversion' must be a string; got 1"),
    ("{}", "'specversion' is missing"),
    (#"{"specversion":"1.0","id":null}"#, "'id' is missing"),
    (#"{"specversion":"0.3"}"#, #"'specversion' must be "1.0"; got "0.3""#),
  ])
  func `a document that is no event is refused`(body: String, part: String) {
    #expect(fault(body).contains(part), "\(fault(body))")
  }

  @Test func `data of bad JSON in base64 is refused when it is called JSON`() {
    let said = fault(event(#","datacontenttype":"application/json","data_base64":"aGk=""#))
    #expect(said.hasPrefix("400 bad-json: bad JSON at byte 0"))
  }

  @Test func `a batch keeps its order and names the bad event`() throws {
    let good = event(#","data":1"#)
    let events = try decode("[\(good), \(good.replacing("\"1\"", with: "\"2\""))]", batch: true)
    #expect(events.map(\.id) == ["1", "2"])
    #expect(try decode(" [ ] ", batch: true).isEmpty)
    let old = good.replacing("1.0", with: "0.3")
    #expect(
      fault("[\(good),\(good),\(old)]", batch: true)
        == #"400 bad-event: event 3: 'specversion' must be "1.0"; got "0.3""#)
    #expect(
      fault("[\(good),7]", batch: true) == "400 bad-event: event 2: an event is a JSON object")
    #expect(fault(good, batch: true) == "400 bad-event: a batch is a JSON array of events")
    let large = event(#","data":"\#(String(repeating: "x", count: 63))""#)
    #expect(
      fault("[\(large)]", batch: true)
        == "413 payload-too-large: event 1: the data has 65 bytes; the limit is 64")
  }

  // MARK: Showing

  private func shown(_ event: Event) -> String {
    String(
      decoding: CloudEventEncoder.structured(event, acceptedAt: .newYear), as: UTF8.self)
  }

  @Test func `an event is shown with its attributes in order and the time of acceptance`() {
    let event = Event(
      id: "1", source: "/s", type: "t", subject: "a\"b",
      extensions: [
        .init(name: "count", value: .integer(3)), .init(name: "flag", value: .boolean(false)),
      ], data: Array(#"{"a": 1}"#.utf8))
    #expect(
      shown(event)
        == #"{"specversion":"1.0","id":"1","source":"/s","type":"t","subject":"a\"b","#
        + #""time":"2027-01-01T00:00:00.000Z","datacontenttype":"application/json","#
        + #""count":3,"flag":false,"data":{"a": 1}}"#)
  }

  @Test(
    arguments: [
      ("application/json", Array("[1]".utf8), #""data":[1]}"#),
      ("application/json", Array("[1".utf8), #""data_base64":"WzE="}"#),
      ("text/plain", Array("h\ni".utf8), #""data":"h\ni"}"#),
      ("text/plain", [0xFF, 0xFE, 0xFD, 0xFC], #""data_base64":"//79/A=="}"#),
      ("text/plain", [], #""datacontenttype":"text/plain"}"#),
      (nil, Array("{}".utf8), #""data":{}}"#),
    ] as [(String?, [UInt8], String)])
  func `data is shown in the form that holds it`(type: String?, data: [UInt8], end: String) throws {
    let event = Event(
      id: "1", source: "/s", type: "t", time: "2027-01-01T00:00:00Z", dataContentType: type,
      data: data)
    #expect(shown(event).hasSuffix(end), "\(shown(event))")
    try JSONScanner.validate(Array(shown(event).utf8))
  }

  @Test func `what was shown is read back as the same event`() throws {
    for event in [
      Event(
        id: "1", source: "/s", type: "t", subject: "\u{20AC}", time: "2027-01-01T00:00:00Z",
        dataContentType: "text/plain", dataSchema: "urn:x",
        extensions: [.init(name: "n", value: .integer(.min))], data: Array("\u{1F600}\\".utf8)),
      Event(
        id: "2", source: "/s", type: "t", time: "2027-01-01T00:00:00Z",
        dataContentType: "application/octet-stream", data: (0...60).map { $0 &* 37 }),
    ] { #expect(try decode(shown(event)) == [event]) }
  }

  @Test(arguments: [
    ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="),
    ("fooba", "Zm9vYmE="), ("foobar", "Zm9vYmFy"),
  ])
  func `base64 is RFC 4648's`(plain: String, encoded: String) {
    #expect(Base64.encoded(plain.utf8) == encoded)
    #expect(Base64.decoded(encoded) == Array(plain.utf8))
  }

  @Test(arguments: ["Zg", "Zg=", "Zh==", "Zm9=", "Z===", "====", "Zm9v\n", "Zm-_", "Zg==Zg=="])
  func `sloppy base64 is refused`(text: String) { #expect(Base64.decoded(text) == nil) }
}
