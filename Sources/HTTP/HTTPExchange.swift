// One request and the answer to it. The responder may answer at any time and in any order; what may
// not leave yet, because earlier requests of the connection are unanswered, is held here.

package import EventLoop

@LoopActor
package final class HTTPExchange {
  package internal(set) var request: HTTPRequest
  /// Who asks, as the responder found out; nothing here depends on it.
  package var asker: String?

  /// Called once, when the client has gone before the answer was complete: it closed its side, the
  /// connection broke or a time limit passed.
  ///
  /// Answering is then allowed and mostly in vain.
  package var onClientGone: (() -> Void)?
  /// Called when `unsentBytes` fell to 0 during a stream, that is, when more may be sent.
  package var onDrained: (() -> Void)?

  private enum State {
    case unanswered
    case streaming(HTTPResponseFraming)
    case finished
  }

  private var state = State.unanswered
  /// Nil once the answer is complete or the connection is gone.
  private var connection: HTTPConnection?
  /// Bytes that wait for the answers to earlier requests; counted in the connection's backlog.
  private(set) var heldBytes: [UInt8] = []
  /// Set by request, responder or server: the connection ends with this answer.
  var closesConnection: Bool

  private var knowsClientHasGone = false

  init(_ request: HTTPRequest, on connection: HTTPConnection) {
    self.request = request
    self.connection = connection
    closesConnection = !request.isKeepAlive
  }

  package var isAnswered: Bool {
    if case .unanswered = state { false } else { true }
  }

  var isFinished: Bool {
    if case .finished = state { true } else { false }
  }

  /// Bytes of this answer that the client has not taken, as far as this process knows.
  package var unsentBytes: Int {
    guard let connection else { return 0 }
    return heldBytes.count + (connection.front === self ? connection.stream.unsentBytes : 0)
  }

  // MARK: whole answers

  /// The complete answer.
  ///
  /// Allowed once, and not after `startStream`.
  package func respond(_ response: HTTPResponse) {
    precondition(!isAnswered, "an exchange was answered twice")
    guard let connection else {
      state = .finished
      return
    }
    let response = connection.sendable(response)
    noteClose(response.headers)
    let bytes = serialised(response, on: connection)
    state = .finished
    emit(bytes)
    connection.exchangeFinished()
  }

  private func serialised(_ response: HTTPResponse, on connection: HTTPConnection) -> [UInt8] {
    let isBodiless = response.status == 204 || response.status == 304
    let leavesBodyOut = isBodiless || request.method == "HEAD"
    let head = connection.head(
      status: response.status, fields: response.headers,
      framing: isBodiless ? .bodiless : .length(contentLength(response)), for: self)
    var bytes = head.serialised(bodyBytes: leavesBodyOut ? 0 : response.body.count)
    if !leavesBodyOut { bytes.append(contentsOf: response.body) }
    return bytes
  }

  /// For HEAD, a responder that knows the length without making the body may say it.
  private func contentLength(_ response: HTTPResponse) -> Int {
    guard request.method == "HEAD", response.body.isEmpty,
      let said = response.headers[first: "Content-Length"].flatMap({ Int($0) }), said >= 0
    else { return response.body.count }
    return said
  }

  private func noteClose(_ fields: HTTPFields) {
    guard let options = fields[first: "Connection"] else { return }
    if listMembers(options).contains(where: { asciiEqualIgnoringCase(String($0), "close") }) {
      closesConnection = true
    }
  }

  // MARK: streams

  /// Begins an answer of unknown length: chunked, or to HTTP/1.0 clients until the connection ends.
  package func startStream(status: Int, headers: HTTPFields) {
    precondition(!isAnswered, "an exchange was answered twice")
    if let fault = HTTPResponseHead.fault(status: status, fields: headers) {
      return respond(.problem(fault.problem))
    }
    noteClose(headers)
    let framing = streamFraming(status)
    if framing == .untilClose { closesConnection = true }
    state = .streaming(framing)
    guard let connection else { return }
    let head = connection.head(status: status, fields: headers, framing: framing, for: self)
    emit(head.serialised(bodyBytes: 0))
  }

  private func streamFraming(_ status: Int) -> HTTPResponseFraming {
    if status == 204 || status == 304 { return .bodiless }
    return request.minorVersion >= 1 ? .chunked : .untilClose
  }

  /// Appends to the stream.
  ///
  /// Heed `unsentBytes`: past `HTTPLimits.unsentBytesMax` the stream is cut. After the end of the
  /// stream, or when the client is gone, it does nothing.
  package func send(_ bytes: [UInt8]) {
    guard case .streaming(let framing) = state, let connection, !bytes.isEmpty else {
      precondition(isAnswered, "send before startStream")
      return
    }
    guard framing != .bodiless, request.method != "HEAD" else { return }
    guard connection.backlog + bytes.count <= connection.limits.unsentBytesMax else {
      return connection.dropSlowReader()
    }
    emit(framing == .chunked ? HTTPChunk.framed(bytes) : bytes)
  }

  package func endStream() {
    guard case .streaming(let framing) = state else {
      precondition(isAnswered, "endStream before startStream")
      return
    }
    state = .finished
    guard let connection else { return }
    if framing == .chunked && request.method != "HEAD" { emit(HTTPChunk.last) }
    connection.exchangeFinished()
  }

  /// Gives up on the answer, begun or not: the connection closes after what was sent, without the
  /// end of the body, so that the client does not take the part for the whole.
  ///
  /// An HTTP/1.0 client cannot tell the difference.
  package func abort() {
    guard !isFinished else { return }
    state = .finished
    closesConnection = true
    onClientGone = nil
    guard let connection else { return }
    connection.server.counters.answersAborted += 1
    connection.exchangeFinished()
  }

  // MARK: for the connection

  /// Interim answers and answers take the same way, so that they stay in order.
  func emit(_ bytes: [UInt8]) {
    guard let connection else { return }
    if connection.front === self {
      connection.write(bytes)
    } else {
      heldBytes.append(contentsOf: bytes)
      connection.held(bytes.count)
    }
  }

  func takeHeldBytes() -> [UInt8] {
    defer { heldBytes = [] }
    return heldBytes
  }

  /// The connection has no more to do with this exchange.
  func detach() {
    connection = nil
    heldBytes = []
    onClientGone = nil
    onDrained = nil
  }

  func clientHasGone() {
    guard !isFinished, !knowsClientHasGone else { return }
    knowsClientHasGone = true
    connection?.server.counters.clientsGone += 1
    let gone = onClientGone
    onClientGone = nil
    gone?()
  }
}
