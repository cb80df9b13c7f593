// The entry of a user's executable: a list of functions, and the worker that runs them.

/// An executable full of functions.
///
/// ```swift
/// @main struct Shop: FunctionApp {
///   var functions: [any Function] {
///     ChargePayment()
///     PlaceOrder()
///   }
/// }
/// ```
///
/// `apus dev` and `apus serve` start it as a worker. `Shop --list-handlers` prints what is in it.
public protocol FunctionApp {
  /// Makes the app, once for each process.
  init()

  /// The functions of this executable; it is read once, when the worker starts.
  @FunctionBuilder var functions: [any Function] { get }
}

extension FunctionApp {
  /// Runs the worker until the host lets it go.
  public static func main() {
    WorkerProcess(name: String(describing: Self.self), functions: Self().functions).run()
  }
}

/// Makes a list of functions of the lines in ``FunctionApp/functions``.
@resultBuilder public enum FunctionBuilder {
  /// One function on a line.
  public static func buildExpression(_ function: any Function) -> [any Function] { [function] }

  /// A list of functions on a line.
  public static func buildExpression(_ functions: [any Function]) -> [any Function] { functions }

  /// The lines in order.
  public static func buildBlock(_ lines: [any Function]...) -> [any Function] {
    lines.flatMap { $0 }
  }

  /// An `if` without an `else`.
  public static func buildOptional(_ functions: [any Function]?) -> [any Function] {
    functions ?? []
  }

  /// The first branch of an `if`.
  public static func buildEither(first functions: [any Function]) -> [any Function] { functions }

  /// The other branch of an `if`.
  public static func buildEither(second functions: [any Function]) -> [any Function] { functions }

  /// A `for` loop.
  public static func buildArray(_ lists: [[any Function]]) -> [any Function] {
    lists.flatMap { $0 }
  }
}
