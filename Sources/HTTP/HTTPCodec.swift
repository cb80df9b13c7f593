// Turns the bytes of one connection into the parts of requests. It is fed one head, or one piece of
// a body, at a time and never bytes of two requests at once; limits and rules beyond the grammar
// are not its business.

import NIOCore
import NIOHTTP1

struct HTTPDecodedHead: Equatable {
  var method: String
  var target: String
  var minorVersion: Int
  var fields: [(String, String)]

  static func == (left: HTTPDecodedHead, right: HTTPDecodedHead) -> Bool {
    left.method == right.method && left.target == right.target
      && left.minorVersion == right.minorVersion
      && left.fields.elementsEqual(right.fields, by: ==)
  }
}

/// What came out of the bytes so far; emptied by whoever takes it.
struct HTTPDecodedMessage {
  var head: HTTPDecodedHead?
  var body: [UInt8] = []
  var isComplete = false
}

enum HTTPCodecFault: Error, Equatable {
  case unknownMethod
  case unsupportedVersion
  case badTarget
  case headersTooLong
  case ambiguousFraming(String)
  case malformed(String)
}

protocol HTTPCodec: AnyObject {
  /// After a fault the codec is of no more use.
  func decode(
    _ bytes: UnsafeRawBufferPointer, into message: inout HTTPDecodedMessage
  ) throws(HTTPCodecFault)

  /// Forgets that the last request asked for another protocol, so that the next one is read.
  func startOver()

  /// Must be called once; frees what the codec holds.
  func close()
}

/// llhttp by way of NIOHTTP1, with all of its lenient flags off.
final class NIOHTTPCodec: HTTPCodec {
  private let limits: HTTPLimits
  private var decoder: EmbeddedDecoder<HTTPRequestDecoder>

  init(limits: HTTPLimits) {
    self.limits = limits
    decoder = EmbeddedDecoder(Self.makeDecoder(limits))
  }

  func decode(
    _ bytes: UnsafeRawBufferPointer, into message: inout HTTPDecodedMessage
  ) throws(HTTPCodecFault) {
    do {
      try decoder.decode(bytes)
    } catch {
      throw Self.fault(error)
    }
    decoder.takeParts { Self.add($0, to: &message) }
  }

  func startOver() {
    decoder.close()
    decoder = EmbeddedDecoder(Self.makeDecoder(limits))
  }

  func close() {
    decoder.close()
  }

  /// A second fence: HTTPHeadScanner has counted a head's bytes exactly before they come here.
  ///
  /// What it leaves to this one is trailers.
  private static func makeDecoder(_ limits: HTTPLimits) -> HTTPRequestDecoder {
    var fence = NIOHTTPDecoderLimitConfiguration()
    fence.maxHeaderFieldSize = max(limits.requestLineBytesMax, limits.headerBytesMax)
    fence.maxHeaderListSize =
      limits.requestLineBytesMax + limits.headerBytesMax + limits.chunkOverheadBytesMax
    fence.maxHeaderFieldCount = 2 * limits.headerCountMax
    return HTTPRequestDecoder(leftOverBytesStrategy: .dropBytes, limitConfiguration: fence)
  }

  private static func add(_ part: HTTPServerRequestPart, to message: inout HTTPDecodedMessage) {
    switch part {
    case .head(let head):
      message.head = HTTPDecodedHead(
        method: head.method.rawValue, target: head.uri, minorVersion: head.version.minor,
        fields: head.headers.map { ($0.name, withoutTrailingSpace($0.value)) })
    case .body(let buffer):
      buffer.withUnsafeReadableBytes { message.body.append(contentsOf: $0) }
    case .end: message.isComplete = true
    }
  }

  /// llhttp skips the space before a value and leaves the space behind it.
  private static func withoutTrailingSpace(_ value: String) -> String {
    guard let last = value.utf8.last, last == UInt8(ascii: " ") || last == UInt8(ascii: "\t")
    else { return value }
    return String(trimmed(value[...]))
  }

  private static func fault(_ error: any Error) -> HTTPCodecFault {
    switch error as? HTTPParserError {
    case .invalidMethod: .unknownMethod
    case .invalidVersion: .unsupportedVersion
    case .invalidURL: .badTarget
    case .headerOverflow: .headersTooLong
    case .unexpectedContentLength:
      .ambiguousFraming("Content-Length twice, or beside Transfer-Encoding; send exactly one")
    case .invalidContentLength:
      .ambiguousFraming("Content-Length must be one decimal number, without Transfer-Encoding")
    case .invalidChunkSize: .ambiguousFraming("a chunk size must be hexadecimal digits alone")
    case .invalidHeaderToken: .malformed("a header field has a byte that may not stand there")
    case .lfExpected: .malformed("each line must end with CR LF")
    case .invalidConstant: .malformed("the request line must be 'METHOD target HTTP/1.1'")
    default: .malformed("the request does not follow the grammar of HTTP/1.1")
    }
  }
}
