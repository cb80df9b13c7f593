// A small blocking HTTP/1.1 client for the command line and for tests: one connection, one request
// at a time, kept open between requests. Not for the loop's thread, which it would stop. No redirects,
// no cookies, no proxies.

import NIOCore
import NIOHTTP1
import NIOSSL

package enum HTTPClientFault: Error, Equatable, CustomStringConvertible {
  case unreachable(address: String, reason: String)
  case timedOut(doing: String, after: Duration)
  /// The server ended the connection before the response was complete.
  case cutShort
  case notHTTP(String)
  case tooLarge(responseBytesMax: Int)
  /// A CR, LF or other control byte in what the caller gave, or a field that is the client's own.
  case badRequest(String)
  /// The other end did not prove to be who was asked for, or does not speak TLS.
  case untrusted(host: String, reason: String)
  /// Seconds since 1970.
  case expired(host: String, at: Int)
  /// The other end answered without TLS.
  case plain(address: String)
  case badAuthorities(path: String, reason: String)

  package var description: String {
    switch self {
    case .unreachable(let address, let reason):
      "\(address): \(reason); is the server running there?"
    case .timedOut(let doing, let time): "no progress while \(doing) for \(time)"
    case .cutShort: "the server closed the connection before its response was complete"
    case .notHTTP(let reason): "the answer is not HTTP/1.1: \(reason)"
    case .tooLarge(let max): "the response has more than \(max) bytes of body; ask for less"
    case .badRequest(let reason): "the request was not sent: \(reason)"
    case .untrusted(let host, let reason):
      "no trusted TLS with \(host): \(reason); its authority may be named with --ca FILE"
    case .expired(let host, _):
      "the certificate of \(host) has expired: it has to be renewed there, or this machine's clock is "
        + "wrong"
    case .plain(let address):
      "\(address) speaks http, not https: ask for http://\(address)"
    case .badAuthorities(let path, let reason): "\(path): \(reason)"
    }
  }
}

package struct HTTPClientResponse: Sendable {
  package var status: Int
  package var headers: HTTPFields
  /// Empty when `stream` handed the bytes over.
  package var body: [UInt8]
}

/// Not thread-safe: keep it to one thread at a time.
package final class HTTPClient {
  package enum Address: Sendable, CustomStringConvertible {
    case tcp(host: String, port: UInt16)
    case tls(host: String, port: UInt16)
    case unix(path: String)

    package var description: String {
      switch self {
      case .tcp(let host, let port), .tls(let host, let port):
        "\(host.contains(":") ? "[\(host)]" : host):\(port)"
      case .unix(let path): path
      }
    }

    /// The Host field.
    fileprivate var host: String {
      if case .unix = self { "localhost" } else { description }
    }
  }

  private let address: Address
  private let connectTimeout: Duration
  private let readTimeout: Duration
  private let responseBytesMax: Int
  private let trust: TLSTrust
  private var context: NIOSSLContext?
  private var socket: (any ClientConnection)?

  /// `readTimeout` is for each wait for more bytes; of a stream, too, so give it one that is longer
  /// than the server's keep-alive comments are apart.
  package init(
    _ address: Address, trust: TLSTrust = .system, connectTimeout: Duration = .seconds(5),
    readTimeout: Duration = .seconds(30), responseBytesMax: Int = 64 * 1024 * 1024
  ) {
    self.address = address
    self.trust = trust
    self.connectTimeout = connectTimeout
    self.readTimeout = readTimeout
    self.responseBytesMax = responseBytesMax
  }

  deinit { socket?.close() }

  /// Also cuts a connection that is kept for the next request.
  package func close() {
    socket?.close()
    socket = nil
  }

  /// `path` is sent as it is, with its query.
  ///
  /// A connection that was kept and turns out closed is replaced; the request is sent a second time
  /// only when its method is idempotent.
  package func send(
    _ method: String, _ path: String, headers: [(String, String)] = [], body: [UInt8] = []
  ) throws(HTTPClientFault) -> HTTPClientResponse {
    var received = ReceivedBody(bytesMax: responseBytesMax)
    var response = try exchange(method, path, headers, body) { _, bytes in received.add(bytes) }
    response.body = try received.whole()
    return response
  }

  /// Hands over the body as it comes, until it ends or `onBytes` returns false, which closes the
  /// connection.
  ///
  /// Only of a 2xx; of any other status the body is in the response.
  package func stream(
    _ method: String, _ path: String, headers: [(String, String)] = [], body: [UInt8] = [],
    onBytes: ([UInt8]) -> Bool
  ) throws(HTTPClientFault) -> HTTPClientResponse {
    var received = ReceivedBody(bytesMax: responseBytesMax)
    var response = try exchange(method, path, headers, body) { status, bytes in
      (200...299).contains(status) ? onBytes(bytes) : received.add(bytes)
    }
    response.body = try received.whole()
    return response
  }

  // MARK: one exchange

  private func exchange(
    _ method: String, _ path: String, _ headers: [(String, String)], _ body: [UInt8],
    _ onBytes: (Int, [UInt8]) -> Bool
  ) throws(HTTPClientFault) -> HTTPClientResponse {
    let request = try serialised(method, path, headers, body)
    let wasKept = socket?.isStillOpen == true
    let mayRepeat = wasKept && ["GET", "HEAD", "PUT", "DELETE", "OPTIONS"].contains(method)
    let first = HTTPClientAttempt(method: method)
    do throws(HTTPClientFault) {
      return try run(request, first, onBytes)
    } catch {
      guard mayRepeat, error == .cutShort, !first.sawBytes else { throw error }
    }
    return try run(request, HTTPClientAttempt(method: method), onBytes)
  }

  private func run(
    _ request: [UInt8], _ attempt: HTTPClientAttempt, _ onBytes: (Int, [UInt8]) -> Bool
  ) throws(HTTPClientFault) -> HTTPClientResponse {
    var mayKeep = false
    defer {
      attempt.close()
      if !mayKeep { close() }
    }
    let socket = try openSocket()
    // A server that refuses a body answers and stops reading: its answer counts, not our failure.
    let sendFault = socket.send(request, timeout: readTimeout)
    while !attempt.isComplete {
      guard let bytes = try socket.receive(timeout: readTimeout) else {
        if let sendFault, !attempt.sawBytes { throw sendFault }
        try attempt.end()
        break
      }
      try attempt.add(bytes)
      if !attempt.handOver(to: onBytes) { return try attempt.response() }
    }
    _ = attempt.handOver(to: onBytes)
    mayKeep = attempt.keepsConnection && sendFault == nil
    return try attempt.response()
  }

  private func openSocket() throws(HTTPClientFault) -> any ClientConnection {
    if let socket, socket.isStillOpen { return socket }
    close()
    let opened = try connect()
    socket = opened
    return opened
  }

  private func connect() throws(HTTPClientFault) -> any ClientConnection {
    guard case .tls(let host, _) = address else {
      return try ClientSocket.connect(to: address, timeout: connectTimeout)
    }
    let context: NIOSSLContext
    if let made = self.context { context = made } else { context = try trust.context() }
    self.context = context
    let socket = try ClientSocket.connect(to: address, timeout: connectTimeout)
    do throws(HTTPClientFault) {
      return try SecureSocket.begin(on: socket, with: host, context, timeout: connectTimeout)
    } catch .plain {
      // With the port, to be copied.
      throw .plain(address: address.description)
    }
  }

  private func serialised(
    _ method: String, _ path: String, _ headers: [(String, String)], _ body: [UInt8]
  ) throws(HTTPClientFault) -> [UInt8] {
    try check(method, path, headers)
    var text = "\(method) \(path) HTTP/1.1\r\n"
    if !headers.contains(where: { asciiEqualIgnoringCase($0.0, "host") }) {
      text += "Host: \(address.host)\r\n"
    }
    for (name, value) in headers { text += "\(name): \(value)\r\n" }
    if !body.isEmpty || ["POST", "PUT", "PATCH"].contains(method) {
      text += "Content-Length: \(body.count)\r\n"
    }
    return Array((text + "\r\n").utf8) + body
  }

  private func check(
    _ method: String, _ path: String, _ headers: [(String, String)]
  ) throws(HTTPClientFault) {
    guard HTTPGrammar.isToken(method) else { throw .badRequest("'\(method)' is no method") }
    guard !path.isEmpty, path.utf8.allSatisfy({ 0x20 < $0 && $0 < 0x7F }) else {
      throw .badRequest("a path has visible ASCII only; percent-encode the rest")
    }
    for (name, value) in headers {
      guard HTTPGrammar.isToken(name) else { throw .badRequest("'\(name)' is no field name") }
      guard HTTPGrammar.isFieldValue(value) else {
        throw .badRequest("the value of '\(name)' has a control byte")
      }
      let isOwn = ["content-length", "transfer-encoding"].contains {
        asciiEqualIgnoringCase($0, name)
      }
      if isOwn { throw .badRequest("'\(name)' is set by the client itself") }
    }
  }
}

private struct ReceivedBody {
  let bytesMax: Int
  private var bytes: [UInt8] = []

  init(bytesMax: Int) { self.bytesMax = bytesMax }

  /// False once there is too much.
  mutating func add(_ more: [UInt8]) -> Bool {
    bytes.append(contentsOf: more)
    return bytes.count <= bytesMax
  }

  func whole() throws(HTTPClientFault) -> [UInt8] {
    guard bytes.count <= bytesMax else { throw .tooLarge(responseBytesMax: bytesMax) }
    return bytes
  }
}

/// One request's response as it is decoded.
///
/// It has a decoder of its own, so that nothing of an earlier response, or of another thread's, can
/// be in it.
final class HTTPClientAttempt {
  private let decoder: EmbeddedDecoder<HTTPResponseDecoder>
  private var status: Int?
  private var headers = HTTPFields()
  private var unread: [UInt8] = []
  private(set) var isComplete = false
  private(set) var sawBytes = false
  private(set) var keepsConnection = false

  init(method: String) {
    decoder = EmbeddedDecoder(HTTPResponseDecoder(leftOverBytesStrategy: .dropBytes))
    // The decoder must know which responses have no body.
    let head = HTTPRequestHead(version: .http1_1, method: HTTPMethod(rawValue: method), uri: "/")
    decoder.tell { $0.write(data: .head(head)) }
  }

  func close() { decoder.close() }

  func add(_ bytes: [UInt8]) throws(HTTPClientFault) {
    sawBytes = true
    try decoding { try bytes.withUnsafeBytes { try decoder.decode($0) } }
  }

  /// The server has closed: the end of a body that has no other, or too early.
  func end() throws(HTTPClientFault) {
    if status == nil { throw .cutShort }
    do throws(HTTPClientFault) {
      try decoding { try decoder.decodeEnd() }
    } catch {
      throw .cutShort
    }
    guard isComplete else { throw .cutShort }
    keepsConnection = false
  }

  /// False when the caller has had enough.
  func handOver(to onBytes: (Int, [UInt8]) -> Bool) -> Bool {
    guard let status, !unread.isEmpty else { return true }
    let bytes = unread
    unread = []
    return onBytes(status, bytes)
  }

  func response() throws(HTTPClientFault) -> HTTPClientResponse {
    guard let status else { throw .cutShort }
    return HTTPClientResponse(status: status, headers: headers, body: [])
  }

  /// What stands behind a complete response was never asked for: the response counts, and its
  /// connection is not kept.
  private func decoding(_ decode: () throws -> Void) throws(HTTPClientFault) {
    var fault: HTTPClientFault?
    do {
      try decode()
    } catch {
      fault = .notHTTP(String(describing: error))
    }
    var parts: [HTTPClientResponsePart] = []
    decoder.takeParts { parts.append($0) }
    let end = parts.firstIndex { if case .end = $0 { true } else { false } } ?? parts.endIndex
    for part in parts.prefix(end + 1) { try take(part) }
    if let fault, !isComplete { throw fault }
    if fault != nil || end + 1 < parts.count { keepsConnection = false }
  }

  private func take(_ part: HTTPClientResponsePart) throws(HTTPClientFault) {
    switch part {
    case .head(let head):
      // The decoder takes any number of digits; and no request here asks for another protocol.
      let code = Int(head.status.code)
      guard (200...599).contains(code) else { throw .notHTTP("status \(code) ends no request") }
      status = code
      headers = HTTPFields(head.headers.map { ($0.name, $0.value) })
      keepsConnection = head.isKeepAlive
    case .body(let buffer): buffer.withUnsafeReadableBytes { unread.append(contentsOf: $0) }
    case .end: isComplete = true
    }
  }
}
