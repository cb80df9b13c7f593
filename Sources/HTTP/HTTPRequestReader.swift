// Cuts the bytes of one connection into requests: finds each head, has it decoded and checked, then
// follows its body to its last byte. It stops after each step, so that the connection decides what
// comes next; it never looks past the end of a request before it is asked to.

import Glibc

package final class HTTPRequestReader {
  package enum Step {
    /// All bytes are taken; the next step needs others.
    case needsMore
    /// With `.none` as body the request is complete; otherwise `takeBody` or `discardBody` is due.
    case head(HTTPCheckedHead)
    /// The body that was taken, whole; empty when it was discarded.
    case complete([UInt8])
  }

  private enum Phase {
    case head
    case body(remaining: Int)
    case chunks
  }

  /// Line ends before a request line, which old clients send after a body.
  private static let emptyLinesMax = 4

  /// How HTTP/2 clients begin that know of no other version; not a request of HTTP/1 to the codec.
  private static let http2Preface = Array("PRI * HTTP/2.0\r\n".utf8)

  private let limits: HTTPLimits
  private let codec: any HTTPCodec
  private var phase = Phase.head
  private var scanner: HTTPHeadScanner
  /// A head that came in several reads; never more than the head limits and one read.
  private var unfinishedHead: [UInt8] = []
  private var emptyLines = 0
  private var message = HTTPDecodedMessage()
  private var asksForUpgrade = false
  private var bodyBytesMax = 0
  private var discardsBody = false
  private var chunkedBytesRead = 0
  private var chunkedBytesDecoded = 0

  package convenience init(limits: HTTPLimits) {
    self.init(limits: limits, codec: NIOHTTPCodec(limits: limits))
  }

  init(limits: HTTPLimits, codec: any HTTPCodec) {
    self.limits = limits
    self.codec = codec
    scanner = HTTPHeadScanner(limits: limits)
  }

  var isMidHead: Bool { !unfinishedHead.isEmpty }

  var isMidBody: Bool {
    if case .head = phase { false } else { true }
  }

  /// What is kept of a body that is not whole yet.
  var bodyBytesHeld: Int { message.body.count }

  /// After it nothing more can be read.
  func dropBody() { message.body = [] }

  package func takeBody(bytesMax: Int) {
    bodyBytesMax = bytesMax
    discardsBody = false
    if case .body(let length) = phase { message.body.reserveCapacity(min(length, 1 << 20)) }
  }

  func discardBody() {
    bodyBytesMax = limits.refusedBodyBytesMax
    discardsBody = true
  }

  package func close() {
    codec.close()
  }

  /// One step forward from `offset`, which moves past what was taken.
  package func step(
    _ bytes: UnsafeRawBufferPointer, from offset: inout Int
  ) throws(HTTPRefusal) -> Step {
    switch phase {
    case .head: return try readHead(bytes, from: &offset)
    case .body(let remaining):
      let count = min(remaining, bytes.count - offset)
      phase = .body(remaining: remaining - count)
      return try readBody(bytes, count: count, from: &offset)
    case .chunks: return try readChunks(bytes, from: &offset)
    }
  }

  // MARK: head

  private func readHead(
    _ bytes: UnsafeRawBufferPointer, from offset: inout Int
  ) throws(HTTPRefusal) -> Step {
    if unfinishedHead.isEmpty {
      try skipEmptyLines(bytes, from: &offset)
      return try readWholeHead(bytes, from: &offset)
    }
    return try readRestOfHead(bytes, from: &offset)
  }

  private func skipEmptyLines(
    _ bytes: UnsafeRawBufferPointer, from offset: inout Int
  ) throws(HTTPRefusal) {
    while offset + 1 < bytes.count, bytes[offset] == UInt8(ascii: "\r"),
      bytes[offset + 1] == UInt8(ascii: "\n")
    {
      try countEmptyLine()
      offset += 2
    }
  }

  private func countEmptyLine() throws(HTTPRefusal) {
    emptyLines += 1
    if emptyLines > Self.emptyLinesMax {
      throw .malformed("too many empty lines before the request line")
    }
  }

  /// The common case: the head lies whole in what was just read and is not copied.
  private func readWholeHead(
    _ bytes: UnsafeRawBufferPointer, from offset: inout Int
  ) throws(HTTPRefusal) -> Step {
    let rest = UnsafeRawBufferPointer(rebasing: bytes[offset...])
    if rest.count == 1, rest[0] == UInt8(ascii: "\r") {
      unfinishedHead.append(rest[0])
      offset = bytes.count
      return .needsMore
    }
    if let end = try scanner.end(in: rest) {
      offset += end
      return try decodeHead(UnsafeRawBufferPointer(rebasing: rest[..<end]))
    }
    unfinishedHead.append(contentsOf: rest)
    offset = bytes.count
    return .needsMore
  }

  private func readRestOfHead(
    _ bytes: UnsafeRawBufferPointer, from offset: inout Int
  ) throws(HTTPRefusal) -> Step {
    var head = unfinishedHead
    unfinishedHead = []
    let before = head.count
    head.append(contentsOf: bytes[offset...])
    if before == 1, head[0] == UInt8(ascii: "\r") {
      return try endEmptyLine(second: head[1], from: &offset)
    }
    let (end, step) = try scan(head)
    if let end, let step {
      offset += end - before
      return step
    }
    unfinishedHead = head
    offset = bytes.count
    return .needsMore
  }

  /// An empty line before the request line, split between two reads.
  private func endEmptyLine(second: UInt8, from offset: inout Int) throws(HTTPRefusal) -> Step {
    guard second == UInt8(ascii: "\n") else {
      throw .malformed("each line must end with CR LF; got CR alone")
    }
    try countEmptyLine()
    offset += 1
    return .needsMore
  }

  private func scan(_ head: [UInt8]) throws(HTTPRefusal) -> (end: Int?, step: Step?) {
    // withUnsafeBytes does not carry a typed error through, a Result does.
    let result = head.withUnsafeBytes { bytes -> Result<(Int?, Step?), HTTPRefusal> in
      Result { () throws(HTTPRefusal) in
        guard let end = try scanner.end(in: bytes) else { return (nil, nil) }
        return (end, try decodeHead(UnsafeRawBufferPointer(rebasing: bytes[..<end])))
      }
    }
    return try result.get()
  }

  private func decodeHead(_ head: UnsafeRawBufferPointer) throws(HTTPRefusal) -> Step {
    scanner = HTTPHeadScanner(limits: limits)
    emptyLines = 0
    if head.starts(with: Self.http2Preface) { throw .unsupportedVersion }
    do {
      try codec.decode(head, into: &message)
    } catch {
      throw refusal(error, head: head)
    }
    guard let decoded = message.head else {
      throw .malformed("the request does not follow the grammar of HTTP/1.1")
    }
    message.head = nil
    let checked = try HTTPHeadRules.check(decoded)
    try expectBody(checked)
    return .head(checked)
  }

  private func expectBody(_ checked: HTTPCheckedHead) throws(HTTPRefusal) {
    asksForUpgrade = checked.asksForUpgrade
    // Codec and rules judge by the same bytes; where they disagree on whether the request is over,
    // the bytes behind it would be read as something they are not.
    guard message.isComplete == (checked.body == .none) else {
      throw .ambiguousFraming("it is not clear where this request ends")
    }
    switch checked.body {
    case .none: endMessage()
    case .length(let count): phase = .body(remaining: count)
    case .chunked:
      phase = .chunks
      (chunkedBytesRead, chunkedBytesDecoded) = (0, 0)
    }
  }

  private func endMessage() {
    phase = .head
    message = HTTPDecodedMessage()
    if asksForUpgrade { codec.startOver() }
  }

  // MARK: body

  private func readBody(
    _ bytes: UnsafeRawBufferPointer, count: Int, from offset: inout Int
  ) throws(HTTPRefusal) -> Step {
    try decodeBody(UnsafeRawBufferPointer(rebasing: bytes[offset..<offset + count]))
    offset += count
    return message.isComplete ? completeBody() : .needsMore
  }

  /// Piece by piece, each up to a line feed: a chunked message always ends with one, so that no
  /// piece reaches into the next request.
  private func readChunks(
    _ bytes: UnsafeRawBufferPointer, from offset: inout Int
  ) throws(HTTPRefusal) -> Step {
    while offset < bytes.count {
      let count = pieceLength(bytes, from: offset)
      let piece = UnsafeRawBufferPointer(rebasing: bytes[offset..<offset + count])
      let decodedBefore = message.body.count
      try decodeBody(piece)
      offset += count
      try countChunked(read: count, decoded: message.body.count - decodedBefore)
      if message.isComplete { return completeBody() }
    }
    return .needsMore
  }

  private func pieceLength(_ bytes: UnsafeRawBufferPointer, from offset: Int) -> Int {
    guard let base = bytes.baseAddress,
      let lineFeed = memchr(base + offset, 0x0A, bytes.count - offset)
    else { return bytes.count - offset }
    return UnsafeRawPointer(lineFeed) - (base + offset) + 1
  }

  private func countChunked(read: Int, decoded: Int) throws(HTTPRefusal) {
    chunkedBytesRead += read
    chunkedBytesDecoded += decoded
    if chunkedBytesDecoded > bodyBytesMax { throw .bodyTooLarge(max: bodyBytesMax) }
    if discardsBody { message.body.removeAll(keepingCapacity: true) }
    if chunkedBytesRead > 9 * chunkedBytesDecoded + limits.chunkOverheadBytesMax {
      throw .malformed("too many bytes of chunk sizes, extensions or trailers for so little body")
    }
  }

  private func decodeBody(_ piece: UnsafeRawBufferPointer) throws(HTTPRefusal) {
    do {
      try codec.decode(piece, into: &message)
    } catch {
      throw refusal(error, head: nil)
    }
  }

  private func completeBody() -> Step {
    let body = discardsBody ? [] : message.body
    endMessage()
    return .complete(body)
  }

  // MARK: faults

  private func refusal(_ fault: HTTPCodecFault, head: UnsafeRawBufferPointer?) -> HTTPRefusal {
    switch fault {
    case .unknownMethod where head.map(beginsWithToken) != true:
      .malformed("the request line must be 'METHOD target HTTP/1.1'")
    case .unknownMethod: .unknownMethod
    case .unsupportedVersion: .unsupportedVersion
    case .badTarget: .badTarget("the target has a byte that may not stand there")
    case .headersTooLong: .headersTooLong(max: limits.headerBytesMax)
    case .ambiguousFraming(let what): .ambiguousFraming(what)
    case .malformed(let what): .malformed(what)
    }
  }

  private func beginsWithToken(_ head: UnsafeRawBufferPointer) -> Bool {
    let method = head.prefix { $0 != UInt8(ascii: " ") }
    return method.allSatisfy(HTTPGrammar.isTokenByte)
  }
}
