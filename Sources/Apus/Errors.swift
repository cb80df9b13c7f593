// The errors with a meaning of their own for the host. Every other error is an ordinary failure.

/// Fails this attempt and says when the next one is worth making.
///
/// The manifest still decides how many attempts there are and how old an invocation may grow.
public struct Retry: Error, CustomStringConvertible {
  /// The delay until the next attempt, in place of the one the manifest's policy would choose.
  public var after: Duration
  /// Why, for the people who read the record.
  public var reason: String

  /// Makes the error.
  public init(after: Duration, _ reason: String = "the function asked for another attempt") {
    self.after = after
    self.reason = reason
  }

  /// The reason.
  public var description: String { reason }
}

/// Ends the invocation dead (`rejected`): no further attempt would help.
public struct Reject: Error, CustomStringConvertible {
  /// Why, for the people who read the record.
  public var reason: String

  /// Makes the error.
  public init(_ reason: String) { self.reason = reason }

  /// The reason.
  public var description: String { reason }
}

/// The input is not what the function takes.
///
/// Thrown out of ``Function/run(_:context:)``, for one by ``HTTPRequest/decode(_:)``, it ends the
/// invocation dead (`undecodable`), and an HTTP call gets status 400.
public struct UndecodableInput: Error, CustomStringConvertible {
  /// What is wrong and where: `data.items[0].quantity: expected Int, found string`.
  public var description: String

  /// Makes the error.
  public init(_ description: String) { self.description = description }
}
