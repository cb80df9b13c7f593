// What a user writes: a function with a typed input. It says what must hold on both sides of `run`;
// how an attempt reaches it is the worker's business.

/// Swift code that runs for one event at a time.
///
/// A manifest names the function's triggers; the type's name is the handler it refers to.
///
/// ```swift
/// struct ChargePayment: Function {
///   func run(_ order: OrderPlaced, context: Context) async throws -> PaymentCompleted {
///     context.logger.info("charging", metadata: ["order": "\(order.orderId)"])
///     return try await card.charge(order, idempotencyKey: context.idempotencyKey)
///   }
/// }
/// ```
public protocol Function<Input, Output>: Sendable {
  /// What the event's data is decoded to before `run` is called.
  ///
  /// Any `Decodable` type is read from JSON. ``RawData`` takes the bytes as they came, ``NoInput``
  /// ignores them, and ``HTTPRequest`` makes this the handler of an HTTP route.
  associatedtype Input: Decodable & Sendable

  /// What `run` returns: any `Encodable` type, nothing at all, or an ``HTTPResponse``.
  associatedtype Output: Sendable

  /// The name that manifests use: the type's name, unless the type says otherwise.
  var name: String { get }

  /// Handles one event.
  ///
  /// - **An event may come twice.** An attempt that was cut short, by a crash of the machine or by a
  ///   deadline, is made again, and nothing tells whether the first one had charged the card. Hand
  ///   ``Context/idempotencyKey`` to every service that takes one: it stays the same over all
  ///   attempts.
  /// - **Returning** ends the invocation as succeeded. The value is stored with it as JSON.
  /// - **Throwing** fails this attempt; the manifest's retry policy decides on the next. Throw
  ///   ``Retry`` to choose the delay, ``Reject`` to end it for good.
  /// - **What it emits** with ``Context/emit(queue:_:type:subject:id:delay:)`` leaves only if the
  ///   attempt succeeds, and is stored in the same step as the success: all of it or nothing, once.
  /// - **At the deadline** (``Context/deadline``) the task is cancelled. After a grace time the
  ///   process is killed, whatever else it is running, so long loops ask `Task.isCancelled`.
  /// - **Many attempts run at once** in one process, on a small pool of threads: do not block a
  ///   thread, and share nothing that is not safe to share. A value that must outlive an attempt
  ///   belongs in a database.
  ///
  /// - Parameters:
  ///   - input: The event's data. Data that cannot be decoded never gets here: the invocation ends
  ///     dead (`undecodable`) and is not tried again.
  ///   - context: The event's attributes, the logger, the deadline, and `emit`.
  /// - Returns: The result of the invocation.
  /// - Throws: Anything; each error is stored with its type and description.
  func run(_ input: Input, context: Context) async throws -> Output

  /// Turns what `run` returned into what leaves the worker.
  ///
  /// Every kind of output has its own; there is no need to write one.
  ///
  /// - Parameter output: What `run` returned.
  /// - Returns: The answer to send.
  /// - Throws: An `EncodingError` of the output's own encoding.
  func answer(with output: Output) throws -> Answer
}

extension Function {
  /// The name of the type.
  public var name: String { String(describing: Self.self) }
}

extension Function where Output: Encodable {
  /// The output as JSON; an ``HTTPResponse`` as it is.
  public func answer(with output: Output) throws -> Answer { try Answer(encoding: output) }
}

extension Function where Output == Void {
  /// Nothing: the invocation has no result.
  public func answer(with output: Void) -> Answer { Answer(.nothing) }
}

/// What leaves the worker when an attempt has returned.
public struct Answer: Sendable {
  enum Value: Sendable {
    case nothing
    case json([UInt8])
    case response(HTTPResponse)
  }

  let value: Value

  init(_ value: Value) { self.value = value }

  init(encoding output: some Encodable) throws {
    if let response = output as? HTTPResponse {
      value = .response(response)
    } else {
      value = .json(try JSON.encode(output))
    }
  }
}
