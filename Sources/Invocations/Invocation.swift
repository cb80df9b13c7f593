// The life of one invocation: a pure value whose state only `apply` moves. It decides and returns
// one effect; recording it, running it and telling others is the work of other rooms.
// `Docs/States.md` is this switch as a picture.

package struct Invocation: Sendable, Equatable {
  package enum State: Sendable, Equatable {
    case queued
    case running(attempt: Int)
    case waiting(until: WallTime)
    case held
    case succeeded
    case dead(DeathReason)
    case cancelled
  }

  package let createdAt: WallTime
  package private(set) var state: State
  /// Attempt numbers handed out so far; the next one is this plus 1.
  ///
  /// Numbers are never used again.
  package private(set) var attempts: Int
  /// Attempts that failed by their own fault; attempts given back do not count.
  package private(set) var failures: Int

  package init(
    createdAt: WallTime, state: State = .queued, attempts: Int = 0, failures: Int = 0
  ) {
    self.createdAt = createdAt
    self.state = state
    self.attempts = attempts
    self.failures = failures
  }

  /// Attempts given back for ever (workers that die again and again) are a loop too: at this many
  /// numbers the invocation is dead.
  ///
  /// It also keeps the number in the frame's 16 bits.
  package static let attemptNumbersMax = 1000

  package mutating func apply(
    _ change: Change, retrying policy: RetryRule
  ) throws(UnexpectedChange) -> Effect {
    switch (state, change) {
    case (.queued, .claimed), (.waiting, .claimed):
      attempts += 1
      state = .running(attempt: attempts)
      return .run(attempt: attempts)

    // The attempt number is the fence: an answer from an older attempt must not end a newer one.
    case (.running(let current), .succeeded(let attempt)) where attempt == current:
      return end(.succeeded)
    case (.running(let current), .failed(let attempt, let failure)) where attempt == current:
      return fail(failure, policy)
    case (.running(let current), .returned(let attempt)) where attempt == current:
      return giveBack()
    case (.running(let current), .cancelled(let attempt)) where attempt == current:
      return end(.cancelled)

    case (.queued, .cancelled(nil)), (.waiting, .cancelled(nil)), (.held, .cancelled(nil)):
      return end(.cancelled)
    case (.queued, .refused(let reason)), (.waiting, .refused(let reason)),
      (.held, .refused(let reason)):
      return end(.dead(reason))
    case (.held, .resumed):
      state = .queued
      return .queueAgain

    case (.queued, _), (.running, _), (.waiting, _), (.held, _), (.succeeded, _), (.dead, _),
      (.cancelled, _):
      throw UnexpectedChange(state: state, change: change)
    }
  }

  private mutating func fail(_ failure: Failure, _ policy: RetryRule) -> Effect {
    failures += 1
    if let reason = failure.finalReason { return end(.dead(reason)) }
    if failure.kind == .crashed {
      switch policy.onCrash {
      case .deadLetter: return end(.dead(.crashed))
      case .hold:
        state = .held
        return .hold
      case .retry: break
      }
    }
    guard failures < policy.attemptsMax, attempts < Self.attemptNumbersMax else {
      return end(.dead(failure.kind == .crashed ? .crashed : .exhausted))
    }
    let due = policy.now + (failure.retryAfter ?? policy.delay(afterFailures: failures))
    guard due <= createdAt + policy.maxAge else { return end(.dead(.expired)) }
    state = .waiting(until: due)
    return .wait(until: due)
  }

  private mutating func giveBack() -> Effect {
    guard attempts < Self.attemptNumbersMax else { return end(.dead(.crashed)) }
    state = .queued
    return .queueAgain
  }

  private mutating func end(_ final: State) -> Effect {
    state = final
    return .end
  }

  package var isFinal: Bool {
    switch state {
    case .succeeded, .dead, .cancelled: true
    case .queued, .running, .waiting, .held: false
    }
  }
}

extension Invocation {
  /// What happened to it.
  ///
  /// The attempt number says to which try.
  package enum Change: Sendable, Equatable {
    case claimed
    case succeeded(attempt: Int)
    case failed(attempt: Int, Failure)
    /// The attempt ended through no fault of its own: the worker went away, the host drains.
    case returned(attempt: Int)
    case cancelled(attempt: Int?)
    /// Ends it without another attempt: too old, too many hops, no handler, an operator's word.
    case refused(DeathReason)
    case resumed
  }

  /// What has to be done and written next.
  package enum Effect: Sendable, Equatable {
    case run(attempt: Int)
    case wait(until: WallTime)
    case queueAgain
    case hold
    /// `state` says how.
    case end
  }

  package struct UnexpectedChange: Error, Equatable, CustomStringConvertible {
    package let state: State
    package let change: Change

    package var description: String { "an invocation that is \(state) cannot take \(change)" }
  }
}

/// The state's one word, the same in SQL, JSON and the command line.
extension Invocation.State {
  package var word: StateWord {
    switch self {
    case .queued: .queued
    case .running: .running
    case .waiting: .waiting
    case .held: .held
    case .succeeded: .succeeded
    case .dead: .dead
    case .cancelled: .cancelled
    }
  }
}

/// The raw values are stored; they are never renumbered.
package enum StateWord: Int, Sendable, CaseIterable, LosslessStringConvertible {
  case queued = 1
  case running = 2
  case waiting = 3
  case held = 4
  case succeeded = 5
  case dead = 6
  case cancelled = 7

  package init?(_ text: String) {
    guard let match = Self.allCases.first(where: { $0.description == text }) else { return nil }
    self = match
  }

  package var description: String {
    switch self {
    case .queued: "queued"
    case .running: "running"
    case .waiting: "waiting"
    case .held: "held"
    case .succeeded: "succeeded"
    case .dead: "dead"
    case .cancelled: "cancelled"
    }
  }

  package var isFinal: Bool { rawValue >= Self.succeeded.rawValue }
}

/// Why an invocation is dead; `replaced` is why one is cancelled.
///
/// The raw values are stored; they are never renumbered.
package enum DeathReason: Int, Sendable, CaseIterable, LosslessStringConvertible {
  case exhausted = 1
  case expired = 2
  case rejected = 3
  case undecodable = 4
  case crashed = 5
  case missingHandler = 6
  case hops = 7
  case `operator` = 8
  /// A later event of the same value came within the quiet time.
  case replaced = 9

  package init?(_ text: String) {
    guard let match = Self.allCases.first(where: { $0.description == text }) else { return nil }
    self = match
  }

  package var description: String {
    switch self {
    case .exhausted: "exhausted"
    case .expired: "expired"
    case .rejected: "rejected"
    case .undecodable: "undecodable"
    case .crashed: "crashed"
    case .missingHandler: "missing-handler"
    case .hops: "hops"
    case .operator: "operator"
    case .replaced: "replaced"
    }
  }
}

/// How an attempt went wrong.
package struct Failure: Error, Sendable, Equatable {
  package enum Kind: String, Sendable, CaseIterable {
    case thrown, rejected, undecodable, timedOut = "timed-out", crashed
    case missingHandler = "missing-handler"
  }

  package var kind: Kind
  package var error: ErrorRecord
  /// The handler's own wish, from `Retry(after:)`.
  package var retryAfter: Duration?

  package init(kind: Kind, error: ErrorRecord, retryAfter: Duration? = nil) {
    self.kind = kind
    self.error = error
    self.retryAfter = retryAfter
  }

  /// The reason when no further attempt can help.
  var finalReason: DeathReason? {
    switch kind {
    case .rejected: .rejected
    case .undecodable: .undecodable
    case .missingHandler: .missingHandler
    case .thrown, .timedOut, .crashed: nil
    }
  }
}

/// An error as the record keeps it: a stable code, the words, and the Swift type that was thrown.
package struct ErrorRecord: Sendable, Equatable {
  package var code: String
  package var message: String
  package var type: String

  package init(code: String, message: String, type: String = "") {
    self.code = code
    self.message = message
    self.type = type
  }

  /// Longer words are cut: a record must not grow with what a handler throws.
  package static let messageBytesMax = 16 << 10
}

/// What `apply` needs to know of the manifest and the moment; `chance` is injected.
package struct RetryRule: Sendable {
  package var policy: RetryPolicy
  package var attemptsMax: Int
  package var onCrash: CrashPolicy
  package var now: WallTime
  package var chance: Double

  package init(
    policy: RetryPolicy, attemptsMax: Int? = nil, onCrash: CrashPolicy = .retry, now: WallTime,
    chance: Double
  ) {
    self.policy = policy
    self.attemptsMax = attemptsMax ?? policy.attemptsMax
    self.onCrash = onCrash
    self.now = now
    self.chance = chance
  }

  var maxAge: Duration { policy.maxAge }

  func delay(afterFailures failures: Int) -> Duration {
    policy.delay(afterFailures: failures, chance: chance)
  }
}
