// The durable record: one file in one directory, one thread that writes it, one that reads for the
// dispatcher and two that read for operators. The loop calls in and is answered by `deliver`; no
// call here touches a file or waits for one, but `open` and `close`.
package import Invocations

/// Whoever opens it closes it: its threads hold it up until then.
package final class RecordStore: RecordLog, Sendable {
  let directory: DataDirectory
  package let ballast: Ballast
  /// What people should know of how the store was found.
  package let remarks: [String]
  /// What was acknowledged and is not in it, or may not be.
  package let losses: [String]
  private let mailbox: Mailbox
  private let lines: LineRequests
  private let inspections: InspectionRequests
  private let writer: RecordThread
  private let readers: [RecordThread]
  private let end: Monitor<End>
  /// Ends what the readers are at.
  let stop: Flag
  let isBackingUp = Flag()

  private struct End {
    var isClosed = false
    /// Known when the writer has returned.
    var lostChanges = 0
  }

  /// Opens or makes the store, takes up what a former host left, and starts the threads.
  ///
  /// `deliver` is called on the store's threads, one news at a time from each. Blocks for as long
  /// as the recovery takes.
  package static func open(
    directory path: String, durability: Durability = .disk, tuning: RecordTuning = RecordTuning(),
    deliver: @escaping @Sendable (RecordNews) -> Void
  ) throws(RecordFault) -> (store: RecordStore, recovery: Recovery) {
    let directory = try DataDirectory(path: path)
    try directory.prepareFile()
    var remarks = try OpeningRemarks(on: directory)
    let connection = try Opening.unchanged(file: directory.file, durability: durability)
    tuning.opened()
    if remarks.endsLog { try Opening.endLog(of: connection, in: directory) }
    remarks.add(try Upgrade(of: connection, tuning, hadStore: directory.hadStore).run())
    let ballast = Ballast(directory: path, bytes: tuning.ballastBytes)
    remarks.note(ballast)
    do throws(SQLiteFailure) {
      let recovery = try Taking(connection: connection, now: tuning.now()).recover()
      let hasher = SipHasher(key: recovery.digestKey)
      let store = try RecordStore(
        directory, connection, hasher, durability, tuning, ballast, remarks, deliver)
      directory.noteStore(durability)
      return (store, recovery)
    } catch {
      throw error.fault(at: directory.file)
    }
  }

  private init(
    _ directory: DataDirectory, _ connection: Connection, _ hasher: SipHasher,
    _ durability: Durability, _ tuning: RecordTuning, _ ballast: Ballast,
    _ remarks: OpeningRemarks, _ deliver: @escaping @Sendable (RecordNews) -> Void
  ) throws(SQLiteFailure) {
    self.directory = directory
    self.ballast = ballast
    self.remarks = remarks.lines
    losses = remarks.losses
    mailbox = Mailbox()
    lines = LineRequests()
    inspections = InspectionRequests()
    end = Monitor(End())
    stop = Flag()

    let committing = try Writer(
      connection: connection, hasher: hasher, mailbox: mailbox, durability: durability,
      tuning: tuning, watch: StoreWatch(file: directory.file, ballast: ballast),
      directory: directory, deliver: deliver)
    let reading = try LineReader(
      connection: try Opening.reader(file: directory.file, stop: stop), requests: lines,
      hasher: hasher, deliver: deliver)
    var inspecting: [Inspector] = []
    for _ in 0..<StoreLimits.inspectionThreads {
      let reader = try Opening.reader(file: directory.file, stop: stop)
      inspecting.append(try Inspector(on: reader, hasher: hasher))
    }
    writer = RecordThread(owning: committing) { [end] writer in
      let lost = writer.run()
      end.withLock { $0.lostChanges = lost }
    }
    let requests = inspections
    let inspectors = inspecting.map { inspector in
      RecordThread(owning: inspector) { inspector in
        while let request = requests.next() { request.ask(inspector) }
      }
    }
    readers = inspectors + [RecordThread(owning: reading) { reader in reader.run() }]
  }

  // MARK: The port

  @discardableResult
  package func append(_ changes: [RecordChange], _ terms: CommitTerms) -> UInt64 {
    mailbox.append(changes, terms)
  }

  /// As `append`, but the writer is not told: `wake` does that for many at once.
  package func appendQuietly(_ changes: [RecordChange], _ terms: CommitTerms) -> UInt64 {
    mailbox.append(changes, terms, wakes: false)
  }

  package func wake() { mailbox.wake() }

  package var backlog: Int { mailbox.backlog }

  /// How long nothing of what waits has come to the disk.
  package var standstill: Duration { mailbox.standstill }

  package var commits: CommitCounts { mailbox.commits }

  package func read(_ read: RecordRead) { lines.add(read) }

  /// SQLite's instructions spent on waiting work so far: its cost, whatever the machine.
  package var waitingStepsSpent: Int { lines.stepsSpent }

  // MARK: Inspection

  func ask(
    refused: @escaping @Sendable (RecordFault) -> Void,
    _ question: @escaping @Sendable (Inspector) -> Void
  ) {
    let request = InspectionRequests.Request(ask: question, refuse: refused)
    if let fault = inspections.add(request) { refused(fault) }
  }

  // MARK: End

  /// Writes what was appended, marks a clean end and frees the directory; the threads are gone when
  /// it returns.
  ///
  /// Readers that still wait are answered `closed` or not at all. Returns how many changes could
  /// not be written. Nothing may be appended afterwards; closing again does nothing.
  @discardableResult
  package func close() -> Int {
    let isFirst = end.withLock { end in
      defer { end.isClosed = true }
      return !end.isClosed
    }
    guard isFirst else { return 0 }
    stop.raise()
    lines.close()
    inspections.close()
    for reader in readers { reader.join() }
    mailbox.close()
    writer.join()
    directory.release()
    return end.withLock { $0.lostChanges }
  }
}
