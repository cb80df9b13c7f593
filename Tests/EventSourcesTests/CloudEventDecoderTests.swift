// What a sender may send to a queue, in each mode, and what it is told when it is wrong.
import EventSources
import Invocations
import Testing

struct CloudEventDecoderTests {
  private func decode(
    _ body: String, _ headers: [String: String] = [:], query: String? = nil, payloadMax: Int = 1000
  ) throws(IngestFault) -> Ingest {
    try decode(
      Array(body.utf8), headers.map { field($0.key, $0.value) }, query: query,
      payloadMax: payloadMax)
  }

  private func decode(
    _ body: [UInt8], _ headers: [HTTPCall.Field], query: String? = nil, payloadMax: Int = 1000
  ) throws(IngestFault) -> Ingest {
    var ids = UUIDv7Generator(random: SeededRandom())
    return try CloudEventDecoder(source: "/queues/orders", payloadBytesMax: payloadMax)
      .decode(headers: headers, query: query, body: body, now: .newYear, ids: &ids)
  }

  private func fault(
    _ body: String, _ headers: [String: String] = [:], query: String? = nil, payloadMax: Int = 1000
  ) -> String {
    do {
      _ = try decode(body, headers, query: query, payloadMax: payloadMax)
      return "accepted"
    } catch { return "\(error.status) \(error.code.rawValue): \(error.message)" }
  }

  private let structured = ["Content-Type": "application/cloudevents+json; charset=UTF-8"]
  private let batch = ["content-type": "application/cloudevents-batch+json"]
  private let ndjson = ["Content-Type": "application/x-ndjson"]

  // MARK: Raw

  @Test(arguments: [nil, "application/json", "text/json; charset=utf-8", "application/x+json"])
  func `raw JSON becomes an event of its queue`(type: String?) throws {
    let headers = type.map { ["Content-Type": $0] } ?? [:]
    let ingest = try decode(#" {"a": 1} "#, headers)
    let event = try #require(ingest.events.first)
    #expect(ingest.events.count == 1 && ingest.dueAt == nil)
    #expect(event.source == "/queues/orders" && event.type == "apus.message")
    #expect(event.id.hasPrefix("01a2ce8b-d400-7"))
    #expect(event.data == Array(#" {"a": 1} "#.utf8))
    #expect(event.dataContentType == type ?? "application/json")
    #expect(event.subject == nil && event.time == nil && event.extensions.isEmpty)
  }

  @Test func `JSON that curl calls a form is JSON, and a form is opaque`() throws {
    let form = ["Content-Type": "application/x-www-form-urlencoded"]
    #expect(try decode(#"{"a":1}"#, form).events.first?.dataContentType == "application/json")
    let opaque = try decode("a=1&b=%7B", form).events.first
    #expect(opaque?.dataContentType == "application/x-www-form-urlencoded")
    #expect(fault(#"{"a":}"#, form).hasPrefix("400 bad-json: bad JSON at byte 5"))
  }

  @Test func `a content type is held to what any attribute may have`() throws {
    let tab = try decode("hello", ["Content-Type": "text/plain;\tcharset=utf-8"]).events[0]
    #expect(tab.dataContentType == "text/plain; charset=utf-8")
    #expect(
      fault("hello", ["Content-Type": "text/plain; a=\u{85}"])
        == "400 bad-event: 'datacontenttype' has a control character")
    let long = "text/plain; a=" + String(repeating: "x", count: 4_096 - 14)
    #expect(try decode("hello", ["Content-Type": long]).events.count == 1)
    #expect(
      fault("hello", ["Content-Type": long + "x"])
        == "400 bad-event: 'datacontenttype' is longer than 4096 bytes")
  }

  @Test func `other content is opaque and keeps its type`() throws {
    let text = try decode("hello", ["Content-Type": "text/plain; charset=latin1"]).events[0]
    #expect(
      text.dataContentType == "text/plain; charset=latin1" && text.data == Array("hello".utf8))
    let bytes = try decode([0xFF, 0], [field("content-type", "application/octet-stream")]).events[0]
    #expect(bytes.data == [0xFF, 0] && !bytes.holdsJSON)
  }

  @Test(
    arguments: [
      ("", [:], "400 empty-body: the body is empty"),
      ("{", [:], "400 bad-json: bad JSON at byte 1: a name in quotes expected"),
      ("1", ["Content-Type": "json"], "415 unsupported-media-type: 'json' is no media type"),
      (
        "1", ["Content-Type": "application/cloudevents+avro"],
        "415 unsupported-media-type: 'application/cloudevents+avro' is not read here; "
          + "send application/cloudevents+json"
      ),
      (
        "1", ["Content-Encoding": "gzip"],
        "415 unsupported-media-type: Content-Encoding 'gzip' is not read here"
      ),
      (
        "1", ["Content-Type": "text/json; charset=utf-16"],
        "415 unsupported-media-type: JSON is read in UTF-8 only; got 'text/json; charset=utf-16'"
      ),
    ] as [(String, [String: String], String)])
  func `a bad raw body says why`(body: String, headers: [String: String], expected: String) {
    #expect(fault(body, headers) == expected)
  }

  // MARK: Options

  @Test func `options come by query or header`() throws {
    let byQuery = try decode("1", query: "id=a%20b&type=t&subject=s+1&delay=1500ms")
    let byHeader = try decode(
      "1", ["Apus-Id": "a b", "apus-type": "t", "APUS-SUBJECT": "s 1", "Apus-Delay": "1500ms"])
    #expect(byQuery == byHeader)
    let event = byQuery.events[0]
    #expect(event.id == "a b" && event.type == "t" && event.subject == "s 1")
    #expect(byQuery.dueAt == .newYear + .milliseconds(1500))
    #expect(try decode("1", ["Apus-Id": "a"], query: "id=a").events[0].id == "a")
    let at = try decode("1", query: "at=2027-01-01T01:00:00%2B01:00")
    #expect(at.dueAt == .newYear)
  }

  @Test(arguments: [
    ("250ms", 250), ("30s", 30_000), ("5m", 300_000), ("6h", 21_600_000), ("7d", 604_800_000),
    ("0s", 0), ("3660d", 316_224_000_000),
  ])
  func `a delay has a unit`(text: String, milliseconds: Int) throws {
    let due = try decode("1", query: "delay=\(text)").dueAt
    #expect(due == .newYear + .milliseconds(milliseconds))
  }

  @Test(arguments: [
    ("delay=30", "'delay' must be a duration"), ("delay=s", "'delay' must be a duration"),
    ("delay=-1s", "'delay' must be a duration"), ("delay=1.5s", "'delay' must be a duration"),
    ("delay=3660d1", "'delay' must be a duration"), ("delay=3661d", "at most 3660 days"),
    ("delay=99999999999999999999s", "'delay' must be a duration"),
    ("delay=9999999999999999d", "'delay' must be a duration"),
    ("at=tomorrow", "'at' must be a time"), ("at=2099-01-01T00:00:00Z", "at most 3660 days"),
    ("delay=1s&at=2027-01-01T00:00:00Z", "exclude each other"), ("id=", "'id' is empty"),
    ("id=a&id=b", "'id' is given twice"), ("dely=1s", "unknown option 'dely'"),
    ("id=%zz", "bad percent-encoding"), ("subject=%0A", "control character"),
  ])
  func `a bad option is refused`(query: String, part: String) {
    #expect(fault("1", query: query).hasPrefix("400 bad-"))
    #expect(fault("1", query: query).contains(part), "\(fault("1", query: query))")
  }

  @Test func `header and query must agree`() {
    #expect(
      fault("1", ["Apus-Id": "a"], query: "id=b")
        == "400 bad-option: option 'id' is given twice with different values")
  }

  @Test func `an event that has attributes takes no options for them, but may wait`() throws {
    let body = #"{"specversion":"1.0","id":"1","source":"/s","type":"t"}"#
    #expect(
      fault(body, structured, query: "id=2")
        == "400 bad-option: option 'id' goes with raw data; this event has its own")
    #expect(fault("[]", batch, query: "type=x").hasPrefix("400 bad-option: option 'type'"))
    #expect(fault("1", ["ce-id": "1"], query: "subject=x").contains("option 'subject'"))
    #expect(try decode(body, structured, query: "delay=1s").dueAt == .newYear + .seconds(1))
    #expect(fault("1\n2", ndjson, query: "id=2").contains("option 'id' names one event"))
  }

  // MARK: Lines

  @Test func `each line is raw JSON and blank lines are skipped`() throws {
    let ingest = try decode(
      "{\"specversion\":\"1.0\"}\r\n\n  \t\r\n 2 \n\"three\"", ndjson, query: "type=line")
    #expect(
      ingest.events.map { String(decoding: $0.data, as: UTF8.self) }
        == ["{\"specversion\":\"1.0\"}", " 2 ", "\"three\""])
    #expect(ingest.events.allSatisfy { $0.type == "line" && $0.source == "/queues/orders" })
    #expect(Set(ingest.events.map(\.id)).count == 3)
    #expect(ingest.events.map(\.id) == ingest.events.map(\.id).sorted())
  }

  @Test func `a bad line is named`() {
    #expect(
      fault("1\n\n{\"a\":tru}\n4", ndjson)
        == "400 bad-json: line 3: bad JSON at byte 8: no value is spelled like this")
    #expect(fault("\n \n", ndjson) == "400 empty-body: the body has no line with an event")
    #expect(
      fault("1\n\"1234567\"", ndjson, payloadMax: 8)
        == "413 payload-too-large: line 2: the data has 9 bytes; the limit is 8")
  }

  @Test func `10,000 events are one request and 10,001 are too many`() throws {
    let lines = String(repeating: "1\n", count: 10_000)
    #expect(try decode(lines, ndjson).events.count == 10_000)
    #expect(
      fault(lines + "1", ndjson) == "413 too-many-events: one request holds at most 10000 events")
    let event = #"{"specversion":"1.0","id":"1","source":"/s","type":"t"}"#
    let many = Array(repeating: event, count: 10_000).joined(separator: ",")
    #expect(try decode("[\(many)]", batch).events.count == 10_000)
    #expect(fault("[\(many),\(event)]", batch).hasPrefix("413 too-many-events"))
  }

  @Test func `data at the limit is taken and one byte more is not`() throws {
    let text = "\"" + String(repeating: "x", count: 8) + "\""
    #expect(try decode(text, payloadMax: 10).events.count == 1)
    #expect(
      fault(text, payloadMax: 9) == "413 payload-too-large: the data has 10 bytes; the limit is 9")
    #expect(fault(text, ["ce-id": "1"], payloadMax: 9).hasPrefix("413"))
  }

  // MARK: Binary mode

  @Test func `binary mode has its attributes in headers`() throws {
    let event = try decode(
      "<a/>",
      [
        "CE-SpecVersion": "1.0", "ce-id": "a%20b%E2%82%AC", "ce-source": "/s", "ce-type": "t",
        "ce-subject": #""say \"hi\"""#, "ce-time": "2026-12-31T23:59:60Z",
        "ce-dataschema": "https://example.com/s", "ce-zebra": "1", "ce-ant": "%22",
        "Content-Type": "application/xml",
      ]
    ).events[0]
    #expect(event.id == "a b\u{20AC}" && event.source == "/s" && event.type == "t")
    #expect(event.subject == "say \"hi\"" && event.time == "2026-12-31T23:59:60Z")
    #expect(event.dataSchema == "https://example.com/s")
    #expect(event.dataContentType == "application/xml" && event.data == Array("<a/>".utf8))
    #expect(event.extensions.map(\.name) == ["ant", "zebra"])
    #expect(event[extension: "ant"] == "\"" && event[extension: "zebra"] == "1")
  }

  @Test func `binary mode may have no data, and JSON data is checked`() throws {
    let headers = ["ce-specversion": "1.0", "ce-id": "1", "ce-source": "/s", "ce-type": "t"]
    let empty = try decode("", headers).events[0]
    #expect(empty.data.isEmpty && empty.dataContentType == nil)
    #expect(fault("{", headers).hasPrefix("400 bad-json"))
  }

  @Test(arguments: [
    ("ce-id", "%zz", "header 'ce-id' has bad quoting or percent-encoding"),
    ("ce-id", "\"a", "header 'ce-id' has bad quoting or percent-encoding"),
    ("ce-id", "%FF", "header 'ce-id' has bad quoting or percent-encoding"),
    ("ce-id", "", "'id' is empty"),
    ("ce-specversion", "0.3", #"'specversion' must be "1.0"; got "0.3""#),
    ("ce-my_ext", "1", "attribute name 'my_ext' must be 1–64 of a–z 0–9"),
    ("ce-", "1", "attribute name '' must be 1–64 of a–z 0–9"),
    ("ce-data", "1", "no attribute can be named 'data'"),
    ("ce-datacontenttype", "text/plain", "'datacontenttype' stands in Content-Type in binary mode"),
    ("ce-time", "yesterday", "'time' must be RFC 3339"), ("ce-source", "a%20b", "URI reference"),
    ("ce-dataschema", "schema", "'dataschema' must be a URI with a scheme"),
    ("ce-x", "%00", "'x' has a control character"),
    ("ce-x", "%C2%85", "'x' has a control character"),
  ])
  func `a bad attribute in a header is named`(name: String, value: String, part: String) {
    var headers = ["ce-specversion": "1.0", "ce-id": "1", "ce-source": "/s", "ce-type": "t"]
    headers[name] = value
    #expect(fault("1", headers).hasPrefix("400 bad-event: "))
    #expect(fault("1", headers).contains(part), "\(fault("1", headers))")
  }

  @Test(arguments: ["specversion", "id", "source", "type"])
  func `a missing attribute is named`(name: String) {
    var headers = ["ce-specversion": "1.0", "ce-id": "1", "ce-source": "/s", "ce-type": "t"]
    headers["ce-\(name)"] = nil
    #expect(fault("1", headers) == "400 bad-event: '\(name)' is missing")
  }

  @Test func `a header that comes twice is refused`() {
    let headers = [
      field("ce-specversion", "1.0"), field("ce-id", "1"), field("Ce-Id", "1"),
      field("ce-source", "/s"), field("ce-type", "t"),
    ]
    #expect(throws: IngestFault(.badEvent, "'id' is given twice")) { try decode([], headers) }
  }

  @Test func `attributes have limits in size and number`() throws {
    func headers(extensions: Int, bytes: Int) -> [String: String] {
      var headers = ["ce-specversion": "1.0", "ce-id": "1", "ce-source": "/s", "ce-type": "t"]
      for number in 0..<extensions {
        headers["ce-x\(number)"] = String(repeating: "v", count: bytes)
      }
      return headers
    }
    #expect(try decode("1", headers(extensions: 64, bytes: 4096)).events[0].extensions.count == 64)
    #expect(
      fault("1", headers(extensions: 65, bytes: 1))
        == "400 bad-event: more than 64 extension attributes")
    #expect(
      fault("1", headers(extensions: 1, bytes: 4097))
        == "400 bad-event: 'x0' is longer than 4096 bytes")
  }
}
