// The record log in memory, with a disk that a test turns by hand: what was appended is lost by a
// restart until `commit` has taken it, and its news wait until the test delivers them.

package import Invocations

package final class MemoryRecordLog: RecordLog {
  /// What a kill leaves: rows as the store would have them.
  package struct Row: Equatable {
    package var acceptance: Acceptance
    package var state: StateWord
    package var reason: DeathReason?
    package var due: WallTime
    package var attempts = 0
    package var failures = 0
    package var history: [AttemptRecord] = []
    package var result: StoredResult?
    package var error: ErrorRecord?
    package var endings = 0
    package var replacedBy: InvocationID?

    var place: LinePlace { LinePlace(due: due, id: acceptance.id) }
    var isWaiting: Bool { state == .queued || state == .waiting }
    var waiting: WaitingRecord {
      WaitingRecord(
        acceptance: acceptance, state: state, due: due, attempts: attempts, failures: failures)
    }

    /// As an operator's question finds it.
    package var record: InvocationRecord {
      var record = InvocationRecord(acceptance: acceptance, state: state, due: due)
      record.attempts = attempts
      record.failures = failures
      return record
    }
  }

  package private(set) var disk: [InvocationID: Row] = [:]
  package private(set) var timers: [String: TimerAdvance] = [:]
  package private(set) var logs: [LogLine] = []
  package private(set) var duplicates: [InvocationID] = []
  package private(set) var reads: [RecordRead] = []
  package private(set) var appended: [[RecordChange]] = []
  /// Of each of them.
  package private(set) var terms: [CommitTerms] = []
  private var pending: [(sequence: UInt64, changes: [RecordChange])] = []
  private var sequence: UInt64 = 0
  private var news: [RecordNews] = []
  package var fails = false
  private var isStalled = false
  private var boot = 0

  package init() {}

  package var backlog: Int { pending.count }

  package func append(_ changes: [RecordChange], _ terms: CommitTerms) -> UInt64 {
    sequence += 1
    appended.append(changes)
    self.terms.append(terms)
    pending.append((sequence, changes))
    return sequence
  }

  package func read(_ read: RecordRead) {
    switch read {
    case .waiting(let function, let priority, let after, let limit):
      answer(read, limit) { row in
        row.isWaiting && row.acceptance.function == function
          && row.acceptance.standing.priority == priority && after.map { row.place > $0 } ?? true
      }
    case .lane(let function, let lane, let from, let dueBy, let limit):
      answer(read, limit) { row in
        row.isWaiting && row.acceptance.function == function && row.due <= dueBy
          && row.acceptance.standing.lane == lane && row.place >= from
      }
    case .begun(let function, let after, let limit):
      answer(read, limit) { row in
        row.acceptance.function == function && !row.state.isFinal
          && (row.attempts > 0 || row.state == .held)
          && after.map { row.acceptance.id > $0 } ?? true
      }
    case .replay(let id, let token):
      let row = disk[id]
      let replay = row.flatMap { row in
        row.state.isFinal
          ? Replay(
            id: id, state: row.state, reason: row.reason, result: row.result, error: row.error)
          : nil
      }
      news.append(.replay(token: token, replay))
    }
  }

  private func answer(_ read: RecordRead, _ limit: Int, _ fits: (Row) -> Bool) {
    reads.append(read)
    // Only places are sorted: rows are heavy, and most of them are not asked for.
    let places = disk.values.filter(fits).map(\.place).sorted()
    let rows = places.prefix(limit).compactMap { disk[$0.id]?.waiting }
    news.append(.rows(of: read, rows, hasMore: places.count > limit))
  }

  // MARK: The disk's own time

  /// Its end was appended and is not on disk.
  package func isEndPending(_ id: InvocationID) -> Bool {
    pending.contains { group in
      group.changes.contains {
        if case .ended(let ending) = $0 { ending.value.id == id } else { false }
      }
    }
  }

  /// Writes the oldest `groups` appends, all of them by default, and queues the news of it.
  package func commit(groups: Int = .max) {
    let batch = pending.prefix(groups)
    guard let last = batch.last else { return }
    guard !fails else { return refuse() }
    pending.removeFirst(batch.count)
    for group in batch { for change in group.changes { write(change) } }
    news.append(.durable(upTo: last.sequence))
  }

  /// As a full disk does: acceptances are refused, everything else is kept for later.
  private func refuse() {
    var refused: [InvocationID] = []
    for (place, group) in pending.enumerated() {
      pending[place].changes = group.changes.filter {
        if case .accepted(let acceptance) = $0 {
          refused.append(acceptance.value.id)
          return false
        }
        return true
      }
    }
    guard !isStalled || !refused.isEmpty else { return }
    isStalled = true
    news.append(.stalled(reason: "disk full", refused: refused))
  }

  package func heal() {
    fails = false
    isStalled = false
    news.append(.healed)
  }

  package func takeNews() -> [RecordNews] {
    defer { news = [] }
    return news
  }

  /// What is left after `kill -9`: nothing that was not committed, no news on their way.
  package func restart() -> Recovery {
    pending = []
    news = []
    boot += 1
    var unfinished: [String: Int] = [:]
    var interrupted = 0
    for (id, row) in disk where !row.state.isFinal {
      unfinished[row.acceptance.function, default: 0] += 1
      if row.state == .running {
        disk[id]?.state = .queued
        interrupted += 1
      }
    }
    return Recovery(
      boot: boot, lastID: disk.keys.max() ?? InvocationID(rawValue: 0), unfinished: unfinished,
      interrupted: interrupted, keys: rememberedKeys(), debounced: debounced(),
      timers: Array(timers.values), paused: [:],
      digestKey: Digest(high: 1, low: 2), wasStoppedCleanly: false)
  }

  private func debounced() -> [DebouncedRecord] {
    disk.values.filter { $0.state == .queued && $0.attempts == 0 }
      .sorted { $0.acceptance.id < $1.acceptance.id }
      .compactMap { row in
        row.acceptance.standing.debounce.map {
          DebouncedRecord(
            function: row.acceptance.function, id: row.acceptance.id, due: row.due,
            priority: row.acceptance.standing.priority, debounce: $0, key: row.acceptance.key)
        }
      }
  }

  private func rememberedKeys() -> [RememberedKey] {
    disk.values.compactMap { row in
      row.acceptance.key.map {
        RememberedKey(
          digest: $0.digest, body: $0.body, invocation: row.acceptance.id,
          expiresAt: $0.expiresAt, isFinished: row.state.isFinal)
      }
    }
  }

  private func write(_ change: RecordChange) {
    switch change {
    case .accepted(let shared):
      let acceptance = shared.value
      disk[acceptance.id] = Row(acceptance: acceptance, state: .queued, due: acceptance.dueAt)
    case .start(let start):
      guard disk[start.id]?.state.isFinal == false else { return }
      disk[start.id]?.state = .running
      disk[start.id]?.attempts = start.attempt
    case .goOn(let attempt, _, let state, let due, let failures):
      disk[attempt.invocation]?.state = state
      disk[attempt.invocation]?.due = due
      disk[attempt.invocation]?.failures = failures
      disk[attempt.invocation]?.attempts = attempt.number
      disk[attempt.invocation]?.history.append(attempt)
    case .ended(let ending): write(ending.value)
    case .release(let id, let due):
      if disk[id]?.state == .held { disk[id]?.state = .queued }
      disk[id]?.due = due
    case .relane(let id, let lane): disk[id]?.acceptance.standing.lane = lane
    case .log(let line): logs.append(line)
    case .timer(let advance): timers[advance.name] = advance
    case .duplicate(let id): duplicates.append(id)
    case .pause, .redriven, .purged, .deployed, .activated, .action, .declared: break
    }
  }

  private func write(_ ending: Ending) {
    disk[ending.id]?.state = ending.state
    disk[ending.id]?.reason = ending.reason
    disk[ending.id]?.replacedBy = ending.replacedBy
    disk[ending.id]?.result = ending.result
    disk[ending.id]?.error = ending.error
    disk[ending.id]?.endings += 1
    if let attempt = ending.attempt {
      disk[ending.id]?.history.append(attempt)
      disk[ending.id]?.attempts = attempt.number
    }
    for child in ending.emitted { write(.accept(child)) }
  }
}
