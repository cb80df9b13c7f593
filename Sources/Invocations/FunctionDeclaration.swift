// What one manifest says of one function, after reading and validation: every key has its value,
// given or default. Nothing here reads YAML; CONTRACT §2 is the list of keys.

package struct FunctionDeclaration: Sendable, Equatable {
  package var name: String
  package var handler: String
  package var summary: String
  package var triggers: [Trigger]
  package var concurrency: ConcurrencyLimit
  package var rate: RateLimit?
  /// Of its events that bring none of their own.
  package var priority: Priority
  /// Hands the handler many events at once.
  package var batch: BatchRule?
  /// Runs the last event after a quiet time.
  package var debounce: DebounceRule?
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
  package var limits: FunctionLimits
  package var environment: [String: String]
  package var secrets: [String]
  package var worker: WorkerKind
  /// What an acknowledgement of its events is worth.
  package var durability: Durability
  /// Values of its events by which their invocations are found.
  package var fields: [EventPath]
  /// Where the host's rules for what has ended do not hold.
  package var keep: Keeping
  /// Routes that only take what is signed.
  package var webhooks: [HTTPRoute: WebhookPolicy] = [:]
  /// Values of its events and results that are not to be shown.
  package var redact: Redaction?

  package init(
    name: String, handler: String, summary: String = "", triggers: [Trigger],
    concurrency: ConcurrencyLimit = ConcurrencyLimit(limit: 16), rate: RateLimit? = nil,
    priority: Priority = .normal, batch: BatchRule? = nil, debounce: DebounceRule? = nil,
    order: EventPath? = nil, timeout: Duration = .seconds(30), retry: RetryPolicy = RetryPolicy(),
    idempotency: IdempotencyPolicy = IdempotencyPolicy(), deadLetter: String? = nil,
    onCrash: CrashPolicy = .retry, queueLimit: Int = 100_000, payloadBytesMax: Int = 1 << 20,
    limits: FunctionLimits = FunctionLimits(),
    environment: [String: String] = [:], secrets: [String] = [], worker: WorkerKind = .shared,
    durability: Durability = .disk, fields: [EventPath] = [], keep: Keeping = Keeping()
  ) {
    self.name = name
    self.handler = handler
    self.summary = summary
    self.triggers = triggers
    self.concurrency = concurrency
    self.rate = rate
    self.priority = priority
    self.batch = batch
    self.debounce = debounce
    self.order = order
    self.timeout = timeout
    self.retry = retry
    self.idempotency = idempotency
    self.deadLetter = deadLetter
    self.onCrash = onCrash
    self.queueLimit = queueLimit
    self.payloadBytesMax = payloadBytesMax
    self.limits = limits
    self.environment = environment
    self.secrets = secrets
    self.worker = worker
    self.durability = durability
    self.fields = fields
    self.keep = keep
  }

  /// Secrets that the host itself needs; a handler has them only if `secrets` names them too.
  package var webhookSecrets: [String] { Set(webhooks.values.flatMap(\.secrets)).sorted() }

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

/// Which of the waiting events go first; none of the three is ever starved.
///
/// The raw values are stored; they are never renumbered.
package enum Priority: Int, Sendable, CaseIterable, LosslessStringConvertible {
  case high = 1
  case normal = 2
  case low = 3

  package init?(_ text: String) {
    guard let match = Self.allCases.first(where: { $0.description == text }) else { return nil }
    self = match
  }

  package var description: String {
    switch self {
    case .high: "high"
    case .normal: "normal"
    case .low: "low"
    }
  }
}

/// The handler gets up to `size` events at once: as soon as there are as many, or when the first of
/// them has waited for `window`.
package struct BatchRule: Sendable, Equatable {
  package var size: Int
  package var window: Duration

  package init(size: Int, window: Duration) {
    self.size = size
    self.window = window
  }
}

/// Of the events with one value only the last runs, when none has come for `quiet`, at the latest
/// `atMost` after the first.
package struct DebounceRule: Sendable, Equatable {
  /// nil: all events of the function are one.
  package var per: EventPath?
  package var quiet: Duration
  package var atMost: Duration?

  package init(per: EventPath? = nil, quiet: Duration, atMost: Duration? = nil) {
    self.per = per
    self.quiet = quiet
    self.atMost = atMost
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
