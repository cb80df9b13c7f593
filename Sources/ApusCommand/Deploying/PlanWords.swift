// The plan of a deployment for people: `+`, `~` and `-`, each changed key on a line of its own, and
// what it means for work that is under way.

struct PlanWords {
  private let answer: Answer
  private let ink: Ink

  init(_ answer: Answer, _ presentation: Presentation) {
    self.answer = answer
    ink = presentation.ink
  }

  var lines: [String] {
    let warnings = answer.texts("warnings").map { ink(.yellow, "warning: ") + $0 }
    let number = answer["number"] ?? "-"
    guard !answer.list("plan").isEmpty else {
      return ["nothing changes: release \(number) is live and says the same"] + warnings
    }
    let end =
      answer.isTrue("dryRun")
      ? ink(.dim, "nothing was changed; this would be release \(number)")
      : ink(.green, "release \(number) is live")
    return answer.list("plan").flatMap(step) + warnings + [end]
  }

  private func step(_ step: Answer) -> [String] {
    let (mark, colour): (String, Ink.Colour) =
      switch step["action"] {
      case "create": ("+", .green)
      case "remove": ("-", .red)
      default: ("~", .yellow)
      }
    let verb = step["action"] ?? "change"
    let subject = step["subject"] == "worker" ? "worker" : "\(step["name"] ?? "-")"
    let changes = step.list("changes")
    let width = changes.compactMap { $0["key"]?.count }.max() ?? 0
    return ["\(ink(colour, "\(mark) \(verb)")) \(ink(.bold, subject))"]
      + changes.map { "    " + change($0, width) }
      + step.texts("notes").map { "    " + ink(.cyan, "! ") + $0 }
  }

  private func change(_ change: Answer, _ width: Int) -> String {
    let key = change["key"] ?? "-"
    let name = ink(.dim, key + String(repeating: " ", count: max(0, width - key.count)))
    let isHash = key == "executable"
    let old = change["old"].map { isHash ? String($0.prefix(12)) : $0 }
    let new = change["new"].map { isHash ? String($0.prefix(12)) : $0 }
    switch (old, new) {
    case (let old?, let new?): return "\(name)  \(ink(.red, old)) → \(ink(.green, new))"
    case (let old?, nil): return "\(name)  \(ink(.red, "- \(old)"))"
    case (nil, let new?): return "\(name)  \(ink(.green, "+ \(new)"))"
    case (nil, nil): return name
    }
  }
}
