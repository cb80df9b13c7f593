// What `apus doctor` asks of a store's file: on a connection of its own that only reads, whether a host
// runs or not. The report is a few look-ups however long the history is; the two readings of every page
// have a time limit each. It judges nothing.
import GRDBSQLite
import Glibc
import Invocations

package final class StoreCheckup {
  private let directory: String
  private let surroundings: StoreSurroundings
  private let watch: CheckupWatch
  private var connection: Connection?
  private var openingFault: RecordFault?

  /// Once `stop` is raised, whatever is read ends.
  ///
  /// A file that is no store, or a damaged one, is no fault here but part of the report.
  package init(directory: String, stop: ShellStop = ShellStop()) throws(ShellFault) {
    self.directory = directory
    watch = CheckupWatch(stop)
    // Before the file is opened: SQLite then makes a -wal and a -shm where there are none.
    surroundings = StoreSurroundings(of: directory)
    let path = "\(directory)/apus.db"
    // Not opened to find out: to close it would let go of every lock that this process has on it.
    guard access(path, R_OK) == 0 else {
      guard errno != EACCES else {
        openingFault = Looking.denied(path)
        return
      }
      openingFault = try Self.fault(ofMissing: path, surroundings)
      return
    }
    guard FileSize.bytes(of: path) > 0 else {
      guard DataDirectory.hadStore(in: directory) else { throw .missing(path: path) }
      openingFault = .emptied(path: path)
      return
    }
    guard !surroundings.isLogGarbled else {
      openingFault = .logGarbled(path: "\(path)-wal")
      return
    }
    guard !surroundings.isLogMissing else {
      openingFault = .logMissing(path: "\(path)-wal")
      return
    }
    do throws(SQLiteFailure) {
      let connection = try Looking.connection(path)
      try connection.use { () throws(SQLiteFailure) in
        try connection.execute("PRAGMA query_only = 1")
      }
      self.connection = connection
      heedWatch(on: connection)
    } catch {
      openingFault = Looking.fault(of: path)
      guard openingFault == nil else { return }
      openingFault = try Self.fault(error, path)
      // Its lock file knows what it was before its first bytes were garbled.
      if openingFault == .foreign(path: path), DataDirectory.hadStore(in: directory) {
        openingFault = .corrupt(path: path, detail: error.message)
      }
    }
  }

  deinit {
    // It points to what goes with this object, before the connection does.
    if let connection { sqlite3_progress_handler(connection.raw, 0, nil, nil) }
  }

  private static func fault(
    ofMissing path: String, _ surroundings: StoreSurroundings
  ) throws(ShellFault) -> RecordFault {
    if surroundings.hostPid != nil { return .lost(path: path, isReplaced: false) }
    let rescue = StoreWatch.rescuePath(of: path)
    guard access(rescue, F_OK) == 0 else { throw .missing(path: path) }
    return .rescued(path: path, copy: rescue)
  }

  private func heedWatch(on connection: Connection) {
    // Often, since one instruction here may read a page of a slow disk.
    sqlite3_progress_handler(
      connection.raw, 1_000,
      { context in
        guard let context else { return 1 }
        return Unmanaged<CheckupWatch>.fromOpaque(context).takeUnretainedValue().isOver ? 1 : 0
      }, Unmanaged.passUnretained(watch).toOpaque())
  }

  /// What is wrong with the file; thrown where only this look at it failed.
  private static func fault(
    _ failure: SQLiteFailure, _ path: String
  ) throws(ShellFault) -> RecordFault {
    switch failure.primaryCode {
    case SQLITE_BUSY, SQLITE_LOCKED: throw .busy
    case SQLITE_INTERRUPT: throw .interrupted
    case SQLITE_NOTADB: return .foreign(path: path)
    default: return failure.fault(at: path)
    }
  }

  // MARK: The report

  package func report() throws(ShellFault) -> StoreReport {
    var report = StoreReport(directory: directory)
    report.surroundings = surroundings
    report.fault = openingFault
    guard let connection else { return report }
    do throws(SQLiteFailure) {
      try connection.use { () throws(SQLiteFailure) in
        // One moment of the store, so that totals and rows belong together.
        try connection.transaction("BEGIN") { () throws(SQLiteFailure) in
          try StoreReading(connection).read(into: &report)
        }
      }
    } catch {
      report.fault = try Self.fault(error, connection.path)
    }
    return report
  }

  // MARK: Every page

  /// Where a reading has come to: tables and indexes that were read, and how many there are.
  package typealias Progress = (_ done: Int, _ count: Int) -> Void

  /// How many bytes each table and index takes; nil where SQLite was built without `dbstat`.
  package func parts(
    timeout: Duration, told: Progress
  ) throws(ShellFault) -> StoreParts? {
    guard let connection else { return nil }
    watch.begin(timeout)
    defer { watch.end() }
    do throws(SQLiteFailure) {
      return try connection.use { () throws(SQLiteFailure) in
        let reading = StoreReading(connection)
        guard try reading.hasPageStatistics() else { return nil }
        return try reading.parts(until: { watch.isTimeOver }, told: told)
      }
    } catch { throw shellFault(error, connection.path, timeout) }
  }

  /// Whether every page can be read and makes sense.
  package func soundness(timeout: Duration) throws(ShellFault) -> StoreSoundness? {
    guard let connection else { return nil }
    watch.begin(timeout)
    let interruption = Interruption(of: connection, watch)
    defer {
      interruption.end()
      watch.end()
    }
    do throws(SQLiteFailure) {
      return try connection.use { () throws(SQLiteFailure) in
        let lines = try StoreReading(connection).damage()
        return lines.isEmpty ? .sound : .damaged(lines)
      }
    } catch {
      switch error.primaryCode {
      case SQLITE_INTERRUPT where !watch.isStopped: return .unfinished(timeout)
      case SQLITE_CORRUPT: return .damaged([error.message])
      default: throw shellFault(error, connection.path, timeout)
      }
    }
  }

  private func shellFault(
    _ failure: SQLiteFailure, _ path: String, _ timeout: Duration
  ) -> ShellFault {
    do throws(ShellFault) {
      return .store(try Self.fault(failure, path))
    } catch { return error }
  }
}

/// What ends a reading: a person, or its time.
private final class CheckupWatch {
  let stop: ShellStop
  private(set) var deadline = UInt64.max

  init(_ stop: ShellStop) { self.stop = stop }

  var isStopped: Bool { stop.isRaised }
  var isTimeOver: Bool { MonotonicTime.now > deadline }
  var isOver: Bool { isStopped || isTimeOver }

  func begin(_ timeout: Duration) {
    let (sum, overflow) = MonotonicTime.now.addingReportingOverflow(timeout.nanoseconds)
    deadline = overflow ? .max : sum
  }

  func end() { deadline = .max }
}

/// What reaches a check that SQLite makes of a whole tree in one instruction: it asks nobody whether
/// the time is over, so that another thread has to tell it.
private final class Interruption {
  private static let lookNanoseconds: UInt64 = 20_000_000

  private let hasEnded = Monitor(false)
  private let thread: RecordThread

  /// The connection lives at least until `end`.
  init(of connection: Connection, _ watch: CheckupWatch) {
    let (stop, deadline, hasEnded) = (watch.stop, watch.deadline, hasEnded)
    thread = RecordThread(owning: connection.raw) { raw in
      while hasEnded.wait(
        until: MonotonicTime.now + Self.lookNanoseconds, { $0 ? true : nil }) == nil
      {
        // Between two statements it is lost; hence again at each look.
        if stop.isRaised || MonotonicTime.now > deadline { sqlite3_interrupt(raw) }
      }
    }
  }

  /// Nothing is interrupted once it has returned.
  func end() {
    hasEnded.change { $0 = true }
    thread.join()
  }
}
