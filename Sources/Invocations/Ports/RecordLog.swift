// The port between the rooms that decide and the room that remembers. Everything goes over as
// values; the answers come back as news on the loop, never from inside a call.

package protocol RecordLog: AnyObject {
  /// Hands changes over in order; those of one call are all or nothing on disk.
  ///
  /// Returns the number of the last one: the log later says `.durable(upTo:)` a number at or past it.
  @discardableResult
  func append(_ changes: [RecordChange], _ terms: CommitTerms) -> UInt64

  /// Changes handed over and not yet on disk. Past `RecordLimits.backlogMax` the doors refuse.
  var backlog: Int { get }

  /// Answered by `.rows`, `.replay` or `.readFailed`, each of which says what was asked.
  func read(_ read: RecordRead)
}

extension RecordLog {
  @discardableResult
  package func append(_ changes: [RecordChange]) -> UInt64 { append(changes, CommitTerms()) }
}

/// How soon and how firmly changes are to be written.
package struct CommitTerms: Sendable, Equatable {
  /// Without somebody who waits for it, a change may wait a little for company.
  package var isAwaited: Bool
  /// Of a commit with several the strongest holds.
  package var durability: Durability

  package init(isAwaited: Bool = true, durability: Durability = .disk) {
    self.isAwaited = isAwaited
    self.durability = durability
  }
}

/// What the dispatcher asks of the record.
package enum RecordRead: Sendable, Equatable {
  /// The next waiting work of a function in the order of its line.
  case waiting(function: String, priority: Priority, after: LinePlace?, limit: Int)
  /// The same of one lane, from a place on and due by a moment.
  case lane(function: String, lane: Int64, from: LinePlace, dueBy: WallTime, limit: Int)
  /// Work of a function that has begun and not ended, by id: what keeps others of its value waiting.
  case begun(function: String, after: InvocationID?, limit: Int)
  /// What was stored for a finished invocation.
  case replay(InvocationID, token: UInt64)
}

/// Where an invocation stands in its function's line: due time first, then id.
package struct LinePlace: Hashable, Comparable, Sendable {
  package var due: WallTime
  package var id: InvocationID

  package init(due: WallTime, id: InvocationID) {
    self.due = due
    self.id = id
  }

  package static func < (left: Self, right: Self) -> Bool {
    left.due == right.due ? left.id < right.id : left.due < right.due
  }
}

/// One unfinished invocation as the store has it.
package struct WaitingRecord: Sendable, Equatable {
  package var acceptance: Acceptance
  package var state: StateWord
  package var due: WallTime
  package var attempts: Int
  package var failures: Int

  package init(
    acceptance: Acceptance, state: StateWord, due: WallTime, attempts: Int, failures: Int
  ) {
    self.acceptance = acceptance
    self.state = state
    self.due = due
    self.attempts = attempts
    self.failures = failures
  }

  package var place: LinePlace { LinePlace(due: due, id: acceptance.id) }
}

/// What is known of a finished invocation when its key comes again.
package struct Replay: Sendable, Equatable {
  package var id: InvocationID
  package var state: StateWord
  package var reason: DeathReason?
  package var result: StoredResult?
  package var error: ErrorRecord?

  package init(
    id: InvocationID, state: StateWord, reason: DeathReason?, result: StoredResult?,
    error: ErrorRecord?
  ) {
    self.id = id
    self.state = state
    self.reason = reason
    self.result = result
    self.error = error
  }
}

package enum RecordNews: Sendable {
  case durable(upTo: UInt64)
  /// `hasMore` false when what was asked for ends with these.
  case rows(of: RecordRead, [WaitingRecord], hasMore: Bool)
  case replay(token: UInt64, Replay?)
  /// A commit failed. `refused` were acceptances of that commit; they are not on disk and will not
  /// be. Everything else is kept and tried again until `.healed`.
  case stalled(reason: String, refused: [InvocationID])
  case healed
  /// A read failed; the request is not answered otherwise.
  case readFailed(RecordRead, reason: String)
}

package enum RecordLimits {
  /// Changes not yet on disk: about a quarter of a second of a fast disk's work.
  package static let backlogMax = 20_000
  /// Changes not yet on disk while more is started: what is on its way then is several commits' worth, and
  /// more would only make those wait who want to be acknowledged.
  package static let startingBacklogMax = 4_096
  /// Log lines handed over and not yet on disk; more are dropped, and their attempt's log says so.
  package static let logBytesMax = 64 << 20
}

/// What the store knew when the host started.
package struct Recovery: Sendable {
  /// This start's number: 1 for a new store.
  package var boot: Int
  package var lastID: InvocationID
  /// Unfinished invocations of each function.
  package var unfinished: [String: Int]
  /// Attempts that were running when the former host ended; they are queued again.
  package var interrupted: Int
  package var keys: [RememberedKey]
  /// Events that wait for their quiet time.
  package var debounced: [DebouncedRecord]
  package var timers: [TimerAdvance]
  package var paused: [String: WallTime]
  /// Key of the store's digests.
  package var digestKey: Digest
  /// False after a kill or a power loss.
  package var wasStoppedCleanly: Bool
  package var releases: ReleaseBook
  /// Operators' actions that had not come to their end.
  package var openActions: [OperatorAction] = []
  package var lastAction = 0

  package init(
    boot: Int, lastID: InvocationID, unfinished: [String: Int], interrupted: Int,
    keys: [RememberedKey], debounced: [DebouncedRecord] = [], timers: [TimerAdvance],
    paused: [String: WallTime], digestKey: Digest,
    wasStoppedCleanly: Bool, releases: ReleaseBook = ReleaseBook()
  ) {
    self.boot = boot
    self.lastID = lastID
    self.unfinished = unfinished
    self.interrupted = interrupted
    self.keys = keys
    self.debounced = debounced
    self.timers = timers
    self.paused = paused
    self.digestKey = digestKey
    self.wasStoppedCleanly = wasStoppedCleanly
    self.releases = releases
  }
}

package struct DebouncedRecord: Sendable, Equatable {
  package var function: String
  package var id: InvocationID
  package var due: WallTime
  package var priority: Priority
  package var debounce: Standing.Debounce
  package var key: IdempotencyKey?

  package init(
    function: String, id: InvocationID, due: WallTime, priority: Priority,
    debounce: Standing.Debounce, key: IdempotencyKey?
  ) {
    self.function = function
    self.id = id
    self.due = due
    self.priority = priority
    self.debounce = debounce
    self.key = key
  }
}

package struct RememberedKey: Sendable, Equatable {
  package var digest: Digest
  package var body: Digest?
  package var invocation: InvocationID
  package var expiresAt: WallTime
  package var isFinished: Bool

  package init(
    digest: Digest, body: Digest?, invocation: InvocationID, expiresAt: WallTime, isFinished: Bool
  ) {
    self.digest = digest
    self.body = body
    self.invocation = invocation
    self.expiresAt = expiresAt
    self.isFinished = isFinished
  }
}
