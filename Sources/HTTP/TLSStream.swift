// A byte stream whose bytes travel encrypted: the serving end of TLS between a socket and an HTTP
// connection. It has no time limits; the connection's run from the first byte of the greeting.

import EventLoop

@LoopActor
final class TLSStream: HTTPTransport {
  var onRead: (@LoopActor (UnsafeRawBufferPointer) -> Void)?
  var onEnd: (@LoopActor (StreamEnd) -> Void)?
  var onDrained: (@LoopActor () -> Void)?
  /// The handshake is done.
  var onEstablished: (@LoopActor () -> Void)?
  /// The client began to speak without encryption; what is written from here on is plain as well.
  var onPlainRequest: (@LoopActor () -> Void)?
  /// The handshake, or what came after it, was not TLS as we speak it.
  var onFault: (@LoopActor (String) -> Void)?

  private enum State {
    case greeting
    case handshaking
    case open
    /// Without encryption, for one answer that says so.
    case plain
    case failed
    case closed
  }

  private let socket: ByteStream
  private let session: TLSSession
  private var state = State.greeting
  private var hasToldEnd = false

  /// The first byte of every TLS conversation: a handshake record.
  private static let handshakeRecord: UInt8 = 22
  /// A last word of this length always fits the kernel's buffer.
  private static let lastWordBytesMax = 4096

  init(_ socket: ByteStream, _ identity: TLSIdentity) {
    self.socket = socket
    session = TLSSession(identity)
    socket.onRead = { [self] in received($0) }
    socket.onEnd = { [self] in ended($0) }
    socket.onDrained = { [self] in onDrained?() }
  }

  var unsentBytes: Int { socket.unsentBytes }
  var writtenBytes: Int { socket.writtenBytes }
  var unsentBytesMax: Int {
    get { socket.unsentBytesMax }
    set { socket.unsentBytesMax = newValue }
  }

  func startReading() { socket.startReading() }
  func stopReading() { socket.stopReading() }

  // MARK: in

  private func received(_ bytes: UnsafeRawBufferPointer) {
    if state == .greeting, greets(bytes) { return }
    guard state == .handshaking || state == .open else { return }
    session.receive(bytes)
    sendCiphertext()
    if state == .handshaking, session.isEstablished {
      state = .open
      onEstablished?()
    }
    handOver(session.takePlaintext())
    guard state == .handshaking || state == .open else { return }
    if let fault = session.fault {
      fail(fault)
    } else if session.inputHasEnded {
      tellEnd(.endOfFile)
    }
  }

  /// True when it was no greeting of TLS.
  private func greets(_ bytes: UnsafeRawBufferPointer) -> Bool {
    guard let first = bytes.first else { return true }
    state = .handshaking
    // A method; other nonsense gets TLS's own alert.
    guard first != Self.handshakeRecord, (0x41...0x5A).contains(first & 0xDF) else { return false }
    state = .plain
    onPlainRequest?()
    return true
  }

  private func handOver(_ plaintext: [UInt8]) {
    guard !plaintext.isEmpty, state == .open, !hasToldEnd else { return }
    plaintext.withUnsafeBytes { onRead?($0) }
  }

  private func fail(_ fault: String) {
    state = .failed
    onFault?(fault)
    tellEnd(.failed(fault))
  }

  private func ended(_ how: StreamEnd) {
    switch how {
    // Requests have their own ends: one that was cut off is refused, whether TLS ended it or not.
    case .endOfFile: tellEnd(.endOfFile)
    case .failed:
      hasToldEnd = false
      tellEnd(how)
    }
  }

  private func tellEnd(_ how: StreamEnd) {
    guard !hasToldEnd else { return }
    hasToldEnd = true
    onEnd?(how)
  }

  // MARK: out

  /// Before the handshake is done there is nobody to read it, and it is dropped.
  func write(_ bytes: [UInt8]) {
    switch state {
    case .open:
      session.send(bytes[...])
      sendCiphertext()
    case .plain: socket.write(bytes)
    case .greeting, .handshaking, .failed, .closed: break
    }
  }

  func endWriting() {
    guard state != .closed else { return }
    if state == .open {
      session.endWriting()
      sendCiphertext()
    }
    socket.endWriting()
  }

  private func sendCiphertext() {
    let bytes = session.takeCiphertext()
    // After the end of writing the library still answers, such as to the other end's goodbye.
    if !bytes.isEmpty, !socket.isWritingEnded { socket.write(bytes) }
  }

  func close() {
    guard state != .closed else { return }
    let owesAlert = state == .failed && socket.unsentBytes <= Self.lastWordBytesMax
    state = .closed
    session.close()
    onRead = nil
    onEnd = nil
    onDrained = nil
    onEstablished = nil
    onPlainRequest = nil
    onFault = nil
    if owesAlert { socket.closeAfterWriting() } else { socket.close() }
  }
}
