// Answers, in both directions: what the client makes of any bytes, and what any fields of a handler
// become on the wire.

@testable import HTTP

/// The first byte chooses the method; the rest is what a server sends.
func fuzzHTTPResponse(_ bytes: [UInt8]) throws {
  let method = (bytes.first ?? 0) & 1 == 0 ? "GET" : "HEAD"
  let answer = Array(bytes.dropFirst())
  let whole = ResponseTranscript([answer[...]], method: method)
  var random = SplitMix64(seed: bytes.ownSeed)
  for _ in 0..<2 {
    let pieces = ResponseTranscript(answer.cut(by: &random), method: method)
    try agree(pieces, whole, "the response depends on the cut")
  }
  if method == "HEAD" { try hold(whole.body.isEmpty, "a HEAD response has a body") }
  if whole.fault == nil { try hold((200...599).contains(whole.status), "status \(whole.status)") }
}

private struct ResponseTranscript: Equatable {
  private(set) var status = 0
  private(set) var fields: [String] = []
  private(set) var body: [UInt8] = []
  private(set) var fault: String?

  init(_ pieces: [ArraySlice<UInt8>], method: String) {
    let attempt = HTTPClientAttempt(method: method)
    defer { attempt.close() }
    do throws(HTTPClientFault) {
      for piece in pieces where !attempt.isComplete {
        try attempt.add(Array(piece))
        _ = attempt.handOver {
          body += $1; return true
        }
      }
      if !attempt.isComplete { try attempt.end() }
      _ = attempt.handOver {
        body += $1; return true
      }
      let response = try attempt.response()
      status = response.status
      fields = response.headers.entries.map { "\($0.0): \($0.1)" }
    } catch {
      // Which bytes it complains of may depend on the cut; that it complains may not.
      (fault, body) = ("fault", [])
    }
  }
}

/// A status and lines of fields, then a body, as a handler might give them.
func fuzzHTTPAnswer(_ bytes: [UInt8]) throws {
  let parts = bytes.split(
    separator: 0, maxSplits: 1, omittingEmptySubsequences: false)
  let status = 200 + Int(bytes.first ?? 0) * 2
  let fields = parts[0].dropFirst().split(separator: 1).map { field in
    let halves = field.split(separator: 2, maxSplits: 1, omittingEmptySubsequences: false)
    return (
      String(decoding: halves[0], as: UTF8.self),
      halves.count > 1 ? String(decoding: halves[1], as: UTF8.self) : ""
    )
  }
  let isBodiless = status == 204 || status == 304
  let body = parts.count > 1 && !isBodiless ? Array(parts[1]) : []
  guard HTTPResponseHead.fault(status: status, fields: HTTPFields(fields)) == nil else { return }
  let head = HTTPResponseHead(
    status: status, fields: HTTPFields(fields),
    framing: isBodiless ? .bodiless : .length(body.count), closes: false,
    saysKeepAlive: false, date: Array("Sun, 06 Nov 1994 08:49:37 GMT".utf8))
  let sent = head.serialised(bodyBytes: body.count) + body
  let attempt = HTTPClientAttempt(method: "GET")
  defer { attempt.close() }
  var received: [UInt8] = []
  try attempt.add(sent)
  _ = attempt.handOver {
    received += $1; return true
  }
  try hold(attempt.isComplete, "what a handler's fields became has another end")
  let response = try attempt.response()
  try agree(response.status, status, "another status arrives")
  try agree(received, body, "another body arrives")
  let count = fields.count { name, _ in
    !["date", "connection", "keep-alive", "content-length", "transfer-encoding"].contains(
      name.lowercased())
  }
  try agree(response.headers.entries.count, count + (isBodiless ? 1 : 2), "other fields arrive")
}
