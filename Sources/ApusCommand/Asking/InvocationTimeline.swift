// An invocation's life as bars over time: what it waited for, each attempt, and what comes next.

import Invocations

struct InvocationTimeline {
  private struct Span {
    var label: String
    var from: Int64
    /// nil as long as it lasts.
    var to: Int64?
    var mark: Character
    var colour: Ink.Colour?
    var note = ""
  }

  /// Rows; those in between are left out.
  private static let spansMax = 24
  private static let barMin = 20
  private static let barMax = 60

  private let story: Answer
  /// The host's answer to `why`, of one that waits.
  private let cause: Answer?

  init(_ story: Answer, cause: Answer?) {
    self.story = story
    self.cause = cause
  }

  func lines(_ presentation: Presentation) -> [String] {
    let spans = spans
    guard let begin = spans.map(\.from).min() else { return [] }
    let now = presentation.now.milliseconds
    let end = max(begin + 1, spans.map { $0.to ?? now }.max() ?? begin)
    let shown = Self.shortened(spans)
    let labels = shown.compactMap { $0?.label.count }.max() ?? 0
    let lengths = shown.map { span in
      span.map { TimeWords.length(milliseconds: ($0.to ?? now) - $0.from) } ?? ""
    }
    let lengthWidth = lengths.map(\.count).max() ?? 0
    let room = (presentation.columnsMax ?? 100) - labels - lengthWidth - 8
    let width = max(Self.barMin, min(Self.barMax, room))
    return zip(shown, lengths).map { span, length in
      guard let span else { return presentation.ink(.dim, "…") }
      let bar = Self.bar(span, from: begin, to: end, now: now, width: width)
      let line =
        span.label.padded(to: labels) + "  " + Self.right(length, lengthWidth) + "  "
        + presentation.ink(span.colour, bar) + (span.note.isEmpty ? "" : "  \(span.note)")
      return String(line.reversed().drop { $0 == " " }.reversed())
    }
  }

  // MARK: What there is

  private var spans: [Span] {
    guard let created = story.time("createdAt")?.milliseconds else { return [] }
    var spans: [Span] = []
    var place = created
    var reason = waitBeforeFirst
    for attempt in story.list("attempts") {
      guard let started = attempt.time("startedAt")?.milliseconds else { continue }
      if started > place {
        spans.append(Span(label: reason, from: place, to: started, mark: "·", colour: .dim))
      }
      let outcome = attempt["outcome"]
      let length = outcome == nil ? nil : attempt.number("runMs")
      let ended = attempt.time("finishedAt")?.milliseconds ?? length.map { started + $0 }
      spans.append(
        Span(
          label: "#\(attempt["attempt"] ?? "-") \(outcome ?? "runs")", from: started, to: ended,
          mark: "█", colour: Self.colour(of: outcome), note: Self.note(of: attempt)))
      place = ended ?? started
      reason = outcome == "returned" ? "given back" : "backoff"
    }
    if let waiting = stillWaiting(since: place, reason) { spans.append(waiting) }
    return spans
  }

  private var waitBeforeFirst: String {
    guard let created = story.time("createdAt"), let due = story.time("dueAt"), due > created,
      story.list("attempts").isEmpty
    else { return "queued" }
    return "delayed"
  }

  private func stillWaiting(since place: Int64, _ reason: String) -> Span? {
    switch story["state"] {
    case "queued", "waiting", "held":
      let code = cause?["cause"] ?? reason
      return Span(label: "waits: \(code)", from: place, to: nil, mark: "·", colour: .yellow)
    case "dead", "cancelled":
      guard let ended = story.time("finishedAt")?.milliseconds, ended > place + 1 else {
        return nil
      }
      return Span(label: reason, from: place, to: ended, mark: "·", colour: .dim)
    default: return nil
    }
  }

  private static func colour(of outcome: String?) -> Ink.Colour {
    switch outcome {
    case nil: .blue
    case "succeeded": .green
    case "returned", "cancelled": .yellow
    default: .red
    }
  }

  private static func note(of attempt: Answer) -> String {
    attempt["release"].map { "release \($0)" } ?? ""
  }

  // MARK: Drawing

  private static func shortened(_ spans: [Span]) -> [Span?] {
    guard spans.count > spansMax else { return spans }
    let half = spansMax / 2
    let gap: [Span?] = [nil]
    return Array(spans.prefix(half)) + gap + Array(spans.suffix(half))
  }

  /// At least one mark, where it begins.
  private static func bar(_ span: Span, from begin: Int64, to end: Int64, now: Int64, width: Int)
    -> String
  {
    let scale = Double(width) / Double(end - begin)
    let start = min(width - 1, Int(Double(span.from - begin) * scale))
    let length = Double((span.to ?? now) - span.from) * scale
    let marks = max(1, min(width - start, Int(length.rounded())))
    return String(repeating: " ", count: start) + String(repeating: span.mark, count: marks)
  }

  private static func right(_ text: String, _ width: Int) -> String {
    String(repeating: " ", count: max(0, width - text.count)) + text
  }
}

/// What caused an invocation and what came of it, as a tree.
struct InvocationTree {
  private let nodes: [Answer]
  private let isCut: Bool
  private let own: String

  /// `own` is the id of the one that is shown.
  init(_ chain: Answer, own: String) {
    nodes = chain.list("items")
    isCut = chain.isTrue("isCut")
    self.own = own
  }

  func lines(_ presentation: Presentation) -> [String] {
    // Alone it has neither cause nor effect.
    guard nodes.count > 1, let root = nodes.first else { return [] }
    var lines: [String] = []
    add(root, "", "", to: &lines, presentation)
    if isCut { lines.append(presentation.ink(.dim, "… more than \(nodes.count)")) }
    return lines
  }

  private func add(
    _ node: Answer, _ head: String, _ rest: String, to lines: inout [String],
    _ presentation: Presentation
  ) {
    let id = node["id"] ?? "-"
    let state = node["state"] ?? "-"
    let reason = node["reason"].map { " (\($0))" } ?? ""
    let again = node["link"] == "redriven" ? "sent again as " : ""
    var line = presentation.ink(.dim, head) + again + presentation.ink(id == own ? .bold : nil, id)
    line += "  \(node["function"] ?? "-")  "
    line += presentation.ink(.of(state: state), state + reason)
    if id == own { line += presentation.ink(.dim, "  ← this one") }
    lines.append(line)
    let children = nodes.filter { $0["parent"] == id }
    for (place, child) in children.enumerated() {
      let isLast = place == children.count - 1
      add(
        child, rest + (isLast ? "└─ " : "├─ "), rest + (isLast ? "   " : "│  "), to: &lines,
        presentation)
    }
  }
}
