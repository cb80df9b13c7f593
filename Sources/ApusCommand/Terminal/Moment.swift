// One thing that happened, as the live log shows it: from the loop of this process, or from the
// event stream of another.

import Invocations

struct Moment: Equatable, Sendable {
  enum Kind: String, Sendable {
    case accepted, duplicate, started, attempt, ended, log, fenced
    case workerStarted = "worker-started"
    case workerEnded = "worker-ended"
    case unhealthy, healthy, missed, dropped, paused, resumed
    case storeStalled = "store-stalled"
    case storeHealed = "store-healed"
    case webhooksRefused = "webhooks-refused"
    case action
  }

  var kind: Kind
  var time: WallTime
  var function = ""
  var invocation = ""
  var attempt: Int64?
  var worker: Int64?
  var state = ""
  /// Of a death, a missed instant, refused calls, a stalled store, workers that do not start.
  var reason = ""
  var outcome = ""
  var runMilliseconds: Int64?
  var next: WallTime?
  var errorMessage: String?
  var emittedCount = 0
  var level = ""
  var message = ""
  var metadata: [Pair] = []
  /// A worker's executable or its end, a timer, what is paused, functions.
  var subject = ""
  var isExpected = false
  var count: Int64 = 0
  /// Of an action: how many were selected.
  var total: Int64 = 0

  struct Pair: Equatable, Sendable {
    var name: String
    var text: String
  }

  init(_ kind: Kind, at time: WallTime) {
    self.kind = kind
    self.time = time
  }
}

// MARK: - From this process

extension Moment {
  init(_ happening: Happening, at now: WallTime) {
    switch happening {
    case .accepted(let acceptance):
      self.init(.accepted, at: now, acceptance.value.id, acceptance.value.function)
    case .duplicate(let id, let function): self.init(.duplicate, at: now, id, function)
    case .started(let id, let function, let attempt, let worker):
      self.init(.started, at: now, id, function)
      self.attempt = Int64(attempt)
      self.worker = Int64(worker)
    case .goesOn(let record, let function, let state, let due):
      self.init(.attempt, at: now, record.invocation, function)
      self.state = state.description
      next = due
      take(record)
    case .ended(let shared, _):
      let ending = shared.value
      self.init(.ended, at: now, ending.id, ending.function)
      state = ending.state.description
      reason = ending.reason?.description ?? ""
      emittedCount = ending.emitted.count
      if let record = ending.attempt { take(record) }
      errorMessage = ending.error?.message
    case .logged(let line, let function):
      self.init(.log, at: line.time, line.invocation, function)
      attempt = Int64(line.attempt)
      level = line.level
      message = line.message
      metadata = line.metadata.map { Pair(name: $0.name, text: $0.value) }
    case .fenced(let name):
      self.init(.fenced, at: now, name.id, "")
      attempt = Int64(name.attempt)
    default: self.init(house: happening, at: now)
    }
  }

  private init(_ kind: Kind, at time: WallTime, _ id: InvocationID, _ function: String) {
    self.init(kind, at: time)
    invocation = "\(id)"
    self.function = function
  }

  private mutating func take(_ record: AttemptRecord) {
    attempt = Int64(record.number)
    worker = Int64(record.worker)
    outcome = record.outcome.word
    runMilliseconds = max(0, record.endedAt.milliseconds - record.startedAt.milliseconds)
    errorMessage = record.error?.message
  }

  /// What concerns the house and no single invocation.
  private init(house happening: Happening, at now: WallTime) {
    switch happening {
    case .workerStarted(let pid, let executable):
      self.init(.workerStarted, at: now)
      worker = Int64(pid)
      subject = executable
    case .workerEnded(let pid, let how, let expected):
      self.init(.workerEnded, at: now)
      worker = Int64(pid)
      subject = how
      isExpected = expected
    case .unhealthy(let functions, let reason):
      self.init(.unhealthy, at: now)
      subject = functions.joined(separator: ", ")
      self.reason = reason
    case .healthy(let functions):
      self.init(.healthy, at: now)
      subject = functions.joined(separator: ", ")
    case .missed(let timer, let instants):
      self.init(.missed, at: now)
      subject = timer
      count = instants.reduce(0) { $0 + Int64($1.count) }
      reason = instants.first?.reason ?? ""
    case .paused(let name):
      self.init(.paused, at: now)
      subject = name
    case .resumed(let name):
      self.init(.resumed, at: now)
      subject = name
    case .storeStalled(let reason):
      self.init(.storeStalled, at: now)
      self.reason = reason
    case .storeHealed: self.init(Kind.storeHealed, at: now)
    case .webhooksRefused(let function, let code, let count):
      self.init(.webhooksRefused, at: now)
      self.function = function
      reason = code
      self.count = Int64(count)
    case .action(let action):
      self.init(.action, at: now)
      subject = "action \(action.number) of \(action.by)"
      state = action.state.description
      message = action.verb.rawValue
      count = Int64(action.done)
      total = Int64(action.selected)
    case .accepted, .duplicate, .started, .goesOn, .ended, .logged, .fenced:
      preconditionFailure("of an invocation, not of the house: \(happening)")
    }
  }
}

// MARK: - From a stream

extension Moment {
  /// Nil for an event that this version does not know.
  init?(_ name: String, _ event: Answer, at now: WallTime) {
    guard let kind = Kind(rawValue: name) else { return nil }
    self.init(kind, at: kind == .log ? event.time("time") ?? now : now)
    function = event["function"] ?? ""
    invocation = event["invocation"] ?? ""
    attempt = event.number("attempt")
    worker = event.number("worker")
    state = event["state"] ?? ""
    reason = event["reason"] ?? event["code"] ?? ""
    outcome = event["outcome"] ?? ""
    runMilliseconds = event.number("runMs")
    next = event.time("next")
    errorMessage = event["error.message"]
    emittedCount = event.list("emitted").count
    level = event["level"] ?? ""
    message = event["message"] ?? ""
    metadata = event.members("metadata").map { Pair(name: $0.name, text: $0.text) }
    isExpected = event.isTrue("expected")
    count = event.number("count") ?? 0
    if kind == .action {
      subject = "action \(event["id"] ?? "-") of \(event["by"] ?? "-")"
      message = event["action"] ?? "-"
      count = event.number("done") ?? 0
      total = event.number("selected") ?? 0
      return
    }
    let functions = event.texts("functions").joined(separator: ", ")
    subject =
      event["executable"] ?? event["how"] ?? event["timer"] ?? event["subject"] ?? functions
  }
}
