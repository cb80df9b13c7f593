// How functions, queues and timers look in JSON.

import Invocations
import Schedules

extension JSONWriter {
  mutating func function(_ status: FunctionStatus) {
    let declaration = status.declaration
    object { json in
      json.field("name", declaration.name)
      json.field("handler", declaration.handler)
      json.field("description", declaration.summary)
      json.field("state", Self.state(of: status))
      json.field("pausedSince", status.pausedSince)
      json.field("problem", status.unhealthy)
      json.array("triggers") { json in
        for trigger in declaration.triggers { json.value(Self.text(trigger)) }
      }
      json.field("waiting", status.unfinished - status.running)
      json.field("running", status.running)
      json.field("concurrency", declaration.concurrency.limit)
      json.field("concurrencyPer", declaration.concurrency.per?.source)
      json.field(
        "limitPer", declaration.concurrency.per == nil ? nil : declaration.concurrency.limitPer)
      json.rate(declaration.rate)
      json.field("order", declaration.order?.source)
      json.field("priority", "\(declaration.priority)")
      json.batch(declaration.batch)
      json.debounce(declaration.debounce)
      json.field("onCrash", declaration.onCrash.rawValue)
      json.field("worker", declaration.worker.rawValue)
      json.field("durability", declaration.durability.rawValue)
      json.field("queueLimit", declaration.queueLimit)
      json.field("payloadLimit", declaration.payloadBytesMax)
      json.object("limits") { json in
        json.field("memory", declaration.limits.memoryBytes)
        json.field("result", declaration.limits.resultBytes)
        json.field("emits", declaration.limits.emitted)
        json.field("logLines", declaration.limits.logLines)
        json.field("logSize", declaration.limits.logBytes)
      }
      json.field("timeoutMs", declaration.timeout.milliseconds)
      json.field("deadLetter", declaration.deadLetter)
      json.idempotency(declaration.idempotency)
      json.array("fields") { json in for path in declaration.fields { json.value(path.source) } }
      json.array("redact") { json in
        for path in declaration.redact?.paths ?? [] { json.value(path.source) }
      }
      json.keep(declaration.keep)
      json.object("environment") { json in
        for (name, value) in declaration.environment.sorted(by: { $0.key < $1.key }) {
          json.field(name, value)
        }
      }
      // Their names; what they are worth is nobody's to read.
      json.array("secrets") { json in for name in declaration.secrets { json.value(name) } }
      json.webhooks(declaration.webhooks)
      json.object("retry") { json in
        json.field("attempts", declaration.attemptsOfMost)
        json.field("firstMs", declaration.retry.first.milliseconds)
        json.field("factor", declaration.retry.factor)
        json.field("maxMs", declaration.retry.delayMax.milliseconds)
        json.field("jitter", declaration.retry.jitter.rawValue)
        json.field("maxAgeMs", declaration.retry.maxAge.milliseconds)
      }
      json.object("lastMinute") { json in
        json.field("accepted", status.lastMinute.accepted)
        json.field("started", status.lastMinute.started)
        json.field("succeeded", status.lastMinute.succeeded)
        json.field("failed", status.lastMinute.failed)
      }
      json.object("sinceStart") { json in
        json.field("accepted", status.accepted)
        json.field("started", status.started)
        json.field("succeeded", status.succeeded)
        json.field("dead", status.dead)
        json.field("retried", status.retried)
        json.field("runP50Ms", status.runP50Milliseconds)
        json.field("runP99Ms", status.runP99Milliseconds)
      }
    }
  }

  /// Routes that only take what is signed, by `POST /path`; of the secrets their names.
  private mutating func webhooks(_ webhooks: [HTTPRoute: WebhookPolicy]) {
    let sorted = webhooks.map { ("\($0.method) \($0.pattern)", $1) }.sorted { $0.0 < $1.0 }
    object("verify") { json in
      for (route, policy) in sorted {
        json.object(route) { json in
          json.field("scheme", policy.scheme.rawValue)
          json.array("secrets") { json in for name in policy.secrets { json.value(name) } }
          json.field("toleranceMs", policy.scheme.signsTime ? policy.tolerance.milliseconds : nil)
        }
      }
    }
  }

  private mutating func rate(_ rate: RateLimit?) {
    guard let rate else { return field("rate", nil as String?) }
    object("rate") { json in
      json.field("count", rate.count)
      json.field("periodMs", rate.period.milliseconds)
      json.field("burst", rate.burst)
      json.field("per", rate.per?.source)
    }
  }

  private mutating func idempotency(_ policy: IdempotencyPolicy) {
    object("idempotency") { json in
      json.field("key", policy.key?.source)
      json.field("keepMs", policy.keep.milliseconds)
      json.field("required", policy.isRequired)
      json.field("whenRunning", policy.whenRunning.rawValue)
    }
  }

  /// What is null is kept as the host keeps it, or without such a limit.
  private mutating func keep(_ keeping: Keeping) {
    object("keep") { json in
      json.field("succeededMs", keeping.succeeded?.milliseconds)
      json.field("deadMs", keeping.dead?.milliseconds)
      json.field("count", keeping.count)
      json.field("bytes", keeping.bytes)
    }
  }

  private mutating func batch(_ batch: BatchRule?) {
    guard let batch else { return field("batch", nil as String?) }
    object("batch") { json in
      json.field("size", batch.size)
      json.field("windowMs", batch.window.milliseconds)
    }
  }

  private mutating func debounce(_ debounce: DebounceRule?) {
    guard let debounce else { return field("debounce", nil as String?) }
    object("debounce") { json in
      json.field("per", debounce.per?.source)
      json.field("forMs", debounce.quiet.milliseconds)
      json.field("atMostMs", debounce.atMost?.milliseconds)
    }
  }

  private static func state(of status: FunctionStatus) -> String {
    if !status.isDeclared { return "undeclared" }
    if status.pausedSince != nil { return "paused" }
    return status.unhealthy == nil ? "active" : "unhealthy"
  }

  static func text(_ trigger: Trigger) -> String {
    switch trigger {
    case .queue(let name): "queue: \(name)"
    case .http(let route): "http: \(route.method) \(route.pattern)"
    case .timer(let timer):
      switch timer.rule {
      case .cron(let expression, let zone): "timer: cron \(expression) (\(zone))"
      case .every(let period): "timer: every \(period.milliseconds) ms"
      case .at(let time): "timer: at \(time.text)"
      }
    }
  }

  mutating func queue(_ status: QueueStatus, at now: WallTime) {
    object { json in
      json.field("name", status.name)
      json.field("function", status.function)
      json.field("waiting", status.waiting)
      json.field("running", status.running)
      json.field("held", status.held)
      json.field("oldestAt", status.oldestAt)
      json.field(
        "oldestAgeMs", status.oldestAt.map { max(0, now.milliseconds - $0.milliseconds) })
      json.field("paused", status.isPaused)
    }
  }

  mutating func timer(_ status: TimerStatus) {
    object { json in
      json.field("name", status.name)
      json.field("function", status.function)
      json.field("rule", status.rule)
      json.field("next", status.upcoming.first)
      json.array("upcoming") { json in for instant in status.upcoming { json.value(instant.text) } }
      json.field("mark", status.mark)
      json.field("last", status.firings.first?.acceptance.event.time)
      json.array("firings") { json in for one in status.firings { json.firing(one) } }
    }
  }

  /// What became of an instant.
  private mutating func firing(_ record: InvocationRecord) {
    object { json in
      json.field("instant", record.acceptance.event.time)
      json.field("invocation", "\(record.acceptance.id)")
      json.field("state", record.state.description)
      json.field("reason", record.reason?.description)
      json.field("startedAt", record.startedAt)
      json.field("finishedAt", record.endedAt)
    }
  }
}

extension FunctionDeclaration {
  /// Calls have one attempt, unless the manifest says how many.
  fileprivate var attemptsOfMost: Int {
    let isOnlyCalled =
      !triggers.isEmpty
      && triggers.allSatisfy { if case .http = $0 { true } else { false } }
    return isOnlyCalled && !retry.attemptsAreGiven ? 1 : retry.attemptsMax
  }
}
