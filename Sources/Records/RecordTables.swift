// The writer's prepared statements: one method a row that is written. It knows nothing of commits,
// order or failure; `Batch` does. Confined to the thread that writes.
import Invocations

final class RecordTables {
  let names: NameTable
  private let accept: Statement
  private let rememberKey: Statement
  private let queue: Statement
  private let start: Statement
  private let goOn: Statement
  private let release: Statement
  private let relane: Statement
  private let finishAtOnce: Statement
  private let finish: Statement
  private let leaveUnfinished: Statement
  private let leaveFresh: Statement
  private let keepAttempt: Statement
  private let log: Statement
  private let listDead: Statement
  private let delistDead: Statement
  private let settle: Statement
  private let countDuplicate: Statement
  private let timers: TimerTables
  let releases: ReleaseTables
  private let failures: FailureTables
  private let fields: FieldTables
  private let totals: TotalTables
  let actions: ActionTables
  private let connection: Connection
  private let pause: Statement
  private let resume: Statement
  private var last = LastNames()

  private struct LastNames {
    var function = NameTable.Known()
    var endedFunction = NameTable.Known()
    var trigger = NameTable.Known()
    var queue = NameTable.Known()
    var source = NameTable.Known()
    var type = NameTable.Known()
    var contentType = NameTable.Known()
    var schema = NameTable.Known()
  }

  init(on connection: Connection, hasher: SipHasher) throws(SQLiteFailure) {
    self.connection = connection
    names = try NameTable(on: connection)
    accept = try connection.statement(SQL.accept)
    rememberKey = try connection.statement(SQL.rememberKey)
    queue = try connection.statement(SQL.queue)
    start = try connection.statement(SQL.start)
    goOn = try connection.statement(SQL.goOn)
    release = try connection.statement(SQL.release)
    relane = try connection.statement(SQL.relane)
    finishAtOnce = try connection.statement(SQL.finishAtOnce)
    finish = try connection.statement(SQL.finish)
    leaveUnfinished = try connection.statement(SQL.leaveUnfinished)
    leaveFresh = try connection.statement(SQL.leaveFresh)
    keepAttempt = try connection.statement(SQL.keepAttempt)
    log = try connection.statement(SQL.log)
    listDead = try connection.statement(SQL.listDead)
    delistDead = try connection.statement(SQL.delistDead)
    settle = try connection.statement(SQL.settle)
    countDuplicate = try connection.statement(SQL.countDuplicate)
    timers = try TimerTables(on: connection)
    releases = try ReleaseTables(on: connection)
    failures = try FailureTables(on: connection)
    fields = try FieldTables(on: connection, hasher: hasher)
    totals = try TotalTables(on: connection)
    actions = try ActionTables(on: connection)
    pause = try connection.statement(SQL.pause)
    resume = try connection.statement(SQL.resume)
  }

  // MARK: Acceptance

  /// Returns the function as rows name it.
  func insertAccepted(_ acceptance: Acceptance) throws(SQLiteFailure) -> StoredName {
    let function = try names.own(acceptance.function, &last.function)
    accept.begin()
    accept.add(acceptance.id.rawValue)
    accept.add(function)
    accept.add(try names.own(acceptance.trigger, &last.trigger))
    if let queue = acceptance.queue {
      accept.add(try names.own(queue, &last.queue))
    } else {
      accept.addNull()
    }
    try addEvent(acceptance.event)
    accept.add(text: StoredFields.text(acceptance.call))
    accept.add(acceptance.key?.text)
    accept.add(acceptance.cause?.rawValue)
    accept.add(acceptance.redriveOf?.rawValue)
    accept.add(acceptance.hops)
    accept.add(acceptance.createdAt.milliseconds)
    accept.add(acceptance.dueAt.milliseconds)
    accept.add(acceptance.attemptsMax)
    accept.add((acceptance.priority?.rawValue).map { Int64($0) })
    accept.add(acceptance.durability == .disk ? nil : Int64(acceptance.durability.number))
    try accept.run()
    if let key = acceptance.key { try insertKey(key, of: acceptance.id) }
    try timers.fired(acceptance)
    try fields.note(acceptance)
    totals.note(
      function, kind: TotalTables.acceptedKind, bytes: acceptance.event.data.count)
    return function
  }

  private func addEvent(_ event: Event) throws(SQLiteFailure) {
    accept.add(try names.foreign(event.source, &last.source))
    accept.add(try names.foreign(event.type, &last.type))
    accept.add(event.id)
    accept.add(event.subject)
    accept.add(event.time)
    accept.add(try foreign(event.dataContentType, &last.contentType))
    accept.add(try foreign(event.dataSchema, &last.schema))
    accept.add(text: StoredFields.text(event.extensions))
    accept.add(event.data)
  }

  private func foreign(
    _ text: String?, _ last: inout NameTable.Known
  ) throws(SQLiteFailure) -> StoredName? {
    guard let text else { return nil }
    return try names.foreign(text, &last)
  }

  private func insertKey(_ key: IdempotencyKey, of id: InvocationID) throws(SQLiteFailure) {
    rememberKey.begin()
    rememberKey.add(id.rawValue)
    rememberKey.add(Int64(bitPattern: key.digest.high))
    rememberKey.add(Int64(bitPattern: key.digest.low))
    rememberKey.add(key.body.map { Int64(bitPattern: $0.high) })
    rememberKey.add(key.body.map { Int64(bitPattern: $0.low) })
    rememberKey.add(key.expiresAt.milliseconds)
    try rememberKey.run()
  }

  func insertUnfinished(
    _ acceptance: Acceptance, function: StoredName
  ) throws(SQLiteFailure) {
    let standing = acceptance.standing
    queue.begin()
    queue.add(acceptance.id.rawValue)
    queue.add(function)
    queue.add(acceptance.dueAt.milliseconds)
    queue.add(standing.priority.rawValue)
    queue.add(standing.lane)
    queue.add(standing.debounce?.value)
    queue.add(standing.debounce?.since.milliseconds)
    try queue.run()
  }

  // MARK: Attempts

  func markStarted(_ attempt: AttemptStart) throws(SQLiteFailure) {
    start.begin()
    start.add(attempt.id.rawValue)
    start.add(attempt.attempt)
    start.add(attempt.at.milliseconds)
    start.add(Int64(attempt.worker))
    start.add(attempt.boot)
    start.add(attempt.release.map { Int64($0) })
    try start.run()
  }

  func insertAttempt(_ attempt: AttemptRecord, of function: String) throws(SQLiteFailure) {
    let fingerprint = attempt.fingerprint
    keepAttempt.begin()
    keepAttempt.add(attempt.invocation.rawValue)
    keepAttempt.add(attempt.number)
    keepAttempt.add(attempt.boot)
    keepAttempt.add(Int64(attempt.worker))
    keepAttempt.add(attempt.startedAt.milliseconds)
    keepAttempt.add(attempt.endedAt.milliseconds)
    keepAttempt.add(attempt.outcome.rawValue)
    keepAttempt.add(attempt.cpuMicroseconds)
    keepAttempt.add(error: attempt.error)
    keepAttempt.add(attempt.release.map { Int64($0) })
    keepAttempt.add(fingerprint?.rawValue)
    keepAttempt.add(attempt.memoryBytes == 0 ? nil : attempt.memoryBytes)
    try keepAttempt.run()
    guard let fingerprint, let error = attempt.error else { return }
    try failures.note(
      fingerprint, error, of: attempt.invocation, try names.own(function), at: attempt.endedAt,
      release: attempt.release)
  }

  /// False where the invocation is not unfinished.
  func goOn(
    _ attempt: AttemptRecord, state: StateWord, due: WallTime, failures: Int
  ) throws(SQLiteFailure) -> Bool {
    goOn.begin()
    goOn.add(attempt.invocation.rawValue)
    goOn.add(state.rawValue)
    goOn.add(due.milliseconds)
    goOn.add(attempt.number)
    goOn.add(failures)
    goOn.add(attempt.cpuMicroseconds)
    goOn.add(attempt.startedAt.milliseconds)
    goOn.add(attempt.release.map { Int64($0) })
    goOn.add(attempt.fingerprint?.rawValue)
    return try goOn.run() == 1
  }

  func release(_ id: InvocationID, due: WallTime) throws(SQLiteFailure) {
    release.begin()
    release.add(id.rawValue)
    release.add(due.milliseconds)
    try release.run()
  }

  func relane(_ id: InvocationID, lane: Int64?) throws(SQLiteFailure) {
    relane.begin()
    relane.add(id.rawValue)
    relane.add(lane)
    try relane.run()
  }

  // MARK: Ends

  /// False where the invocation is not unfinished; then nothing was written.
  func finish(_ ending: Ending, atOnce: Bool) throws(SQLiteFailure) -> Bool {
    let row = FinishedRow(ending)
    let isWhole = if atOnce { true } else { try leaveFresh(ending.id) }
    if isWhole {
      row.bind(to: finishAtOnce.begin())
      try finishAtOnce.run()
    } else {
      row.bind(to: finish.begin())
      guard try finish.run() == 1 else { return false }
      leaveUnfinished.begin().add(ending.id.rawValue)
      try leaveUnfinished.run()
    }
    let function = try names.own(ending.function, &last.endedFunction)
    if let attempt = row.separate { try insertAttempt(attempt, of: ending.function) }
    if let fingerprint = row.fingerprint, let error = ending.error {
      try failures.note(
        fingerprint, error, of: ending.id, function, at: ending.endedAt,
        release: ending.attempt?.release)
    }
    if ending.state == .dead {
      listDead.begin().add(ending.id.rawValue)
      listDead.add(row.fingerprint?.rawValue)
      try listDead.run()
    }
    totals.note(function, kind: ending.state.rawValue, bytes: ending.bytes)
    return true
  }

  /// True where nothing was written of it but its acceptance, so that its end says all: now it is out.
  private func leaveFresh(_ id: InvocationID) throws(SQLiteFailure) -> Bool {
    leaveFresh.begin().add(id.rawValue)
    return try leaveFresh.run() == 1
  }

  func settle(_ id: InvocationID, as another: InvocationID?, by action: Int?) throws(SQLiteFailure)
  {
    delistDead.begin().add(id.rawValue)
    let wasOpen = try delistDead.run() == 1
    // What somebody has sent again meanwhile is not thrown away.
    guard wasOpen || another != nil else { return }
    settle.begin()
    settle.add(id.rawValue)
    settle.add(another?.rawValue)
    settle.add(action.map { Int64($0) })
    try settle.run()
  }

  /// What the live release keeps; nil before the first has said so.
  private(set) var keeping: [String: Keeping]?

  func declare(_ rules: RecordRules) throws(SQLiteFailure) {
    try fields.forgetDeclared()
    for (function, paths) in rules.paths {
      let name = try names.own(function)
      for path in paths { try fields.declare(path, of: name) }
    }
    keeping = rules.keeping
  }

  /// Full segments of fields so far.
  var sealed: Int { fields.sealed }

  // MARK: The commit

  /// Before its end: what it adds up to.
  func flush() throws(SQLiteFailure) {
    try failures.flush(on: connection)
    try fields.flush()
    try totals.flush()
  }

  func committed() {
    names.committed()
    fields.committed()
  }

  func rolledBack() {
    names.rolledBack()
    failures.rolledBack()
    fields.rolledBack()
    totals.rolledBack()
  }

  // MARK: The rest

  func insertLog(_ line: LogLine) throws(SQLiteFailure) {
    let (message, metadata) = LogBounds.fit(line)
    log.begin()
    log.add(line.invocation.rawValue)
    log.add(line.attempt)
    log.add(line.time.milliseconds)
    log.add(line.level)
    log.add(message)
    log.add(text: StoredFields.text(metadata))
    try log.run()
  }

  func countDuplicate(of id: InvocationID) throws(SQLiteFailure) {
    countDuplicate.begin().add(id.rawValue)
    try countDuplicate.run()
  }

  func advance(_ timer: TimerAdvance) throws(SQLiteFailure) { try timers.advance(timer) }

  func pause(_ subject: String, since: WallTime?) throws(SQLiteFailure) {
    let statement = since == nil ? resume : pause
    statement.begin().add(subject)
    if let since { statement.add(since.milliseconds) }
    try statement.run()
  }
}

extension Statement {
  /// Three columns; handlers may throw words of any length, the record keeps a bounded part.
  func add(error: ErrorRecord?) {
    add(error?.code)
    add(error.map { LogBounds.cut($0.message, bytesMax: ErrorRecord.messageBytesMax) })
    add(error.map { LogBounds.cut($0.type, bytesMax: StoreLimits.nameBytesMax) })
  }
}
