// What the log is asked at night: errors by fingerprint, values of events, the chain of cause and
// effect, who did what.
import Invocations
import Testing

@testable import Records

struct QuestionTests {
  private func ids(_ page: Page<InvocationRecord>) -> [InvocationID] {
    page.items.map(\.acceptance.id)
  }

  private func errors(_ test: TestStore, _ filter: ErrorFilter = ErrorFilter()) throws
    -> [ErrorGroup]
  {
    try answer { test.store.errors(filter, then: $0) }
  }

  private func failed(
    _ number: Int64, _ message: String, attempt count: Int = 1, release: Int? = nil
  ) -> AttemptRecord {
    var record = attempt(
      number, count, .thrown, error: ErrorRecord(code: "thrown", message: message, type: "E"))
    record.release = release
    return record
  }

  private func dead(_ number: Int64, _ message: String, release: Int? = nil) -> Ending {
    let last = failed(number, message, release: release)
    return Ending(
      id: id(number), function: "charge", state: .dead, reason: .exhausted,
      endedAt: last.endedAt, attempt: last, error: last.error)
  }

  // MARK: Errors

  @Test func `errors that differ in numbers alone are one, with its releases and functions`()
    throws
  {
    let test = try TestStore()
    for number in 1...Int64(6) { try test.write(.accept(accepted(number))) }
    try test.write(
      .end(dead(1, "order ord-17 has no card", release: 2)),
      .end(dead(2, "order ord-18 has no card", release: 3)))
    try test.write(.end(dead(3, "gateway answered 502", release: 3)))
    try test.write(
      .goOn(
        failed(4, "order ord-4 has no card", release: 4), function: "refund", state: .waiting,
        due: noon, failures: 1))
    #expect(try test.show(id(4))?.error?.message == "order ord-4 has no card")
    let groups = try errors(test)
    #expect(groups.count == 2)
    let card = try #require(groups.first)
    #expect(card.failures == 3)
    #expect(card.deadLetters == 2)
    #expect(card.retrying == 1)
    #expect(card.firstRelease == 2)
    #expect(card.lastRelease == 4)
    #expect(card.firstInvocation == id(1))
    #expect(card.lastInvocation == id(4))
    #expect(card.shares.map(\.function) == ["charge", "refund"])
    #expect(
      try errors(test, ErrorFilter(function: "refund")).map(\.fingerprint) == [card.fingerprint])
    #expect(try errors(test, ErrorFilter(text: "GATEWAY")).count == 1)
    #expect(try errors(test, ErrorFilter(fingerprint: card.fingerprint)).count == 1)
    #expect(try errors(test, ErrorFilter(since: noon + .seconds(3_600))).isEmpty)
  }

  @Test func `a dead letter is found by what it died of, an invocation by all that failed`() throws
  {
    let test = try TestStore()
    try test.write(.accept(accepted(1)), .accept(accepted(2)), .accept(accepted(3)))
    try test.write(
      .goOn(failed(1, "slow"), function: "charge", state: .waiting, due: noon, failures: 1))
    var last = failed(1, "broken", attempt: 2)
    last.number = 2
    try test.write(
      .end(
        Ending(
          id: id(1), function: "charge", state: .dead, reason: .exhausted, endedAt: last.endedAt,
          attempt: last, error: last.error)), .end(dead(2, "broken")), .end(dead(3, "slow")))
    let broken = try #require(try test.show(id(2))?.fingerprint)
    let slow = try #require(try test.show(id(3))?.fingerprint)
    var filter = InvocationFilter()
    filter.fingerprint = slow
    #expect(ids(try test.list(filter)) == [id(3), id(1)])
    #expect(ids(try answer { test.store.listDeadLetters(filter, then: $0) }) == [id(3)])
    filter.fingerprint = broken
    #expect(ids(try answer { test.store.listDeadLetters(filter, then: $0) }) == [id(2), id(1)])
    #expect(try test.show(id(1))?.history.map(\.fingerprint) == [slow, broken])
  }

  @Test func `the lines of errors are bounded, and those with dead letters go last`() throws {
    let test = try TestStore()
    let connection = try Connection(path: test.file, readOnly: false)
    test.store.close()
    try connection.use { () throws(SQLiteFailure) in
      let failures = try FailureTables(on: connection, linesMax: 20)
      try connection.execute("INSERT INTO names (id, text) VALUES (1, 'charge')")
      for number in 1...Int64(40) {
        let error = ErrorRecord(code: "c\(number)", message: "m")
        let fingerprint = Fingerprint(of: error)
        if number == 1 {
          try connection.execute(
            "INSERT INTO dead (id, fingerprint) VALUES (1, \(fingerprint.rawValue))")
        }
        try failures.note(
          fingerprint, error, of: id(number), .number(1), at: noon + .seconds(number),
          release: nil)
        try failures.flush(on: connection)
      }
      let lines = try connection.number("SELECT count(*) FROM errors")
      #expect(lines == 20)
      #expect(try connection.number("SELECT count(*) FROM errors WHERE code = 'c1'") == 1)
      #expect(try connection.number("SELECT count(*) FROM errors WHERE code = 'c40'") == 1)
      #expect(try connection.number("SELECT count(*) FROM error_shares") == 20)
    }
  }

  // MARK: Values of events

  private func order(_ number: Int64, _ order: String, declared: Bool = true) throws -> Acceptance {
    var acceptance = accepted(number, data: Array("{\"order\":{\"id\":\"\(order)\"}}".utf8))
    if declared { acceptance.fields = [try #require(EventPath("data.order.id"))] }
    return acceptance
  }

  private func match(_ path: String, _ value: String) throws -> InvocationFilter {
    var filter = InvocationFilter()
    filter.matches = [FieldMatch(path: try #require(EventPath(path)), value: value)]
    return filter
  }

  private var declaring: FunctionDeclaration {
    var function = FunctionDeclaration(name: "charge", handler: "Charge", triggers: [])
    function.fields = [EventPath("data.order.id")].compactMap(\.self)
    return function
  }

  @Test func `an event is found by a declared value, over all segments, in pages`() throws {
    let folder = try Folder()
    var test = try TestStore(in: folder)
    try test.write(.declared(RecordRules([declaring])))
    let count = Int64(2 * StoreLimits.segmentRowsMax + 2_500)
    var changes: [RecordChange] = []
    for number in 1...count {
      changes.append(.accept(try order(number, number % 10_000 == 0 ? "ord-x" : "ord-\(number)")))
      if changes.count == 1_000 || number == count {
        test.store.append(changes)
        changes = []
      }
    }
    test.store.close()
    test = try TestStore(in: folder)
    #expect(try test.number("SELECT count(*) FROM segments WHERE level = 0") == 2)
    #expect(ids(try test.list(try match("data.order.id", "ord-17"))) == [id(17)])
    var filter = try match("data.order.id", "ord-x")
    filter.limit = 2
    let first = try test.list(filter)
    #expect(ids(first) == [id(30_000), id(20_000)])
    #expect(first.next == id(20_000))
    filter.before = first.next
    let second = try test.list(filter)
    #expect(ids(second) == [id(10_000)])
    #expect(second.next == nil)
    // Appended after the start: the segment goes on where it was.
    try test.write(.accept(try order(count + 1, "ord-17")))
    #expect(ids(try test.list(try match("data.order.id", "ord-17"))) == [id(count + 1), id(17)])
  }

  @Test func `what no manifest declares is looked for event by event`() throws {
    let test = try TestStore()
    try test.write(
      .accept(try order(1, "a", declared: false)), .accept(try order(2, "b", declared: false)),
      .accept(accepted(3, data: Array("plain".utf8))))
    #expect(ids(try test.list(try match("data.order.id", "a"))) == [id(1)])
    #expect(ids(try test.list(try match("id", "e3"))) == [id(3)])
    #expect(try test.list(try match("data.order.id", "c")).items.isEmpty)
    // A path that is no longer declared is looked for so again.
    try test.write(.declared(RecordRules([declaring])), .accept(try order(4, "a")))
    #expect(ids(try test.list(try match("data.order.id", "a"))) == [id(4)])
    try test.write(.declared(RecordRules([])))
    #expect(ids(try test.list(try match("data.order.id", "a"))) == [id(4), id(1)])
  }

  @Test func `functions that do not name the path are named, and searched when they are asked for`()
    throws
  {
    let test = try TestStore()
    var other = try order(2, "a", declared: false)
    other.function = "ship"
    other.trigger = "queue:ships"
    try test.write(
      .declared(RecordRules([declaring])), .accept(try order(1, "a")), .accept(other))
    var filter = try match("data.order.id", "a")
    let page = try test.list(filter)
    #expect(ids(page) == [id(1)] && page.unsearched == ["ship"])
    filter.function = "ship"
    let own = try test.list(filter)
    #expect(ids(own) == [id(2)] && own.unsearched.isEmpty)
    filter.function = "charge"
    #expect(ids(try test.list(filter)) == [id(1)])
    #expect(try test.list(InvocationFilter()).unsearched.isEmpty)
  }

  @Test func `a key is found after it has expired`() throws {
    let test = try TestStore()
    let key = IdempotencyKey(
      text: "order-7", digest: Digest(high: 1, low: 1), body: nil, expiresAt: noon)
    try test.write(.accept(accepted(1, key: key)), .accept(accepted(2)))
    #expect(ids(try test.list(InvocationFilter(key: "order-7"))) == [id(1)])
  }

  @Test func `text is found in errors and log lines, in upper and lower case`() throws {
    let test = try TestStore()
    try test.write(
      .accept(accepted(1)), .accept(accepted(2, data: Array("{\"a\":\"Needle\"}".utf8))),
      .accept(accepted(3)), .accept(accepted(4)))
    try test.write(
      .goOn(failed(1, "no NEEDLE"), function: "charge", state: .waiting, due: noon, failures: 1),
      .log(
        LogLine(invocation: id(3), attempt: 1, time: noon, level: "info", message: "a needle!")))
    for number in 1...5 {
      try test.write(
        .log(
          LogLine(
            invocation: id(4), attempt: 1, time: noon, level: "info",
            message: number % 2 == 0 ? "NEEDLE \(number)" : "hay")))
    }
    #expect(ids(try test.list(InvocationFilter(text: "neeDLE"))) == [id(4), id(3), id(1)])
    // One that is met many times is one, and a page ends between two.
    let first = try test.list(InvocationFilter(text: "needle", limit: 1))
    #expect(ids(first) == [id(4)] && first.next == id(4))
    let next = InvocationFilter(text: "needle", limit: 1, before: first.next)
    #expect(ids(try test.list(next)) == [id(3)])
    var event = InvocationFilter()
    event.eventText = "needle"
    #expect(ids(try test.list(event)) == [id(2)])
    var both = InvocationFilter(function: "charge", text: "needle")
    both.eventText = "needle"
    #expect(try test.list(both).items.isEmpty)
    #expect(try test.list(InvocationFilter(function: "other", text: "needle")).items.isEmpty)
  }

  // MARK: The chain

  @Test func `the chain begins at the first cause, whoever of it is asked for`() throws {
    let test = try TestStore()
    try test.write(.accept(accepted(1)))
    try test.write(
      .end(
        succeeded(1, emitted: [accepted(2, cause: id(1)), accepted(3, cause: id(1))])))
    try test.write(.end(died(2)))
    var again = accepted(4, cause: id(1))
    again.redriveOf = id(2)
    try test.write(.accept(again), .redriven(id(2), as: id(4), by: 7))
    for number in 1...Int64(4) {
      let chain = try answer { test.store.chain(of: id(number), then: $0) }
      #expect(chain.nodes.map(\.record.acceptance.id) == [id(1), id(2), id(4), id(3)])
      #expect(chain.nodes.map(\.parent) == [nil, id(1), id(2), id(1)])
      #expect(chain.nodes.map(\.link) == [.first, .emitted, .redriven, .emitted])
    }
    #expect(try test.show(id(2))?.settledBy == 7)
    #expect(try answer { test.store.chain(of: id(99), then: $0) }.nodes.isEmpty)
  }

  // MARK: Actions

  @Test func `an action is kept whole, and taken up again while it runs`() throws {
    let folder = try Folder()
    var test = try TestStore(in: folder)
    var action = OperatorAction(
      number: 3, verb: .redrive, subject: "dead letters", by: "anna@night", at: noon,
      filter: [.init(name: "queue", value: "payments")], ids: [id(1), id(2)],
      options: .init(rate: "5/s", mended: [.init(name: "data.card", value: "\"x\"")], target: "b"),
      state: .running)
    action.selected = 9
    action.done = 4
    action.refuse(id(2), "no")
    action.cursor = id(5)
    try test.write(.action(action))
    var done = OperatorAction(number: 2, verb: .pause, subject: "queue:a", by: "b", at: noon)
    done.state = .done
    done.endedAt = noon
    try test.write(.action(done))
    #expect(try answer { test.store.actions(before: nil, limit: 10, then: $0) } == [action, done])
    // A kill came before it had written down the last two.
    for number in Int64(1)...2 { try test.write(.accept(accepted(number)), .end(died(number))) }
    try test.write(.redriven(id(1), as: id(9), by: 3), .purged([id(2)], by: 3))
    // Sent again by somebody meanwhile, it is not thrown away.
    try test.write(.purged([id(1)], by: 4))
    #expect(try test.show(id(1))?.redrivenAs == id(9))
    test.store.close()
    test = try TestStore(in: folder)
    action.done = 2
    #expect(test.recovery.openActions == [action])
    #expect(test.recovery.lastAction == 3)
    action.state = .aborted
    action.endedAt = noon
    try test.write(.action(action))
    #expect(try answer { test.store.action(3, then: $0) } == action)
  }

  // MARK: An older store

  @Test func `a store of before has its dead letters and keys in the new tables`() throws {
    let folder = try Folder()
    do { _ = try TestStore(in: folder) }
    let file = "\(folder.path)/apus.db"
    let key = IdempotencyKey(
      text: "k-1", digest: Digest(high: 1, low: 1), body: nil, expiresAt: noon)
    var test = try TestStore(in: folder)
    try test.write(.accept(accepted(1, key: key)), .accept(accepted(2)))
    try test.write(.end(died(1, message: "card 12 is stolen")), .end(succeeded(2)))
    test.store.close()
    try makeOlder(file)
    test = try TestStore(in: folder)
    let group = try #require(try errors(test).first)
    #expect(group.deadLetters == 1)
    #expect(group.error.message == "card 12 is stolen")
    #expect(try test.show(id(1))?.fingerprint == group.fingerprint)
    #expect(ids(try test.list(InvocationFilter(key: "k-1"))) == [id(1)])
    #expect(try test.number("SELECT count FROM totals WHERE kind = 5") == 1)
    #expect(try test.number("SELECT bytes FROM totals WHERE kind = 0") == 4)
  }

  /// As schema 4 had it.
  private func makeOlder(_ file: String) throws {
    let connection = try Connection(path: file, readOnly: false)
    try connection.use { () throws(SQLiteFailure) in
      for index in [
        "unfinished_failing", "finished_badly", "dead_fingerprint", "accepted_trigger",
        "errors_last", "actions_open",
      ] {
        try connection.execute("DROP INDEX \(index)")
      }
      for column in [
        "unfinished DROP COLUMN fingerprint", "finished DROP COLUMN fingerprint",
        "finished DROP COLUMN memory", "attempts DROP COLUMN fingerprint",
        "attempts DROP COLUMN memory", "dead DROP COLUMN fingerprint", "settled DROP COLUMN action",
      ] {
        try connection.execute("ALTER TABLE \(column)")
      }
      for table in [
        "errors", "error_shares", "failures", "fields", "segments", "declared", "totals", "actions",
      ] {
        try connection.execute("DROP TABLE \(table)")
      }
      try connection.execute("PRAGMA user_version = 4")
    }
  }
}
