// The writer's housekeeping between commits: the write-ahead log is copied into the file when
// nothing else waits; expired keys and what has ended long ago go in small steps.
import GRDBSQLite
import Invocations

final class Upkeep {
  private let connection: Connection
  private let tuning: RecordTuning
  /// Nil where nobody else reaches the file.
  private let directory: DataDirectory?
  private let durability: Durability
  private let keysStepEnd: Statement
  private let pruneKeys: Statement
  /// Pages in the write-ahead log, as SQLite's hook last said.
  private let walPages: UnsafeMutablePointer<Int32>
  private var walPagesCopied: Int32 = 0
  private var keysSeen: Int64 = 0
  private let pruner: Pruner
  /// Nothing is pruned before the release has said what is to be kept.
  private var isTold = false
  /// When the next steps are due, by the monotonic clock.
  private let merger: SegmentMerger
  /// nil where there is nothing to merge.
  private var mergeDue: UInt64?
  private var keysDue: UInt64
  private var endedDue: UInt64

  init(
    on connection: Connection, _ tuning: RecordTuning, in directory: DataDirectory? = nil,
    _ durability: Durability = .disk
  ) throws(SQLiteFailure) {
    self.connection = connection
    self.tuning = tuning
    self.directory = directory
    self.durability = durability
    pruner = try Pruner(on: connection, tuning.retention)
    merger = try SegmentMerger(on: connection)
    keysDue = tuning.monotonic()
    endedDue = keysDue
    mergeDue = keysDue
    keysStepEnd = try connection.statement(SQL.keysStepEnd)
    pruneKeys = try connection.statement(SQL.pruneKeys)
    walPages = .allocate(capacity: 1)
    walPages.initialize(to: 0)
    sqlite3_wal_hook(
      connection.raw,
      { context, _, _, pages in
        context?.assumingMemoryBound(to: Int32.self).pointee = pages
        return SQLITE_OK
      }, walPages)
  }

  deinit {
    sqlite3_wal_hook(connection.raw, nil, nil)
    walPages.deallocate()
  }

  /// After each commit, when it has been reported: the log must not grow without end while the
  /// writer is never idle.
  func committed() {
    guard growth > StoreLimits.checkpointLoadedPages else { return }
    connection.use {
      let isForced = Int(walPages.pointee) > StoreLimits.checkpointForcedPages
      checkpoint(isForced ? SQLITE_CHECKPOINT_RESTART : SQLITE_CHECKPOINT_PASSIVE)
    }
  }

  /// Between commits; `isIdle` when nothing waits to be written.
  func rest(isIdle: Bool) {
    if isIdle, growth > StoreLimits.checkpointIdlePages {
      connection.use { checkpoint(SQLITE_CHECKPOINT_PASSIVE) }
    }
    let now = tuning.monotonic()
    if keysDue <= now { keysDue = now + connection.use { pruneKeysStep() } }
    if endedDue <= now { endedDue = now + connection.use { pruneEndedStep(isIdle) } }
    if let due = mergeDue, due <= now { mergeStep(isIdle: isIdle) }
  }

  var due: UInt64 { min(keysDue, endedDue, mergeDue ?? .max) }

  /// A segment of fields is full.
  func noteSealed() { mergeDue = mergeDue ?? tuning.monotonic() }

  /// Under load a step now and then; a failure is met again by the next commit, which reports it.
  private func mergeStep(isIdle: Bool) {
    let goesOn = try? connection.use { () throws(SQLiteFailure) in try merger.step() }
    switch goesOn {
    case true?: mergeDue = tuning.monotonic() + Self.second / (isIdle ? 1_000 : 20)
    case false?: mergeDue = nil
    // Not before the disk had time to become better, but then without a new reason.
    case nil: mergeDue = tuning.monotonic() + 60 * Self.second
    }
  }

  /// Pages since the last checkpoint.
  ///
  /// The log starts over, and its count with it, once it has been copied whole and no reader needs
  /// it.
  private var growth: Int {
    Int(walPages.pointee < walPagesCopied ? walPages.pointee : walPages.pointee - walPagesCopied)
  }

  /// Marks the end and leaves one file with everything in it.
  func leave(isClean: Bool) {
    // On a full disk the mark is not written, and the next start says that this was no clean end.
    if isClean { try? connection.execute("UPDATE host SET clean = 1") }
    // Before it goes: a kill between the two must not look like a log that was lost.
    directory?.noteLogEnd()
    checkpoint(SQLITE_CHECKPOINT_TRUNCATE, isLast: true)
    if let directory, FileSize.bytes(of: "\(directory.file)-wal") > 0 {
      directory.noteStore(durability)
    }
  }

  /// A checkpoint that fails leaves the log as it is; the next commit meets the same disk and says
  /// what is wrong with it.
  ///
  /// Only the forced one waits for readers, and not for long.
  private func checkpoint(_ mode: Int32, isLast: Bool = false) {
    sqlite3_busy_timeout(connection.raw, 100)
    sqlite3_wal_checkpoint_v2(connection.raw, "main", mode, nil, nil)
    sqlite3_busy_timeout(connection.raw, 1_000)
    walPagesCopied = walPages.pointee
    if !isLast { directory?.noteStore(durability, syncing: false) }
  }

  // MARK: What has ended

  /// What is to be kept, from now on.
  func keep(_ rules: [String: Keeping]) {
    isTold = true
    pruner.keep(rules)
    endedDue = tuning.monotonic()
  }

  /// What ends must go as fast as it comes; under load a step takes a fifth of the writer's time.
  ///
  /// A failure is met again by the next commit, which reports it.
  private func pruneEndedStep(_ isIdle: Bool) -> UInt64 {
    guard isTold, case .pruned? = try? pruner.step(at: tuning.now()) else {
      return 60 * Self.second
    }
    return Self.second / (isIdle ? 500 : 100)
  }

  // MARK: Keys

  private static let second: UInt64 = 1_000_000_000

  /// One step over the keys in the order of their invocations; returns the pause to the next.
  ///
  /// A failure is met again by the next commit, which reports it.
  private func pruneKeysStep() -> UInt64 {
    guard let end = try? stepEnd() else {
      keysSeen = 0
      return 60 * Self.second
    }
    let deleted = (try? prune(upTo: end)) ?? 0
    keysSeen = end
    return deleted > StoreLimits.keysPerPruning / 2 ? Self.second / 50 : Self.second
  }

  private func stepEnd() throws(SQLiteFailure) -> Int64? {
    keysStepEnd.begin()
    keysStepEnd.add(keysSeen)
    keysStepEnd.add(StoreLimits.keysPerPruning)
    defer { keysStepEnd.reset() }
    return try keysStepEnd.next() ? keysStepEnd.optionalInteger() : nil
  }

  private func prune(upTo end: Int64) throws(SQLiteFailure) -> Int {
    pruneKeys.begin()
    pruneKeys.add(keysSeen)
    pruneKeys.add(end)
    pruneKeys.add(tuning.now().milliseconds)
    return try pruneKeys.run()
  }
}
