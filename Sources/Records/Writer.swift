// The thread that owns the one write connection: gather what came while the last commit was on its
// way, commit it, say how far the disk is. It never waits for more when it has something.
import GRDBSQLite
import Invocations

final class Writer {
  private let connection: Connection
  private let tables: RecordTables
  private let mailbox: Mailbox
  private let tuning: RecordTuning
  private let deliver: @Sendable (RecordNews) -> Void
  private let upkeep: Upkeep
  /// Nil where nobody else reaches the file.
  private let watch: StoreWatch?

  /// Taken from the mailbox and not on disk, oldest first.
  private var waiting: [ChangeGroup] = []
  /// The number of the last change taken.
  private var lastTaken: UInt64 = 0
  /// Starts of attempts that nothing has ended, until each is due to be written or there is nothing else
  /// to write.
  private var starts: [Int64: Batch.HeldStart] = [:]
  private var startsDue: UInt64?
  private var isFinishing = false
  private var stall: Stall?
  private var pagesMax: Int?
  /// Of the whole store: no commit is firmer.
  private let durability: Durability
  private var isSyncing: Bool
  private var sealed = 0
  /// What the housekeeping was told last.
  private var kept: [String: Keeping]?

  private struct Stall {
    var refusal = Refusal()
    var reason: String
    var pause = StoreLimits.stallPauseFirst
    var retryAt: UInt64
    /// What was kept can be written, though new work is refused.
    var isPassable = false

    mutating func postpone(from now: UInt64) {
      pause = min(pause * 2, StoreLimits.stallPauseMax)
      retryAt = now + pause
    }
  }

  init(
    connection: Connection, hasher: SipHasher, mailbox: Mailbox, durability: Durability,
    tuning: RecordTuning, watch: StoreWatch? = nil, directory: DataDirectory? = nil,
    deliver: @escaping @Sendable (RecordNews) -> Void
  ) throws(SQLiteFailure) {
    self.connection = connection
    self.mailbox = mailbox
    self.durability = durability
    isSyncing = durability == .disk
    self.tuning = tuning
    self.deliver = deliver
    self.watch = watch
    tables = try RecordTables(on: connection, hasher: hasher)
    upkeep = try Upkeep(on: connection, tuning, in: directory, durability)
  }

  /// Returns when the mailbox is closed and all is on disk, or cannot be; then it says how many
  /// changes were lost.
  func run() -> Int {
    while true {
      let isIdle = waiting.isEmpty || stall.map { !$0.isPassable } ?? false
      let (groups, isClosing) = mailbox.take(until: isIdle ? deadline : 0)
      if isClosing { return finish(groups) }
      turn(groups)
    }
  }

  /// What one look into the mailbox leads to: a commit at most, and a little housekeeping when there
  /// is nothing else.
  func turn(_ groups: [ChangeGroup]) {
    take(groups)
    if let fault = watch?.look(), stall == nil { begin(reason: fault.description) }
    if isDue { commitNext() }
    if waiting.isEmpty, stall == nil { upkeep.rest(isIdle: mailbox.backlog == 0) }
  }

  private var deadline: UInt64? {
    if let stall { return stall.retryAt }
    return [startsDue, upkeep.due, watch?.due].compactMap(\.self).min()
  }

  private var isDue: Bool {
    if let stall {
      return stall.retryAt <= tuning.monotonic() || stall.isPassable && !waiting.isEmpty
    }
    return !waiting.isEmpty || startsDue.map { $0 <= tuning.monotonic() } ?? false
  }

  private func take(_ groups: [ChangeGroup]) {
    guard let last = groups.last else { return }
    lastTaken = last.last
    if stall == nil { waiting += groups } else { refuse(groups) }
  }

  // MARK: Committing

  private func commitNext() {
    let count = nextCount()
    // A copy: a slice would share the storage, and taking the groups out would copy all that wait.
    var batch = Batch(
      Array(waiting.prefix(count)), at: tuning.monotonic(), startHeld: tuning.startHeld)
    do throws(SQLiteFailure) {
      try commit(&batch)
    } catch {
      return failed(error)
    }
    waiting.removeFirst(count)
    mailbox.settle(batch.changeCount)
    if let durable = waiting.first.map({ $0.last - UInt64($0.changes.count) }) {
      deliver(.durable(upTo: durable))
    } else if count > 0 || stall != nil {
      deliver(.durable(upTo: lastTaken))
    }
    if stall != nil { heal() }
    upkeep.committed()
  }

  /// As many groups as one commit takes; a group that is larger goes alone.
  private func nextCount() -> Int {
    var changes = 0
    var bytes = 0
    for (count, group) in waiting.enumerated() {
      changes += group.changes.count
      bytes += group.changes.reduce(0) { $0 + $1.bytes }
      let isFull =
        changes > StoreLimits.changesPerCommitMax || bytes > StoreLimits.bytesPerCommitMax
      if isFull, count > 0 { return count }
    }
    return waiting.count
  }

  private func commit(_ batch: inout Batch) throws(SQLiteFailure) {
    if stall == nil, batch.isOnlyStarts, batch.changeCount > 0 { return postpone(&batch) }
    do throws(SQLiteFailure) {
      try connection.use { () throws(SQLiteFailure) in
        try applyPagesMax()
        try sync(batch.isFirm && durability == .disk)
        try connection.transaction { () throws(SQLiteFailure) in
          // Where nothing else is written, there is time to write starts.
          let isIdle = isFinishing || batch.changeCount == 0
          try batch.write(to: tables, starts: starts, holdsStarts: !isIdle)
        }
      }
    } catch {
      tables.rolledBack()
      throw error
    }
    mailbox.count(isSynced: isSyncing)
    tables.committed()
    if tables.sealed != sealed {
      sealed = tables.sealed
      upkeep.noteSealed()
    }
    if let keeping = tables.keeping, keeping != kept {
      kept = keeping
      upkeep.keep(keeping)
    }
    starts = batch.running
    startsDue = starts.isEmpty ? nil : tuning.monotonic() + StoreLimits.lingerNanoseconds
  }

  /// Whether commits are synced from now on; what was not synced before is with the next that is.
  private func sync(_ isWanted: Bool) throws(SQLiteFailure) {
    guard isWanted != isSyncing, durability == .disk else { return }
    try connection.execute("PRAGMA synchronous = \(isWanted ? "FULL" : "NORMAL")")
    isSyncing = isWanted
  }

  private func postpone(_ batch: inout Batch) {
    batch.noteStarts()
    starts.merge(batch.running) { _, latest in latest }
    startsDue = startsDue ?? tuning.monotonic() + StoreLimits.lingerNanoseconds
  }

  /// What was kept is written.
  ///
  /// New work is taken again when there is space for more than that, and the store is in its place.
  private func heal() {
    guard var stall else { return }
    stall.isPassable = true
    if stall.retryAt <= tuning.monotonic() {
      if canProbe, watch?.isWell ?? true {
        self.stall = nil
        return deliver(.healed)
      }
      stall.postpone(from: tuning.monotonic())
    }
    self.stall = stall
  }

  private var canProbe: Bool {
    // What it says is said already.
    let probed: Void? = try? connection.use { () throws(SQLiteFailure) in
      try connection.execute(SQL.probe)
      try connection.execute(SQL.probeEnd)
    }
    return probed != nil
  }

  private func applyPagesMax() throws(SQLiteFailure) {
    guard let limit = tuning.pagesMax?(), limit != pagesMax else { return }
    try connection.execute("PRAGMA max_page_count = \(limit)")
    pagesMax = limit
  }

  // MARK: Failing

  private func failed(_ failure: SQLiteFailure) {
    // An id or an attempt that was written twice is an error of this program; to go on would write
    // a false record, and to wait would wait forever.
    precondition(
      failure.primaryCode != SQLITE_CONSTRAINT,
      "a change contradicts the record: \(failure.message)")
    watch?.commitFailed(failure)
    if stall == nil { return begin(reason: failure.fault(at: connection.path).description) }
    stall?.isPassable = false
    stall?.postpone(from: tuning.monotonic())
  }

  private func begin(reason: String) {
    stall = Stall(reason: reason, retryAt: tuning.monotonic() + StoreLimits.stallPauseFirst)
    let groups = waiting
    waiting = []
    refuse(groups, saysSoAnyway: true)
  }

  private func refuse(_ groups: [ChangeGroup], saysSoAnyway: Bool = false) {
    guard var stall else { return }
    let outcome = stall.refusal.sift(groups)
    self.stall = stall
    waiting += outcome.kept
    mailbox.settle(outcome.droppedChanges)
    if saysSoAnyway || !outcome.refused.isEmpty {
      deliver(.stalled(reason: stall.reason, refused: outcome.refused))
    }
  }

  // MARK: Ending

  /// Says how many changes could not be written.
  func finish(_ groups: [ChangeGroup]) -> Int {
    isFinishing = true
    take(groups)
    repeat {
      let before = waiting.count
      commitNext()
      if stall != nil, waiting.count == before { break }
    } while !waiting.isEmpty || !starts.isEmpty
    let lost = waiting.reduce(0) { $0 + $1.changes.count }
    connection.use { upkeep.leave(isClean: stall == nil) }
    watch?.rescue(connection)
    return lost
  }
}
