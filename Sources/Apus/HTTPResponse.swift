// The response of an HTTP function. It is checked before it leaves: a status or a header that would
// break the framing of HTTP fails the attempt.
import WorkerProtocol

/// The answer to an HTTP call.
public struct HTTPResponse: Sendable {
  enum Body: Sendable {
    case bytes([UInt8])
    /// Encoded when the attempt ends, so that making a response never throws.
    case encoded(@Sendable () throws -> [UInt8])
    case stream(@Sendable (ResponseWriter) async throws -> Void)
  }

  /// The status, 200 to 599.
  public var status: Int
  /// The header fields; length and transfer coding are the host's business.
  public var headers: HTTPHeaders
  let body: Body

  init(status: Int, headers: HTTPHeaders, body: Body) {
    self.status = status
    self.headers = headers
    self.body = body
  }

  /// A value as JSON.
  public static func json(_ value: some Encodable & Sendable, status: Int = 200) -> Self {
    Self(
      status: status, headers: ["Content-Type": "application/json"],
      body: .encoded { try JSON.encode(value) })
  }

  /// Text in UTF-8.
  public static func text(_ text: String, status: Int = 200) -> Self {
    .bytes(Array(text.utf8), contentType: "text/plain; charset=utf-8", status: status)
  }

  /// Bytes of any media type.
  public static func bytes(_ bytes: [UInt8], contentType: String, status: Int = 200) -> Self {
    Self(status: status, headers: ["Content-Type": contentType], body: .bytes(bytes))
  }

  /// A status without a body.
  public static func empty(_ status: Int = 204) -> Self {
    Self(status: status, headers: [:], body: .bytes([]))
  }

  /// Sends the client elsewhere: with 303 by a GET, with 307 or 308 by the same method.
  public static func redirect(to location: String, status: Int = 303) -> Self {
    Self(status: status, headers: ["Location": location], body: .bytes([]))
  }

  /// A body that is written while it is sent.
  ///
  /// Status and headers leave before `body` runs, so an error that it throws can only cut the
  /// response short. ``ResponseWriter/write(_:)-([UInt8])`` waits while the client reads slowly.
  ///
  /// - Parameters:
  ///   - contentType: The media type, such as `text/event-stream`.
  ///   - status: The status.
  ///   - body: Writes the body; the response ends when it returns.
  /// - Returns: The response.
  public static func stream(
    contentType: String, status: Int = 200,
    _ body: @escaping @Sendable (ResponseWriter) async throws -> Void
  ) -> Self {
    Self(status: status, headers: ["Content-Type": contentType], body: .stream(body))
  }
}

extension HTTPResponse: Encodable {
  /// Always fails: a response is sent, it is not a part of a JSON document.
  public func encode(to encoder: any Encoder) throws {
    throw EncodingError.invalidValue(
      self,
      .init(codingPath: encoder.codingPath, debugDescription: "a response cannot be encoded"))
  }
}

struct InvalidResponse: Error, CustomStringConvertible {
  let description: String
}

extension HTTPResponse {
  /// What goes into the frame, or the reason why it must not.
  func head() throws(InvalidResponse) -> ResponseHead {
    guard (200...599).contains(status) else {
      throw InvalidResponse(description: "the status of a response is 200…599; got \(status)")
    }
    for field in headers.fields {
      guard !field.name.isEmpty, field.name.utf8.allSatisfy(Self.isToken) else {
        throw InvalidResponse(description: "'\(field.name)' is not a name of a header field")
      }
      guard field.value.utf8.allSatisfy({ $0 >= 32 && $0 != 127 || $0 == 9 }) else {
        throw InvalidResponse(
          description: "the header field '\(field.name)' holds a line break or a control character")
      }
    }
    return ResponseHead(
      status: UInt16(status),
      headers: headers.fields.map { NameValue(name: $0.name, value: $0.value) })
  }

  /// RFC 9110, section 5.6.2.
  private static func isToken(_ byte: UInt8) -> Bool {
    switch byte {
    case 48...57, 65...90, 94...122, 124, 126: true
    default: "!#$%&'*+-.".utf8.contains(byte)
    }
  }
}
