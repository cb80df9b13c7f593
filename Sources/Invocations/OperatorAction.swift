// What somebody did with the work, on record: who, when, to what, how far it has come. A bulk action
// goes on where it stood when the host starts again.

package struct OperatorAction: Sendable, Equatable {
  /// The raw values are stored and shown; they are never renamed.
  package enum Verb: String, Sendable, CaseIterable {
    case redrive, purge, retry, cancel, pause, resume, fire, abort, deploy, activate
  }

  /// The raw values are stored; they are never renumbered.
  package enum State: Int, Sendable, CaseIterable, LosslessStringConvertible {
    case counting = 1
    case running = 2
    case done = 3
    case aborted = 4
    /// Ended before its end, for the reason in `note`.
    case failed = 5

    package init?(_ text: String) {
      guard let match = Self.allCases.first(where: { $0.description == text }) else { return nil }
      self = match
    }

    package var description: String {
      switch self {
      case .counting: "counting"
      case .running: "running"
      case .done: "done"
      case .aborted: "aborted"
      case .failed: "failed"
      }
    }

    package var isFinal: Bool { self != .counting && self != .running }
  }

  package struct Refused: Sendable, Equatable {
    package var id: InvocationID
    package var reason: String

    package init(id: InvocationID, reason: String) {
      self.id = id
      self.reason = reason
    }
  }

  /// Of the invocations that could not be dealt with so many are named; all are counted.
  package static let refusedShownMax = 100
  /// Kept in the record; older ones that have ended go first.
  package static let keptMax = 10_000
  package static let idsMax = 10_000
  package static let operatorBytesMax = 200

  package var number: Int
  package var verb: Verb
  /// `dead letters`, `invocations`, `queue:payments`, an invocation's id.
  package var subject: String
  /// Who asked, in their own words.
  package var by: String
  package var at: WallTime
  /// As it was asked: the parameters of the call.
  package var filter: [HTTPCall.Field]
  package var ids: [InvocationID]
  package var options: Options
  package var state: State
  /// Found by the filter when the action began.
  package var selected: Int
  package var done: Int
  package var refusedCount: Int
  package var refused: [Refused]
  /// Everything from here on has been dealt with: it walks from the newest to the oldest.
  package var cursor: InvocationID?
  package var endedAt: WallTime?
  package var note: String?

  package struct Options: Sendable, Equatable {
    /// As it was asked, such as `10/s`; nil is as fast as it goes.
    package var rate: String?
    /// Members of the event's data that get another value: path and JSON.
    package var mended: [HTTPCall.Field]
    /// Another function than the letter's own.
    package var target: String?

    package init(rate: String? = nil, mended: [HTTPCall.Field] = [], target: String? = nil) {
      self.rate = rate
      self.mended = mended
      self.target = target
    }
  }

  package init(
    number: Int, verb: Verb, subject: String, by: String, at: WallTime,
    filter: [HTTPCall.Field] = [], ids: [InvocationID] = [], options: Options = Options(),
    state: State = .counting
  ) {
    self.number = number
    self.verb = verb
    self.subject = subject
    self.by = by
    self.at = at
    self.filter = filter
    self.ids = ids
    self.options = options
    self.state = state
    selected = 0
    done = 0
    refusedCount = 0
    refused = []
  }

  package mutating func refuse(_ id: InvocationID, _ reason: String) {
    refusedCount += 1
    if refused.count < Self.refusedShownMax { refused.append(Refused(id: id, reason: reason)) }
  }
}

/// What an operator asks to be done to many.
package struct ActionWish: Sendable {
  package var verb: OperatorAction.Verb
  package var by: String
  package var filter: InvocationFilter
  /// The filter as it was asked, its times as instants.
  package var fields: [HTTPCall.Field]
  package var ids: [InvocationID]
  package var options: OperatorAction.Options

  package init(
    verb: OperatorAction.Verb, by: String, filter: InvocationFilter, fields: [HTTPCall.Field],
    ids: [InvocationID], options: OperatorAction.Options
  ) {
    self.verb = verb
    self.by = by
    self.filter = filter
    self.fields = fields
    self.ids = ids
    self.options = options
  }

  /// Whether it means dead letters, and none that was dealt with.
  package var meansDeadLetters: Bool {
    switch verb {
    case .redrive, .purge: true
    case .retry: filter.states == [.dead]
    default: false
    }
  }

  package var subject: String { meansDeadLetters ? "dead letters" : "invocations" }
}
