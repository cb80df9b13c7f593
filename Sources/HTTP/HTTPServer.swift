// Listens, keeps the list of connections and their one timer, and ends them all. What is answered
// is the responder's business, what is read the connections'.

package import EventLoop

package struct HTTPCounters: Sendable, Equatable {
  package var connectionsAccepted = 0
  package var connectionsRefused = 0
  package var requests = 0
  /// By the server for its form, size or slowness, or by the responder on its head.
  package private(set) var requestsRefused = 0
  /// Both kinds, by the code of the problem; by the status where the responder refused on the head.
  package private(set) var refusals: [String: Int] = [:]
  /// Heads and bodies that did not arrive in time; contained in `requestsRefused`.
  package var timeouts = 0
  /// Exchanges whose client left before the answer was complete.
  package var clientsGone = 0
  package var answersAborted = 0
  package var slowReadersDropped = 0
  /// Of a server with a certificate.
  package var handshakes = 0
  /// Conversations that were no TLS or not the TLS we speak, plain requests among them.
  package var handshakesFailed = 0

  mutating func refuse(_ reason: String) {
    requestsRefused += 1
    refusals[reason, default: 0] += 1
  }

  mutating func refuseConnection(_ reason: String) {
    connectionsRefused += 1
    refusals[reason, default: 0] += 1
  }
}

@LoopActor
package final class HTTPServer {
  package let limits: HTTPLimits
  package internal(set) var counters = HTTPCounters()
  /// With one, every connection from then on is TLS under it; those that are open go on.
  package var identity: TLSIdentity?
  package var connectionCount: Int { connections.count }
  /// Of bodies that are not whole yet.
  package internal(set) var arrivingBytes = 0
  /// How often a listener waited, because the process had no descriptor left to accept with.
  package var acceptPauses: Int { listeners.reduce(0) { $0 + $1.descriptorShortages } }

  let responder: any HTTPResponder
  private(set) var isDraining = false
  private var listeners: [Listener] = []
  /// In no order: the last takes the place of one that leaves.
  private var connections: [HTTPConnection] = []
  private var connectionsByAddress: [String: Int] = [:]
  private var dates = HTTPDateCache()
  private var sweepTimer: LoopTimer?
  private var drainTimer: LoopTimer?
  private var drained: (() -> Void)?

  /// Keeps the responder alive.
  ///
  /// Call `closeAll` before letting go of the server.
  package init(responder: any HTTPResponder, limits: HTTPLimits = HTTPLimits()) {
    self.responder = responder
    self.limits = limits
  }

  // MARK: listening

  /// Returns the port really bound, which matters with port 0.
  @discardableResult
  package func listen(tcp host: String, port: UInt16) throws(LoopFault) -> UInt16 {
    let listener = try Listener.listen(tcp: host, port: port) { [weak self] in self?.accept($0) }
    listeners.append(listener)
    return listener.address?.port ?? port
  }

  /// The socket file is open to its owner alone.
  package func listen(unix path: String) throws(LoopFault) {
    listeners.append(try Listener.listen(unix: path) { [weak self] in self?.accept($0) })
  }

  /// Open connections stay.
  package func stopListening() {
    for listener in listeners { listener.close() }
    listeners = []
  }

  private func accept(_ stream: ByteStream) {
    let address = stream.peer.map(HTTPConnection.withoutPort)
    let sameAddress = address.map { connectionsByAddress[$0, default: 0] } ?? 0
    if connections.count >= limits.connectionsMax {
      refuse(stream, .tooManyConnections(max: limits.connectionsMax))
    } else if sameAddress >= limits.connectionsPerAddressMax {
      refuse(stream, .tooManyConnections(max: limits.connectionsPerAddressMax))
    } else {
      counters.connectionsAccepted += 1
      let connection = connection(over: stream)
      remember(connection)
      connection.start()
    }
  }

  private func connection(over stream: ByteStream) -> HTTPConnection {
    guard let identity else { return HTTPConnection(stream, server: self, peer: stream.peer) }
    let secured = TLSStream(stream, identity)
    let connection = HTTPConnection(secured, server: self, peer: stream.peer)
    count(secured, of: connection)
    return connection
  }

  /// Answers without having read, and closes at once: lingering would let them pile up.
  ///
  /// A client that is quick to send may see a reset in place of the answer. Where it speaks TLS it
  /// sees the end alone: a handshake would cost more than the connection it is refused.
  private func refuse(_ stream: ByteStream, _ refusal: HTTPRefusal) {
    counters.refuseConnection(refusal.problem.code)
    guard identity == nil else { return stream.close() }
    let response = HTTPResponse.problem(refusal.problem)
    let head = HTTPResponseHead(
      status: response.status, fields: response.headers, framing: .length(response.body.count),
      closes: true, saysKeepAlive: false, date: date())
    stream.write(head.serialised(bodyBytes: response.body.count) + response.body)
    // So few bytes always fit an empty socket buffer: no deadline is needed.
    stream.closeAfterWriting()
  }

  private func count(_ stream: TLSStream, of connection: HTTPConnection) {
    stream.onEstablished = { [self] in counters.handshakes += 1 }
    stream.onFault = { [self] _ in counters.handshakesFailed += 1 }
    stream.onPlainRequest = { [self] in
      counters.handshakesFailed += 1
      connection.refuse(.plainRequest)
    }
  }

  // MARK: the list

  private func remember(_ connection: HTTPConnection) {
    connection.index = connections.count
    connections.append(connection)
    if let address = connection.address { connectionsByAddress[address, default: 0] += 1 }
    if connections.count == 1 { startSweeping() }
  }

  func forget(_ connection: HTTPConnection) {
    let last = connections.removeLast()
    if last !== connection {
      connections[connection.index] = last
      last.index = connection.index
    }
    if let address = connection.address, let count = connectionsByAddress[address] {
      connectionsByAddress[address] = count > 1 ? count - 1 : nil
    }
    if connections.isEmpty { allClosed() }
  }

  func date() -> [UInt8] { dates.now() }

  private func allClosed() {
    sweepTimer?.close()
    sweepTimer = nil
    if isDraining { endDrain() }
  }

  // MARK: time

  private func startSweeping() {
    sweepTimer = LoopTimer { [weak self] in self?.sweep() }
    armSweep()
  }

  private func armSweep() {
    sweepTimer?.arm(atMonotonic: EventLoop.shared.now + limits.sweepInterval.nanoseconds)
  }

  private func sweep() {
    let now = HTTPConnectionClock.coarseNow()
    // A copy: connections leave the list while they are looked at.
    for connection in connections { connection.checkTime(now) }
    armSweep()
  }

  // MARK: ending

  /// Stops listening, closes idle connections, lets what is in flight end with `Connection: close`,
  /// and closes the rest after `time`.
  ///
  /// `done` is called once, when no connection is left; the server then takes connections again if
  /// told to listen.
  package func drain(within time: Duration, done: @escaping () -> Void) {
    precondition(!isDraining, "the server is draining already")
    stopListening()
    guard !connections.isEmpty else { return done() }
    isDraining = true
    drained = done
    drainTimer = LoopTimer { [weak self] in self?.closeAll() }
    drainTimer?.arm(atMonotonic: EventLoop.shared.now + time.nanoseconds)
    for connection in connections where connection.isIdle { connection.linger() }
  }

  private func endDrain() {
    isDraining = false
    drainTimer?.close()
    drainTimer = nil
    let done = drained
    drained = nil
    done?()
  }

  /// At once, whatever is in flight.
  package func closeAll() {
    stopListening()
    for connection in connections { connection.close() }
  }
}
