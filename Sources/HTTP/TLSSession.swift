// One end of an encrypted conversation without its socket: what came in goes in, what is to go out
// comes out, and in between is the plain text. NIOSSL's handler does the work, seated in an
// EmbeddedChannel, the least pipeline it can live in. Use it on the thread that made it.

import Glibc
import NIOCore
import NIOEmbedded
import NIOSSL
import NIOTLS

final class TLSSession {
  private let channel = EmbeddedChannel()
  private let handler: NIOSSLHandler
  private let cipherSide = CipherSide()
  private let plainSide = PlainSide()
  private let thread = pthread_self()
  private var isOpen = false
  private var isWritingEnded = false

  /// Encrypted in one go: the library keeps a buffer as large as the largest.
  private static let pieceBytes = 64 * 1024

  /// The serving end.
  init(_ identity: TLSIdentity) {
    handler = NIOSSLServerHandler(context: identity.context)
    open()
  }

  /// The asking end, which believes the other one only under the name or address it asked for.
  init(asking host: String, _ context: NIOSSLContext) throws {
    if let address = try? SocketAddress(ipAddress: host, port: 0) {
      // Why try?: a name is no address, and is believed as a name.
      handler = try NIOSSLClientHandler(context: context, serverHostname: nil)
      channel.remoteAddress = address
    } else {
      handler = try NIOSSLClientHandler(context: context, serverHostname: host)
      // The library wants an address to compare as well; this one is in no certificate, so that the
      // name alone counts.
      channel.remoteAddress = try SocketAddress(unixDomainSocketPath: "/")
    }
    open()
  }

  private func open() {
    channel.allowRemoteHalfClosure = true
    do {
      try channel.pipeline.syncOperations.addHandlers([cipherSide, handler, plainSide])
    } catch {
      preconditionFailure("a fresh EmbeddedChannel refused a handler: \(error)")
    }
    isOpen = true
    // The asking end greets.
    channel.pipeline.syncOperations.fireChannelActive()
  }

  deinit {
    precondition(
      !isOpen || !isOnItsThread, "close() must be called: the library keeps itself alive")
  }

  var isOnItsThread: Bool { pthread_equal(thread, pthread_self()) != 0 }

  /// The handshake is done; what is sent from here on is read by the other end alone.
  var isEstablished: Bool { plainSide.isEstablished }
  /// The other end said that nothing follows.
  var inputHasEnded: Bool { plainSide.inputHasEnded }
  /// What ended the session, for people; it is of no more use then.
  var fault: String? { plainSide.fault }

  func receive(_ bytes: UnsafeRawBufferPointer) {
    guard isOpen, fault == nil else { return }
    var buffer = channel.allocator.buffer(capacity: bytes.count)
    buffer.writeBytes(bytes)
    channel.pipeline.syncOperations.fireChannelRead(NIOAny(buffer))
    channel.pipeline.syncOperations.fireChannelReadComplete()
  }

  /// Only of an established session; `takeCiphertext` has what is to travel.
  func send(_ bytes: ArraySlice<UInt8>) {
    guard isOpen, isEstablished, !isWritingEnded, fault == nil else { return }
    var rest = bytes
    while !rest.isEmpty {
      let piece = rest.prefix(Self.pieceBytes)
      rest = rest.dropFirst(piece.count)
      var buffer = channel.allocator.buffer(capacity: piece.count)
      buffer.writeBytes(piece)
      channel.pipeline.syncOperations.writeAndFlush(NIOAny(buffer), promise: nil)
    }
  }

  /// Tells the other end that nothing follows.
  func endWriting() {
    guard isOpen, isEstablished, !isWritingEnded, fault == nil else { return }
    isWritingEnded = true
    channel.pipeline.syncOperations.close(mode: .output, promise: nil)
  }

  /// When the certificate that the other end showed ends, believed or not; in seconds since 1970.
  var peerValidUntil: Int? { handler.peerCertificate.map { Int($0.notValidAfter) } }

  func takePlaintext() -> [UInt8] { plainSide.take() }

  func takeCiphertext() -> [UInt8] { cipherSide.take() }

  /// Must be called once, on the session's thread.
  func close() {
    guard isOpen else { return }
    isOpen = false
    cipherSide.letsClose = true
    channel.pipeline.syncOperations.removeHandler(handler, promise: nil)
    // Why try?: the channel has neither socket nor pending writes that could fail to close, and a
    // fault was told already.
    _ = try? channel.finish(acceptAlreadyClosed: true)
  }
}

/// Where the socket would be.
private final class CipherSide: ChannelOutboundHandler {
  typealias OutboundIn = ByteBuffer
  typealias OutboundOut = ByteBuffer

  /// Taken by the session's owner after each call.
  private var bytes: [UInt8] = []

  func take() -> [UInt8] {
    defer { bytes = [] }
    return bytes
  }

  func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
    unwrapOutboundIn(data).withUnsafeReadableBytes { bytes.append(contentsOf: $0) }
    promise?.succeed(())
  }

  func flush(context: ChannelHandlerContext) {}
  func read(context: ChannelHandlerContext) {}

  /// The session is over; until then its owner closes the socket when it sees fit.
  var letsClose = false

  func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
    if letsClose {
      context.close(mode: mode, promise: promise)
    } else {
      promise?.succeed(())
    }
  }
}

/// Where the messages are.
private final class PlainSide: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer

  private(set) var isEstablished = false
  private(set) var inputHasEnded = false
  private(set) var fault: String?
  private var bytes: [UInt8] = []

  func take() -> [UInt8] {
    defer { bytes = [] }
    return bytes
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    unwrapInboundIn(data).withUnsafeReadableBytes { bytes.append(contentsOf: $0) }
  }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    if case .handshakeCompleted? = event as? TLSUserEvent { isEstablished = true }
    if case .inputClosed? = event as? ChannelEvent { inputHasEnded = true }
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    if fault == nil { fault = TLSFault.words(for: error) }
  }
}
