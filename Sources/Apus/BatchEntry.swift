// A batch function in the list of functions: the worker hands it batches, and a single attempt (a
// suspect that must run alone, an event without company) as a batch of one.

/// A batch function with its types erased.
protocol BatchBody: Sendable {
  var inputName: String { get }

  /// Decodes one event and does nothing else.
  func decode(_ delivery: Delivery) throws

  /// Decodes, then runs the handler unless nothing is left.
  ///
  /// What cannot be decoded is dropped from the batch and handed to `undecodable` before.
  func run(
    _ batch: Batch, undecodable: (Attempt, any Error) async -> Void
  ) async throws
}

struct BatchEntry<Base: BatchFunction>: Function {
  private let base: Base

  init(_ base: Base) { self.base = base }

  var name: String { base.name }

  /// A batch of one, within an ordinary attempt.
  func run(_ input: NoInput, context: Context) async throws {
    let item = context.attemptState
    let batch = Batch([item])
    var failure: (any Error)?
    do {
      try await run(batch) { _, error in failure = error }
    } catch {
      failure = error
    }
    batch.close()
    if let failure = batch.failure(of: item, after: failure) { throw failure }
  }
}

extension Function {
  /// Its handler takes many events at once.
  package var takesBatches: Bool { self is any BatchBody }
}

extension BatchEntry: BatchBody {
  var inputName: String { "\(Base.Input.self)" }

  func decode(_ delivery: Delivery) throws {
    let direct = Base.Input.self as? any DirectInput.Type
    _ = try RegisteredHandler.input(Base.Input.self, direct, of: delivery)
  }

  func run(
    _ batch: Batch, undecodable: (Attempt, any Error) async -> Void
  ) async throws {
    let direct = Base.Input.self as? any DirectInput.Type
    var events: [Event<Base.Input>] = []
    for item in batch.open {
      do {
        // A crash in the user's own decoding names the attempt that it was for.
        let input = try AttemptKey.$running.withValue(item.key) {
          try RegisteredHandler.input(Base.Input.self, direct, of: item.delivery)
        }
        events.append(Event(input, of: item))
      } catch {
        batch.drop(item)
        await undecodable(item, error)
      }
    }
    guard let first = events.first else { return }
    // A crash names an attempt that is still in flight.
    try await AttemptKey.$running.withValue(first.key) {
      try await base.run(events, context: BatchContext(batch))
    }
  }
}
