// What a user writes to handle several events in one run: the batch form of a function, and its
// closure form. How a batch comes together is the manifest's and the host's business.

/// Swift code that runs for several events of one function at a time.
///
/// The manifest says how many, and how long the first of them waits for others:
/// `batch: { size: 100, window: 200ms }`. Each event keeps its own invocation, with its own attempts
/// and record, and gets an answer of its own.
///
/// ```swift
/// struct StoreReadings: BatchFunction {
///   func run(_ events: [Event<Reading>], context: BatchContext) async throws {
///     let stored = try await database.insert(events.map(\.data))
///     for (event, isStored) in zip(events, stored) {
///       if isStored { context.done(event) } else { context.retry(event, after: .seconds(30)) }
///     }
///   }
/// }
/// ```
public protocol BatchFunction<Input>: Sendable {
  /// What each event's data is decoded to before `run` is called.
  ///
  /// The same types as for ``Function/Input``.
  associatedtype Input: Decodable & Sendable

  /// The name that manifests use: the type's name, unless the type says otherwise.
  var name: String { get }

  /// Handles the events of one batch.
  ///
  /// - **Each event gets one answer**: ``BatchContext/done(_:)``, ``BatchContext/retry(_:after:_:)``
  ///   or ``BatchContext/reject(_:_:)``. The first answer stands; a second one changes nothing and
  ///   leaves a warning in the event's log.
  /// - **Answers count when `run` returns.** An event without one has failed then (`unanswered`), and
  ///   the manifest's retry policy decides on its next attempt.
  /// - **Throwing fails the whole batch**, also the events that were answered before: those answers
  ///   are void, and nothing that was emitted leaves. ``Retry`` and ``Reject`` hold for each event.
  /// - **What is emitted for an event** with ``BatchContext/emit(queue:_:for:type:subject:id:delay:)``
  ///   leaves only if that event is done, and is stored in the same step.
  /// - **An event may come twice**, in another batch and beside other events; hand
  ///   ``Event/idempotencyKey`` to every service that takes one.
  /// - **An event that cannot be decoded** never gets here: it alone ends dead (`undecodable`).
  /// - **At the deadline** (``BatchContext/deadline``) the task is cancelled and every event has run
  ///   out of time. An operator who cancels one event of several does not stop the run: that event
  ///   ends as cancelled unless it is done.
  /// - **A crash is a crash of all events of the batch**, as nobody can say which one brought it
  ///   about; in their next attempts they run one by one.
  ///
  /// - Parameters:
  ///   - events: The events, at least one.
  ///   - context: The answers, the logger, the deadline, and `emit`.
  /// - Throws: Anything; the error is stored with each event.
  func run(_ events: [Event<Input>], context: BatchContext) async throws
}

extension BatchFunction {
  /// The name of the type.
  public var name: String { String(describing: Self.self) }
}

/// A batch function made of a name and a closure.
///
/// ```swift
/// BatchHandler("StoreReadings") { (events: [Event<Reading>], context) in
///   try await database.insert(events.map(\.data))
///   for event in events { context.done(event) }
/// }
/// ```
///
/// What ``BatchFunction/run(_:context:)`` says holds for the closure.
public struct BatchHandler<Input: Decodable & Sendable>: BatchFunction {
  /// The name that manifests use.
  public let name: String
  private let body: @Sendable ([Event<Input>], BatchContext) async throws -> Void

  /// Makes a batch function.
  ///
  /// - Parameters:
  ///   - name: The name that manifests use.
  ///   - body: Handles the events of one batch.
  public init(
    _ name: String, _ body: @escaping @Sendable ([Event<Input>], BatchContext) async throws -> Void
  ) {
    self.name = name
    self.body = body
  }

  /// Calls the closure.
  public func run(_ events: [Event<Input>], context: BatchContext) async throws {
    try await body(events, context)
  }
}

extension FunctionBuilder {
  /// One batch function on a line.
  public static func buildExpression(_ function: some BatchFunction) -> [any Function] {
    [BatchEntry(function)]
  }
}
