// Failed attempts by what they failed of: a row for each fingerprint and each invocation, and for each
// fingerprint a line that counts. What one commit adds to a line is written once, at its end.
import Invocations

final class FailureTables {
  private struct Sum {
    var error: ErrorRecord
    var failures = 0
    var first: WallTime
    var last: WallTime
    var firstRelease: Int?
    var lastRelease: Int?
    var firstInvocation: InvocationID
    var lastInvocation: InvocationID
    var shares: [StoredName: Int] = [:]
  }

  private let addFailure: Statement
  private let addError: Statement
  private let addShare: Statement
  private let pruneErrors: Statement
  private let pruneShares: Statement
  private var sums: [Fingerprint: Sum] = [:]
  /// Lines on disk, or nearly: one that a failed commit would have added is counted all the same.
  private var known: Set<Int64> = []
  private let linesMax: Int

  init(
    on connection: Connection, linesMax: Int = StoreLimits.errorLinesMax
  ) throws(SQLiteFailure) {
    self.linesMax = linesMax
    addFailure = try connection.statement(SQL.addFailure)
    addError = try connection.statement(SQL.addError)
    addShare = try connection.statement(SQL.addErrorShare)
    pruneErrors = try connection.statement(SQL.pruneErrors)
    pruneShares = try connection.statement(SQL.pruneErrorShares)
    try learn(on: connection)
  }

  private func learn(on connection: Connection) throws(SQLiteFailure) {
    let all = try connection.statement("SELECT fingerprint FROM errors")
    known = []
    while try all.next() { known.insert(all.integer()) }
  }

  /// Notes that an attempt failed, or that its invocation ended without one.
  func note(
    _ fingerprint: Fingerprint, _ error: ErrorRecord, of id: InvocationID, _ function: StoredName,
    at: WallTime, release: Int?
  ) throws(SQLiteFailure) {
    addFailure.begin().add(fingerprint.rawValue)
    addFailure.add(id.rawValue)
    try addFailure.run()
    var sum =
      sums[fingerprint]
      ?? Sum(
        error: error, first: at, last: at, firstRelease: release, firstInvocation: id,
        lastInvocation: id)
    sum.error = error
    sum.failures += 1
    sum.first = min(sum.first, at)
    sum.last = max(sum.last, at)
    sum.lastRelease = release ?? sum.lastRelease
    sum.lastInvocation = id
    sum.shares[function, default: 0] += 1
    sums[fingerprint] = sum
  }

  /// Within the commit, at its end.
  func flush(on connection: Connection) throws(SQLiteFailure) {
    guard !sums.isEmpty else { return }
    for (fingerprint, sum) in sums {
      try write(sum, fingerprint)
      known.insert(fingerprint.rawValue)
    }
    sums.removeAll(keepingCapacity: true)
    guard known.count > linesMax else { return }
    pruneErrors.begin().add(max(1, linesMax / 20))
    try pruneErrors.run()
    try pruneShares.begin().run()
    try learn(on: connection)
  }

  func rolledBack() { sums.removeAll(keepingCapacity: true) }

  private func write(_ sum: Sum, _ fingerprint: Fingerprint) throws(SQLiteFailure) {
    addError.begin().add(fingerprint.rawValue)
    addError.add(sum.error.code)
    addError.add(LogBounds.cut(sum.error.message, bytesMax: StoreLimits.errorExampleBytesMax))
    addError.add(LogBounds.cut(sum.error.type, bytesMax: StoreLimits.nameBytesMax))
    addError.add(sum.failures)
    addError.add(sum.first.milliseconds)
    addError.add(sum.last.milliseconds)
    addError.add(sum.firstRelease.map { Int64($0) })
    addError.add(sum.lastRelease.map { Int64($0) })
    addError.add(sum.firstInvocation.rawValue)
    addError.add(sum.lastInvocation.rawValue)
    try addError.run()
    for (function, failures) in sum.shares {
      addShare.begin().add(fingerprint.rawValue)
      addShare.add(function)
      addShare.add(failures)
      try addShare.run()
    }
  }
}
