// One keep-alive connection of the load client: a request out, its answer in, never two at once.

import Glibc

final class LoadConnection {
  let descriptor: Int32
  let group: Int
  /// From when the latency of what is under way counts.
  private(set) var beganAt: UInt64 = 0
  private(set) var isBusy = false
  /// A host that refused is left alone until then.
  var restsUntil: UInt64 = 0
  private(set) var eventsUnderWay = 0

  private var outgoing: [UInt8] = []
  private var sentCount = 0
  private var reader = ResponseReader()

  var hasUnsent: Bool { sentCount < outgoing.count }

  init(group: Int, port: UInt16) throws(CommandFault) {
    self.group = group
    descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    guard descriptor >= 0 else { throw Self.fault("no socket for the bench") }
    // The sets of select(2) have no bit for more.
    guard descriptor < FD_SETSIZE else {
      close(descriptor)
      throw .failed("the bench has too many open files; use fewer --connections")
    }
    var address = Self.loopback(port: port)
    let code = withUnsafePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    guard code == 0 else {
      let fault = Self.fault("the bench cannot connect to its host")
      close(descriptor)
      throw fault
    }
    var on: Int32 = 1
    // Without it a request waits for the acknowledgement of the one before; it cannot fail on TCP.
    setsockopt(
      descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &on, socklen_t(MemoryLayout<Int32>.size))
    _ = fcntl(descriptor, F_SETFL, O_NONBLOCK)
  }

  deinit { close(descriptor) }

  static func loopback(port: UInt16) -> sockaddr_in {
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    return address
  }

  private static func fault(_ what: String) -> CommandFault {
    .failed("\(what): \(String(cString: strerror(errno)))")
  }

  func begin(_ request: LoadRequest, countingFrom time: UInt64) throws(CommandFault) {
    outgoing = request.bytes
    sentCount = 0
    eventsUnderWay = request.events
    beganAt = time
    isBusy = true
    try send()
  }

  /// As much as the socket takes now.
  func send() throws(CommandFault) {
    while hasUnsent {
      let count = outgoing.withUnsafeBytes { bytes in
        Glibc.send(
          descriptor, bytes.baseAddress.map { $0 + sentCount }, bytes.count - sentCount,
          Int32(MSG_NOSIGNAL))
      }
      if count < 0, errno == EINTR { continue }
      if count < 0, errno == EAGAIN { return }
      guard count > 0 else { throw Self.fault("the host took no request") }
      sentCount += count
    }
  }

  /// The status once the answer is there.
  func receive(into buffer: UnsafeMutableRawBufferPointer) throws(CommandFault) -> Int? {
    while true {
      let count = recv(descriptor, buffer.baseAddress, buffer.count, 0)
      if count < 0, errno == EINTR { continue }
      if count < 0, errno == EAGAIN { return nil }
      guard count > 0 else {
        throw .failed("the host closed a connection of the bench; is it still alive?")
      }
      do throws(ResponseReader.Fault) {
        let status = try reader.take(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
        guard let status else { continue }
        isBusy = false
        return status
      } catch { throw .failed("the host's answer is not what the bench reads: \(error)") }
    }
  }
}
