// Why an invocation is in the state it is in, in one sentence, as far as its record tells; what an
// unfinished one waits for only the host knows.

import Invocations

struct Reasoning {
  private let record: Answer
  /// The host's answer to `why`, of one that waits.
  private let cause: Answer?

  init(_ record: Answer, cause: Answer? = nil) {
    self.record = record
    self.cause = cause
  }

  func sentence(_ presentation: Presentation) -> String {
    if let sentence = cause?["sentence"] {
      let until = cause?.time("until").map { " That is \(presentation.ago($0))." } ?? ""
      return Table.oneLine(sentence) + until
    }
    return switch record["state"] {
    case "queued": "It waits."
    case "running":
      "It runs: attempt \(attempt), started \(presentation.ago(record.time("startedAt")))."
    case "waiting":
      "Attempt \(attempt) failed\(error); the next starts "
        + "\(presentation.ago(record.time("dueAt")))."
    case "held":
      "The worker died in attempt \(attempt) and nobody knows how far it came (onCrash: hold): "
        + "look, then `apus invocations retry` or `cancel`."
    case "succeeded":
      "It succeeded \(presentation.ago(record.time("finishedAt"))) in attempt \(attempt)."
    case "cancelled" where record["reason"] == "replaced":
      "A later event of the same value came within the quiet time and ran in its place: "
        + "\(record["replacedBy"] ?? "-")."
    case "cancelled": "It was cancelled \(presentation.ago(record.time("finishedAt")))."
    case "dead": dead(presentation)
    case let state: "Its state is '\(state ?? "-")', which this version of apus does not know."
    }
  }

  private var attempt: String {
    "\(record["attempt"] ?? "0") of at most \(record["attemptsMax"] ?? "-")"
  }

  private var error: String {
    record["error.message"].map { " (\(Table.oneLine($0)))" } ?? ""
  }

  private func dead(_ presentation: Presentation) -> String {
    let reason =
      switch record["reason"] {
      case "exhausted": "the last of its attempts failed"
      case "expired": "it grew older than its manifest's maxAge"
      case "rejected": "the handler rejected it for good"
      case "undecodable": "its data does not fit the handler's input"
      case "crashed": "it brought its worker down"
      case "missing-handler": "no worker has its handler"
      case "hops": "it was caused by a chain of too many invocations"
      case "operator": "an operator ended it"
      case "replaced": "a later event ran in its place"
      case let other: "of '\(other ?? "-")'"
      }
    let by = record["settledBy"].map { " by action \($0)" } ?? ""
    let fate =
      record["redrivenAs"].map { " It was sent again as \($0)\(by)." }
      ?? (by.isEmpty ? "" : " It was thrown away\(by).")
    return "It died \(presentation.ago(record.time("finishedAt"))) after attempt \(attempt), as "
      + "\(reason)\(error).\(fate)"
  }
}
