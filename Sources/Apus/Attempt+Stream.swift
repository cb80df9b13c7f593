// The body of a streamed response. `pause` and `resume` of the host hold the writer back, so that a
// client that reads slowly costs no memory on either side.
import WorkerProtocol

extension Attempt {
  private static var bodyFrameBytesMax: Int { 256 << 10 }

  func writeBody(_ bytes: [UInt8]) async throws {
    var rest = bytes[...]
    while !rest.isEmpty {
      try await waitWhilePaused()
      let part = rest.prefix(Self.bodyFrameBytesMax)
      var writer = FrameWriter()
      writer.append(
        .responseBody, attempt: key.number, invocation: key.invocation, bytes: part)
      await channel.send(writer.take())
      rest = rest.dropFirst(part.count)
    }
  }

  func pause() { state.withLock { $0.isPaused = true } }

  func resume() {
    let writers = state.withLock { state in
      state.isPaused = false
      return state.takePausedWriters()
    }
    for writer in writers { writer.resume() }
  }

  private func waitWhilePaused() async throws {
    while state.withLock({ $0.isPaused }) {
      try Task.checkCancellation()
      await withTaskCancellationHandler {
        await withCheckedContinuation { continuation in
          let waits = state.withLock { state in
            guard state.isPaused, !Task.isCancelled, !state.isFinished else { return false }
            state.pausedWriters.append(continuation)
            return true
          }
          if !waits { continuation.resume() }
        }
      } onCancel: {
        for writer in state.withLock({ $0.takePausedWriters() }) { writer.resume() }
      }
    }
    try Task.checkCancellation()
    if state.withLock({ $0.isFinished }) { throw CancellationError() }
  }
}

extension Attempt.State {
  mutating func takePausedWriters() -> [CheckedContinuation<Void, Never>] {
    defer { pausedWriters = [] }
    return pausedWriters
  }
}
