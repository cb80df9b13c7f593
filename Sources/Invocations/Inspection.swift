// What an operator asks of the record, and what comes back: filters, pages and whole stories.

package struct InvocationFilter: Sendable, Equatable {
  package static let limitDefault = 50
  package static let limitMax = 1000

  package var function: String?
  package var states: [StateWord]
  package var reason: DeathReason?
  package var queue: String?
  /// The idempotency key as the sender wrote it.
  package var key: String?
  package var since: WallTime?
  package var until: WallTime?
  /// A part of an error's message or of a log line, in upper or lower case.
  package var text: String?
  /// A part of the event's data, in upper or lower case.
  package var eventText: String?
  /// Values of the event, all of which must be as given.
  package var matches: [FieldMatch] = []
  /// An error that one of its attempts ended with; of dead letters, the one they died of.
  package var fingerprint: Fingerprint?
  package var release: Int?
  package var limit: Int
  /// Ids below this one: the `next` of the page before.
  package var before: InvocationID?

  package init(
    function: String? = nil, states: [StateWord] = [], reason: DeathReason? = nil,
    queue: String? = nil, key: String? = nil, since: WallTime? = nil, until: WallTime? = nil,
    text: String? = nil, limit: Int = Self.limitDefault, before: InvocationID? = nil
  ) {
    self.function = function
    self.states = states
    self.reason = reason
    self.queue = queue
    self.key = key
    self.since = since
    self.until = until
    self.text = text
    self.limit = limit
    self.before = before
  }
}

/// A value of the event, as text: `data.orderId` is `ord-9182`.
package struct FieldMatch: Sendable, Equatable {
  package var path: EventPath
  package var value: String

  package init(path: EventPath, value: String) {
    self.path = path
    self.value = value
  }
}

package struct Page<Item: Sendable>: Sendable {
  package var items: [Item]
  /// Ask again with this as `before`; nil at the end.
  package var next: InvocationID?
  /// Functions whose events were not searched, because their manifests do not name the path that is
  /// asked by among their `fields`.
  package var unsearched: [String] = []

  package init(items: [Item], next: InvocationID?) {
    self.items = items
    self.next = next
  }
}

/// One line of a listing, and with its lists filled the whole story.
package struct InvocationRecord: Sendable, Equatable {
  package var acceptance: Acceptance
  package var state: StateWord
  package var reason: DeathReason?
  package var due: WallTime
  package var startedAt: WallTime?
  package var endedAt: WallTime?
  /// The latest attempt number, 0 before the first.
  package var attempts: Int
  package var failures: Int
  package var duplicates: Int
  package var error: ErrorRecord?
  package var result: StoredResult?
  /// Time from being due to the first start, and CPU time of all attempts.
  package var cpuMicroseconds: Int64
  package var redrivenAs: InvocationID?
  /// A dead letter that was sent again or thrown away.
  package var isSettled = false
  /// The later event that ran in its place.
  package var replacedBy: InvocationID?
  /// Which release ran the latest attempt; nil before the first, and where releases are not kept.
  package var release: Int?
  /// The attempt that runs.
  package var underWay: AttemptStart?

  /// The operator's action that sent it again or threw it away.
  package var settledBy: Int?
  /// Of its error.
  package var fingerprint: Fingerprint?

  // Filled by `show` only.
  package var history: [AttemptRecord]
  package var logs: [LogLine]
  package var emitted: [InvocationID]

  package init(acceptance: Acceptance, state: StateWord, due: WallTime) {
    self.acceptance = acceptance
    self.state = state
    self.due = due
    attempts = 0
    failures = 0
    duplicates = 0
    cpuMicroseconds = 0
    history = []
    logs = []
    emitted = []
  }
}

package enum Selection: Sendable {
  case all
  /// Dead, not sent again and not thrown away.
  case deadLetters
}

/// What came of one first event, each after the one it came of.
package struct InvocationChain: Sendable {
  /// More are not looked for.
  package static let linksMax = 200

  package enum Link: String, Sendable { case first, emitted, redriven }

  package struct Node: Sendable {
    package var record: InvocationRecord
    package var parent: InvocationID?
    package var link: Link

    package init(record: InvocationRecord, parent: InvocationID?, link: Link) {
      self.record = record
      self.parent = parent
      self.link = link
    }
  }

  package var nodes: [Node] = []
  /// There are more.
  package var isCut = false

  package init() {}
}
