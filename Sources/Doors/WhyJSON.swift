// Why an invocation does not run, as JSON and as one sentence with its remedy.

import Invocations

extension JSONWriter {
  /// `pause` is the operator's deed where a pause is the obstacle.
  mutating func why(
    _ record: InvocationRecord, _ cause: WaitingCause, ahead: Int?, pause: OperatorAction? = nil
  ) {
    object { json in
      json.field("invocation", "\(record.acceptance.id)")
      json.field("function", record.acceptance.function)
      json.field("state", "\(record.state)")
      json.field("cause", cause.code)
      json.field(
        "sentence",
        cause.sentence(of: record, pausedBy: pause?.by) + (ahead.flatMap(cause.place) ?? ""))
      json.field("until", cause.until)
      json.array("by") { json in for id in cause.by { json.value("\(id)") } }
      json.field("byCount", cause.byCount)
      json.field("ahead", ahead)
      json.field("pausedBy", pause?.by)
      json.field("pausedAt", pause?.at)
    }
  }
}

extension WaitingCause {
  /// Of those that wait for nothing but a time of their own a place says nothing.
  func place(_ ahead: Int) -> String? {
    switch obstacle {
    case .delay, .backoff, .quietTime: return nil
    default: break
    }
    switch ahead {
    case 0: return " It is the next in line."
    case 1: return " 1 stands before it in line."
    default: return " \(ahead) stand before it in line."
    }
  }

  func sentence(of record: InvocationRecord, pausedBy name: String? = nil) -> String {
    let function = record.acceptance.function
    let by = name.map { " by \($0)" } ?? ""
    return switch obstacle {
    case .ended: "It has ended: \(record.state)\(record.reason.map { ", \($0)" } ?? "")."
    case .running: "It runs: attempt \(record.attempts) of at most \(attemptsMax(record))."
    case .held:
      "Its handler crashed and its manifest says onCrash: hold; `apus invocations retry` lets it "
        + "run again, `cancel` ends it."
    case .undeclared: "It waits for a release that declares function '\(function)'."
    case .stopping: "The host is stopping; it runs when the next host has started."
    case .storeStalled(let reason): "The record cannot be written, so nothing starts: \(reason)."
    case .queuePaused(let queue): "Queue '\(queue)' is paused\(by): apus queues resume \(queue)."
    case .functionPaused(let since):
      "Function '\(function)' is paused\(by) since \(since.text): apus functions resume \(function)."
    case .delay: "It waits for its time, \(time)."
    case .backoff:
      "Attempt \(record.attempts) of at most \(attemptsMax(record)) failed"
        + "\(record.error.map { " (\($0.message.prefix(200)))" } ?? ""); the next starts \(time)."
    case .quietTime: "It waits for its quiet time to end, \(time); a later event replaces it."
    case .order(let value):
      "'order' lets one of \(value) run at a time, and \(names) came before and has not ended."
    case .valueFull(let value, let limit):
      "\(byCount) of at most \(limit) of \(value) run: \(names)."
    case .rate(let value):
      "The rate of '\(function)'\(value.map { " for \($0)" } ?? "") is used up; it is free again "
        + "\(time)."
    case .functionFull(let limit):
      "Function '\(function)' runs \(byCount) of at most \(limit) at once: \(names)."
    case .batch(let size):
      "It waits for its batch to be \(size) events, until \(time) at the latest."
    case .noWorker(let reason?): "The workers of '\(function)' do not start: \(reason)"
    case .noWorker(nil):
      "No worker of '\(function)' has room or is ready; `apus functions show \(function)` says more."
    case .line: "Nothing stands in its way but those before it in the line of '\(function)'."
    }
  }

  private func attemptsMax(_ record: InvocationRecord) -> Int { record.acceptance.attemptsMax }

  private var time: String { until?.text ?? "soon" }

  private var names: String {
    let shown = by.prefix(5).map { "\($0)" }.joined(separator: ", ")
    return byCount > 5 ? "\(shown) and \(byCount - 5) more" : shown
  }
}
