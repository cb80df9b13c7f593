// What went wrong, and how often: one line for each fingerprint.

/// Failed attempts with one fingerprint, and what became of their invocations.
package struct ErrorGroup: Sendable, Equatable {
  package struct Share: Sendable, Equatable {
    package var function: String
    package var failures: Int

    package init(function: String, failures: Int) {
      self.function = function
      self.failures = failures
    }
  }

  package var fingerprint: Fingerprint
  /// As it was written the last time.
  package var error: ErrorRecord
  /// Attempts that failed so.
  package var failures: Int
  /// Dead letters of it that nobody has dealt with.
  package var deadLetters = 0
  /// Unfinished invocations whose latest attempt failed so.
  package var retrying = 0
  package var firstAt: WallTime
  package var lastAt: WallTime
  /// The release in which it was seen first, and last; nil where releases are not kept.
  package var firstRelease: Int?
  package var lastRelease: Int?
  package var firstInvocation: InvocationID
  package var lastInvocation: InvocationID
  /// Most failures first.
  package var shares: [Share] = []

  package init(
    fingerprint: Fingerprint, error: ErrorRecord, failures: Int, firstAt: WallTime,
    lastAt: WallTime, firstRelease: Int?, lastRelease: Int?, firstInvocation: InvocationID,
    lastInvocation: InvocationID
  ) {
    self.fingerprint = fingerprint
    self.error = error
    self.failures = failures
    self.firstAt = firstAt
    self.lastAt = lastAt
    self.firstRelease = firstRelease
    self.lastRelease = lastRelease
    self.firstInvocation = firstInvocation
    self.lastInvocation = lastInvocation
  }
}

/// Which error groups an operator asks for.
package struct ErrorFilter: Sendable, Equatable {
  package static let limitDefault = 50
  package static let limitMax = 1_000

  package var function: String?
  /// Seen since then.
  package var since: WallTime?
  /// A part of the message or the type, in upper or lower case.
  package var text: String?
  package var fingerprint: Fingerprint?
  /// Only those with dead letters that nobody has dealt with.
  package var isOpenOnly: Bool
  package var limit: Int

  package init(
    function: String? = nil, since: WallTime? = nil, text: String? = nil,
    fingerprint: Fingerprint? = nil, isOpenOnly: Bool = false, limit: Int = Self.limitDefault
  ) {
    self.function = function
    self.since = since
    self.text = text
    self.fingerprint = fingerprint
    self.isOpenOnly = isOpenOnly
    self.limit = limit
  }
}
