// One client's connection: reads its requests, hands them over in order, writes the answers in the
// same order, and closes so that the client gets to see the last one. Time limits are in
// HTTPConnection+Time.swift; the socket is the stream's.

import EventLoop

@LoopActor
final class HTTPConnection {
  /// Kept alive by the owner until every connection is closed.
  unowned let server: HTTPServer
  let stream: any HTTPTransport
  let limits: HTTPLimits
  /// Its place in the server's list, moved by the server alone.
  var index = 0
  /// The client's address without the port; nil for Unix sockets.
  let address: String?

  enum State {
    case open
    /// The last answer is written; we wait for the client to close, so that unread bytes of its
    /// do not make the kernel throw our answer away.
    case lingering
    case closed
  }

  private(set) var state = State.open
  var clock = HTTPConnectionClock()
  private let peer: String?
  private let reader: HTTPRequestReader
  /// Requests in the order they came, from the first whose answer is not complete.
  ///
  /// The last may still be arriving. Never more than `pipelinedRequestsMax` and that one.
  private var exchanges: [HTTPExchange] = []
  /// Its body is being read.
  private var arriving: HTTPExchange?
  /// False after a request that ends the connection, and after a refusal.
  private var takesRequests = true
  private var inputHasEnded = false
  /// Bytes of the last read that came when no more requests could be taken; at most one read.
  private var heldInput: [UInt8] = []
  private var isPaused = false
  private var isInStep = false
  /// Of a body that is not whole yet, as the server has counted it.
  private var arrivingBytes = 0
  /// In the exchanges' `heldBytes`.
  private var heldOutputBytes = 0

  init(_ stream: any HTTPTransport, server: HTTPServer, peer: String?) {
    self.stream = stream
    self.server = server
    self.peer = peer
    limits = server.limits
    address = peer.map(Self.withoutPort)
    reader = HTTPRequestReader(limits: limits)
  }

  func start() {
    stream.onRead = { [self] in received($0) }
    stream.onEnd = { [self] in ended($0) }
    stream.onDrained = { [self] in drained() }
    clock.startHead(limits)
    // The stream's own limit is a fence behind ours.
    stream.unsentBytesMax = max(stream.unsentBytesMax, 4 * limits.unsentBytesMax)
    stream.startReading()
  }

  static func withoutPort(_ peer: String) -> String {
    guard let colon = peer.lastIndex(of: ":") else { return peer }
    return String(peer[..<colon])
  }

  var front: HTTPExchange? { exchanges.first }

  /// All that was answered and the client has not taken.
  var backlog: Int { stream.unsentBytes + heldOutputBytes }

  var isIdle: Bool { state == .open && exchanges.isEmpty && !isMidRequest }

  /// What is being read is a body nobody wants, of a request that has its answer.
  var isDiscarding: Bool { arriving == nil && reader.isMidBody }

  private var isMidRequest: Bool { arriving != nil || reader.isMidHead || reader.isMidBody }

  private var mayTakeMore: Bool {
    isMidRequest
      || (exchanges.count < limits.pipelinedRequestsMax && !server.isDraining
        && backlog <= limits.unsentBytesBeforePause)
  }

  // MARK: requests in

  private func received(_ bytes: UnsafeRawBufferPointer) {
    guard state == .open, takesRequests else { return }
    guard !isPaused else {
      heldInput.append(contentsOf: bytes)
      return
    }
    take(bytes)
  }

  private func take(_ bytes: UnsafeRawBufferPointer) {
    isInStep = true
    var offset = 0
    while offset < bytes.count, state == .open, takesRequests {
      guard mayTakeMore else {
        pause(UnsafeRawBufferPointer(rebasing: bytes[offset...]))
        break
      }
      step(bytes, from: &offset)
    }
    isInStep = false
    noteArriving()
    noteProgress(bytes.count)
  }

  /// What all bodies of a server hold while they arrive is limited; who would pass it is refused.
  private func noteArriving() {
    guard state != .closed else { return }
    let held = reader.bodyBytesHeld
    server.arrivingBytes += held - arrivingBytes
    arrivingBytes = held
    if arriving != nil, server.arrivingBytes > limits.arrivingBytesMax {
      refuse(.tooManyArrivingBytes(max: limits.arrivingBytesMax))
    }
  }

  private func step(_ bytes: UnsafeRawBufferPointer, from offset: inout Int) {
    do throws(HTTPRefusal) {
      switch try reader.step(bytes, from: &offset) {
      case .needsMore: break
      case .head(let head): admit(head)
      case .complete(let body): complete(body)
      }
    } catch {
      refuse(error)
    }
  }

  private func admit(_ head: HTTPCheckedHead) {
    var request = head.request
    request.peer = peer
    clock.endHead()
    server.counters.requests += 1
    let exchange = HTTPExchange(request, on: self)
    exchanges.append(exchange)
    switch server.responder.admit(request) {
    case .accept(let bodyBytesMax): awaitBody(head, of: exchange, bytesMax: bodyBytesMax)
    case .refuse(let response): refuse(head, exchange, response)
    }
  }

  private func awaitBody(_ head: HTTPCheckedHead, of exchange: HTTPExchange, bytesMax: Int) {
    switch head.body {
    case .none: return handOver(exchange)
    case .length(let count) where count > bytesMax:
      arriving = exchange
      return refuse(.bodyTooLarge(max: bytesMax))
    case .length, .chunked: break
    }
    arriving = exchange
    reader.takeBody(bytesMax: bytesMax)
    if head.expectsContinue { exchange.emit(HTTPStatusLine.continue) }
  }

  private func complete(_ body: [UInt8]) {
    // Without one, this was the body of a request that was refused by its head.
    guard let exchange = arriving else { return }
    arriving = nil
    exchange.request.body = body
    handOver(exchange)
  }

  private func handOver(_ exchange: HTTPExchange) {
    if !exchange.request.isKeepAlive { takesRequests = false }
    server.responder.handle(exchange)
  }

  /// What arrived of a body that will not be taken is free for others at once.
  private func dropArriving() {
    reader.dropBody()
    server.arrivingBytes -= arrivingBytes
    arrivingBytes = 0
  }

  // MARK: refusals

  /// By the responder, on the head alone.
  ///
  /// A client that was promised an answer before its body may send the body or not; only closing
  /// leaves no doubt about what follows.
  private func refuse(
    _ head: HTTPCheckedHead, _ exchange: HTTPExchange, _ response: HTTPResponse
  ) {
    server.counters.refuse("\(response.status)")
    switch head.body {
    case .none: takesRequests = head.request.isKeepAlive
    case .length(let count)
    where count <= limits.refusedBodyBytesMax && !head.expectsContinue
      && head.request.isKeepAlive:
      reader.discardBody()
    case .length, .chunked:
      exchange.closesConnection = true
      takesRequests = false
    }
    exchange.respond(response)
  }

  /// By the server: nothing behind this request can be read any more.
  func refuse(_ refusal: HTTPRefusal) {
    server.counters.refuse(refusal.problem.code)
    takesRequests = false
    dropArriving()
    let exchange = arriving ?? placeholder()
    arriving = nil
    exchange.closesConnection = true
    exchange.respond(.problem(refusal.problem))
  }

  /// For a request that was refused before it could be told what it asks.
  private func placeholder() -> HTTPExchange {
    let exchange = HTTPExchange(
      HTTPRequest(
        method: "GET", target: "", path: "", query: nil, headers: HTTPFields(),
        isKeepAlive: false, minorVersion: 1),
      on: self)
    exchanges.append(exchange)
    return exchange
  }

  // MARK: reading less and more

  private func pause(_ rest: UnsafeRawBufferPointer) {
    heldInput.append(contentsOf: rest)
    isPaused = true
    stream.stopReading()
  }

  private func resume() {
    guard isPaused, !isInStep, state == .open, mayTakeMore else { return }
    isPaused = false
    let input = heldInput
    heldInput = []
    input.withUnsafeBytes { take($0) }
    if !isPaused { stream.startReading() }
  }

  // MARK: answers out

  func write(_ bytes: [UInt8]) {
    guard state == .open else { return }
    stream.write(bytes)
  }

  func held(_ count: Int) {
    heldOutputBytes += count
  }

  /// The response as it can be sent, or the 500 that says why not.
  func sendable(_ response: HTTPResponse) -> HTTPResponse {
    if let fault = HTTPResponseHead.fault(status: response.status, fields: response.headers) {
      return .problem(fault.problem)
    }
    guard response.body.count <= limits.unsentBytesMax else {
      let fault = HTTPRefusal.badResponse(
        "its body has \(response.body.count) bytes; \(limits.unsentBytesMax) are allowed: stream it"
      )
      return .problem(fault.problem)
    }
    return response
  }

  func head(
    status: Int, fields: HTTPFields, framing: HTTPResponseFraming, for exchange: HTTPExchange
  ) -> HTTPResponseHead {
    if server.isDraining, exchanges.last === exchange, arriving == nil, !reader.isMidHead {
      exchange.closesConnection = true
    }
    return HTTPResponseHead(
      status: status, fields: fields, framing: framing, closes: exchange.closesConnection,
      saysKeepAlive: exchange.request.minorVersion == 0, date: server.date())
  }

  /// Some exchange has its answer: lets all that are at the front and complete leave.
  func exchangeFinished() {
    if backlog > 2 * limits.unsentBytesMax { return dropSlowReader() }
    while let exchange = exchanges.first, exchange.isFinished {
      exchanges.removeFirst()
      let isLast = exchange.closesConnection
      exchange.detach()
      if isLast { return linger() }
      flushHeldBytes()
    }
    if exchanges.isEmpty, inputHasEnded || (server.isDraining && !isMidRequest) {
      return linger()
    }
    guard !isInStep else { return }
    resume()
    noteProgress()
  }

  private func flushHeldBytes() {
    guard let exchange = exchanges.first else { return }
    let bytes = exchange.takeHeldBytes()
    heldOutputBytes -= bytes.count
    if !bytes.isEmpty { write(bytes) }
  }

  private func drained() {
    if state == .lingering {
      if inputHasEnded { close() }
      return
    }
    front?.onDrained?()
    resume()
  }

  /// More waits for this client than it may; it does not read.
  func dropSlowReader() {
    server.counters.slowReadersDropped += 1
    close()
  }

  // MARK: the end

  private func ended(_ how: StreamEnd) {
    inputHasEnded = true
    guard how == .endOfFile else { return close() }
    if state == .lingering {
      if stream.unsentBytes == 0 { close() }
      return
    }
    // The client may have closed one direction only: what is answered from here on is still sent.
    for exchange in exchanges { exchange.clientHasGone() }
    if isMidRequest && !isDiscarding && takesRequests && state == .open {
      refuse(.malformed("the connection ended before the request did"))
    } else if exchanges.isEmpty && state == .open {
      linger()
    }
  }

  /// Says that nothing follows, then waits for the client to close.
  func linger() {
    guard state == .open else { return }
    state = .lingering
    takesRequests = false
    heldInput = []
    abandonExchanges()
    if inputHasEnded && stream.unsentBytes == 0 { return close() }
    stream.endWriting()
    clock.startLingering(limits)
    if isPaused { stream.startReading() }
  }

  func close() {
    guard state != .closed else { return }
    state = .closed
    stream.close()
    dropArriving()
    abandonExchanges()
    server.forget(self)
    reader.close()
  }

  private func abandonExchanges() {
    let abandoned = exchanges
    exchanges = []
    arriving = nil
    heldOutputBytes = 0
    for exchange in abandoned {
      exchange.clientHasGone()
      exchange.detach()
    }
  }

  private func noteProgress(_ count: Int = 0) {
    guard state == .open, !isInStep else { return }
    if arriving != nil || reader.isMidBody {
      clock.continueBody(limits, bytes: count)
    } else if reader.isMidHead {
      clock.startHead(limits)
    } else if exchanges.isEmpty {
      clock.startIdle(limits)
    } else {
      clock.endHead()
    }
  }
}
