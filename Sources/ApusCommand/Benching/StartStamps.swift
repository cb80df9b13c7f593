// When a handler started, told by the handler itself in a datagram: the record has milliseconds, and
// one event at a time takes less than one. The monotonic clock is the same in both processes.

import Glibc

/// The worker's side.
enum StartStamp {
  static let variable = "APUS_BENCH_STAMPS"

  /// Connected to the bench; -1 where nobody asked for stamps.
  private static let socket: Int32 = {
    guard let text = getenv(variable).map({ String(cString: $0) }), let port = UInt16(text) else {
      return -1
    }
    return StartStamps.socket(connect, port: port)
  }()

  static func send() {
    // First of all: what follows is not part of the way to the handler.
    var time = BenchClock.now
    // A stamp that does not arrive is missed by the bench, which says so.
    Glibc.send(socket, &time, MemoryLayout<UInt64>.size, 0)
  }
}

/// The bench's side.
final class StartStamps {
  let descriptor: Int32
  let port: UInt16

  init() throws(CommandFault) {
    let descriptor = Self.socket(bind, port: 0)
    var address = sockaddr_in()
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let code = withUnsafeMutablePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        getsockname(descriptor, $0, &length)
      }
    }
    self.descriptor = descriptor
    port = UInt16(bigEndian: address.sin_port)
    guard descriptor >= 0, code == 0 else {
      throw .failed("no socket for the bench: \(String(cString: strerror(errno)))")
    }
  }

  deinit { close(descriptor) }

  /// Nil while none is there.
  func take() -> UInt64? {
    var time: UInt64 = 0
    let size = MemoryLayout<UInt64>.size
    return recv(descriptor, &time, size, Int32(MSG_DONTWAIT)) == size ? time : nil
  }

  /// Of this machine alone; -1 where that fails.
  static func socket(
    _ function: (Int32, UnsafePointer<sockaddr>?, socklen_t) -> Int32, port: UInt16
  ) -> Int32 {
    let descriptor = Glibc.socket(
      AF_INET, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    guard descriptor >= 0 else { return -1 }
    var address = LoadConnection.loopback(port: port)
    let code = withUnsafePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        function(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    guard code == 0 else {
      close(descriptor)
      return -1
    }
    return descriptor
  }
}
