// What senders say of events: all three modes of CloudEvents, options, keys and trace headers.

@testable import EventSources
import Invocations

/// A query on the first line, then header lines up to an empty one, then the body.
func fuzzCloudEvent(_ bytes: [UInt8]) throws {
  let (query, rest) = bytes.firstLine
  let (headers, body) = headersAndBody(rest)
  let now = WallTime(milliseconds: 1_800_000_000_000)
  let decoder = CloudEventDecoder(source: "/queues/fuzz", payloadBytesMax: 4_096)
  var ids = UUIDv7Generator(random: SplitMix64(seed: bytes.ownSeed))
  let ingest: Ingest
  do throws(IngestFault) {
    ingest = try decoder.decode(headers: headers, query: query, body: body, now: now, ids: &ids)
  } catch {
    try hold(!error.message.isEmpty, "a fault without words")
    return
  }
  try hold(!ingest.events.isEmpty, "accepted, and no event")
  for event in ingest.events {
    try hold(!event.id.isEmpty && !event.source.isEmpty && !event.type.isEmpty, "half an event")
    try hold(event.data.count <= 4_096, "data past the limit")
    try checkRoundTrip(event, now)
  }
}

private func headersAndBody(_ bytes: [UInt8]) -> ([HTTPCall.Field], [UInt8]) {
  var headers: [HTTPCall.Field] = []
  var rest = bytes
  while !rest.isEmpty {
    let (line, behind) = rest.firstLine
    rest = behind
    if line.isEmpty { break }
    let halves = line.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
    headers.append(
      .init(name: String(halves[0]), value: halves.count > 1 ? String(halves[1]) : ""))
  }
  return (headers, rest)
}

/// What the doors show of an event, sent again, is the same event.
private func checkRoundTrip(_ event: Event, _ now: WallTime) throws {
  let shown = CloudEventEncoder.structured(event, acceptedAt: now)
  try JSONScanner.validate(shown)
  let decoder = CloudEventDecoder(source: "/queues/other", payloadBytesMax: 1 << 20)
  var ids = UUIDv7Generator(random: SplitMix64(seed: 1))
  let type = [HTTPCall.Field(name: "Content-Type", value: "application/cloudevents+json")]
  let again = try decoder.decode(headers: type, query: nil, body: shown, now: now, ids: &ids)
  try agree(again.events.count, 1, "one event becomes others")
  var (left, right) = (again.events[0], event)
  // The moment of acceptance is written out, and data may lose the space around it.
  right.time = right.time ?? left.time
  (left.data, right.data) = (left.data.withoutSpace, right.data.withoutSpace)
  try agree(left, right, "an event is another one after a round")
}

extension [UInt8] {
  fileprivate var withoutSpace: [UInt8] {
    let isSpace: (UInt8) -> Bool = { [0x20, 0x09, 0x0A, 0x0D].contains($0) }
    return Array(drop(while: isSpace).reversed().drop(while: isSpace).reversed())
  }
}

/// The values of one or two headers.
func fuzzIdempotencyKey(_ bytes: [UInt8]) throws {
  let values = bytes.split(separator: UInt8(ascii: "\n"), maxSplits: 1)
    .map { String(decoding: $0, as: UTF8.self) }
  let headers = values.map { HTTPCall.Field(name: "Idempotency-Key", value: $0) }
  let key: String?
  do throws(IdempotencyKeyFault) { key = try IdempotencyKeyField.key(in: headers) } catch {
    try hold(!error.message.isEmpty, "a fault without words")
    return
  }
  guard let key else { return try hold(headers.isEmpty, "a header was overlooked") }
  try hold((1...IdempotencyKeyField.bytesMax).contains(key.utf8.count), "\(key.utf8.count) bytes")
  try hold(key.utf8.allSatisfy { (0x20...0x7E).contains($0) }, "a key with odd bytes")
  let quoted = key.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"")
  let again = [HTTPCall.Field(name: "idempotency-KEY", value: " \"\(quoted)\";a=1 ")]
  try agree(try IdempotencyKeyField.key(in: again), key, "a key is another one in quotes")
}

func checkTrace(_ text: String) throws(BrokenProperty) {
  let halves = text.split(separator: " ", maxSplits: 1, omittingEmptySubsequences: false)
  let state = halves.count > 1 ? String(halves[1]) : nil
  guard let trace = TraceContext(traceparent: String(halves[0]), tracestate: state) else { return }
  try agree(
    TraceContext(traceparent: trace.traceparent, tracestate: trace.state), trace,
    "a trace is another one after a round")
}

func checkBase64(_ text: String, _ bytes: [UInt8]) throws(BrokenProperty) {
  try agree(Base64.decoded(Base64.encoded(bytes)), bytes, "bytes are others after a round")
  if let decoded = Base64.decoded(text) {
    try agree(Base64.encoded(decoded), text, "two texts for the same bytes")
  }
}
