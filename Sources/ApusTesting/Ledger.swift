// The record log of a test house: the real store, and beside it what was written, as the test reads it.
// It also knows whether somebody waits for the disk.

import Invocations
import Records

final class Ledger: RecordLog {
  private let store: RecordStore
  private(set) var stories: [InvocationID: Story] = [:]
  /// In the order of acceptance.
  private(set) var order: [InvocationID] = []
  /// Dead ones in the order of their end; those that were sent again are taken out.
  private(set) var dead: [InvocationID] = []

  /// The last change that somebody may wait for; starts are not waited for.
  private var needed: UInt64 = 0
  private var onDisk: UInt64 = 0
  private var readsAsked = 0

  struct Story {
    var acceptance: Acceptance
    var state = StateWord.queued
    var reason: DeathReason?
    var due: WallTime
    var attempts: [AttemptRecord] = []
    var error: ErrorRecord?
    var result: StoredResult?
    var endedAt: WallTime?
    var logs: [LogLine] = []
    var emitted: [InvocationID] = []
    var duplicates = 0

    init(_ acceptance: Acceptance) {
      self.acceptance = acceptance
      due = acceptance.dueAt
    }
  }

  init(_ store: RecordStore) { self.store = store }

  // MARK: The port

  func append(_ changes: [RecordChange], _ terms: CommitTerms) -> UInt64 {
    // Virtual time does not pass while the disk is waited for.
    let sequence = store.append(changes)
    for change in changes {
      note(change)
      if case .start = change { continue }
      needed = sequence
    }
    return sequence
  }

  var backlog: Int { store.backlog }

  func read(_ read: RecordRead) {
    readsAsked += 1
    store.read(read)
  }

  // MARK: The disk

  /// Somebody waits for a commit or for rows.
  var isBehind: Bool { onDisk < needed || readsAsked > 0 }

  func note(_ news: RecordNews) throws(TestFault) {
    switch news {
    case .durable(let sequence): onDisk = max(onDisk, sequence)
    case .rows, .replay: readsAsked -= 1
    case .stalled(let reason, _): throw .store("the temporary store cannot be written: \(reason)")
    case .readFailed(_, let reason):
      throw .store("the temporary store cannot be read: \(reason)")
    case .healed: break
    }
  }

  func close() { store.close() }

  // MARK: The stories

  private func note(_ change: RecordChange) {
    switch change {
    case .accepted(let acceptance): begin(acceptance.value)
    case .start(let start): stories[start.id]?.state = .running
    case .goOn(let attempt, _, let state, let due, _):
      stories[attempt.invocation]?.state = state
      stories[attempt.invocation]?.due = due
      stories[attempt.invocation]?.attempts.append(attempt)
      stories[attempt.invocation]?.error = attempt.error
    case .ended(let ending): end(ending.value)
    case .log(let line): stories[line.invocation]?.logs.append(line)
    case .duplicate(let id): stories[id]?.duplicates += 1
    case .release(let id, let due):
      stories[id]?.state = .queued
      stories[id]?.due = due
    case .redriven(let letter, _, _): dead.removeAll { $0 == letter }
    case .relane, .timer, .pause, .purged, .deployed, .activated, .action, .declared: break
    }
  }

  private func begin(_ acceptance: Acceptance) {
    stories[acceptance.id] = Story(acceptance)
    order.append(acceptance.id)
  }

  private func end(_ ending: Ending) {
    for child in ending.emitted { begin(child) }
    guard var story = stories.removeValue(forKey: ending.id) else { return }
    story.state = ending.state
    story.reason = ending.reason
    story.endedAt = ending.endedAt
    story.error = ending.error
    story.result = ending.result
    story.emitted = ending.emitted.map(\.id)
    if let attempt = ending.attempt { story.attempts.append(attempt) }
    stories[ending.id] = story
    if ending.state == .dead { dead.append(ending.id) }
  }
}
