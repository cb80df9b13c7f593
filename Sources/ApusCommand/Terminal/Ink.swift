// Colours, on a terminal only and not where NO_COLOR is set (no-color.org).

import Glibc

struct Ink: Sendable {
  enum Colour: Int, Sendable {
    case bold = 1
    case dim = 2
    case red = 31
    case green = 32
    case yellow = 33
    case blue = 34
    case cyan = 36
  }

  var isColoured: Bool

  static let plain = Ink(isColoured: false)
  static let output = Ink(descriptor: STDOUT_FILENO)
  static let errors = Ink(descriptor: STDERR_FILENO)

  init(isColoured: Bool) { self.isColoured = isColoured }

  private init(descriptor: Int32) {
    let environment = Environment.variables
    isColoured =
      Terminal.isTerminal(descriptor) && (environment["NO_COLOR"] ?? "").isEmpty
      && environment["TERM"] != "dumb"
  }

  func callAsFunction(_ colour: Colour?, _ text: String) -> String {
    guard isColoured, let colour, !text.isEmpty else { return text }
    return "\u{1B}[\(colour.rawValue)m\(text)\u{1B}[0m"
  }
}

extension Ink.Colour {
  /// Of a word that an invocation or a function is said to be.
  static func of(state: String) -> Ink.Colour? {
    switch state {
    case "succeeded", "active": .green
    case "running": .blue
    case "waiting", "held", "paused": .yellow
    case "dead", "unhealthy": .red
    case "cancelled", "undeclared": .dim
    default: nil
    }
  }
}
