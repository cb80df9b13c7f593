// A plain TCP client that sends exactly what a test writes. It never sleeps: it waits for bytes or
// for the end, and a test that waits in vain fails after a while.

import Glibc

struct SocketTrouble: Error, CustomStringConvertible {
  let description: String

  init(_ doing: String) { description = "\(doing): \(String(cString: strerror(errno)))" }
}

final class RawSocket {
  private let descriptor: Int32
  private var isOpen = true

  init(port: UInt16, receiveBufferBytes: Int32? = nil) throws {
    descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    if var size = receiveBufferBytes {
      setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &size, socklen_t(MemoryLayout<Int32>.size))
    }
    var patience = timeval(tv_sec: 20, tv_usec: 0)
    setsockopt(
      descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
    var noDelay: Int32 = 1
    setsockopt(
      descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &noDelay, socklen_t(MemoryLayout<Int32>.size))
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    let code = withUnsafeBytes(of: &address) {
      connect(
        descriptor, $0.assumingMemoryBound(to: sockaddr.self).baseAddress, socklen_t($0.count))
    }
    guard code == 0 else { throw SocketTrouble("connect") }
  }

  deinit { close() }

  func close() {
    guard isOpen else { return }
    isOpen = false
    Glibc.close(descriptor)
  }

  /// The server sees a broken connection instead of an orderly end.
  func reset() {
    var now = linger(l_onoff: 1, l_linger: 0)
    setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &now, socklen_t(MemoryLayout<linger>.size))
    close()
  }

  func endWriting() { shutdown(descriptor, Int32(SHUT_WR)) }

  func send(_ text: String) throws { try send(Array(text.utf8)) }

  func send(_ bytes: [UInt8]) throws {
    var rest = bytes[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes {
        Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
      }
      guard count > 0 else { throw SocketTrouble("send") }
      rest = rest.dropFirst(count)
    }
  }

  /// Sends for as long as the server takes it; a server may close in the middle.
  func sendWhilePossible(_ text: String) {
    do {
      try send(text)
    } catch {
      // What the server answered before it closed is what the test looks at.
    }
  }

  /// Nil at the end; a reset counts as one.
  func receive(atMost bytesMax: Int = 65_536) throws -> [UInt8]? {
    var slab = [UInt8](repeating: 0, count: bytesMax)
    let count = recv(descriptor, &slab, slab.count, 0)
    if count == 0 || (count < 0 && errno == ECONNRESET) { return nil }
    guard count > 0 else { throw SocketTrouble("receive") }
    return Array(slab[..<count])
  }

  func receive(until end: String) throws -> String {
    var text = ""
    while !text.hasSuffix(end) {
      guard let bytes = try receive(atMost: 1) else { return text }
      text += String(decoding: bytes, as: UTF8.self)
    }
    return text
  }

  func receiveToEnd() throws -> String {
    var bytes: [UInt8] = []
    while let more = try receive() { bytes += more }
    return String(decoding: bytes, as: UTF8.self)
  }

  /// One response with a Content-Length.
  func receiveResponse() throws -> Answer {
    let head = try receive(until: "\r\n\r\n")
    var answer = Answer(head: head, body: "")
    var rest = answer["content-length"].flatMap { Int($0) } ?? 0
    while rest > 0, let bytes = try receive(atMost: rest) {
      answer.body += String(decoding: bytes, as: UTF8.self)
      rest -= bytes.count
    }
    return answer
  }
}

struct Answer {
  var head: String
  var body: String

  var status: Int { Int(head.split(separator: " ").dropFirst().first ?? "") ?? 0 }

  /// The value of a field, its name in lower case.
  subscript(name: String) -> String? {
    for line in head.split(separator: "\r\n") {
      let parts = line.split(separator: ":", maxSplits: 1)
      guard parts.count == 2, parts[0].lowercased() == name else { continue }
      return String(parts[1].drop { $0 == " " })
    }
    return nil
  }

  /// Of a text that holds several responses with Content-Length, one after the other.
  static func all(in text: String) -> [Answer] {
    var answers: [Answer] = []
    var rest = Array(text.utf8)[...]
    while let end = headEnd(rest) {
      var answer = Answer(head: String(decoding: rest[..<end], as: UTF8.self), body: "")
      let length = answer["content-length"].flatMap { Int($0) } ?? 0
      answer.body = String(decoding: rest[end...].prefix(length), as: UTF8.self)
      rest = rest[end...].dropFirst(length)
      answers.append(answer)
    }
    return answers
  }

  private static func headEnd(_ bytes: ArraySlice<UInt8>) -> Int? {
    let mark = Array("\r\n\r\n".utf8)
    guard bytes.count >= 4 else { return nil }
    return (bytes.startIndex...bytes.endIndex - 4).first {
      bytes[$0..<$0 + 4].elementsEqual(mark)
    }.map { $0 + 4 }
  }
}
