// A listening socket on the loop, TCP or Unix: hands over connected streams. It takes connections by
// itself rather than by libuv, which drops them when descriptors run out; here they wait.
// It does not limit how many connections there are: its owner pauses it.
import CLibuv
import Glibc

/// Lives until `close()`, whoever still refers to it.
@LoopActor
package final class Listener {
  /// Nil for Unix sockets.
  ///
  /// The port is the one really bound.
  package let address: (host: String, port: UInt16)?
  /// How often accepting paused because descriptors had run out.
  package private(set) var descriptorShortages = 0

  /// Connections taken in one go before other descriptors have their turn.
  private static let acceptedAtOnceMax = 64
  private static let shortagePauseNanoseconds: UInt64 = 100_000_000

  private let descriptor: Int32
  /// The socket file that is ours to remove, nil for TCP.
  private let file: SocketFile?
  /// Nil once closed, as the handle: what it holds on to may hold on to the listener.
  private var accepted: (@LoopActor (ByteStream) -> Void)?
  private var handle: UnsafeMutablePointer<uv_poll_t>?
  private var shortageEnds: LoopTimer?
  private var isPaused = false
  private var isShort = false

  private init(
    descriptor: Int32, file: SocketFile?, accepted: @escaping @LoopActor (ByteStream) -> Void
  ) throws(LoopFault) {
    self.descriptor = descriptor
    self.file = file
    self.accepted = accepted
    address = SocketAddress.own(of: descriptor)?.hostAndPort
    let handle = allocateHandle(UV_POLL, as: uv_poll_t.self)
    let code = uv_poll_init(EventLoop.shared.raw, handle, descriptor)
    guard code == 0 else {
      handle.deallocate()
      throw .failed(call: "uv_poll_init", subject: "descriptor \(descriptor)", code: code)
    }
    self.handle = handle
    own(handle, by: self)
    shortageEnds = LoopTimer { [unowned self] in shortageEnded() }
    watch()
  }

  /// Connections wait in the kernel's backlog meanwhile.
  package func pause() {
    isPaused = true
    watch()
  }

  package func resume() {
    isPaused = false
    watch()
  }

  /// Removes the socket file too.
  ///
  /// Connections that were handed over stay.
  package func close() {
    guard let handle else { return }
    self.handle = nil
    accepted = nil
    shortageEnds?.close()
    file?.remove()
    closeHandle(handle)
    Glibc.close(descriptor)
  }

  private func watch() {
    guard let handle else { return }
    if isPaused || isShort {
      uv_poll_stop(handle)
      return
    }
    uv_poll_start(handle, Int32(UV_READABLE.rawValue)) { handle, _, _ in
      guard let listener = owner(of: handle?.pointee.data, as: Listener.self) else { return }
      LoopActor.assumeIsolated { listener.acceptWaiting() }
    }
  }

  private func acceptWaiting() {
    for _ in 0..<Listener.acceptedAtOnceMax {
      // The callback may have paused or closed the listener.
      guard handle != nil, !isPaused else { return }
      let (connection, peer) = SocketAddress.accept(on: descriptor)
      if connection >= 0 {
        handOver(connection, peer)
      } else if [EMFILE, ENFILE, ENOBUFS, ENOMEM].contains(errno) {
        return pauseForShortage()
      } else if errno != ECONNABORTED && errno != EINTR {
        // EAGAIN, or an error of that one connection: the poll reports what else waits.
        return
      }
    }
  }

  private func handOver(_ connection: Int32, _ peer: SocketAddress?) {
    do {
      accepted?(try ByteStream.adopt(accepted: connection, peerAddress: peer))
    } catch {
      // The peer sees a closed connection, as if it had been refused.
      Glibc.close(connection)
    }
  }

  private func pauseForShortage() {
    descriptorShortages += 1
    isShort = true
    watch()
    shortageEnds?.arm(atMonotonic: EventLoop.shared.now + Listener.shortagePauseNanoseconds)
  }

  private func shortageEnded() {
    isShort = false
    watch()
  }
}

// MARK: making

extension Listener {
  /// Listens on a TCP address.
  ///
  /// `host` is in figures or `localhost`; port 0 takes a free one; `backlog` is how many
  /// connections wait in the kernel, which caps it by its own limit (somaxconn).
  package static func listen(
    tcp host: String, port: UInt16, backlog: Int32 = 1024,
    accepted: @escaping @LoopActor (ByteStream) -> Void
  ) throws(LoopFault) -> Listener {
    var address = try SocketAddress(host: host, port: port)
    let subject = address.description
    let descriptor = try openSocket(address.family, subject)
    return try closingOnFault(descriptor) { () throws(LoopFault) in
      // A restart need not wait for the last connections of the process before.
      var yes: Int32 = 1
      setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<Int32>.size))
      let length = address.byteCount
      let code = withUnsafeBytes(of: &address.storage) {
        bind(descriptor, $0.baseAddress?.assumingMemoryBound(to: sockaddr.self), length)
      }
      try check(code == 0 ? 0 : lastError(), "bind", on: subject)
      return try start(descriptor, backlog, subject, file: nil, accepted)
    }
  }

  /// Makes the socket file with `mode`; one that a dead process left behind is removed first.
  package static func listen(
    unix path: String, mode: UInt32 = 0o600, backlog: Int32 = 1024,
    accepted: @escaping @LoopActor (ByteStream) -> Void
  ) throws(LoopFault) -> Listener {
    let descriptor = try openSocket(AF_UNIX, path)
    return try closingOnFault(descriptor) { () throws(LoopFault) in
      let file = try SocketFile.bind(descriptor, path: path, mode: mode)
      do throws(LoopFault) {
        return try start(descriptor, backlog, path, file: file, accepted)
      } catch {
        file.remove()
        throw error
      }
    }
  }

  private static func openSocket(_ family: Int32, _ subject: String) throws(LoopFault) -> Int32 {
    let descriptor = clibuv_stream_socket(family)
    guard descriptor >= 0 else {
      throw .failed(call: "socket", subject: subject, code: lastError())
    }
    return descriptor
  }

  private static func start(
    _ descriptor: Int32, _ backlog: Int32, _ subject: String, file: SocketFile?,
    _ accepted: @escaping @LoopActor (ByteStream) -> Void
  ) throws(LoopFault) -> Listener {
    try check(Glibc.listen(descriptor, backlog) == 0 ? 0 : lastError(), "listen", on: subject)
    return try Listener(descriptor: descriptor, file: file, accepted: accepted)
  }

  private static func closingOnFault(
    _ descriptor: Int32, _ make: () throws(LoopFault) -> Listener
  ) throws(LoopFault) -> Listener {
    do {
      return try make()
    } catch {
      Glibc.close(descriptor)
      throw error
    }
  }
}
