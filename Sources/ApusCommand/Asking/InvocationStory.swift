// The whole story of one invocation, in the order in which it happened: what came, every attempt,
// what it said, how it ended, what came of it.

import Invocations

struct InvocationStory {
  /// Lines of a payload; a larger one is for --json.
  private static let payloadLinesMax = 60

  private let story: Answer
  /// What one that waits waits for.
  private let cause: Answer?
  /// What caused it and what came of it.
  private let chain: Answer?

  init(_ story: Answer, cause: Answer? = nil, chain: Answer? = nil) {
    self.story = story
    self.cause = cause
    self.chain = chain
  }

  func lines(_ presentation: Presentation) -> [String] {
    let sections = [
      ("", head(presentation)), ("event", event(presentation)), ("request", request(presentation)),
      ("timeline", InvocationTimeline(story, cause: cause).lines(presentation)),
      ("attempts", attempts(presentation)), ("log", log(presentation)), ("result", result()),
      ("error", error(presentation)), ("chain", tree(presentation)),
    ]
    return Array(
      sections.filter { !$0.1.isEmpty }.map { title, lines in
        title.isEmpty ? lines : [presentation.ink(.bold, title)] + lines.map { "  \($0)" }
      }.joined(separator: [""]))
  }

  private func head(_ presentation: Presentation) -> [String] {
    let state = story["state"] ?? "-"
    let reason = story["reason"].map { " (\($0))" } ?? ""
    func instant(_ path: String) -> String? {
      story[path].map { "\($0) (\(presentation.ago(story.time(path))))" }
    }
    let isOver = story["finishedAt"] != nil
    let duplicates = story["duplicates"].flatMap { $0 == "0" ? nil : "\($0)×, not run again" }
    return presentation.fields([
      ("invocation", presentation.ink(.bold, story["id"] ?? "-")),
      ("function", story["function"]),
      ("state", presentation.ink(.of(state: state), state + reason)),
      ("trigger", story["trigger"]),
      ("key", story["key"]),
      ("created", instant("createdAt")),
      ("due", isOver || story["dueAt"] == story["createdAt"] ? nil : instant("dueAt")),
      ("started", instant("startedAt")),
      ("finished", instant("finishedAt")),
      (
        "attempts",
        "\(story["attempt"] ?? "0") of at most \(story["attemptsMax"] ?? "-")\(givenBack)"
      ),
      ("time", spent),
      ("sent again", duplicates),
      ("waits for", cause.map { Reasoning(story, cause: $0).sentence(presentation) }),
      ("cause", story["cause"]),
      ("redrive of", story["redriveOf"]),
      ("redriven as", story["redrivenAs"].map { $0 + settled }),
      (
        "thrown away",
        story["redrivenAs"] == nil ? story["settledBy"].map { "by action \($0)" } : nil
      ),
      ("replaced by", story["replacedBy"]),
    ])
  }

  /// They are not among the attempts that count.
  private var givenBack: String {
    let count = story.list("attempts").count { $0["outcome"] == "returned" }
    return count == 0 ? "" : " (\(count) given back, not counted)"
  }

  private var settled: String { story["settledBy"].map { " by action \($0)" } ?? "" }

  private var spent: String? {
    let lengths = [("waited", "queuedMs"), ("took", "runMs")].compactMap { word, path in
      story.number(path).map { "\(word) \(TimeWords.length(milliseconds: $0))" }
    }
    let parts = lengths + (story["cpuMs"].map { ["cpu \($0)ms"] } ?? [])
    return parts.isEmpty ? nil : parts.joined(separator: ", ")
  }

  private func event(_ presentation: Presentation) -> [String] {
    let attributes = story.members("event").filter {
      !["specversion", "data", "data_base64"].contains($0.name)
    }
    let fields = presentation.fields(attributes.map { ($0.name, $0.text) })
    guard let data = story.raw("event.data") ?? story.raw("event.data_base64") else {
      return fields
    }
    return fields + [presentation.ink(.dim, "data")] + Self.payload(data).map { "  \($0)" }
  }

  private func request(_ presentation: Presentation) -> [String] {
    guard let method = story["request.method"], let path = story["request.path"] else { return [] }
    let query = story["request.query"].map { "?\($0)" } ?? ""
    let parameters = story.members("request.parameters").map {
      ("{\($0.name)}", $0.text as String?)
    }
    let headers = story.members("request.headers").map { ("\($0.name):", $0.text as String?) }
    return ["\(method) \(path)\(query)"] + presentation.fields(parameters)
      + presentation.fields(headers)
  }

  private func attempts(_ presentation: Presentation) -> [String] {
    story.list("attempts").flatMap { attempt -> [String] in
      let outcome = attempt["outcome"] ?? "runs"
      let colour = outcome == "succeeded" ? Ink.Colour.green : .yellow
      let head =
        "#\(attempt["attempt"] ?? "-")  \(presentation.ink(colour, outcome))  "
        + "\(attempt["startedAt"] ?? "-")  "
        + "took \(TimeWords.length(milliseconds: attempt.number("runMs")))  "
        + "cpu \(attempt["cpuMs"] ?? "-")ms  " + Self.memory(of: attempt)
        + presentation.ink(.dim, "worker \(attempt["worker"] ?? "-")")
      return [head] + Self.errorLines(attempt, "error").map { "    \($0)" }
    }
  }

  private static func memory(of attempt: Answer) -> String {
    guard let bytes = attempt.number("memoryBytes") else { return "" }
    return "memory \(Int64(bytes) >> 20)MiB  "
  }

  /// With the time since the first start in front.
  private func log(_ presentation: Presentation) -> [String] {
    let start = story.list("attempts").first?.time("startedAt") ?? story.time("startedAt")
    let lines = story.list("logs").map { line in
      var offset = "-"
      if let start, let time = line.time("time") {
        offset = "+" + TimeWords.length(milliseconds: time.milliseconds - start.milliseconds)
      }
      return (offset, line)
    }
    let width = lines.map(\.0.count).max() ?? 0
    return lines.flatMap { offset, line in
      let room = String(repeating: " ", count: width - offset.count)
      let text = LogWords.lines(
        level: line["level"] ?? "-", message: line["message"] ?? "",
        metadata: line.members("metadata"), presentation.ink)
      let head = presentation.ink(.dim, "\(room)\(offset)  #\(line["attempt"] ?? "-")")
      let blank = String(repeating: " ", count: width + 4)
      return text.enumerated().map { index, part in
        (index == 0 ? head : blank) + "  " + part
      }
    }
  }

  private func result() -> [String] {
    guard let result = story.raw("result"), story["result"] != nil else { return [] }
    return Self.payload(result)
  }

  private func error(_ presentation: Presentation) -> [String] {
    let lines = Self.errorLines(story, "error").map { presentation.ink(.red, $0) }
    guard let fingerprint = story["error.fingerprint"] else { return lines }
    return lines + [presentation.ink(.dim, "others of it: apus errors show \(fingerprint)")]
  }

  private func tree(_ presentation: Presentation) -> [String] {
    chain.map { InvocationTree($0, own: story["id"] ?? "").lines(presentation) } ?? []
  }

  private static func errorLines(_ answer: Answer, _ path: String) -> [String] {
    guard let message = answer["\(path).message"] else { return [] }
    let type = answer["\(path).type"].flatMap { $0.isEmpty ? nil : " (\($0))" } ?? ""
    let lines = message.split(whereSeparator: \.isNewline).map(String.init)
    return ["\(answer["\(path).code"] ?? "-")\(type): \(lines.first ?? "")"] + lines.dropFirst()
  }

  private static func payload(_ json: [UInt8]) -> [String] {
    let lines = PrettyJSON.lines(json)
    guard lines.count > payloadLinesMax else { return lines }
    return lines.prefix(payloadLinesMax) + ["… \(lines.count - payloadLinesMax) more lines; --json"]
  }
}
