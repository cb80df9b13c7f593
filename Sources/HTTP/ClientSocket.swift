// A blocking socket with time limits, for HTTPClient. It knows nothing of HTTP.

import Glibc

final class ClientSocket: ClientConnection {
  private static let readBytes = 64 * 1024

  private let descriptor: Int32
  private(set) var isOpen = true
  private var slab = [UInt8](repeating: 0, count: readBytes)

  private init(_ descriptor: Int32) {
    self.descriptor = descriptor
  }

  func close() {
    guard isOpen else { return }
    isOpen = false
    Glibc.close(descriptor)
  }

  var isStillOpen: Bool { isOpen && !hasInput }

  /// There are bytes to read, or the end.
  var hasInput: Bool { isOpen && Self.wait(descriptor, for: POLLIN, timeout: .zero) }

  // MARK: connecting

  static func connect(
    to address: HTTPClient.Address, timeout: Duration
  ) throws(HTTPClientFault) -> ClientSocket {
    switch address {
    case .unix(let path): try connect(unix: path, timeout: timeout)
    case .tcp(let host, let port), .tls(let host, let port):
      try connect(tcp: host, port: port, timeout: timeout)
    }
  }

  private static func connect(
    unix path: String, timeout: Duration
  ) throws(HTTPClientFault) -> ClientSocket {
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    let room = MemoryLayout.size(ofValue: address.sun_path)
    guard path.utf8.count < room else {
      throw .unreachable(
        address: path, reason: "the path of a socket has at most \(room - 1) bytes")
    }
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
    return try withUnsafeBytes(of: &address) { bytes in
      open(family: AF_UNIX, bytes, named: path, timeout: timeout)
    }.get()
  }

  /// Each address of the name in turn, as a name may have one of IPv6 where nobody listens.
  private static func connect(
    tcp host: String, port: UInt16, timeout: Duration
  ) throws(HTTPClientFault) -> ClientSocket {
    var hints = addrinfo()
    hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
    var found: UnsafeMutablePointer<addrinfo>?
    let code = getaddrinfo(host, String(port), &hints, &found)
    defer { if let found { freeaddrinfo(found) } }
    var last = HTTPClientFault.unreachable(
      address: host, reason: code == 0 ? "it has no address" : String(cString: gai_strerror(code)))
    var candidate = found
    while let info = candidate?.pointee {
      let bytes = UnsafeRawBufferPointer(start: info.ai_addr, count: Int(info.ai_addrlen))
      switch open(family: info.ai_family, bytes, named: "\(host):\(port)", timeout: timeout) {
      case .success(let socket): return socket
      case .failure(let fault): last = fault
      }
      candidate = info.ai_next
    }
    throw last
  }

  private static func open(
    family: Int32, _ address: UnsafeRawBufferPointer, named name: String, timeout: Duration
  ) -> Result<ClientSocket, HTTPClientFault> {
    let type = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue)
    let descriptor = socket(family, type, 0)
    guard descriptor >= 0 else { return .failure(fault(name, errno)) }
    let opened = ClientSocket(descriptor)
    guard let pointer = address.bindMemory(to: sockaddr.self).baseAddress else {
      preconditionFailure("a socket address has at least its family")
    }
    if Glibc.connect(descriptor, pointer, socklen_t(address.count)) == 0 {
      return .success(opened)
    }
    guard errno == EINPROGRESS else { return opened.failed(name, errno) }
    guard wait(descriptor, for: POLLOUT, timeout: timeout) else {
      opened.close()
      return .failure(.timedOut(doing: "connecting to \(name)", after: timeout))
    }
    let error = opened.pendingError
    return error == 0 ? .success(opened) : opened.failed(name, error)
  }

  private func failed(_ name: String, _ error: Int32) -> Result<ClientSocket, HTTPClientFault> {
    close()
    return .failure(Self.fault(name, error))
  }

  private static func fault(_ name: String, _ error: Int32) -> HTTPClientFault {
    .unreachable(address: name, reason: String(cString: strerror(error)))
  }

  private var pendingError: Int32 {
    var error: Int32 = 0
    var size = socklen_t(MemoryLayout<Int32>.size)
    getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &error, &size)
    return error
  }

  // MARK: bytes

  /// An early answer ends the sending: the server may have stopped reading.
  func send(_ bytes: [UInt8], timeout: Duration) -> HTTPClientFault? {
    send(bytes, timeout: timeout) { false }
  }

  /// `goesOn` is asked when there is something to read before all is sent.
  func send(_ bytes: [UInt8], timeout: Duration, goesOn: () -> Bool) -> HTTPClientFault? {
    guard isOpen else { return .cutShort }
    return bytes.withUnsafeBytes { buffer in
      var offset = 0
      while offset < buffer.count {
        let rest = UnsafeRawBufferPointer(rebasing: buffer[offset...])
        // A server that went away is an error here, not a signal.
        let count = Glibc.send(descriptor, rest.baseAddress, rest.count, Int32(MSG_NOSIGNAL))
        if count >= 0 {
          offset += count
        } else if errno == EAGAIN {
          guard Self.wait(descriptor, for: POLLOUT | POLLIN, timeout: timeout) else {
            return .timedOut(doing: "sending", after: timeout)
          }
          if hasInput, !goesOn() { return .cutShort }
        } else if errno != EINTR {
          return .cutShort
        }
      }
      return nil
    }
  }

  func receive(timeout: Duration) throws(HTTPClientFault) -> [UInt8]? {
    while true {
      guard isOpen else { throw .cutShort }
      guard Self.wait(descriptor, for: POLLIN, timeout: timeout) else {
        throw .timedOut(doing: "waiting for the answer", after: timeout)
      }
      let count = recv(descriptor, &slab, slab.count, 0)
      if count > 0 { return Array(slab[..<count]) }
      if count == 0 || errno == ECONNRESET { return nil }
      guard errno == EAGAIN || errno == EINTR else { throw .cutShort }
    }
  }

  private static func wait(_ descriptor: Int32, for events: Int32, timeout: Duration) -> Bool {
    var entry = pollfd(fd: descriptor, events: Int16(events), revents: 0)
    let milliseconds = Int32(min(UInt64(Int32.max), timeout.nanoseconds / 1_000_000))
    while true {
      let count = poll(&entry, 1, milliseconds)
      // The wait begins anew after a signal: late by as much, never early.
      if count >= 0 || errno != EINTR { return count > 0 }
    }
  }
}
