// The way to the two output streams, and what kind they are. Whole texts in one write, so that
// lines of several threads do not mix.

import Glibc

enum Terminal {
  static func show(_ line: String) { write(line + "\n", to: STDOUT_FILENO) }

  static func show(_ lines: [String]) {
    guard !lines.isEmpty else { return }
    show(lines.joined(separator: "\n"))
  }

  static func show(bytes: [UInt8]) { write(bytes, to: STDOUT_FILENO) }

  static func complain(_ line: String) { write(line + "\n", to: STDERR_FILENO) }

  static func write(_ text: String, to descriptor: Int32) {
    write(Array(text.utf8), to: descriptor)
  }

  /// A reader that went away ends the output and nothing else: what was asked for is done.
  ///
  /// Any other failure of standard output ends the command: half an answer must not pass for one.
  static func write(_ bytes: [UInt8], to descriptor: Int32) {
    var rest = bytes[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
      if count > 0 {
        rest = rest.dropFirst(count)
      } else if errno == EAGAIN {
        var entry = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
        poll(&entry, 1, -1)
      } else if errno != EINTR {
        return lost(descriptor, errno)
      }
    }
  }

  private static func lost(_ descriptor: Int32, _ code: Int32) {
    guard descriptor == STDOUT_FILENO, code != EPIPE else { return }
    complain("standard output cannot be written: \(String(cString: strerror(code)))")
    exit(1)
  }

  static func isTerminal(_ descriptor: Int32) -> Bool { isatty(descriptor) == 1 }

  /// Nil where the output is no terminal, and nothing has to be cut.
  static func columns(of descriptor: Int32) -> Int? {
    var size = winsize()
    guard ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return nil }
    return Int(size.ws_col)
  }

  /// All of standard input, up to a limit.
  static func readInput(bytesMax: Int) throws(CommandFault) -> [UInt8] {
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 64 << 10)
    while true {
      let count = read(STDIN_FILENO, &chunk, chunk.count)
      if count == 0 { return bytes }
      if count < 0 {
        if errno == EINTR { continue }
        throw .failed("standard input cannot be read: \(String(cString: strerror(errno)))")
      }
      bytes += chunk[..<count]
      guard bytes.count <= bytesMax else {
        throw .badInput("standard input has more than \(bytesMax) bytes; send it in parts")
      }
    }
  }
}
