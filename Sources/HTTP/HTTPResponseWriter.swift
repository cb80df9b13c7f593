// Serialises responses: status line, fields, framing. It lets nothing of a responder's fields end a
// line early and leaves framing, Date and Connection to nobody else.

import Glibc

enum HTTPResponseFraming: Equatable {
  case length(Int)
  case chunked
  /// The body ends with the connection: streams to HTTP/1.0 clients.
  case untilClose
  /// 204 and 304.
  case bodiless
}

struct HTTPResponseHead {
  var status: Int
  var fields: HTTPFields
  var framing: HTTPResponseFraming
  var closes: Bool
  /// HTTP/1.0 clients take a kept connection only when told.
  var saysKeepAlive: Bool
  /// 29 bytes, RFC 9110 §5.6.7.
  var date: [UInt8]

  func serialised(bodyBytes: Int) -> [UInt8] {
    var out: [UInt8] = []
    out.reserveCapacity(256 + bodyBytes + 32 * fields.entries.count)
    out.append(contentsOf: HTTPStatusLine.bytes(status))
    out.append(contentsOf: "Date: ".utf8)
    out.append(contentsOf: date)
    out.append(contentsOf: "\r\n".utf8)
    appendFields(to: &out)
    appendFraming(to: &out)
    if closes {
      out.append(contentsOf: "Connection: close\r\n".utf8)
    } else if saysKeepAlive {
      out.append(contentsOf: "Connection: keep-alive\r\n".utf8)
    }
    out.append(contentsOf: "\r\n".utf8)
    return out
  }

  private func appendFields(to out: inout [UInt8]) {
    for (name, value) in fields.entries where !Self.isServersOwn(name) {
      out.append(contentsOf: name.utf8)
      out.append(contentsOf: ": ".utf8)
      out.append(contentsOf: value.utf8)
      out.append(contentsOf: "\r\n".utf8)
    }
  }

  private func appendFraming(to out: inout [UInt8]) {
    switch framing {
    case .length(let count):
      out.append(contentsOf: "Content-Length: ".utf8)
      out.append(contentsOf: String(count).utf8)
      out.append(contentsOf: "\r\n".utf8)
    case .chunked: out.append(contentsOf: "Transfer-Encoding: chunked\r\n".utf8)
    case .untilClose, .bodiless: break
    }
  }

  private static func isServersOwn(_ name: String) -> Bool {
    switch name.utf8.count {
    case 4: asciiEqualIgnoringCase(name, "date")
    case 10:
      asciiEqualIgnoringCase(name, "connection") || asciiEqualIgnoringCase(name, "keep-alive")
    case 14: asciiEqualIgnoringCase(name, "content-length")
    case 17: asciiEqualIgnoringCase(name, "transfer-encoding")
    default: false
    }
  }

  /// Of a responder's own fields; clients refuse longer heads, each at a number of its own.
  static let fieldsMax = 200
  static let fieldBytesMax = 64 * 1024

  /// Why this status and these fields cannot be sent, or nil.
  static func fault(status: Int, fields: HTTPFields) -> HTTPRefusal? {
    guard (200...599).contains(status) else {
      return .badResponse("status \(status) is not between 200 and 599")
    }
    let count = fields.entries.count
    guard count <= fieldsMax else {
      return .badResponse("it has \(count) header fields; \(fieldsMax) are allowed")
    }
    let bytes = fields.entries.reduce(0) { $0 + $1.0.utf8.count + $1.1.utf8.count + 4 }
    guard bytes <= fieldBytesMax else {
      return .badResponse("its header fields have \(bytes) bytes; \(fieldBytesMax) are allowed")
    }
    for (name, value) in fields.entries {
      guard HTTPGrammar.isToken(name) else { return .badResponse("a field name is no token") }
      guard HTTPGrammar.isFieldValue(value) else {
        return .badResponse("the value of '\(name)' has a control byte")
      }
    }
    return nil
  }
}

enum HTTPChunk {
  static let last = Array("0\r\n\r\n".utf8)

  /// `bytes` must not be empty: an empty chunk would end the body.
  static func framed(_ bytes: [UInt8]) -> [UInt8] {
    var out: [UInt8] = []
    out.reserveCapacity(bytes.count + 20)
    out.append(contentsOf: String(bytes.count, radix: 16).utf8)
    out.append(contentsOf: "\r\n".utf8)
    out.append(contentsOf: bytes)
    out.append(contentsOf: "\r\n".utf8)
    return out
  }
}

enum HTTPStatusLine {
  static let `continue` = Array("HTTP/1.1 100 Continue\r\n\r\n".utf8)

  static func bytes(_ status: Int) -> [UInt8] {
    lines[status] ?? Array("HTTP/1.1 \(status) \r\n".utf8)
  }

  private static let lines: [Int: [UInt8]] = reasons.reduce(into: [:]) { lines, reason in
    lines[reason.key] = Array("HTTP/1.1 \(reason.key) \(reason.value)\r\n".utf8)
  }

  private static let reasons: [Int: String] = [
    200: "OK", 201: "Created", 202: "Accepted", 204: "No Content", 206: "Partial Content",
    301: "Moved Permanently", 302: "Found", 303: "See Other", 304: "Not Modified",
    307: "Temporary Redirect", 308: "Permanent Redirect", 400: "Bad Request", 401: "Unauthorized",
    403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed", 406: "Not Acceptable",
    408: "Request Timeout", 409: "Conflict", 410: "Gone", 412: "Precondition Failed",
    413: "Content Too Large", 414: "URI Too Long", 415: "Unsupported Media Type",
    416: "Range Not Satisfiable", 417: "Expectation Failed", 422: "Unprocessable Content",
    428: "Precondition Required", 429: "Too Many Requests",
    431: "Request Header Fields Too Large", 500: "Internal Server Error", 501: "Not Implemented",
    502: "Bad Gateway", 503: "Service Unavailable", 504: "Gateway Timeout",
    505: "HTTP Version Not Supported", 507: "Insufficient Storage",
  ]
}

/// The Date field, formatted once a second.
struct HTTPDateCache {
  private var second = Int.min
  private var bytes: [UInt8] = []

  mutating func now() -> [UInt8] {
    var time = timespec()
    // The coarse clock is a plain memory read, and a date has no use for less than a second.
    clock_gettime(CLOCK_REALTIME_COARSE, &time)
    return date(of: time.tv_sec)
  }

  mutating func date(of unixSecond: Int) -> [UInt8] {
    if unixSecond != second {
      second = unixSecond
      bytes = Array(Self.format(unixSecond).utf8)
    }
    return bytes
  }

  /// Such as "Sun, 06 Nov 1994 08:49:37 GMT".
  private static func format(_ unixSecond: Int) -> String {
    var second = unixSecond
    var utc = tm()
    gmtime_r(&second, &utc)
    let weekday = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"][Int(utc.tm_wday)]
    let months = [
      "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]
    let day = "\(twoDigits(utc.tm_mday)) \(months[Int(utc.tm_mon)]) \(utc.tm_year + 1900)"
    let time = "\(twoDigits(utc.tm_hour)):\(twoDigits(utc.tm_min)):\(twoDigits(utc.tm_sec))"
    return "\(weekday), \(day) \(time) GMT"
  }

  private static func twoDigits(_ number: Int32) -> String {
    (number < 10 ? "0" : "") + String(number)
  }
}
