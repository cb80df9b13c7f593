// What a batch handler knows and may say. A thin view of `Batch`; it keeps nothing of its own and
// may be copied and sent anywhere.
public import Logging
import WorkerProtocol

/// The run of a handler for the events of one batch.
public struct BatchContext: Sendable {
  private let batch: Batch

  init(_ batch: Batch) { self.batch = batch }

  /// The function's name in its manifest, such as `store-readings`.
  public var function: String { batch.first.start.function }

  /// When the task is cancelled.
  public var deadline: ContinuousClock.Instant { batch.deadline }

  /// What is left until the deadline; never negative.
  public var timeLeft: Duration { max(.zero, ContinuousClock.now.duration(to: deadline)) }

  /// A logger for the batch as a whole; its lines land in the log of the batch's first event.
  public var logger: Logger { logger(of: batch.first) }

  /// A logger whose lines land in the log of this event's invocation.
  ///
  /// - Parameter event: An event of this batch.
  /// - Returns: A logger; for an event of another batch that of this batch.
  public func logger<Input>(for event: Event<Input>) -> Logger {
    logger(of: batch.item(event.key) ?? batch.first)
  }

  private func logger(of item: Attempt) -> Logger {
    Logger(label: function) { _ in AttemptLogHandler(attempt: item) }
  }

  /// The event was handled: its invocation succeeds, with what was emitted for it.
  ///
  /// - Parameter event: An event of this batch.
  public func done<Input>(_ event: Event<Input>) {
    batch.answer(event.key, .success(()))
  }

  /// The event's attempt failed; the next one is worth making after this delay.
  ///
  /// The manifest still decides how many attempts there are.
  ///
  /// - Parameters:
  ///   - event: An event of this batch.
  ///   - delay: The delay until the next attempt, in place of the policy's.
  ///   - reason: Why, for the people who read the record.
  public func retry<Input>(
    _ event: Event<Input>, after delay: Duration,
    _ reason: String = "the function asked for another attempt"
  ) {
    batch.answer(event.key, .failure(Retry(after: delay, reason)))
  }

  /// The event's invocation ends dead (`rejected`): no further attempt would help.
  ///
  /// - Parameters:
  ///   - event: An event of this batch.
  ///   - reason: Why, for the people who read the record.
  public func reject<Input>(_ event: Event<Input>, _ reason: String) {
    batch.answer(event.key, .failure(Reject(reason)))
  }
}

extension BatchContext {
  /// Sends an event to a queue, if and when the event it is sent for is done.
  ///
  /// Nothing leaves at once: what was emitted for an event is stored in the same step as that
  /// event's success, all of it or nothing, once. For each event of the batch 1,000 events and
  /// 15 MiB may be emitted, and 64 MiB for the batch; past that, and when a value cannot be encoded,
  /// the event that it was emitted for fails.
  ///
  /// - Parameters:
  ///   - queue: The queue that gets the event.
  ///   - value: The new event's data, stored as JSON.
  ///   - event: The event of this batch whose success the new one waits for.
  ///   - type: The event's type; `apus.message` unless given.
  ///   - subject: What the event is about.
  ///   - id: The event's id, if the receiver is to recognise it; a new one unless given.
  ///   - delay: How long the event waits before it is due.
  public func emit<Input>(
    queue: String, _ value: some Encodable, for event: Event<Input>, type: String? = nil,
    subject: String? = nil, id: String? = nil, delay: Duration = .zero
  ) {
    guard let item = batch.openItem(event.key) else { return }
    item.emit(queue: queue, type: type, subject: subject, id: id, delay: delay) {
      ("application/json", try batch.admit(try JSON.encode(value)))
    }
  }

  /// Sends an event whose data are bytes of any media type; all else as for a value.
  ///
  /// - Parameters:
  ///   - queue: The queue that gets the event.
  ///   - bytes: The new event's data.
  ///   - contentType: The media type of the bytes.
  ///   - event: The event of this batch whose success the new one waits for.
  ///   - type: The event's type; `apus.message` unless given.
  ///   - subject: What the event is about.
  ///   - id: The event's id, if the receiver is to recognise it; a new one unless given.
  ///   - delay: How long the event waits before it is due.
  public func emit<Input>(
    queue: String, bytes: [UInt8], contentType: String, for event: Event<Input>,
    type: String? = nil, subject: String? = nil, id: String? = nil, delay: Duration = .zero
  ) {
    guard let item = batch.openItem(event.key) else { return }
    item.emit(queue: queue, type: type, subject: subject, id: id, delay: delay) {
      (contentType, try batch.admit(bytes))
    }
  }
}
