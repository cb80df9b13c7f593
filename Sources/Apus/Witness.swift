// A handler that tells when it is about to be called: a test of a deadline waits for that, because an
// attempt that is told to stop before is given back.

extension RegisteredHandler {
  func witnessed(_ begun: @escaping @Sendable (Int64) -> Void) -> RegisteredHandler {
    var handler = self
    handler.batch = batch.map { WitnessedBatch(base: $0, begun: begun) }
    handler.run = { [run] delivery, context in
      begun(context.attemptState.key.invocation)
      return try await run(delivery, context)
    }
    return handler
  }
}

private struct WitnessedBatch: BatchBody {
  let base: any BatchBody
  let begun: @Sendable (Int64) -> Void

  var inputName: String { base.inputName }

  func decode(_ delivery: Delivery) throws { try base.decode(delivery) }

  func run(
    _ batch: Batch, undecodable: (Attempt, any Error) async -> Void
  ) async throws {
    for item in batch.open { begun(item.key.invocation) }
    try await base.run(batch, undecodable: undecodable)
  }
}
