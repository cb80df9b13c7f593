// Why an invocation is in the state it is in, in one sentence: as far as its record, its function
// and its queue tell.

import Invocations

struct Reasoning {
  private let record: Answer
  private let function: Answer?
  private let queue: Answer?

  init(_ record: Answer, function: Answer?, queue: Answer?) {
    self.record = record
    self.function = function
    self.queue = queue
  }

  func sentence(_ presentation: Presentation) -> String {
    switch record["state"] {
    case "queued": queued(presentation)
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

  /// The first obstacle in the order in which the dispatcher meets them.
  private func queued(_ presentation: Presentation) -> String {
    let name = record["function"] ?? "-"
    if let due = record.time("dueAt"), due > presentation.now {
      return "It waits for its time, \(record["dueAt"] ?? "-") (\(presentation.ago(due)))."
    }
    guard let function, function["state"] != "undeclared" else {
      return "It waits for a release that declares function '\(name)'; the live one does not."
    }
    if queue?.isTrue("paused") == true {
      return
        "Queue '\(record["queue"] ?? "-")' is paused: apus queues resume \(record["queue"] ?? "-")."
    }
    if let since = function.time("pausedSince") {
      return "Function '\(name)' is paused since \(presentation.ago(since)): "
        + "apus functions resume \(name)."
    }
    if let problem = function["problem"] {
      return "The workers of function '\(name)' do not start: \(Table.oneLine(problem))."
    }
    let waiting = function["waiting"] ?? "-"
    if let running = function.number("running"), let limit = function.number("concurrency"),
      running >= limit
    {
      return "Function '\(name)' runs \(running) of at most \(limit) at once; "
        + "\(waiting) wait, this one among them."
    }
    return "It stands in the line of function '\(name)', where \(waiting) wait: for a worker with "
      + "room, or for the limits of its manifest (rate, order, concurrency per key)."
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
      case let other: "of '\(other ?? "-")'"
      }
    return "It died \(presentation.ago(record.time("finishedAt"))) after attempt \(attempt), as "
      + "\(reason)\(error)."
  }
}
