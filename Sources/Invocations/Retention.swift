// How long the record remembers what is over.

/// What a function's manifest says of its own history; nil leaves it to the host.
package struct Keeping: Sendable, Equatable {
  package var succeeded: Duration?
  package var dead: Duration?
  /// Of succeeded and cancelled ones the newest so many.
  package var count: Int?
  /// Of succeeded and cancelled ones as many as take so much: their events and results.
  package var bytes: Int?

  package init(
    succeeded: Duration? = nil, dead: Duration? = nil, count: Int? = nil, bytes: Int? = nil
  ) {
    self.succeeded = succeeded
    self.dead = dead
    self.count = count
    self.bytes = bytes
  }
}

/// What the functions of a release ask of the record: values to look up by, and how much to keep.
package struct RecordRules: Sendable, Equatable {
  /// By function, those that have any.
  package var paths: [String: [String]]
  package var keeping: [String: Keeping]

  package init(_ functions: [FunctionDeclaration]) {
    paths = Dictionary(
      functions.filter { !$0.fields.isEmpty }.map { ($0.name, $0.fields.map(\.source)) },
      uniquingKeysWith: { first, _ in first })
    keeping = Dictionary(
      functions.filter { $0.keep != Keeping() }.map { ($0.name, $0.keep) },
      uniquingKeysWith: { first, _ in first })
  }
}

/// How long ended invocations are kept; nil is for ever.
package struct Retention: Sendable, Equatable {
  /// Succeeded and cancelled ones.
  package var succeeded: Duration?
  package var dead: Duration?

  package static let standard = Retention(
    succeeded: .seconds(7 * 86_400), dead: .seconds(30 * 86_400))
  package static let forever = Retention(succeeded: nil, dead: nil)

  package init(succeeded: Duration?, dead: Duration?) {
    self.succeeded = succeeded
    self.dead = dead
  }

  /// Nothing that ended later can be due.
  package var shortest: Duration? { [succeeded, dead].compactMap(\.self).min() }

  package func isOver(_ state: StateWord, endedAt: WallTime, at now: WallTime) -> Bool {
    guard let keep = state == .dead ? dead : succeeded else { return false }
    return endedAt.milliseconds + keep.milliseconds <= now.milliseconds
  }
}
