// What is found of the work in a store, and of the host that should do it.

import Invocations
import Records

extension Examination {
  var deadLetters: [Finding] {
    let dead = report.deadLetters
    guard dead.count > 0 else { return [] }
    let many = dead.isPartial ? "more than " : ""
    return [
      Finding(
        .warning, "dead-letters",
        "\(many)\(Self.counted(dead.count, "dead letter")) nobody has dealt with",
        "apus errors --open tells why; then apus dead-letters redrive, or purge")
    ]
  }

  var held: [Finding] {
    let count = report.held.reduce(0) { $0 + $1.count }
    guard count > 0 else { return [] }
    let functions = report.held.map(\.function).joined(separator: ", ")
    let many = report.heldIsPartial ? "at least " : ""
    return [
      Finding(
        .warning, "held",
        "\(many)\(Self.counted(count, "invocation")) held, of \(functions): a crash left the "
          + "outcome unknown",
        "apus invocations list --state held; then apus invocations retry, or cancel")
    ]
  }

  var undeclared: [Finding] {
    guard let declared = host.answers?.declared else { return [] }
    return report.functions.filter { $0.unfinished > 0 && !declared.contains($0.name) }.map {
      Finding(
        .warning, "undeclared",
        "\(Self.counted($0.unfinished, "unfinished invocation")) of \($0.name), which no manifest "
          + "declares",
        "deploy its manifest again, or end them with apus invocations cancel")
    }
  }

  var pauses: [Finding] {
    report.paused.filter {
      now.milliseconds - $0.since.milliseconds > Bounds.pauseMax.milliseconds
    }.map { pause in
      let words = pause.subject.split(separator: ":", maxSplits: 1).map(String.init)
      let kind = words.first ?? ""
      let name = words.last ?? ""
      return Finding(
        .warning, "paused",
        "\(kind) \(name) is paused, since \(TimeWords.relative(pause.since, to: now))",
        "apus \(kind)s resume \(name)")
    }
  }

  var hostItself: [Finding] {
    let pid = report.surroundings.hostPid.map { " (process \($0))" } ?? ""
    switch host {
    case .none: return []
    case .starting(let detail):
      return [
        Finding(
          .note, "host-starting", "the host\(pid) cannot be asked: \(detail)",
          "ask again in a moment; its log says what it waits for")
      ]
    case .refusing(let detail):
      return [
        Finding(
          .note, "host-refuses", "the host\(pid) did not tell of its functions",
          detail)
      ]
    case .silent(let detail):
      return [
        Finding(
          .problem, "host-silent", "the host\(pid) does not answer: \(detail)",
          "look at its log; if it hangs, kill it and start it again: nothing acknowledged is lost")
      ]
    case .answering(let answers):
      guard let obstacle = answers.obstacle else { return [] }
      return [
        Finding(
          .problem, "not-ready", "the host\(pid) takes no events: \(obstacle)",
          "remove what stands in the way; it goes on by itself")
      ]
    }
  }

  var workers: [Finding] {
    (host.answers?.functions ?? []).compactMap { function in
      guard let problem = function["problem"], function["state"] != "undeclared" else {
        return nil
      }
      return Finding(
        .problem, "unhealthy", "\(function["name"] ?? "-") has no workers: \(problem)",
        "see the host's log, mend the executable and deploy it again")
    }
  }

  private static func counted(_ count: Int, _ noun: String) -> String {
    "\(count) \(noun)\(count == 1 ? "" : "s")"
  }
}
