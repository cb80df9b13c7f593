// Batches: one run of the handler for many invocations. Each keeps its own record, attempts and
// answer; only the run, its permit and its deadline are shared.

import DequeModule
import Invocations

extension Dispatcher {
  /// Starts a batch as soon as it is full, or when the first of it has waited long enough.
  func pumpBatches(_ desk: FunctionDesk) {
    while desk.mayStart(at: clocks.monotonic), workers.hasRoom(for: desk.declared), diskKeepsUp() {
      guard let rule = desk.declaration.batch else { return }
      let isFull = gather(desk, rule)
      guard isFull || desk.gathered.endsAt(rule).map({ $0 <= clocks.wall }) ?? false,
        desk.mayStart(at: clocks.monotonic)
      else { return }
      let tokens = desk.tokens(at: clocks.monotonic)
      let batch = desk.gathered.take(rule, atMost: tokens).filter { canStart($0, at: desk) }
      if !batch.isEmpty { start(batch, at: desk) }
    }
  }

  /// True when there is enough for a whole batch.
  private func gather(_ desk: FunctionDesk, _ rule: BatchRule) -> Bool {
    while true {
      if desk.gathered.isFull(rule) {
        desk.gathered.removeAll { _ in false }
        if desk.gathered.isFull(rule) { return true }
      }
      guard let work = nextWork(at: desk) else {
        desk.gathered.dropEnded()
        return false
      }
      // Now: the next of its value must not count on the same one.
      desk.lanes?.takeToken(work, at: clocks.monotonic)
      desk.gathered.append(work)
    }
  }

  private func start(_ batch: [Work], at desk: FunctionDesk) {
    let remaining = desk.declaration.timeout.nanoseconds
    let deadline = clocks.monotonic.addingReportingOverflow(remaining).partialValue
    let run = BatchRun(count: batch.count)
    var attempts: [RunningAttempt] = []
    for work in batch {
      guard case .run(let number) = apply(.claimed, to: work, desk.declared) else { continue }
      let attempt = RunningAttempt(
        work: work, name: AttemptName(id: work.id, attempt: number),
        declared: desk.declared, startedAt: clocks.wall, deadline: deadline,
        release: release)
      attempt.batch = run
      attempts.append(attempt)
      running[attempt.name] = attempt
      desk.attempts += 1
      desk.began(work, at: clocks.monotonic)
      work.isAheadOfStore = false
      forgetDebounce(of: work, at: desk)
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
  private var entries = Deque<WaitingLine.Entry>()
  private var bytes = 0

  var count: Int { entries.count }

  mutating func append(_ work: Work) {
    entries.append(WaitingLine.Entry(place: work.place, work: work))
    bytes += work.acceptance.event.data.count
  }

  /// Ended ones count until they are removed.
  func isFull(_ rule: BatchRule) -> Bool {
    entries.count >= rule.size || entries.count > 1 && bytes > BatchLimits.bytesMax
  }

  /// When the window of the first one ends.
  func endsAt(_ rule: BatchRule) -> WallTime? { entries.first.map { $0.place.due + rule.window } }

  /// As many as one batch takes: `BatchLimits` bound its bytes, whatever its size.
  mutating func take(_ rule: BatchRule, atMost limit: Int) -> [Work] {
    var batch: [Work] = []
    var taken = 0
    while batch.count < min(rule.size, limit), let first = entries.first {
      let size = first.work.acceptance.event.data.count
      if first.isLive {
        guard batch.isEmpty || taken + size <= BatchLimits.bytesMax else { break }
        taken += size
        batch.append(first.work)
      }
      entries.removeFirst()
      bytes -= size
    }
    return batch
  }

  /// The window is that of the first one that still waits.
  mutating func dropEnded() {
    while let first = entries.first, !first.isLive {
      entries.removeFirst()
      bytes -= first.work.acceptance.event.data.count
    }
  }

  /// Removes what has ended, and what `isUnwanted` says; returns the latter.
  @discardableResult
  mutating func removeAll(where isUnwanted: (Work) -> Bool = { _ in true }) -> [Work] {
    let live = entries.filter(\.isLive)
    entries = Deque(live.filter { !isUnwanted($0.work) })
    bytes = entries.reduce(0) { $0 + $1.work.acceptance.event.data.count }
    return live.map(\.work).filter(isUnwanted)
  }
}
