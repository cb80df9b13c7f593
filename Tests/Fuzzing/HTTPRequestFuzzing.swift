// The reader of requests: the same requests come out however the bytes are cut, each is one whole
// request to llhttp alone, and a plain reading of RFC 9112 finds its end at the same byte.

@testable import HTTP

func fuzzHTTPRequest(_ bytes: [UInt8]) throws {
  let whole = RequestTranscript([bytes[...]])
  var random = SplitMix64(seed: bytes.ownSeed)
  for _ in 0..<2 {
    try agree(RequestTranscript(bytes.cut(by: &random)), whole, "requests depend on the cut")
  }
  if bytes.count <= 512 {
    let single = RequestTranscript(bytes.indices.map { bytes[$0...$0] })
    try agree(single, whole, "requests depend on the cut")
  }
  for request in whole.requests {
    try checkAlone(request, Array(bytes[request.place]))
    let end = PlainFraming.end(ofRequestIn: bytes[request.place])
    try agree(end?.end, request.place.upperBound, "a request ends elsewhere")
    try agree(end?.body, request.body, "a request has another body")
  }
}

/// llhttp, given these bytes and no others, must see just this request.
private func checkAlone(_ request: RequestTranscript.Request, _ bytes: [UInt8]) throws {
  let limits = HTTPLimits()
  for isWhole in [true, false] {
    let codec = NIOHTTPCodec(limits: limits)
    defer { codec.close() }
    var message = HTTPDecodedMessage()
    try bytes.prefix(isWhole ? bytes.count : bytes.count - 1).withUnsafeBytes {
      try codec.decode($0, into: &message)
    }
    try agree(message.isComplete, isWhole, "llhttp ends the request elsewhere")
    guard isWhole else { continue }
    try agree(message.head?.method, request.method, "llhttp has another method")
    try agree(message.head?.target, request.target, "llhttp has another target")
    try agree(message.body, request.body, "llhttp has another body")
  }
}

/// What the reader makes of bytes that come in pieces.
struct RequestTranscript: Equatable {
  struct Request: Equatable {
    var method: String
    var target: String
    var head: String
    var body: [UInt8] = []
    var place: Range<Int>
  }

  private(set) var requests: [Request] = []
  /// The code of the refusal that ended it.
  private(set) var refusal: String?
  private(set) var isMidHead = false
  private(set) var isMidBody = false

  static let bodyBytesMax = 2_048

  init(_ pieces: [ArraySlice<UInt8>]) {
    let limits = HTTPLimits()
    let reader = HTTPRequestReader(limits: limits, codec: NIOHTTPCodec(limits: limits))
    defer { reader.close() }
    var start = 0
    for piece in pieces {
      var offset = 0
      while offset < piece.count, refusal == nil {
        let result = piece.withUnsafeBytes { bytes in
          Result { () throws(HTTPRefusal) in try reader.step(bytes, from: &offset) }
        }
        switch result {
        case .success(.needsMore): break
        case .success(.head(let head)): take(head, from: reader, end: start + offset)
        case .success(.complete(let body)): complete(body, end: start + offset)
        case .failure(let fault): refuse(fault, inBody: reader.isMidBody)
        }
      }
      guard refusal == nil else { return }
      start += piece.count
    }
    (isMidHead, isMidBody) = (reader.isMidHead, reader.isMidBody)
    if isMidBody { requests.removeLast() }
  }

  private mutating func take(
    _ head: HTTPCheckedHead, from reader: HTTPRequestReader, end: Int
  ) {
    let request = head.request
    let from = requests.last?.place.upperBound ?? 0
    let fields = request.headers.entries.map { "\($0.0)=\($0.1)" }.joined(separator: "|")
    requests.append(
      Request(
        method: request.method, target: request.target,
        head: "\(request.path) \(request.query ?? "-") \(head.body) \(head.expectsContinue) "
          + "\(request.isKeepAlive) \(request.minorVersion) \(fields)",
        place: from..<end))
    if case .length(let count) = head.body, count > Self.bodyBytesMax {
      refusal = "body-too-large"
      requests.removeLast()
    } else if head.body != .none {
      reader.takeBody(bytesMax: Self.bodyBytesMax)
    }
  }

  private mutating func complete(_ body: [UInt8], end: Int) {
    let last = requests.count - 1
    requests[last].body = body
    requests[last].place = requests[last].place.lowerBound..<end
  }

  private mutating func refuse(_ fault: HTTPRefusal, inBody: Bool) {
    refusal = fault.problem.code
    if inBody { requests.removeLast() }
  }
}

/// A second opinion on where a request ends, straight from RFC 9112, for requests that were accepted.
enum PlainFraming {
  static func end(ofRequestIn bytes: ArraySlice<UInt8>) -> (end: Int, body: [UInt8])? {
    var at = bytes.startIndex
    while let line = line(in: bytes, at: at), line.text.isEmpty { at = line.end }
    guard let first = line(in: bytes, at: at) else { return nil }
    at = first.end
    var lengths: [String] = []
    var isChunked = false
    while let field = line(in: bytes, at: at), !field.text.isEmpty {
      at = field.end
      let parts = field.text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
      guard parts.count == 2 else { return nil }
      let value = parts[1].filter { $0 != " " && $0 != "\t" }
      switch parts[0].lowercased() {
      case "content-length": lengths.append(String(value))
      case "transfer-encoding":
        guard !isChunked, value.lowercased() == "chunked" else { return nil }
        isChunked = true
      default: break
      }
    }
    guard let empty = line(in: bytes, at: at), lengths.count + (isChunked ? 1 : 0) <= 1 else {
      return nil
    }
    if isChunked { return chunks(in: bytes, at: empty.end) }
    guard let count = Int(lengths.first ?? "0"), count <= bytes.endIndex - empty.end else {
      return nil
    }
    return (empty.end + count, Array(bytes[empty.end..<empty.end + count]))
  }

  private static func chunks(
    in bytes: ArraySlice<UInt8>, at start: Int
  ) -> (end: Int, body: [UInt8])? {
    var at = start
    var body: [UInt8] = []
    while let line = line(in: bytes, at: at) {
      guard let count = Int(line.text.prefix { $0 != ";" }, radix: 16), count >= 0 else {
        return nil
      }
      at = line.end
      if count == 0 {
        while let trailer = self.line(in: bytes, at: at) {
          at = trailer.end
          if trailer.text.isEmpty { return (at, body) }
        }
        return nil
      }
      guard at + count + 2 <= bytes.endIndex else { return nil }
      body += bytes[at..<at + count]
      at += count + 2
    }
    return nil
  }

  /// Latin 1: each byte is a character, whatever it is.
  private static func line(
    in bytes: ArraySlice<UInt8>, at start: Int
  ) -> (text: String, end: Int)? {
    guard start < bytes.endIndex,
      let end = bytes[start...].indices.first(where: {
        bytes[$0] == 0x0D && $0 + 1 < bytes.endIndex && bytes[$0 + 1] == 0x0A
      })
    else { return nil }
    let scalars = bytes[start..<end].map { Unicode.Scalar($0) }
    return (String(String.UnicodeScalarView(scalars)), end + 2)
  }
}
