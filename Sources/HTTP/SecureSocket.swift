// TLS over the client's blocking socket. It knows nothing of HTTP; every wait has its limit.

import Glibc
import NIOSSL

/// What a client needs of a connection.
protocol ClientConnection: AnyObject {
  /// False when the peer has closed, or has sent something nobody asked for.
  var isStillOpen: Bool { get }

  /// Returns a fault instead of throwing it: there may be an answer to read all the same.
  func send(_ bytes: [UInt8], timeout: Duration) -> HTTPClientFault?
  /// Nil at the end of the stream.
  func receive(timeout: Duration) throws(HTTPClientFault) -> [UInt8]?
  func close()
}

final class SecureSocket: ClientConnection {
  private let socket: ClientSocket
  private let session: TLSSession
  /// Decrypted and not yet asked for; at most what one read of the socket brought.
  private var unread: [UInt8] = []

  /// Encrypted at once, so that a large body is never in memory twice.
  private static let pieceBytes = 256 * 1024

  /// Shakes hands within `timeout` for each wait; the socket is closed where that fails.
  static func begin(
    on socket: ClientSocket, with host: String, _ context: NIOSSLContext, timeout: Duration
  ) throws(HTTPClientFault) -> SecureSocket {
    let session: TLSSession
    do { session = try TLSSession(asking: host, context) } catch {
      socket.close()
      throw .untrusted(host: host, reason: TLSFault.words(for: error))
    }
    let secured = SecureSocket(socket, session)
    do throws(HTTPClientFault) {
      try secured.shakeHands(with: host, timeout: timeout)
      return secured
    } catch {
      secured.close()
      throw error
    }
  }

  private init(_ socket: ClientSocket, _ session: TLSSession) {
    self.socket = socket
    self.session = session
  }

  private func shakeHands(with host: String, timeout: Duration) throws(HTTPClientFault) {
    while true {
      let bytes = session.takeCiphertext()
      // Its alert says more than a failed write.
      if !bytes.isEmpty { _ = socket.send(bytes, timeout: timeout) }
      if let fault = session.fault {
        if let end = session.peerValidUntil, end <= time(nil) {
          throw .expired(host: host, at: end)
        }
        throw .untrusted(host: host, reason: fault)
      }
      if session.isEstablished { break }
      guard let more = try socket.receive(timeout: timeout) else {
        throw .untrusted(host: host, reason: "the connection ended in the handshake")
      }
      // A record of TLS begins with a byte that no text has.
      if more.starts(with: Array("HTTP/".utf8)) { throw .plain(address: host) }
      more.withUnsafeBytes { session.receive($0) }
    }
    unread = session.takePlaintext()
  }

  func close() {
    // From another thread the session is left to itself: it must not be touched there.
    if session.isOnItsThread {
      session.endWriting()
      let goodbye = session.takeCiphertext()
      if !goodbye.isEmpty { _ = socket.send(goodbye, timeout: .zero) }
      session.close()
    }
    socket.close()
  }

  /// Tickets for a later session may wait in the socket, which are nobody's answer.
  var isStillOpen: Bool {
    guard session.isOnItsThread, unread.isEmpty else { return false }
    while socket.hasInput {
      guard let bytes = try? socket.receive(timeout: .zero) else { return false }
      take(bytes)
      guard unread.isEmpty, session.fault == nil, !session.inputHasEnded else { return false }
    }
    return socket.isOpen
  }

  func send(_ bytes: [UInt8], timeout: Duration) -> HTTPClientFault? {
    var rest = bytes[...]
    while !rest.isEmpty {
      let piece = rest.prefix(Self.pieceBytes)
      rest = rest.dropFirst(piece.count)
      session.send(piece)
      let fault = socket.send(session.takeCiphertext(), timeout: timeout) { [self] in
        // Tickets come while we send; an answer, or the end, ends the sending.
        guard let more = try? socket.receive(timeout: .zero) else { return false }
        take(more)
        return unread.isEmpty && session.fault == nil && !session.inputHasEnded
      }
      if let fault { return fault }
    }
    return nil
  }

  /// The end of the socket without TLS's own is a cut: nobody knows what was to follow.
  func receive(timeout: Duration) throws(HTTPClientFault) -> [UInt8]? {
    while true {
      if !unread.isEmpty {
        defer { unread = [] }
        return unread
      }
      if session.inputHasEnded { return nil }
      guard session.fault == nil, let bytes = try socket.receive(timeout: timeout) else {
        throw .cutShort
      }
      take(bytes)
      let answer = session.takeCiphertext()
      if !answer.isEmpty, let fault = socket.send(answer, timeout: timeout) { throw fault }
    }
  }

  private func take(_ bytes: [UInt8]) {
    bytes.withUnsafeBytes { session.receive($0) }
    unread += session.takePlaintext()
  }
}
