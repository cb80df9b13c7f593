// The terminal as one screen that is drawn anew: keys come in as they are pressed, nothing scrolls, and
// whatever ends the process, the terminal is as it was. What is on the screen is not its matter.

import Glibc
import Synchronization

final class FullScreen {
  struct Size: Equatable, Sendable {
    var columns: Int
    var rows: Int
  }

  /// Alternate screen, no cursor, no wrapping of long lines.
  private static let entering = "\u{1B}[?1049h\u{1B}[?25l\u{1B}[?7l"
  private static let leaving = "\u{1B}[?7h\u{1B}[?25h\u{1B}[?1049l"

  /// How the terminal was; nil while it is as it was.
  private static let before = Mutex<termios?>(nil)

  /// One screen at a time; `leave` gives it back, and so does the end of the process.
  static func enter() throws(CommandFault) -> FullScreen {
    var settings = termios()
    guard tcgetattr(STDIN_FILENO, &settings) == 0 else {
      throw .failed("standard input is no terminal: \(String(cString: strerror(errno)))")
    }
    before.withLock { $0 = settings }
    atexit { FullScreen.leave() }
    var raw = settings
    cfmakeraw(&raw)
    guard tcsetattr(STDIN_FILENO, TCSAFLUSH, &raw) == 0 else {
      before.withLock { $0 = nil }
      throw .failed("the terminal cannot be set: \(String(cString: strerror(errno)))")
    }
    Terminal.write(entering, to: STDOUT_FILENO)
    return FullScreen()
  }

  private init() {}

  /// Does nothing the second time.
  static func leave() {
    let settings = before.withLock { before in
      defer { before = nil }
      return before
    }
    guard var settings else { return }
    // Not through Terminal: at the end of a process nothing may end it once more.
    let text = Array(leaving.utf8)
    _ = Glibc.write(STDOUT_FILENO, text, text.count)
    tcsetattr(STDIN_FILENO, TCSADRAIN, &settings)
  }

  /// Asked before each drawing, since a window changes its size.
  var size: Size {
    var size = winsize()
    guard ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0, size.ws_row > 0
    else { return Size(columns: 80, rows: 24) }
    return Size(columns: Int(size.ws_col), rows: Int(size.ws_row))
  }

  /// Lines that fit, in one write, so that nobody sees half a screen.
  func draw(_ lines: [String]) {
    let text = lines.map { "\($0)\u{1B}[K" }.joined(separator: "\r\n")
    Terminal.write("\u{1B}[H\(text)\u{1B}[J", to: STDOUT_FILENO)
  }

  /// What was pressed since the last time; nil when there is nobody any more.
  func pressed() -> [UInt8]? {
    var bytes = [UInt8](repeating: 0, count: 256)
    let count = read(STDIN_FILENO, &bytes, bytes.count)
    if count < 0, errno == EINTR || errno == EAGAIN { return [] }
    return count > 0 ? Array(bytes[..<count]) : nil
  }
}

/// Lines as wide as the screen, and not wider.
enum ScreenLine {
  /// The line as far as it fits, with its colours; a cut one ends in `…`.
  static func cut(_ line: String, to columns: Int) -> String {
    var shown = ""
    var fitting = ""
    var width = 0
    var isInEscape = false
    var isColoured = false
    for character in line {
      if isInEscape || character == "\u{1B}" {
        isInEscape = character != "m"
        isColoured = true
      } else {
        width += columnsOf(character)
        if width > columns {
          let end = columns > 0 ? "…" : ""
          return isColoured ? "\(fitting)\(end)\u{1B}[0m" : fitting + end
        }
      }
      shown.append(character)
      // The last column is the mark's if there is more to come.
      if width < columns { fitting = shown }
    }
    return shown
  }

  /// Two for the characters of East Asia and for pictures, as terminals have it.
  private static func columnsOf(_ character: Character) -> Int {
    guard let scalar = character.unicodeScalars.first else { return 0 }
    switch scalar.value {
    case 0x1100...0x115F, 0x2E80...0xA4CF, 0xAC00...0xD7A3, 0xF900...0xFAFF, 0xFE30...0xFE6F,
      0xFF00...0xFF60, 0xFFE0...0xFFE6, 0x1F300...0x1FAFF, 0x20000...0x3FFFD:
      return 2
    default: return 1
    }
  }
}
