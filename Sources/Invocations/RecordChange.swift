// What the loop tells the record log: facts about invocations, in the order they happened. One
// `append` is all or nothing on disk. These are values; how they lie in tables is `Records`' matter.

/// The obligation, immutable: what was asked, by whom, and when.
package struct Acceptance: Sendable, Equatable {
  package var id: InvocationID
  package var function: String
  /// `queue:payments`, `timer:charge-payment/0`, `http:POST /orders`, `invoke`.
  package var trigger: String
  package var queue: String?
  package var event: Event
  package var call: HTTPCall?
  package var key: IdempotencyKey?
  /// The invocation that emitted the event.
  package var cause: InvocationID?
  /// The dead letter that an operator sent again as this one.
  package var redriveOf: InvocationID?
  package var hops: Int
  package var createdAt: WallTime
  package var dueAt: WallTime
  /// Retries that this trigger allows; an HTTP call has 1 unless its manifest says otherwise.
  package var attemptsMax: Int
  /// The sender's wish; nil leaves it to the function.
  package var priority: Priority?
  package var standing: Standing
  /// As its function's manifest had it when it was accepted.
  package var durability: Durability
  /// Values by which it can be found, as its function's manifest names them; not read back.
  package var fields: [EventPath]

  package init(
    id: InvocationID, function: String, trigger: String, queue: String? = nil, event: Event,
    call: HTTPCall? = nil, key: IdempotencyKey? = nil, cause: InvocationID? = nil,
    redriveOf: InvocationID? = nil, hops: Int = 0, createdAt: WallTime, dueAt: WallTime,
    attemptsMax: Int, priority: Priority? = nil, standing: Standing = Standing(),
    durability: Durability = .disk, fields: [EventPath] = []
  ) {
    self.id = id
    self.function = function
    self.trigger = trigger
    self.queue = queue
    self.event = event
    self.call = call
    self.key = key
    self.cause = cause
    self.redriveOf = redriveOf
    self.hops = hops
    self.createdAt = createdAt
    self.dueAt = dueAt
    self.attemptsMax = attemptsMax
    self.priority = priority
    self.standing = standing
    self.durability = durability
    self.fields = fields
  }
}

/// How it stands among the waiting events of its function, under the manifest of the moment.
package struct Standing: Sendable, Equatable {
  package var priority: Priority
  /// A digest of the values by which the function orders or limits; nil where it does not.
  package var lane: Int64?
  package var debounce: Debounce?

  package init(priority: Priority = .normal, lane: Int64? = nil, debounce: Debounce? = nil) {
    self.priority = priority
    self.lane = lane
    self.debounce = debounce
  }

  package struct Debounce: Sendable, Equatable {
    /// A digest of the value whose events replace each other.
    package var value: Int64
    /// When the first of them came, from which `atMost` counts.
    package var since: WallTime

    package init(value: Int64, since: WallTime) {
      self.value = value
      self.since = since
    }
  }
}

/// 128 bits that stand for a function and a key (or for a body): SipHash-2-4-128 under the store's
/// own random key, so that nobody can aim a collision.
package struct Digest: Hashable, Sendable {
  package var high: UInt64
  package var low: UInt64

  package init(high: UInt64, low: UInt64) {
    self.high = high
    self.low = low
  }
}

package struct IdempotencyKey: Sendable, Equatable {
  /// As the sender wrote it, for people and for the handler.
  package var text: String
  /// Of function and text: what is looked up.
  package var digest: Digest
  /// Of the request's body, so that one key with two bodies is noticed; nil where that cannot be.
  package var body: Digest?
  package var expiresAt: WallTime

  package init(text: String, digest: Digest, body: Digest?, expiresAt: WallTime) {
    self.text = text
    self.digest = digest
    self.body = body
    self.expiresAt = expiresAt
  }
}

/// The end of one attempt.
package struct AttemptRecord: Sendable, Equatable {
  /// The raw values are stored; they are never renumbered.
  package enum Outcome: Int, Sendable, CaseIterable {
    case succeeded = 1
    case thrown = 2
    case rejected = 3
    case undecodable = 4
    case timedOut = 5
    case crashed = 6
    case missingHandler = 7
    /// Given back without a fault of its own: its worker died of another, or the host stopped.
    case returned = 8
    case cancelled = 9

    package var word: String {
      switch self {
      case .succeeded: "succeeded"
      case .thrown: "thrown"
      case .rejected: "rejected"
      case .undecodable: "undecodable"
      case .timedOut: "timed-out"
      case .crashed: "crashed"
      case .missingHandler: "missing-handler"
      case .returned: "returned"
      case .cancelled: "cancelled"
      }
    }
  }

  package var invocation: InvocationID
  package var number: Int
  /// Which start of the host made the attempt.
  package var boot: Int
  /// The worker's process id.
  package var worker: Int32
  package var startedAt: WallTime
  package var endedAt: WallTime
  package var outcome: Outcome
  package var error: ErrorRecord?
  package var cpuMicroseconds: Int64
  /// The most that its worker had held when it ended, other attempts included; 0 where it is not known.
  package var memoryBytes: Int64
  /// Which release ran it; nil where releases are not kept.
  package var release: Int?

  package init(
    invocation: InvocationID, number: Int, boot: Int, worker: Int32, startedAt: WallTime,
    endedAt: WallTime, outcome: Outcome, error: ErrorRecord? = nil, cpuMicroseconds: Int64 = 0,
    memoryBytes: Int64 = 0, release: Int? = nil
  ) {
    self.invocation = invocation
    self.number = number
    self.boot = boot
    self.worker = worker
    self.startedAt = startedAt
    self.endedAt = endedAt
    self.outcome = outcome
    self.error = error
    self.cpuMicroseconds = cpuMicroseconds
    self.memoryBytes = memoryBytes
    self.release = release
  }
}

/// What a handler returned, as it is replayed: a JSON value, or a response with status and headers.
package struct StoredResult: Sendable, Equatable {
  package var status: Int
  package var headers: [HTTPCall.Field]
  package var body: [UInt8]
  /// False where the body was streamed, or too large to keep: then a replay says so.
  package var isWhole: Bool

  package init(status: Int, headers: [HTTPCall.Field], body: [UInt8], isWhole: Bool = true) {
    self.status = status
    self.headers = headers
    self.body = body
    self.isWhole = isWhole
  }
}

/// The end of an invocation, with everything that leaves in the same commit.
package struct Ending: Sendable, Equatable {
  package var id: InvocationID
  package var function: String
  package var state: StateWord
  package var reason: DeathReason?
  /// The later event that runs in its place.
  package var replacedBy: InvocationID?
  package var endedAt: WallTime
  /// nil when it ended without having run.
  package var attempt: AttemptRecord?
  package var error: ErrorRecord?
  package var result: StoredResult?
  /// What the handler emitted, or the dead letter's way into its queue: already routed.
  package var emitted: [Acceptance]

  package init(
    id: InvocationID, function: String, state: StateWord, reason: DeathReason? = nil,
    replacedBy: InvocationID? = nil, endedAt: WallTime, attempt: AttemptRecord? = nil,
    error: ErrorRecord? = nil,
    result: StoredResult? = nil, emitted: [Acceptance] = []
  ) {
    self.id = id
    self.function = function
    self.state = state
    self.reason = reason
    self.replacedBy = replacedBy
    self.endedAt = endedAt
    self.attempt = attempt
    self.error = error
    self.result = result
    self.emitted = emitted
  }
}

package struct LogLine: Sendable, Equatable {
  package var invocation: InvocationID
  package var attempt: Int
  package var time: WallTime
  /// `trace` … `critical`, or `stdout` and `stderr` for what was printed.
  package var level: String
  package var message: String
  package var metadata: [HTTPCall.Field]

  package init(
    invocation: InvocationID, attempt: Int, time: WallTime, level: String, message: String,
    metadata: [HTTPCall.Field] = []
  ) {
    self.invocation = invocation
    self.attempt = attempt
    self.time = time
    self.level = level
    self.message = message
    self.metadata = metadata
  }
}

/// How far a timer has come, written in the commit of the invocation it fired.
package struct TimerAdvance: Sendable, Equatable {
  /// `charge-payment/0`: the function and the place of the trigger in its manifest.
  package var name: String
  /// Canonical text of the rule; another rule under the same name starts anew.
  package var rule: String
  package var last: WallTime
  package var missed: [MissedInstant]

  package init(name: String, rule: String, last: WallTime, missed: [MissedInstant] = []) {
    self.name = name
    self.rule = rule
    self.last = last
    self.missed = missed
  }
}

package struct MissedInstant: Sendable, Equatable {
  package var instant: WallTime
  /// How many instants this line stands for: 1, or the rest that was too many to list.
  package var count: Int
  package var reason: String

  package init(instant: WallTime, count: Int = 1, reason: String) {
    self.instant = instant
    self.count = count
    self.reason = reason
  }
}

/// The large ones are shared or boxed: a change is handed on half a dozen times between the loop and the
/// disk.
package enum RecordChange: Sendable, Equatable {
  case accepted(Shared<Acceptance>)
  /// Not waited for. Written only if the attempt outlives the commit it would be in.
  case start(AttemptStart)
  /// The attempt ended and the invocation goes on: `waiting`, `queued` again or `held`.
  indirect case goOn(
    AttemptRecord, function: String, state: StateWord, due: WallTime, failures: Int)
  case ended(Shared<Ending>)
  /// An operator let held work go on, or brought waiting work forward.
  case release(InvocationID, due: WallTime)
  /// The manifest orders by other values than when it was accepted.
  case relane(InvocationID, lane: Int64?)
  indirect case log(LogLine)
  case timer(TimerAdvance)
  /// `function:charge-payment` or `queue:payments`.
  case pause(subject: String, since: WallTime?)
  /// The dead letter was sent again as another invocation, by an action.
  case redriven(InvocationID, as: InvocationID, by: Int?)
  /// Dead letters an operator threw away: still in the log, no longer in the list.
  case purged([InvocationID], by: Int?)
  /// A new action, or how far it has come.
  indirect case action(OperatorAction)
  /// The event of this invocation was sent again and did not run again.
  case duplicate(InvocationID)
  indirect case deployed(ReleaseRecord)
  case activated(Activation)
  /// What the live release says of the record itself.
  case declared(RecordRules)

  package static func accept(_ acceptance: Acceptance) -> RecordChange {
    .accepted(Shared(acceptance))
  }

  package static func end(_ ending: Ending) -> RecordChange { .ended(Shared(ending)) }
}

package struct AttemptStart: Sendable, Equatable {
  package var id: InvocationID
  package var attempt: Int
  package var boot: Int
  package var worker: Int32
  package var at: WallTime
  package var release: Int?

  package init(
    id: InvocationID, attempt: Int, boot: Int, worker: Int32, at: WallTime, release: Int? = nil
  ) {
    self.id = id
    self.attempt = attempt
    self.boot = boot
    self.worker = worker
    self.at = at
    self.release = release
  }
}
