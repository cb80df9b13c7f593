// From rows back to the values of `Invocations`. Columns are read in the order `SQL` names them.
import Invocations

struct RecordRows {
  let names: NameCache
  let hasher: SipHasher

  static func digest(_ high: Int64?, _ low: Int64?) -> Digest? {
    guard let high, let low else { return nil }
    return Digest(high: UInt64(bitPattern: high), low: UInt64(bitPattern: low))
  }

  func acceptance(_ row: Statement) throws(SQLiteFailure) -> Acceptance {
    let id = InvocationID(rawValue: row.integer())
    let function = try name(row)
    let trigger = try name(row)
    let queue = try names.text(of: row.optionalName())
    let event = try event(row)
    let call = StoredFields.call(row.optionalBlob())
    let keyText = row.optionalText()
    let cause = row.optionalInteger().map { InvocationID(rawValue: $0) }
    let redriveOf = row.optionalInteger().map { InvocationID(rawValue: $0) }
    let hops = Int(row.integer())
    let createdAt = WallTime(milliseconds: row.integer())
    let dueAt = WallTime(milliseconds: row.integer())
    let attemptsMax = Int(row.integer())
    let priority = row.optionalInteger().flatMap { Priority(rawValue: Int($0)) }
    let durability = row.optionalInteger().flatMap { Durability(number: Int($0)) }
    return Acceptance(
      id: id, function: function, trigger: trigger, queue: queue, event: event, call: call,
      key: key(row, text: keyText, function: function), cause: cause, redriveOf: redriveOf,
      hops: hops, createdAt: createdAt, dueAt: dueAt, attemptsMax: attemptsMax, priority: priority,
      durability: durability ?? .disk)
  }

  private func name(_ row: Statement) throws(SQLiteFailure) -> String {
    try names.text(of: row.optionalName()) ?? ""
  }

  private func event(_ row: Statement) throws(SQLiteFailure) -> Event {
    let source = try name(row)
    let type = try name(row)
    let id = row.text()
    let subject = row.optionalText()
    let time = row.optionalText()
    let contentType = try names.text(of: row.optionalName())
    let schema = try names.text(of: row.optionalName())
    let extensions = StoredFields.extensions(row.optionalBlob())
    return Event(
      id: id, source: source, type: type, subject: subject, time: time,
      dataContentType: contentType, dataSchema: schema, extensions: extensions, data: row.blob())
  }

  /// A key that expired and was pruned is still told, as one that expired long ago.
  private func key(_ row: Statement, text: String?, function: String) -> IdempotencyKey? {
    let digest = Self.digest(row.optionalInteger(), row.optionalInteger())
    let body = Self.digest(row.optionalInteger(), row.optionalInteger())
    let expires = row.optionalInteger()
    guard let text else { return nil }
    return IdempotencyKey(
      text: text, digest: digest ?? hasher.digest(function: function, key: text), body: body,
      expiresAt: WallTime(milliseconds: expires ?? 0))
  }

  func error(_ row: Statement) -> ErrorRecord? {
    let code = row.optionalText()
    let message = row.text()
    let type = row.text()
    return code.map { ErrorRecord(code: $0, message: message, type: type) }
  }

  func result(_ row: Statement) -> StoredResult? {
    let status = row.optionalInteger()
    let headers = StoredFields.fields(row.optionalBlob())
    let body = row.blob()
    let isWhole = row.integer() == 1
    return status.map {
      StoredResult(status: Int($0), headers: headers, body: body, isWhole: isWhole)
    }
  }

  func waiting(_ row: Statement) throws(SQLiteFailure) -> WaitingRecord {
    let state = StateWord(rawValue: Int(row.integer())) ?? .queued
    let due = WallTime(milliseconds: row.integer())
    let attempts = Int(row.integer())
    let failures = Int(row.integer())
    let standing = standing(row)
    var acceptance = try acceptance(row)
    acceptance.standing = standing
    return WaitingRecord(
      acceptance: acceptance, state: state, due: due, attempts: attempts, failures: failures)
  }

  private func standing(_ row: Statement) -> Standing {
    let priority = Priority(rawValue: Int(row.integer())) ?? .normal
    let lane = row.optionalInteger()
    let value = row.optionalInteger()
    let since = row.optionalInteger()
    var standing = Standing(priority: priority, lane: lane)
    if let value, let since {
      standing.debounce = Standing.Debounce(
        value: value, since: WallTime(milliseconds: since))
    }
    return standing
  }

  func replay(_ row: Statement, of id: InvocationID) -> Replay {
    let state = StateWord(rawValue: Int(row.integer())) ?? .succeeded
    let reason = row.optionalInteger().flatMap { DeathReason(rawValue: Int($0)) }
    let error = error(row)
    return Replay(id: id, state: state, reason: reason, result: result(row), error: error)
  }

  func attempt(_ row: Statement, of id: InvocationID) -> AttemptRecord {
    let number = Int(row.integer())
    let boot = Int(row.integer())
    let worker = Int32(truncatingIfNeeded: row.integer())
    let started = WallTime(milliseconds: row.integer())
    let ended = WallTime(milliseconds: row.integer())
    let outcome = AttemptRecord.Outcome(rawValue: Int(row.integer())) ?? .returned
    let cpu = row.integer()
    var attempt = AttemptRecord(
      invocation: id, number: number, boot: boot, worker: worker, startedAt: started,
      endedAt: ended, outcome: outcome, error: error(row), cpuMicroseconds: cpu,
      release: row.optionalInteger().map { Int($0) })
    attempt.memoryBytes = row.optionalInteger() ?? 0
    return attempt
  }

  func logLine(_ row: Statement, of id: InvocationID) -> LogLine {
    LogLine(
      invocation: id, attempt: Int(row.integer()), time: WallTime(milliseconds: row.integer()),
      level: row.text(), message: row.text(), metadata: StoredFields.fields(row.optionalBlob()))
  }
}

/// A row of `SQL.record`: the listing's line, and the last attempt that is folded into it.
extension RecordRows {
  struct Story {
    var record: InvocationRecord
    var lastAttempt: AttemptRecord?
  }

  func story(_ row: Statement) throws(SQLiteFailure) -> Story {
    let acceptance = try acceptance(row)
    var story = Story(
      record: InvocationRecord(acceptance: acceptance, state: .queued, due: acceptance.dueAt))
    readUnfinished(row, &story.record)
    readFinished(row, &story)
    story.record.error = error(row)
    story.record.result = result(row)
    story.lastAttempt?.error = story.record.error
    story.record.duplicates = Int(row.integer())
    story.record.redrivenAs = row.optionalInteger().map { InvocationID(rawValue: $0) }
    story.record.replacedBy = row.optionalInteger().map { InvocationID(rawValue: $0) }
    story.record.isSettled = row.integer() == 1
    story.record.settledBy = row.optionalInteger().map { Int($0) }
    story.record.fingerprint = row.optionalInteger().map { Fingerprint(rawValue: $0) }
    return story
  }

  private func readUnfinished(_ row: Statement, _ record: inout InvocationRecord) {
    guard let state = row.optionalInteger() else { return row.skip(12) }
    record.state = StateWord(rawValue: Int(state)) ?? .queued
    record.due = WallTime(milliseconds: row.integer())
    record.attempts = Int(row.integer())
    record.failures = Int(row.integer())
    record.cpuMicroseconds = row.integer()
    record.startedAt = row.optionalInteger().map { WallTime(milliseconds: $0) }
    record.acceptance.standing = standing(row)
    record.release = row.optionalInteger().map { Int($0) }
    let worker = Int32(truncatingIfNeeded: row.integer())
    let boot = Int(row.integer())
    guard record.state == .running, let started = record.startedAt else { return }
    record.underWay = AttemptStart(
      id: record.acceptance.id, attempt: record.attempts, boot: boot, worker: worker, at: started,
      release: record.release)
  }

  private func readFinished(_ row: Statement, _ story: inout Story) {
    guard let state = row.optionalInteger() else { return row.skip(14) }
    story.record.state = StateWord(rawValue: Int(state)) ?? .succeeded
    story.record.reason = row.optionalInteger().flatMap { DeathReason(rawValue: Int($0)) }
    let ended = WallTime(milliseconds: row.integer())
    story.record.endedAt = ended
    if let due = row.optionalInteger() { story.record.due = WallTime(milliseconds: due) }
    story.record.attempts = Int(row.integer())
    story.record.failures = Int(row.integer())
    let cpuBefore = row.integer()
    let cpu = row.integer()
    story.record.cpuMicroseconds = cpuBefore + cpu
    story.record.startedAt = row.optionalInteger().map { WallTime(milliseconds: $0) }
    let attemptEnded = row.optionalInteger().map { WallTime(milliseconds: $0) }
    let outcome = row.optionalInteger().flatMap { AttemptRecord.Outcome(rawValue: Int($0)) }
    let worker = Int32(truncatingIfNeeded: row.integer())
    let boot = Int(row.integer())
    story.record.release = row.optionalInteger().map { Int($0) }
    let memory = row.optionalInteger() ?? 0
    guard let outcome, let started = story.record.startedAt else { return }
    story.lastAttempt = AttemptRecord(
      invocation: story.record.acceptance.id, number: story.record.attempts, boot: boot,
      worker: worker, startedAt: started, endedAt: attemptEnded ?? ended, outcome: outcome,
      cpuMicroseconds: cpu, release: story.record.release)
    story.lastAttempt?.memoryBytes = memory
  }
}
