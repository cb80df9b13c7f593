// The run of a handler for a batch: one task, on the executor of the first attempt, so that the CPU
// time of the batch gathers there and a crash names an attempt whose batch the host knows.
import Synchronization
import WorkerProtocol

extension Batch {
  /// So many bytes of answers leave in one write.
  private static let gatheredBytesMin = 64 << 10

  /// Starts the task; `ended` is called once for each attempt, after its last frame was handed over.
  func begin(with body: any BatchBody, ended: @escaping @Sendable (AttemptKey) -> Void) {
    let task = Task(executorPreference: items[0]) {
      await AttemptKey.$running.withValue(self.items[0].key) { await self.run(body, ended) }
    }
    // The task may be over already; then nothing may hold on to it.
    state.withLock { if !$0.isOver { $0.task = task } }
  }

  /// Called by the reader thread, which is never blocked.
  ///
  /// One attempt of several is only noted; the task is cancelled when all that are open are. True
  /// when the handler had not begun: then the attempt has been answered here, and is not of the
  /// batch any more.
  func cancel(_ key: AttemptKey) -> Bool {
    guard let item = item(key) else { return false }
    let (task, isWithdrawn): (Task<Void, Never>?, Bool) = state.withLock { state in
      guard !state.isOver, !state.gone.contains(key) else { return (nil, false) }
      guard state.hasBegun else {
        state.gone.insert(key)
        return (nil, true)
      }
      state.cancelled.insert(key)
      return (areAllCancelled(state) ? state.task : nil, false)
    }
    item.state.withLock { $0.isCancelled = true }
    if isWithdrawn { item.withdraw() }
    task?.cancel()
    return isWithdrawn
  }

  private func areAllCancelled(_ state: State) -> Bool {
    state.cancelled.count == items.count - state.gone.count
  }

  private func run(
    _ body: any BatchBody, _ ended: @escaping @Sendable (AttemptKey) -> Void
  ) async {
    guard begins() else { return }
    var error: (any Error)?
    do {
      try await body.run(self) { item, undecodable in
        await item.channel.send(item.failureFrames(for: undecodable))
        ended(item.key)
      }
    } catch let thrown {
      error = thrown
    }
    close()
    await answer(after: error, ended)
  }

  /// False when all were withdrawn before a thread was free.
  private func begins() -> Bool {
    state.withLock { state in
      state.hasBegun = true
      state.isOver = state.gone.count == items.count
      return !state.isOver
    }
  }

  /// It cannot be decoded: it is answered alone, and the others go on.
  func drop(_ item: Attempt) {
    let task = state.withLock { state in
      state.gone.insert(item.key)
      state.cancelled.remove(item.key)
      return areAllCancelled(state) ? state.task : nil
    }
    task?.cancel()
  }

  private func answer(
    after error: (any Error)?, _ ended: @escaping @Sendable (AttemptKey) -> Void
  ) async {
    let open = open
    shareCPUTime(among: open)
    var gathered: [UInt8] = []
    for (place, item) in open.enumerated() {
      gathered += await frames(of: item, after: error)
      guard gathered.count >= Self.gatheredBytesMin || place == open.count - 1 else { continue }
      await item.channel.send(gathered)
      gathered = []
    }
    for item in open { ended(item.key) }
  }

  /// One run served them all, so each gets an equal share.
  private func shareCPUTime(among open: [Attempt]) {
    guard !open.isEmpty else { return }
    // Also counts the running slice.
    let total = items[0].cpuMicroseconds * 1_000
    let share = total / UInt64(open.count)
    for item in open { item.cpuNanoseconds.store(share, ordering: .relaxed) }
  }

  private func frames(of item: Attempt, after error: (any Error)?) async -> [UInt8] {
    if let failure = failure(of: item, after: error) { return item.failureFrames(for: failure) }
    do {
      return try await item.resultFrames(for: Answer(.nothing))
    } catch {
      return item.failureFrames(for: error)
    }
  }
}

extension Attempt {
  /// Answers an attempt whose handler has not begun and will not.
  fileprivate func withdraw() {
    state.withLock { $0.isFinished = true }
    let answer = AttemptFailure(
      kind: .notBegun, type: "", message: "no thread was free", retryAfterMilliseconds: nil,
      cpuMicroseconds: 0, memoryBytes: 0)
    channel.post(frame(.failure) { answer.write(to: &$0) })
  }
}
