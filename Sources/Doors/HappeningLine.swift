// One happening as one JSON object of the event stream, and whether a filter wants it.

package import Invocations

package struct HappeningLine {
  package let name: String
  package let json: [UInt8]
  private let function: String?
  private let state: StateWord?
  private let reason: DeathReason?
  private let queue: String?
  private let fingerprint: Fingerprint?
  private let words: String

  /// nil for what is not told.
  package init?(_ happening: Happening) {
    var json = JSONWriter()
    var subject = Subject()
    json.object { $0.write(happening, &subject) }
    name = subject.name
    self.json = json.bytes
    function = subject.function
    state = subject.state
    reason = subject.reason
    queue = subject.queue
    fingerprint = subject.fingerprint
    words = subject.words
  }

  func passes(_ filter: InvocationFilter) -> Bool {
    if let wanted = filter.function, wanted != function { return false }
    if let wanted = filter.reason, wanted != reason { return false }
    if let wanted = filter.text, !words.lowercased().contains(wanted.lowercased()) { return false }
    if let wanted = filter.fingerprint, wanted != fingerprint { return false }
    if let wanted = filter.queue, let queue, wanted != queue { return false }
    if let state, !filter.states.isEmpty { return filter.states.contains(state) }
    return true
  }

  fileprivate struct Subject {
    var name = ""
    var function: String?
    var state: StateWord?
    var reason: DeathReason?
    var queue: String?
    var fingerprint: Fingerprint?
    /// What is written: an error's message, a log line.
    var words = ""
  }
}

extension JSONWriter {
  fileprivate mutating func write(_ happening: Happening, _ subject: inout HappeningLine.Subject) {
    switch happening {
    case .accepted(let shared):
      let acceptance = shared.value
      subject = .init(
        name: "accepted", function: acceptance.function, state: .queued, queue: acceptance.queue)
      invocation(acceptance.id, acceptance.function)
      field("trigger", acceptance.trigger)
      field("event", acceptance.event.id)
      field("cause", acceptance.cause.map { "\($0)" })
      field("time", acceptance.createdAt)
    case .duplicate(let id, let function):
      subject = .init(name: "duplicate", function: function)
      invocation(id, function)
    case .started(let id, let function, let attempt, let worker):
      subject = .init(name: "started", function: function, state: .running)
      invocation(id, function)
      field("attempt", attempt)
      field("worker", worker)
    case .goesOn(let attempt, let function, let state, let due):
      subject = .init(name: "attempt", function: function, state: state)
      invocation(attempt.invocation, function)
      field("state", state.description)
      field("attempt", attempt.number)
      field("outcome", attempt.outcome.word)
      field("runMs", attempt.endedAt.milliseconds - attempt.startedAt.milliseconds)
      field("next", due)
      subject.fingerprint = attempt.fingerprint
      subject.words = attempt.error?.message ?? ""
      error(attempt.error, subject.fingerprint)
    case .ended(let shared, let acceptedAt):
      let ending = shared.value
      subject = .init(
        name: "ended", function: ending.function, state: ending.state, reason: ending.reason)
      subject.fingerprint =
        ending.state == .dead ? ending.error.map { Fingerprint(of: $0) } : nil
      subject.words = ending.error?.message ?? ""
      write(ending, acceptedAt, subject.fingerprint)
    case .logged(let line, let function):
      subject = .init(name: "log", function: function)
      invocation(line.invocation, function)
      field("time", line.time)
      field("attempt", line.attempt)
      field("level", line.level)
      subject.words = line.message
      field("message", line.message)
      pairs("metadata", line.metadata)
    case .fenced(let attempt):
      subject.name = "fenced"
      field("invocation", "\(attempt.id)")
      field("attempt", attempt.attempt)
    default: writeHouse(happening, &subject)
    }
  }

  private mutating func write(
    _ ending: Ending, _ acceptedAt: WallTime, _ fingerprint: Fingerprint?
  ) {
    invocation(ending.id, ending.function)
    field("state", ending.state.description)
    field("reason", ending.reason?.description)
    field("attempt", ending.attempt?.number)
    field("worker", ending.attempt?.worker)
    if let attempt = ending.attempt {
      field("runMs", attempt.endedAt.milliseconds - attempt.startedAt.milliseconds)
    }
    field("totalMs", ending.endedAt.milliseconds - acceptedAt.milliseconds)
    field("time", ending.endedAt)
    array("emitted") { json in
      for child in ending.emitted { json.value("\(child.id)") }
    }
    error(ending.error, fingerprint)
  }

  /// What concerns the house and no single invocation.
  private mutating func writeHouse(
    _ happening: Happening, _ subject: inout HappeningLine.Subject
  ) {
    switch happening {
    case .workerStarted(let pid, let executable):
      subject.name = "worker-started"
      field("worker", pid)
      field("executable", executable)
    case .workerEnded(let pid, let how, let expected):
      subject.name = "worker-ended"
      field("worker", pid)
      field("how", how)
      field("expected", expected)
    case .unhealthy(let functions, let reason):
      subject.name = "unhealthy"
      field("functions", functions)
      field("reason", reason)
    case .healthy(let functions):
      subject.name = "healthy"
      field("functions", functions)
    case .missed(let timer, let instants):
      subject.name = "missed"
      field("timer", timer)
      field("count", instants.reduce(0) { $0 + $1.count })
      field("reason", instants.first?.reason)
    case .paused(let name):
      subject.name = "paused"
      field("subject", name)
    case .resumed(let name):
      subject.name = "resumed"
      field("subject", name)
    case .storeStalled(let reason):
      subject.name = "store-stalled"
      field("reason", reason)
    case .storeHealed: subject.name = "store-healed"
    case .webhooksRefused(let function, let code, let count):
      subject.name = "webhooks-refused"
      subject.function = function
      field("function", function)
      field("code", code)
      field("count", count)
    case .action(let action):
      subject.name = "action"
      field("id", action.number)
      field("action", action.verb.rawValue)
      field("subject", action.subject)
      field("by", action.by)
      field("state", action.state.description)
      field("selected", action.selected)
      field("done", action.done)
      field("refusedCount", action.refusedCount)
    case .accepted, .duplicate, .started, .goesOn, .ended, .logged, .fenced: break
    }
  }

  private mutating func invocation(_ id: InvocationID, _ function: String) {
    field("invocation", "\(id)")
    field("function", function)
  }
}
