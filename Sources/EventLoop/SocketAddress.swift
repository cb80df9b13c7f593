// An IP address with its port, between text and the kernel's structures. Numbers only: looking names
// up can take seconds, and the loop does not wait.
import CLibuv
import Glibc

struct SocketAddress: CustomStringConvertible {
  var storage = sockaddr_storage()

  /// IPv4 or IPv6 in figures, or `localhost`, which is 127.0.0.1 here.
  init(host: String, port: UInt16) throws(LoopFault) {
    let figures = host == "localhost" ? "127.0.0.1" : host
    let isRead = withUnsafeMutableBytes(of: &storage) { bytes in
      guard let base = bytes.baseAddress else { return false }
      let four = base.assumingMemoryBound(to: sockaddr_in.self)
      if uv_ip4_addr(figures, Int32(port), four) == 0 { return true }
      return uv_ip6_addr(figures, Int32(port), base.assumingMemoryBound(to: sockaddr_in6.self)) == 0
    }
    guard isRead else {
      throw .refused(
        subject: "\(host):\(port)",
        reason: "not an address; write it in figures, such as 127.0.0.1, or localhost")
    }
  }

  private init() {}

  /// What the peer of a connected TCP socket is called; nil for every other descriptor.
  static func peer(of descriptor: Int32) -> SocketAddress? {
    SocketAddress.ask(descriptor, getpeername)
  }

  /// What a socket is bound to; nil unless that is an IP address.
  static func own(of descriptor: Int32) -> SocketAddress? {
    SocketAddress.ask(descriptor, getsockname)
  }

  private static func ask(
    _ descriptor: Int32,
    _ call: (Int32, UnsafeMutablePointer<sockaddr>?, UnsafeMutablePointer<socklen_t>?) -> Int32
  ) -> SocketAddress? {
    var address = SocketAddress()
    let code = address.withPointer { call(descriptor, $0, $1) }
    return code == 0 && address.isInternet ? address : nil
  }

  /// The next waiting connection of a listening socket: its descriptor, close-on-exec and not
  /// blocking, or -1 with `errno` set.
  static func accept(on descriptor: Int32) -> (descriptor: Int32, peer: SocketAddress?) {
    var address = SocketAddress()
    let accepted = address.withPointer { clibuv_accept(descriptor, $0, $1) }
    return (accepted, accepted >= 0 && address.isInternet ? address : nil)
  }

  var family: Int32 { Int32(storage.ss_family) }

  /// Of the structure for this family.
  var byteCount: socklen_t {
    socklen_t(
      family == AF_INET6 ? MemoryLayout<sockaddr_in6>.size : MemoryLayout<sockaddr_in>.size)
  }

  private var isInternet: Bool { family == AF_INET || family == AF_INET6 }

  private mutating func withPointer<Result>(
    _ call: (UnsafeMutablePointer<sockaddr>?, UnsafeMutablePointer<socklen_t>?) -> Result
  ) -> Result {
    var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
    return withUnsafeMutableBytes(of: &storage) { bytes in
      call(bytes.baseAddress?.assumingMemoryBound(to: sockaddr.self), &length)
    }
  }

  var hostAndPort: (host: String, port: UInt16) {
    withUnsafeBytes(of: storage) { bytes in
      // Room for the longest IPv6 text with its scope.
      var text = [CChar](repeating: 0, count: 64)
      let port: UInt16
      if family == AF_INET6 {
        var six = bytes.loadUnaligned(as: sockaddr_in6.self)
        uv_ip6_name(&six, &text, text.count)
        port = UInt16(bigEndian: six.sin6_port)
      } else {
        var four = bytes.loadUnaligned(as: sockaddr_in.self)
        uv_ip4_name(&four, &text, text.count)
        port = UInt16(bigEndian: four.sin_port)
      }
      return (
        text.withUnsafeBufferPointer { $0.baseAddress.map { String(cString: $0) } ?? "" }, port
      )
    }
  }

  var description: String {
    let (host, port) = hostAndPort
    return family == AF_INET6 ? "[\(host)]:\(port)" : "\(host):\(port)"
  }
}
