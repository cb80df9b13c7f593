// A declared function in a line: its name and what triggers it.

import Invocations
import Schedules

enum DeclarationWords {
  static func lines(_ declarations: [FunctionDeclaration], _ ink: Ink) -> [String] {
    let width = declarations.map(\.name.count).max() ?? 0
    return declarations.map { declaration in
      let room = String(repeating: " ", count: width - declaration.name.count)
      let triggers = declaration.triggers.map(text).joined(separator: ", ")
      return "\(ink(.bold, declaration.name))\(room)  \(triggers)"
    }
  }

  static func text(_ trigger: Trigger) -> String {
    switch trigger {
    case .queue(let name): "queue \(name)"
    case .http(let route): "http \(route.method) \(route.pattern)"
    case .timer(let timer):
      switch timer.rule {
      case .cron(let expression, let zone): "timer \(expression) (\(zone))"
      case .every(let period): "timer every \(TimeWords.length(milliseconds: period.milliseconds))"
      case .at(let time): "timer at \(CivilTime.formatRFC3339(milliseconds: time.milliseconds))"
      }
    }
  }
}
