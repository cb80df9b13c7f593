// The bytes of the bench's requests, made once before the clock starts: the client shares its cores
// with the host that it measures.

struct LoadRequest {
  let bytes: [UInt8]
  /// What it brings when it is accepted.
  let events: Int

  init(
    _ method: String, _ target: String, port: UInt16, contentType: String = "application/json",
    headers: [(String, String)] = [], body: [UInt8], events: Int
  ) {
    let fields = headers.map { "\($0): \($1)\r\n" }.joined()
    let head =
      "\(method) \(target) HTTP/1.1\r\nHost: 127.0.0.1:\(port)\r\nContent-Type: \(contentType)\r\n"
      + "Content-Length: \(body.count)\r\n\(fields)\r\n"
    bytes = Array(head.utf8) + body
    self.events = events
  }

  /// One post to a queue: an event as raw JSON, several as one a line.
  static func message(
    queue: String, events: Int, port: UInt16, options: [(String, String?)] = []
  ) -> LoadRequest {
    let target = ControlClient.target(["v1", "queues", queue, "messages"], options)
    guard events > 1 else {
      return LoadRequest("POST", target, port: port, body: BenchPayload.order, events: 1)
    }
    let line = BenchPayload.order + [UInt8(ascii: "\n")]
    let body = [UInt8]((0..<events).map { _ in line }.joined())
    return LoadRequest(
      "POST", target, port: port, contentType: "application/x-ndjson", body: body, events: events)
  }

  static func call(_ path: String, port: UInt16) -> LoadRequest {
    LoadRequest("POST", path, port: port, body: BenchPayload.order, events: 1)
  }
}

/// What every event of the bench carries.
enum BenchPayload {
  static let bytes = 300

  /// An order that the bench's handlers decode, filled up to `bytes`.
  static let order: [UInt8] = {
    let head =
      #"{"orderId":"ord-00009182","customerId":"cust-000441","items":[{"sku":"book-swift-6","#
      + #""quantity":1},{"sku":"pencil-hb-12","quantity":3}],"total":129.99,"note":""#
    let tail = #""}"#
    let words = "leave it with the neighbour if nobody is at home; "
    let room = bytes - head.utf8.count - tail.utf8.count
    let note = String(repeating: words, count: room / words.utf8.count + 1).prefix(room)
    return Array((head + note + tail).utf8)
  }()
}
