// A connected TCP socket, Unix socket or pipe end on the loop: bytes in, bytes out, two ends. It knows
// nothing of messages, and it has no time limits: its owner closes what takes too long.
import CLibuv
import Glibc

package enum StreamEnd: Equatable, Sendable {
  /// The peer sends no more; what is written still goes out.
  case endOfFile
  /// The stream is of no use any more.
  ///
  /// The text is for people.
  case failed(String)
}

/// Lives until `close()`, whoever still refers to it: a stream that is never closed is a leak.
@LoopActor
package final class ByteStream {
  /// The bytes are valid during the call only.
  package var onRead: (@LoopActor (UnsafeRawBufferPointer) -> Void)?
  /// Called once.
  ///
  /// Only a stream that ended by `.endOfFile` and was written to after that may fail too, and then
  /// calls a second and last time.
  package var onEnd: (@LoopActor (StreamEnd) -> Void)?
  /// `unsentBytes` fell to 0, in the turn of the write or later.
  package var onDrained: (@LoopActor () -> Void)?
  /// Written and not yet taken by the kernel.
  ///
  /// Owners stop producing well before `unsentBytesMax`.
  package var unsentBytes: Int {
    guard isSending, let handle else { return pending.count }
    return pending.count + uv_stream_get_write_queue_size(handle)
  }
  /// All that was ever written and not dropped.
  package private(set) var writtenBytes = 0
  /// Nothing may be written any more.
  package var isWritingEnded: Bool { writingState != .open }
  /// A stream whose peer does not read is failed when more than this waits for it.
  package var unsentBytesMax = 64 << 20
  /// Such as `127.0.0.1:51234`; nil for Unix sockets and pipes.
  package var peer: String? { peerAddress?.description }

  /// Nil once closed.
  private var handle: UnsafeMutablePointer<uv_stream_t>?
  private let peerAddress: SocketAddress?
  /// A FIFO has one direction: it cannot be half closed.
  private let isSocket: Bool

  /// Written in this turn, or while a write is under way.
  private var pending: [UInt8] = []
  /// One `uv_write` at a time; meanwhile `pending` gathers.
  private var isSending = false
  private var flushIsPlanned = false
  /// Something was written since `onDrained` was last called.
  private var owesDrained = false
  /// More than `unsentBytesMax` waited; the failure is told at the end of this turn.
  private var isOverfull = false
  private var hasEnded = false
  /// Writes fail from here on.
  private var isBroken = false
  private var writingState = WritingState.open

  private enum WritingState {
    case open
    /// The end of writing goes out after what is unsent.
    case ending
    case ended
    /// The stream closes after what is unsent.
    case closing
  }

  private init(
    handle: UnsafeMutablePointer<uv_stream_t>, isSocket: Bool, peerAddress: SocketAddress?
  ) {
    self.handle = handle
    self.isSocket = isSocket
    self.peerAddress = peerAddress
    own(handle, by: self)
  }

  // MARK: reading

  package func startReading() {
    guard let handle, !hasEnded else { return }
    let code = uv_read_start(
      handle,
      { _, _, buffer in
        buffer?.pointee = uv_buf_init(
          EventLoop.shared.readSlab.assumingMemoryBound(to: CChar.self),
          UInt32(EventLoop.readSlabBytes))
      },
      { handle, count, _ in
        guard let stream = owner(of: handle?.pointee.data, as: ByteStream.self) else { return }
        LoopActor.assumeIsolated { stream.didRead(count) }
      })
    guard code < 0, code != UV_EALREADY.rawValue else { return }
    EventLoop.shared.afterTurn { self.end(.failed("reading failed with \(describeError(code))")) }
  }

  package func stopReading() {
    if let handle { uv_read_stop(handle) }
  }

  /// `count` bytes of the loop's slab, nothing for now (0), or libuv's error.
  private func didRead(_ count: Int) {
    if count > 0 {
      onRead?(UnsafeRawBufferPointer(start: EventLoop.shared.readSlab, count: count))
    } else if count == Int(UV_EOF.rawValue) {
      end(.endOfFile)
    } else if count < 0 {
      end(.failed("reading failed with \(describeError(Int32(count)))"))
    }
  }

  private func end(_ how: StreamEnd) {
    guard let handle, !isBroken, !(hasEnded && how == .endOfFile) else { return }
    hasEnded = true
    uv_read_stop(handle)
    if how != .endOfFile {
      isBroken = true
      pending = []
    }
    onEnd?(how)
    if isBroken && writingState == .closing { close() }
  }

  // MARK: writing

  /// Everything written in one turn leaves in one system call at its end.
  ///
  /// On a stream that is closed, closing or has failed the bytes are dropped.
  package func write(_ bytes: [UInt8]) {
    precondition(
      writingState != .ending && writingState != .ended, "bytes were written after endWriting()")
    guard handle != nil, !isBroken, !isOverfull, writingState == .open, !bytes.isEmpty else {
      return
    }
    if unsentBytes + bytes.count > unsentBytesMax { return overfill() }
    owesDrained = true
    writtenBytes += bytes.count
    if pending.isEmpty && bytes.count >= ByteStream.takenOverBytesMin {
      pending = bytes
    } else {
      pending.append(contentsOf: bytes)
    }
    planFlush()
  }

  private func overfill() {
    isOverfull = true
    pending = []
    EventLoop.shared.afterTurn {
      self.end(
        .failed(
          "more than \(self.unsentBytesMax) bytes are unsent: the peer does not read, "
            + "or the writer does not heed unsentBytes"))
    }
  }

  /// Smaller writes are copied, so that the buffer keeps its memory for the next turn.
  private static let takenOverBytesMin = 16_384
  private static let keptBufferBytesMax = 65_536

  /// Tells the peer that nothing follows, after what is unsent.
  ///
  /// Reading goes on. The write end of a pipe, which has no other direction, closes.
  package func endWriting() {
    guard handle != nil, writingState == .open else { return }
    writingState = isSocket ? .ending : .closing
    planFlush()
  }

  /// Closes as soon as nothing is unsent.
  ///
  /// A peer that never reads delays that for ever: keep a deadline.
  package func closeAfterWriting() {
    guard handle != nil, writingState != .closing else { return }
    if isBroken || (unsentBytes == 0 && writingState != .ending) {
      close()
    } else {
      writingState = .closing
      planFlush()
    }
  }

  /// At once; drops what is unsent.
  ///
  /// No callback comes after it. Again does nothing.
  package func close() {
    guard let handle else { return }
    self.handle = nil
    pending = []
    onRead = nil
    onEnd = nil
    onDrained = nil
    closeHandle(handle)
  }

  private func planFlush() {
    guard !flushIsPlanned && !isSending else { return }
    flushIsPlanned = true
    EventLoop.shared.afterTurn { self.flush() }
  }

  private func flush() {
    flushIsPlanned = false
    guard let handle, !isBroken, !isOverfull, !isSending else { return }
    if pending.isEmpty { return drained() }
    let sent = pending.withUnsafeMutableBytes { bytes in
      // More than one call of this size never leaves at once.
      var buffer = bufferOf(bytes.baseAddress, min(bytes.count, Int(Int32.max)))
      return uv_try_write(handle, &buffer, 1)
    }
    if sent == pending.count {
      pending.removeAll(keepingCapacity: pending.capacity <= ByteStream.keptBufferBytesMax)
      drained()
    } else if sent >= 0 || sent == UV_EAGAIN.rawValue {
      send(on: handle, from: max(0, Int(sent)))
    } else {
      failWriting(sent)
    }
  }

  /// The kernel took no more than `offset` bytes: libuv sends the rest when there is room.
  private func send(on handle: UnsafeMutablePointer<uv_stream_t>, from offset: Int) {
    let headBytes = MemoryLayout<uv_write_t>.size
    let count = pending.count - offset
    let memory = UnsafeMutableRawPointer.allocate(byteCount: headBytes + count, alignment: 16)
    pending.withUnsafeBytes { bytes in
      UnsafeMutableRawBufferPointer(start: memory + headBytes, count: count)
        .copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes[offset...]))
    }
    pending.removeAll(keepingCapacity: pending.capacity <= ByteStream.keptBufferBytesMax)
    var buffer = bufferOf(memory + headBytes, count)
    let request = memory.assumingMemoryBound(to: uv_write_t.self)
    let code = uv_write(request, handle, &buffer, 1) { request, status in
      guard let request else { return }
      let stream = owner(of: request.pointee.handle?.pointee.data, as: ByteStream.self)
      UnsafeMutableRawPointer(request).deallocate()
      LoopActor.assumeIsolated { stream?.didSend(status) }
    }
    guard code == 0 else {
      memory.deallocate()
      return failWriting(code)
    }
    isSending = true
  }

  private func didSend(_ status: Int32) {
    isSending = false
    if status < 0 {
      failWriting(status)
    } else {
      flush()
    }
  }

  private func failWriting(_ code: Int32) {
    end(.failed("writing failed with \(describeError(code))"))
  }

  private func drained() {
    switch writingState {
    case .open, .ended:
      break
    case .ending:
      writingState = .ended
      shutDown()
    case .closing:
      return close()
    }
    guard owesDrained else { return }
    owesDrained = false
    onDrained?()
  }

  private func shutDown() {
    guard let handle else { return }
    let request = UnsafeMutablePointer<uv_shutdown_t>.allocate(capacity: 1)
    // A peer that is gone already needs no goodbye; that it is gone shows in reading.
    let code = uv_shutdown(request, handle) { request, _ in request?.deallocate() }
    if code < 0 { request.deallocate() }
  }
}

// MARK: making

extension ByteStream {
  /// A connected socket or a pipe end.
  ///
  /// The stream owns the descriptor from here on; when this throws, it is still the caller's.
  package static func adopt(descriptor: Int32) throws(LoopFault) -> ByteStream {
    try adopt(descriptor: descriptor, peerAddress: SocketAddress.peer(of: descriptor))
  }

  static func adopt(
    descriptor: Int32, peerAddress: SocketAddress?
  ) throws(LoopFault) -> ByteStream {
    let subject = "descriptor \(descriptor)"
    var status = stat()
    guard fstat(descriptor, &status) == 0 else {
      throw .failed(call: "fstat", subject: subject, code: lastError())
    }
    // Whoever made it may have forgotten; a child must not inherit it.
    _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
    let isSocket = status.st_mode & S_IFMT == S_IFSOCK
    let handle =
      switch uv_guess_handle(descriptor) {
      case UV_TCP: try openTCP(descriptor, subject)
      case UV_NAMED_PIPE: try openPipe(descriptor, subject)
      default:
        throw .refused(subject: subject, reason: "neither a stream socket nor a pipe")
      }
    return ByteStream(handle: handle, isSocket: isSocket, peerAddress: peerAddress)
  }

  /// A connection fresh from `SocketAddress.accept`, about which all is known: a TCP peer has an
  /// address, a Unix peer none.
  static func adopt(
    accepted descriptor: Int32, peerAddress: SocketAddress?
  ) throws(LoopFault) -> ByteStream {
    let subject = "connection \(descriptor)"
    let handle =
      peerAddress == nil ? try openPipe(descriptor, subject) : try openTCP(descriptor, subject)
    return ByteStream(handle: handle, isSocket: true, peerAddress: peerAddress)
  }

  private static func openTCP(
    _ descriptor: Int32, _ subject: String
  ) throws(LoopFault) -> UnsafeMutablePointer<uv_stream_t> {
    let handle = allocateHandle(UV_TCP, as: uv_tcp_t.self)
    // Cannot fail: without a family it only fills in the structure.
    uv_tcp_init(EventLoop.shared.raw, handle)
    let code = uv_tcp_open(handle, descriptor)
    guard code == 0 else {
      closeHandle(handle)
      throw .failed(call: "uv_tcp_open", subject: subject, code: code)
    }
    // Writes are gathered by turn already; the kernel need not wait for more. A peer that has gone
    // makes this fail, which the first read tells better.
    uv_tcp_nodelay(handle, 1)
    return UnsafeMutableRawPointer(handle).assumingMemoryBound(to: uv_stream_t.self)
  }

  private static func openPipe(
    _ descriptor: Int32, _ subject: String
  ) throws(LoopFault) -> UnsafeMutablePointer<uv_stream_t> {
    let handle = allocateHandle(UV_NAMED_PIPE, as: uv_pipe_t.self)
    // Cannot fail: it only fills in the structure.
    uv_pipe_init(EventLoop.shared.raw, handle, 0)
    let code = uv_pipe_open(handle, descriptor)
    guard code == 0 else {
      closeHandle(handle)
      throw .failed(call: "uv_pipe_open", subject: subject, code: code)
    }
    return UnsafeMutableRawPointer(handle).assumingMemoryBound(to: uv_stream_t.self)
  }
}

private func bufferOf(_ start: UnsafeMutableRawPointer?, _ count: Int) -> uv_buf_t {
  uv_buf_t(base: start?.assumingMemoryBound(to: CChar.self), len: count)
}
