// A handler's log line for people: its level in a colour, its message, its metadata; and a crash's
// backtrace without the noise of addresses.

import Workers

enum LogWords {
  /// The first line has the level, the others are of a message with several.
  ///
  /// None at all where the message is noise around a backtrace.
  static func lines(
    level: String, message: String, metadata: [(name: String, text: String)], _ ink: Ink
  ) -> [String] {
    let pairs = metadata.map { "  " + ink(.dim, "\($0.name)=") + Table.oneLine($0.text) }.joined()
    let parts = message.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
    let isPrinted = level == "stderr" || level == "stdout"
    let shown = parts.compactMap { part in
      isPrinted ? printed(String(part), ink) : String(part)
    }
    let word = ink(colour(of: level), level.padded(to: levelColumns))
    let blank = String(repeating: " ", count: levelColumns)
    return shown.enumerated().map { index, text in
      (index == 0 ? word : blank) + " " + text + (index == shown.count - 1 ? pairs : "")
    }
  }

  private static let levelColumns = 8

  private static func colour(of level: String) -> Ink.Colour? {
    switch level {
    case "critical", "error": .red
    case "warning", "notice": .yellow
    case "info": .blue
    default: .dim
    }
  }

  /// A line that a process printed; nil for what says nothing around a backtrace.
  static func printed(_ line: String, _ ink: Ink) -> String? {
    guard !isNoise(line) else { return nil }
    if line.contains("Fatal error") || line.contains("crashed") { return ink(.red, line) }
    guard let frame = BacktraceFrame(line) else { return line }
    guard !frame.isGlue else { return nil }
    let head = "  \(frame.number.padded(to: 3)) "
    guard let place = frame.place else { return ink(.dim, head + frame.symbol) }
    return head + frame.symbol + "  " + ink(.cyan, Files.shown(place))
  }

  private static func isNoise(_ line: String) -> Bool {
    if line.allSatisfy(\.isWhitespace) || line == "..." { return true }
    return [("*** Signal ", "Backtracing"), ("Platform: ", " Linux ("), ("Backtrace took ", "s")]
      .contains { line.hasPrefix($0) && line.contains($1) }
  }
}

extension String {
  func padded(to columns: Int) -> String {
    self + String(repeating: " ", count: max(0, columns - count))
  }
}
