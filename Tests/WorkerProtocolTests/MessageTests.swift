// Payloads: each message comes back as it was sent, and none can be cut short or lie about a count.
import Testing
import WorkerProtocol

struct MessageTests {
  static let pairs = [NameValue(name: "a", value: ""), NameValue(name: "ü", value: "\u{0}€")]

  static let fullStart = Start(
    function: "charge-payment", handler: "ChargePayment", attemptsMax: 3, failures: 2,
    remainingNanoseconds: .max, idempotencyKey: "ord-9182", cause: -1,
    event: .init(
      id: "e-1", source: "/queues/payments", type: "t", subject: "s", time: "2027-01-01T00:00:00Z",
      dataContentType: "application/json", dataSchema: "urn:x", extensions: pairs,
      data: [0, 255, 10]),
    call: .init(
      method: "POST", path: "/orders", query: "a=1", parameters: pairs, headers: pairs))

  static let bareStart = Start(
    function: "", handler: "", attemptsMax: 0, failures: 0, remainingNanoseconds: 0,
    idempotencyKey: "", cause: nil,
    event: .init(
      id: "", source: "", type: "", subject: nil, time: "", dataContentType: nil, dataSchema: nil,
      extensions: [], data: []), call: nil)

  static let emitted = [
    AttemptResult.Emitted(
      queue: "q", type: "t", subject: "s", id: "i", delayMilliseconds: .max,
      contentType: "text/plain", data: [1, 2]),
    AttemptResult.Emitted(
      queue: "", type: nil, subject: nil, id: nil, delayMilliseconds: 0, contentType: "", data: []),
  ]

  private func sent(_ write: (inout FrameWriter) -> Void) -> [UInt8] {
    var writer = FrameWriter()
    writer.append(.log, write)
    return Array(writer.take().dropFirst(FrameHead.byteCount))
  }

  /// Reads it back whole, and refuses each of its beginnings.
  private func expectRoundTrip<Message: Equatable>(
    _ message: Message, _ write: (inout FrameWriter) -> Void,
    _ read: (UnsafeRawBufferPointer) throws -> Message
  ) throws {
    let payload = sent(write)
    #expect(try payload.withUnsafeBytes(read) == message)
    for end in 0..<payload.count {
      #expect(throws: FrameFault.self) { try payload[..<end].withUnsafeBytes(read) }
    }
  }

  @Test func `hello`() throws {
    let hello = Hello(
      buildID: "b-1",
      handlers: [
        .init(name: "A", kind: .event, input: "Order", output: "Void"),
        .init(name: "B", kind: .http, input: "HTTPRequest", output: "HTTPResponse"),
      ])
    try expectRoundTrip(hello, hello.write) { try Hello(reading: $0) }
  }

  @Test func `a hello of another version is named before anything else of it is read`() {
    let payload: [UInt8] = [9, 0, 0, 0]
    #expect(throws: FrameFault.wrongVersion(theirs: 9)) {
      try payload.withUnsafeBytes { try Hello(reading: $0) }
    }
  }

  @Test(arguments: [fullStart, bareStart]) func `start`(_ start: Start) throws {
    try expectRoundTrip(start, start.write) { try Start(reading: $0) }
  }

  @Test(arguments: [
    AttemptResult.Value.nothing, .json([UInt8]("{}".utf8)),
    .response(ResponseHead(status: 202, headers: pairs), body: [1, 2, 3]), .streamed,
  ]) func `result`(_ value: AttemptResult.Value) throws {
    let result = AttemptResult(
      value: value, emitted: Self.emitted, cpuMicroseconds: .max, memoryBytes: .max - 1)
    try expectRoundTrip(result, result.write) { try AttemptResult(reading: $0) }
  }

  @Test(arguments: AttemptFailure.Kind.allCases, [nil, 0, Int64.max])
  func `failure`(_ kind: AttemptFailure.Kind, _ retryAfter: Int64?) throws {
    let failure = AttemptFailure(
      kind: kind, type: "CardError", message: "no", retryAfterMilliseconds: retryAfter,
      cpuMicroseconds: 7, memoryBytes: 8)
    try expectRoundTrip(failure, failure.write) { try AttemptFailure(reading: $0) }
  }

  @Test(arguments: LogEntry.Level.allCases) func `log`(_ level: LogEntry.Level) throws {
    let entry = LogEntry(level: level, time: -1, message: "m", metadata: Self.pairs)
    try expectRoundTrip(entry, entry.write) { try LogEntry(reading: $0) }
  }

  @Test func `the head of a response`() throws {
    let head = ResponseHead(status: 599, headers: Self.pairs)
    try expectRoundTrip(head, head.write) { try ResponseHead(reading: $0) }
  }

  @Test func `a count larger than what follows is refused`() {
    let head: [UInt8] = [200, 0, 0xFF, 0xFF, 0xFF, 0xFF, 1, 2, 3]
    #expect(throws: FrameFault.truncatedPayload(.responseHead)) {
      try head.withUnsafeBytes { try ResponseHead(reading: $0) }
    }
  }

  @Test func `a count that the bytes could just hold is refused at the first missing element`() {
    // Eight million empty-looking headers in eight megabytes: the second one is garbage.
    let count: [UInt8] = [0, 0, 128, 0]
    let head = [200, 0] + count + [UInt8](repeating: 0xFF, count: 8 << 20)
    #expect(throws: FrameFault.truncatedPayload(.responseHead)) {
      try head.withUnsafeBytes { try ResponseHead(reading: $0) }
    }
  }

  @Test(arguments: [
    [UInt8](repeating: 4, count: 64), [UInt8](repeating: 0xFF, count: 64), [2],
  ]) func `a result of nonsense is refused`(_ payload: [UInt8]) {
    #expect(throws: FrameFault.truncatedPayload(.result)) {
      try payload.withUnsafeBytes { try AttemptResult(reading: $0) }
    }
  }

  @Test func `unknown kinds of failures, levels and handlers are refused`() {
    let failure: [UInt8] = [99] + [UInt8](repeating: 0, count: 32)
    #expect(throws: FrameFault.truncatedPayload(.failure)) {
      try failure.withUnsafeBytes { try AttemptFailure(reading: $0) }
    }
    #expect(throws: FrameFault.truncatedPayload(.log)) {
      try failure.withUnsafeBytes { try LogEntry(reading: $0) }
    }
  }
}
