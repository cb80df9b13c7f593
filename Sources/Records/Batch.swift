// The changes of one commit, and how they become rows: what begins and ends within the commit is
// written once, and a start is written only when its attempt outlives it.
import Invocations

struct Batch {
  /// Ended in this commit, and not given another attempt in it: straight into history.
  private var ended: Set<Int64> = []
  private var continued: Set<Int64> = []
  /// Accepted in this commit and not in `unfinished`, because they end in it.
  private var unwritten: Set<Int64> = []
  /// Attempts that still run at its end and whose starts are not written yet.
  private(set) var running: [Int64: HeldStart] = [:]
  private let groups: [ChangeGroup]
  private let now: UInt64
  private let startHeld: UInt64

  /// A start that waits for its end, lest it be written for nothing.
  struct HeldStart {
    var start: AttemptStart
    /// Monotonic nanoseconds at which it is written after all.
    var due: UInt64
  }

  /// `now` is monotonic, in nanoseconds, and so is what a start waits for its end.
  init(_ groups: [ChangeGroup], at now: UInt64, startHeld: UInt64) {
    self.groups = groups
    self.now = now
    self.startHeld = startHeld
    for group in groups {
      for change in group.changes {
        switch change {
        case .ended(let ending): ended.insert(ending.value.id.rawValue)
        case .goOn(let attempt, _, _, _, _): continued.insert(attempt.invocation.rawValue)
        default: break
        }
      }
    }
  }

  /// Somebody was promised the disk.
  var isFirm: Bool { groups.isEmpty || groups.contains { $0.terms.durability == .disk } }

  /// Nothing but starts, which wait for the next commit anyway.
  var isOnlyStarts: Bool {
    groups.allSatisfy { group in
      group.changes.allSatisfy { if case .start = $0 { true } else { false } }
    }
  }

  var changeCount: Int { groups.reduce(0) { $0 + $1.changes.count } }

  /// For a batch that is not written.
  mutating func noteStarts() {
    for group in groups {
      for case .start(let start) in group.changes { hold(start) }
    }
  }

  private mutating func hold(_ start: AttemptStart) {
    running[start.id.rawValue] = HeldStart(start: start, due: now + startHeld)
  }

  /// `starts` are those of earlier commits that nothing has ended since.
  mutating func write(
    to tables: RecordTables, starts: [Int64: HeldStart], holdsStarts: Bool
  ) throws(SQLiteFailure) {
    for (id, held) in starts where !ended.contains(id) && !continued.contains(id) {
      if held.due <= now || !holdsStarts {
        try tables.markStarted(held.start)
      } else {
        running[id] = held
      }
    }
    for group in groups {
      for change in group.changes { try write(change, to: tables) }
    }
    try tables.flush()
  }

  private mutating func write(
    _ change: RecordChange, to tables: RecordTables
  ) throws(SQLiteFailure) {
    switch change {
    case .accepted(let acceptance): try accept(acceptance.value, in: tables)
    case .start(let start): hold(start)
    case .goOn(let attempt, let function, let state, let due, let failures):
      running[attempt.invocation.rawValue] = nil
      guard try tables.goOn(attempt, state: state, due: due, failures: failures) else { return }
      try tables.insertAttempt(attempt, of: function)
    case .ended(let ending): try end(ending.value, in: tables)
    case .release(let id, let due): try tables.release(id, due: due)
    case .relane(let id, let lane): try tables.relane(id, lane: lane)
    case .log(let line): try log(line, in: tables)
    case .timer(let timer): try tables.advance(timer)
    case .pause(let subject, let since): try tables.pause(subject, since: since)
    case .redriven(let id, let another, let action):
      try tables.settle(id, as: another, by: action)
    case .purged(let ids, let action):
      for id in ids { try tables.settle(id, as: nil, by: action) }
    case .action(let action): try tables.actions.write(action)
    case .duplicate(let id): try tables.countDuplicate(of: id)
    case .deployed(let release): try tables.releases.insert(release)
    case .activated(let activation): try tables.releases.activate(activation)
    case .declared(let rules): try tables.declare(rules)
    }
  }

  private mutating func accept(
    _ acceptance: Acceptance, in tables: RecordTables
  ) throws(SQLiteFailure) {
    let function = try tables.insertAccepted(acceptance)
    let id = acceptance.id.rawValue
    if ended.contains(id), !continued.contains(id) {
      unwritten.insert(id)
    } else {
      try tables.insertUnfinished(acceptance, function: function)
    }
  }

  /// A line must not outlive the start of its attempt, or the next one would take its number.
  private mutating func log(_ line: LogLine, in tables: RecordTables) throws(SQLiteFailure) {
    let id = line.invocation.rawValue
    if let held = running[id], !ended.contains(id) {
      try tables.markStarted(held.start)
      running[id] = nil
    }
    try tables.insertLog(line)
  }

  private mutating func end(_ ending: Ending, in tables: RecordTables) throws(SQLiteFailure) {
    let id = ending.id.rawValue
    running[id] = nil
    // An end of something the store does not know (its acceptance was refused) leaves nothing, or
    // what it emitted would have no cause.
    let atOnce = unwritten.remove(id) != nil
    guard try tables.finish(ending, atOnce: atOnce) else { return }
    for emitted in ending.emitted { try accept(emitted, in: tables) }
  }
}

extension RecordChange {
  /// Roughly what it weighs in memory and on disk.
  var bytes: Int {
    switch self {
    case .accepted(let acceptance): acceptance.value.bytes
    case .ended(let ending):
      256 + (ending.value.result?.body.count ?? 0)
        + ending.value.emitted.reduce(0) { $0 + $1.bytes }
    case .log(let line): 128 + line.message.utf8.count
    case .purged(let ids, _): 16 * ids.count
    case .action(let action): 512 + 16 * action.ids.count
    case .deployed(let release): release.manifests.reduce(256) { $0 + $1.text.utf8.count }
    case .start, .goOn, .release, .relane, .activated, .timer, .pause, .redriven, .duplicate,
      .declared:
      128
    }
  }
}

extension Acceptance {
  fileprivate var bytes: Int { 512 + event.data.count }
}
