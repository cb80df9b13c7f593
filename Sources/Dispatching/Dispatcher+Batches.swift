// Batches: one run of the handler for many invocations. Each keeps its own record, attempts and
// answer; only the run, its permit and its deadline are shared.

import Invocations

extension Dispatcher {
  /// Starts a batch as soon as it is full, or when the first of it has waited long enough.
  func pumpBatches(_ desk: FunctionDesk) {
    while desk.mayStart(at: clocks.monotonic), workers.hasRoom(for: desk.declaration) {
      guard let rule = desk.declaration.batch else { return }
      let isFull = gather(desk, rule)
      guard isFull || desk.gathered.endsAt(rule).map({ $0 <= clocks.wall }) ?? false else { return }
      let batch = desk.gathered.take(rule).filter { canStart($0, at: desk) }
      if !batch.isEmpty { start(batch, at: desk) }
    }
  }

  /// True when there is enough for a whole batch.
  private func gather(_ desk: FunctionDesk, _ rule: BatchRule) -> Bool {
    while !desk.gathered.isFull(rule) {
      guard let work = nextWork(at: desk) else { return false }
      desk.gathered.append(work)
    }
    return true
  }

  private func start(_ batch: [Work], at desk: FunctionDesk) {
    let remaining = desk.declaration.timeout.nanoseconds
    let deadline = clocks.monotonic.addingReportingOverflow(remaining).partialValue
    let run = BatchRun(count: batch.count)
    var attempts: [RunningAttempt] = []
    for work in batch {
      guard case .run(let number) = apply(.claimed, to: work, desk.declaration) else { continue }
      let attempt = RunningAttempt(
        work: work, name: AttemptName(id: work.id, attempt: number),
        declaration: desk.declaration, startedAt: clocks.wall, deadline: deadline,
        release: release)
      attempt.batch = run
      attempts.append(attempt)
      running[attempt.name] = attempt
      desk.attempts += 1
      desk.began(work, at: clocks.monotonic)
    }
    guard !attempts.isEmpty else { return }
    desk.running += 1
    for attempt in attempts { desk.noteDeadline(attempt) }
    let worker = workers.start(
      batch: attempts.map { assignment(of: $0, remaining: remaining) })
    for attempt in attempts {
      attempt.worker = worker
      noteStarted(attempt)
    }
  }
}

/// Due work that waits for its batch to fill.
struct GatheredBatch {
  private var entries: [WaitingLine.Entry] = []

  mutating func append(_ work: Work) {
    entries.append(WaitingLine.Entry(place: work.place, work: work))
  }

  /// How many of the entries one batch takes: `BatchLimits` bound its bytes, whatever its size.
  private func length(_ rule: BatchRule) -> (count: Int, isFull: Bool) {
    var bytes = 0
    for (place, entry) in entries.enumerated() {
      bytes += entry.work.acceptance.event.data.count
      if place > 0, bytes > BatchLimits.bytesMax { return (place, true) }
    }
    let count = min(entries.count, rule.size)
    return (count, count == rule.size)
  }

  mutating func isFull(_ rule: BatchRule) -> Bool {
    entries.removeAll { !$0.isLive }
    return length(rule).isFull
  }

  /// When the window of the first one ends.
  func endsAt(_ rule: BatchRule) -> WallTime? { entries.first.map { $0.place.due + rule.window } }

  mutating func take(_ rule: BatchRule) -> [Work] {
    let batch = entries.prefix(length(rule).count).map(\.work)
    entries.removeFirst(batch.count)
    return batch
  }

  mutating func removeAll() -> [Work] {
    defer { entries = [] }
    return entries.filter(\.isLive).map(\.work)
  }
}
