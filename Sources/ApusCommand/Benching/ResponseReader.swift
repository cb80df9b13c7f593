// As much of HTTP/1.1 as a load client needs: the status and where the answer ends. It keeps no
// header and no body, and knows no other framing than Content-Length.

struct ResponseReader {
  enum Fault: Error, Equatable {
    case notHTTP
    case headTooLong
    case noContentLength
    /// Bytes after an answer that nothing was asked for.
    case unasked
  }

  static let headBytesMax = 16 << 10

  /// Only of a head that came in pieces.
  private var head: [UInt8] = []
  private var status = 0
  /// Nil until the head is read.
  private var bodyLeft: Int?

  /// The status when the answer is complete, nil while more has to come.
  mutating func take(_ bytes: UnsafeRawBufferPointer) throws(Fault) -> Int? {
    if let left = bodyLeft { return try takeBody(bytes.count, of: left) }
    guard head.isEmpty else {
      head += bytes
      let whole = head
      let outcome = whole.withUnsafeBytes { Self.parse($0) }
      return try take(outcome, of: whole.count)
    }
    let outcome = Self.parse(bytes)
    if case .incomplete = outcome { head += bytes }
    return try take(outcome, of: bytes.count)
  }

  private mutating func take(_ outcome: Head, of count: Int) throws(Fault) -> Int? {
    switch outcome {
    case .incomplete:
      guard count <= Self.headBytesMax else { throw .headTooLong }
      return nil
    case .fault(let fault): throw fault
    case .complete(let end, let status, let length):
      self.status = status
      head.removeAll(keepingCapacity: true)
      return try takeBody(count - end, of: length)
    }
  }

  private mutating func takeBody(_ count: Int, of left: Int) throws(Fault) -> Int? {
    guard count <= left else { throw .unasked }
    bodyLeft = count == left ? nil : left - count
    return count == left ? status : nil
  }

  // MARK: The head

  private enum Head {
    case incomplete
    case complete(end: Int, status: Int, length: Int)
    case fault(Fault)
  }

  private static func parse(_ bytes: UnsafeRawBufferPointer) -> Head {
    guard let end = headEnd(bytes) else { return .incomplete }
    guard let status = status(bytes) else { return .fault(.notHTTP) }
    guard let length = contentLength(bytes, end) else {
      guard status == 204 else { return .fault(.noContentLength) }
      return .complete(end: end, status: status, length: 0)
    }
    return .complete(end: end, status: status, length: length)
  }

  private static func headEnd(_ bytes: UnsafeRawBufferPointer) -> Int? {
    var index = 3
    while index < bytes.count {
      // Only a line feed can end it, so that most bytes are looked at once.
      if bytes[index] == 10, bytes[index - 1] == 13, bytes[index - 2] == 10, bytes[index - 3] == 13
      {
        return index + 1
      }
      index += 1
    }
    return nil
  }

  /// Of `HTTP/1.1 202 Accepted`.
  private static func status(_ bytes: UnsafeRawBufferPointer) -> Int? {
    guard bytes.count >= 12, bytes[0] == UInt8(ascii: "H"), bytes[8] == UInt8(ascii: " ") else {
      return nil
    }
    return number(bytes, 9, 12)
  }

  private static let lengthName = Array("content-length:".utf8)

  private static func contentLength(_ bytes: UnsafeRawBufferPointer, _ end: Int) -> Int? {
    var line = 0
    while line < end {
      var lineEnd = line
      while lineEnd < end, bytes[lineEnd] != 10 { lineEnd += 1 }
      if isLength(bytes, line, lineEnd) {
        var first = line + lengthName.count
        while first < lineEnd, bytes[first] == UInt8(ascii: " ") { first += 1 }
        return number(bytes, first, lineEnd - 1)
      }
      line = lineEnd + 1
    }
    return nil
  }

  private static func isLength(_ bytes: UnsafeRawBufferPointer, _ line: Int, _ end: Int) -> Bool {
    guard end - line > lengthName.count, bytes[line] | 0x20 == lengthName[0] else { return false }
    for (offset, byte) in lengthName.enumerated() where bytes[line + offset] | 0x20 != byte | 0x20 {
      return false
    }
    return true
  }

  private static func number(_ bytes: UnsafeRawBufferPointer, _ from: Int, _ to: Int) -> Int? {
    // More digits than this no answer of ours has, and they could not overflow.
    guard from < to, to - from <= 12 else { return nil }
    var value = 0
    for index in from..<to {
      guard bytes[index] >= 48, bytes[index] <= 57 else { return nil }
      value = value * 10 + Int(bytes[index] - 48)
    }
    return value
  }
}
