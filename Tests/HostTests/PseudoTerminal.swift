// A terminal that a test holds the other end of: it types, reads what is drawn, and looks at the settings.

import Foundation
import Glibc
import Testing

final class PseudoTerminal {
  private let keyboard: Int32
  /// The program's end; kept open, so that its settings outlive the program.
  private let screen: Int32
  private(set) var drawn = ""

  init(columns: UInt16, rows: UInt16) throws {
    var (keyboard, screen): (Int32, Int32) = (-1, -1)
    try #require(openpty(&keyboard, &screen, nil, nil, nil) == 0)
    for end in [keyboard, screen] { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    (self.keyboard, self.screen) = (keyboard, screen)
    resize(columns: columns, rows: rows)
  }

  deinit {
    close(screen)
    close(keyboard)
  }

  func resize(columns: UInt16, rows: UInt16) {
    var size = winsize(ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0)
    _ = ioctl(screen, UInt(TIOCSWINSZ), &size)
  }

  func start(_ executable: URL, _ arguments: [String]) throws -> Process {
    let process = Process()
    process.executableURL = executable
    process.arguments = arguments
    process.environment = ProcessInfo.processInfo.environment.merging(["TERM": "xterm"]) { $1 }
    let end = FileHandle(fileDescriptor: screen, closeOnDealloc: false)
    process.standardInput = end
    process.standardOutput = end
    process.standardError = end
    try process.run()
    return process
  }

  func type(_ text: String) throws {
    let bytes = Array(text.utf8)
    try #require(write(keyboard, bytes, bytes.count) == bytes.count)
  }

  /// Forgets what was drawn so far, and waits until this is drawn.
  func waitFor(_ text: String) throws {
    drawn = ""
    try wait(for: text)
  }

  /// Waits until this is drawn, or was since the last wait began.
  func wait(for text: String) throws {
    while !drawn.contains(text) {
      try #require(read(within: 60_000), "not drawn within a minute: \(text); drawn: \(drawn)")
    }
  }

  /// What is still on its way from a program that has ended.
  func drain() { while read(within: 0) {} }

  private func read(within milliseconds: Int32) -> Bool {
    var entry = pollfd(fd: keyboard, events: Int16(POLLIN), revents: 0)
    guard poll(&entry, 1, milliseconds) == 1 else { return false }
    var bytes = [UInt8](repeating: 0, count: 64 << 10)
    let count = Glibc.read(keyboard, &bytes, bytes.count)
    guard count > 0 else { return false }
    drawn += String(decoding: bytes[..<count], as: UTF8.self)
    return true
  }

  struct Settings: Equatable {
    var input: UInt32
    var output: UInt32
    var local: UInt32
    var control: UInt32
  }

  var settings: Settings {
    var now = termios()
    tcgetattr(screen, &now)
    return Settings(
      input: now.c_iflag, output: now.c_oflag, local: now.c_lflag, control: now.c_cflag)
  }

  /// Whether the program gets keys as they are pressed.
  var isRaw: Bool { settings.local & UInt32(ICANON | ECHO) == 0 }
}
