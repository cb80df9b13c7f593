// The closure form of a function, for handlers of a few lines.

/// A function made of a name and a closure.
///
/// ```swift
/// Handler("ReserveStock") { (order: OrderPlaced, context) in
///   context.emit(queue: "payments", order)
/// }
/// ```
///
/// What ``Function/run(_:context:)`` says of throwing, of deadlines and of events that come twice
/// holds for the closure.
public struct Handler<Input: Decodable & Sendable, Output: Sendable>: Function {
  /// The name that manifests use.
  public let name: String
  private let body: @Sendable (Input, Context) async throws -> Output
  private let makeAnswer: @Sendable (Output) throws -> Answer

  /// Makes a function whose result is stored as JSON, or that answers with an ``HTTPResponse``.
  ///
  /// - Parameters:
  ///   - name: The name that manifests use.
  ///   - body: Handles one event.
  public init(_ name: String, _ body: @escaping @Sendable (Input, Context) async throws -> Output)
  where Output: Encodable {
    self.name = name
    self.body = body
    makeAnswer = { try Answer(encoding: $0) }
  }

  /// Makes a function without a result.
  ///
  /// - Parameters:
  ///   - name: The name that manifests use.
  ///   - body: Handles one event.
  public init(_ name: String, _ body: @escaping @Sendable (Input, Context) async throws -> Void)
  where Output == Void {
    self.name = name
    self.body = body
    makeAnswer = { _ in Answer(.nothing) }
  }

  /// Calls the closure.
  public func run(_ input: Input, context: Context) async throws -> Output {
    try await body(input, context)
  }

  /// The closure's result as its type asks for.
  public func answer(with output: Output) throws -> Answer { try makeAnswer(output) }
}
