// One event of a batch, with what a single handler finds in its context.

/// One event of a batch, with its decoded data.
public struct Event<Input: Sendable>: Sendable {
  /// What the event's data was decoded to.
  public let data: Input
  private let item: Attempt

  init(_ data: Input, of item: Attempt) {
    self.data = data
    self.item = item
  }

  var key: AttemptKey { item.key }
  private var context: Context { Context(item) }

  /// The event without its data.
  public var attributes: EventAttributes { context.event }

  /// The invocation, as 13 characters that sort by time; all of its attempts share it.
  public var invocationID: String { context.invocationID }

  /// Which try of this event this is, from 1.
  ///
  /// Tries that were cut short through no fault of this function do not count.
  public var attempt: Int { context.attempt }

  /// How many attempts the manifest allows for an event.
  public var attemptsMax: Int { context.attemptsMax }

  /// True when a failure now would be the last: the invocation would end dead.
  public var isLastAttempt: Bool { context.isLastAttempt }

  /// A key that is the same in every attempt and in every duplicate of this event.
  public var idempotencyKey: String { context.idempotencyKey }

  /// The W3C trace context of the event.
  public var traceparent: String? { context.traceparent }

  /// The invocation that emitted this event, if a function did.
  public var cause: String? { context.cause }
}
