// What one manifest says of one function, after reading and validation: every key has its value,
// given or default. Nothing here reads YAML; CONTRACT §2 is the list of keys.

package struct FunctionDeclaration: Sendable, Equatable {
  package var name: String
  package var handler: String
  package var summary: String
  package var triggers: [Trigger]
  package var concurrency: ConcurrencyLimit
  package var rate: RateLimit?
  /// One at a time and in order for each value of this path.
  package var order: EventPath?
  package var timeout: Duration
  package var retry: RetryPolicy
  package var idempotency: IdempotencyPolicy
  package var deadLetter: String?
  package var onCrash: CrashPolicy
  /// Accepted and unfinished; more is refused with 429.
  package var queueLimit: Int
  package var payloadBytesMax: Int
  package var environment: [String: String]
  package var secrets: [String]
  package var worker: WorkerKind

  package init(
    name: String, handler: String, summary: String = "", triggers: [Trigger],
    concurrency: ConcurrencyLimit = ConcurrencyLimit(limit: 16), rate: RateLimit? = nil,
    order: EventPath? = nil, timeout: Duration = .seconds(30), retry: RetryPolicy = RetryPolicy(),
    idempotency: IdempotencyPolicy = IdempotencyPolicy(), deadLetter: String? = nil,
    onCrash: CrashPolicy = .retry, queueLimit: Int = 100_000, payloadBytesMax: Int = 1 << 20,
    environment: [String: String] = [:], secrets: [String] = [], worker: WorkerKind = .shared
  ) {
    self.name = name
    self.handler = handler
    self.summary = summary
    self.triggers = triggers
    self.concurrency = concurrency
    self.rate = rate
    self.order = order
    self.timeout = timeout
    self.retry = retry
    self.idempotency = idempotency
    self.deadLetter = deadLetter
    self.onCrash = onCrash
    self.queueLimit = queueLimit
    self.payloadBytesMax = payloadBytesMax
    self.environment = environment
    self.secrets = secrets
    self.worker = worker
  }

  package var queues: [String] {
    triggers.compactMap { if case .queue(let name) = $0 { name } else { nil } }
  }
}

package enum Trigger: Sendable, Equatable {
  case queue(String)
  case timer(TimerTrigger)
  case http(HTTPRoute)
}

/// `POST /payments/{orderId}`: the method and the path pattern as written.
package struct HTTPRoute: Sendable, Hashable {
  package var method: String
  package var pattern: String

  package init(method: String, pattern: String) {
    self.method = method
    self.pattern = pattern
  }
}

package struct TimerTrigger: Sendable, Equatable {
  package enum Rule: Sendable, Equatable {
    /// Five fields or a nickname, and an IANA time zone.
    case cron(expression: String, timezone: String)
    case every(Duration)
    case at(WallTime)
  }

  /// What becomes of instants that passed while no host was running.
  package enum Missed: Sendable, Equatable {
    case skip
    case latest
    case all(max: Int)
  }

  package var rule: Rule
  package var missed: Missed

  package init(rule: Rule, missed: Missed = .latest) {
    self.rule = rule
    self.missed = missed
  }
}

package struct ConcurrencyLimit: Sendable, Equatable {
  package var limit: Int
  package var per: EventPath?
  package var limitPer: Int

  package init(limit: Int, per: EventPath? = nil, limitPer: Int = 1) {
    self.limit = limit
    self.per = per
    self.limitPer = limitPer
  }
}

package struct RateLimit: Sendable, Equatable {
  package var count: Int
  package var period: Duration
  package var burst: Int
  package var per: EventPath?

  package init(count: Int, period: Duration, burst: Int, per: EventPath? = nil) {
    self.count = count
    self.period = period
    self.burst = burst
    self.per = per
  }
}

package struct IdempotencyPolicy: Sendable, Equatable {
  package enum WhenRunning: String, Sendable { case reject, join }

  /// nil: the event's source and id, or the `Idempotency-Key` of an HTTP call.
  package var key: EventPath?
  package var keep: Duration
  package var isRequired: Bool
  package var whenRunning: WhenRunning

  package init(
    key: EventPath? = nil, keep: Duration = .seconds(86_400), isRequired: Bool = false,
    whenRunning: WhenRunning = .reject
  ) {
    self.key = key
    self.keep = keep
    self.isRequired = isRequired
    self.whenRunning = whenRunning
  }
}

package enum CrashPolicy: String, Sendable, CaseIterable {
  case retry
  case hold
  case deadLetter = "dead-letter"
}

package enum WorkerKind: String, Sendable, CaseIterable { case shared, dedicated }
