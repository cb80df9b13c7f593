// Append, commit, durable: what is on disk when the store says so, and how few rows it takes.
import Invocations
import Testing

@testable import Records

struct CommitTests {
  @Test func `an acceptance is in the file when it is reported durable`() throws {
    let test = try TestStore()
    try test.write(.accept(accepted(1)))
    #expect(try test.number("SELECT count(*) FROM accepted") == 1)
    #expect(try test.number("SELECT state FROM unfinished") == 1)
  }

  @Test func `durable numbers only grow and reach the last change`() throws {
    let test = try TestStore()
    var last: UInt64 = 0
    for number in 1...3_000 {
      last = test.store.append([.accept(accepted(Int64(number))), started(Int64(number))])
    }
    #expect(last == 6_000)
    try test.news.waitDurable(last)
    let numbers = test.news.durableNumbers
    #expect(numbers == numbers.sorted())
    #expect(numbers.last == last)
    #expect(test.store.backlog == 0)
    #expect(try test.number("SELECT count(*) FROM accepted") == 3_000)
  }

  @Test func `an invocation that begins and ends in one commit is one row of history`() throws {
    let test = try TestStore()
    try test.write(.accept(accepted(1)), started(1), .end(succeeded(1)))
    #expect(try test.number("SELECT count(*) FROM finished") == 1)
    #expect(try test.number("SELECT count(*) FROM unfinished") == 0)
    #expect(try test.number("SELECT count(*) FROM attempts") == 0)
    let story = try #require(try test.show(id(1)))
    #expect(story.state == .succeeded)
    #expect(story.history == [attempt(1)])
    #expect(story.result?.body == Array("done".utf8))
    #expect(story.startedAt == noon)
    #expect(story.endedAt == noon + .seconds(1))
    #expect(story.cpuMicroseconds == 40)
  }

  @Test func `what gathers during a commit goes into the next one together`() throws {
    let folder = try Folder()
    let gate = Monitor(false)
    let news = NewsBox()
    let (store, _) = try RecordStore.open(directory: folder.path, durability: .os) { one in
      news.put(one)
      _ = gate.wait(until: nil) { $0 ? true : nil }
    }
    store.append([.accept(accepted(1))])
    try news.waitDurable(1)
    // The writer is held inside `deliver`; these three meet in its next commit.
    store.append([.accept(accepted(2))])
    store.append([started(2)])
    store.append([.end(succeeded(2))])
    gate.change { $0 = true }
    try news.waitDurable(4)
    #expect(news.durableNumbers == [1, 4])
    store.close()
    #expect(
      try fileNumber("SELECT max(id) FROM unfinished", at: "\(folder.path)/apus.db")
        == id(1).rawValue)
  }

  @Test func `what nobody waits for goes with what somebody waits for, or when its time has come`()
  {
    let mailbox = Mailbox()
    let lazily = CommitTerms(isAwaited: false)
    _ = mailbox.append([.accept(accepted(1))], lazily)
    _ = mailbox.append([.accept(accepted(2))], CommitTerms())
    #expect(mailbox.take(until: nil).groups.map(\.last) == [1, 2])
    let began = MonotonicTime.now
    _ = mailbox.append([.accept(accepted(3))], lazily)
    #expect(mailbox.take(until: nil).groups.map(\.last) == [3])
    #expect(MonotonicTime.now - began >= StoreLimits.lingerNanoseconds)
  }

  @Test func `what nobody waits for wakes a writer that sleeps for long`() throws {
    let mailbox = Mailbox()
    let deadline = MonotonicTime.now + 600_000_000_000
    let taken = Monitor<UInt64?>(nil)
    let writer = RecordThread(owning: mailbox) { mailbox in
      _ = mailbox.take(until: deadline)
      taken.change { $0 = MonotonicTime.now }
    }
    try eventually("the writer sleeps") { mailbox.isWriterAsleep }
    _ = mailbox.append([.accept(accepted(1))], CommitTerms(isAwaited: false))
    let at = try #require(taken.wait(until: deadline) { $0 })
    #expect(at < deadline)
    writer.join()
  }

  @Test func `what nobody waits for is written all the same`() throws {
    let test = try TestStore()
    for number in Int64(1)...3 {
      let last = test.store.append([.accept(accepted(number))], CommitTerms(isAwaited: false))
      try test.news.waitDurable(last)
    }
    #expect(try test.number("SELECT count(*) FROM unfinished") == 3)
  }

  @Test func `changes handed over quietly are written after the wake`() throws {
    let test = try TestStore()
    for number in Int64(1)...5 {
      _ = test.store.appendQuietly([.accept(accepted(number))], CommitTerms())
    }
    test.store.wake()
    try test.news.waitDurable(5)
    #expect(try test.number("SELECT count(*) FROM unfinished") == 5)
  }

  @Test func `a commit is synced where somebody was promised the disk, and only there`() throws {
    let folder = try Folder()
    let news = NewsBox()
    let (store, _) = try RecordStore.open(directory: folder.path) { news.put($0) }
    defer { store.close() }
    func write(_ number: Int64, _ durability: Durability) throws -> Int {
      let before = store.commits
      let terms = CommitTerms(durability: durability)
      var acceptance = accepted(number)
      acceptance.durability = durability
      try news.waitDurable(store.append([.accept(acceptance)], terms))
      #expect(store.commits.commits == before.commits + 1)
      return store.commits.syncs - before.syncs
    }
    #expect(try write(1, .disk) == 1)
    #expect(try write(2, .os) == 0)
    #expect(try write(3, .memory) == 0)
    #expect(try write(4, .disk) == 1)
    let promises = try (1...4).map { number in
      try answer { store.show(id(number), then: $0) }?.acceptance.durability
    }
    #expect(promises == [.disk, .os, .memory, .disk])
  }

  @Test func `a commit takes a bounded number of changes`() throws {
    let test = try TestStore()
    var last: UInt64 = 0
    for number in 1...5_000 { last = test.store.append([.accept(accepted(Int64(number)))]) }
    try test.news.waitDurable(last)
    let numbers = [0] + test.news.durableNumbers
    for (former, next) in zip(numbers, numbers.dropFirst()) {
      #expect(next - former <= UInt64(StoreLimits.changesPerCommitMax))
    }
  }

  @Test func `a group larger than a commit's bound is still all in one commit`() throws {
    let test = try TestStore()
    let changes = (1...3_000).map { RecordChange.accept(accepted(Int64($0))) }
    try test.news.waitDurable(test.store.append(changes))
    #expect(test.news.durableNumbers == [3_000])
  }

  @Test func `failures and given-back attempts are kept in the story`() throws {
    let test = try TestStore()
    let broken = ErrorRecord(code: "H001", message: "offline", type: "NetError")
    let later = noon + .seconds(30)
    try test.write(.accept(accepted(1)))
    try test.write(
      .goOn(
        attempt(1, 1, .thrown, error: broken), function: "charge", state: .waiting, due: later,
        failures: 1))
    let waiting = try #require(try test.show(id(1)))
    #expect(waiting.state == .waiting)
    #expect(waiting.due == later)
    #expect((waiting.attempts, waiting.failures) == (1, 1))
    #expect(waiting.cpuMicroseconds == 40)
    try test.write(started(1, attempt: 2), .end(succeeded(1, attempts: 2)))
    let story = try #require(try test.show(id(1)))
    #expect(story.history == [attempt(1, 1, .thrown, error: broken), attempt(1, 2)])
    #expect((story.attempts, story.failures) == (2, 1))
    #expect(story.cpuMicroseconds == 80)
    #expect(story.due == later)
  }

  @Test func `a retry within one commit keeps both attempts`() throws {
    let test = try TestStore()
    let broken = ErrorRecord(code: "H001", message: "offline", type: "NetError")
    try test.write(
      .accept(accepted(1)), started(1),
      .goOn(
        attempt(1, 1, .thrown, error: broken), function: "charge", state: .waiting, due: noon,
        failures: 1),
      started(1, attempt: 2), .end(succeeded(1, attempts: 2)))
    let story = try #require(try test.show(id(1)))
    #expect(story.state == .succeeded)
    #expect(story.history.map(\.number) == [1, 2])
    #expect(try test.number("SELECT count(*) FROM unfinished") == 0)
  }

  @Test func `an attempt whose error differs from the ending's is kept beside it`() throws {
    let test = try TestStore()
    var ending = died(1)
    ending.reason = .expired
    ending.error = ErrorRecord(code: "D002", message: "too old to try again")
    try test.write(.accept(accepted(1)), .end(ending))
    let story = try #require(try test.show(id(1)))
    #expect(story.error == ending.error)
    #expect(story.history.map(\.error) == [died(1).error])
    #expect((story.failures, story.cpuMicroseconds) == (1, 40))
  }

  @Test func `what a handler emitted lies in the commit of its success`() throws {
    let test = try TestStore()
    try test.write(.accept(accepted(1)))
    let emitted = [accepted(2, function: "notify", cause: id(1)), accepted(3, cause: id(1))]
    try test.write(.end(succeeded(1, emitted: emitted)))
    #expect(try test.show(id(1))?.emitted == [id(2), id(3)])
    #expect(try test.waiting("notify", limit: 10).records.map(\.acceptance) == [emitted[0]])
  }

  @Test func `an end of an unknown invocation leaves nothing, nor what it emitted`() throws {
    let test = try TestStore()
    try test.write(.end(succeeded(1, emitted: [accepted(2, cause: id(1))])))
    #expect(try test.number("SELECT count(*) FROM finished") == 0)
    #expect(try test.number("SELECT count(*) FROM accepted") == 0)
  }

  @Test func `everything an acceptance says comes back`() throws {
    let test = try TestStore()
    let whole = wholeAcceptance()
    try test.write(.accept(whole))
    let records = try test.waiting("charge", limit: 1).records
    #expect(
      records == [
        WaitingRecord(acceptance: whole, state: .queued, due: whole.dueAt, attempts: 0, failures: 0)
      ])
    #expect(try test.show(whole.id)?.acceptance == whole)
  }

  private func wholeAcceptance() -> Acceptance {
    let key = IdempotencyKey(
      text: "order 1", digest: Digest(high: .max, low: 1), body: Digest(high: 2, low: .max),
      expiresAt: noon + .seconds(60))
    let call = HTTPCall(
      method: "POST", path: "/payments/ö", query: "a=1", parameters: [field("orderId", "ö\"\\")],
      headers: [field("Accept", "a"), field("Accept", "b")])
    let event = Event(
      id: "", source: String(repeating: "s", count: 300), type: "type", subject: "subject",
      time: "2027-01-15T08:00:00Z", dataContentType: nil, dataSchema: "https://schema",
      extensions: [
        Event.Extension(name: "flag", value: .boolean(true)),
        Event.Extension(name: "number", value: .integer(-5)),
        Event.Extension(name: "word", value: .string("5")),
      ], data: [0, 255, 10])
    return Acceptance(
      id: id(9), function: "charge", trigger: "http:POST /payments/{orderId}", queue: nil,
      event: event, call: call, key: key, cause: id(3), redriveOf: id(4), hops: 7, createdAt: noon,
      dueAt: noon + .seconds(1), attemptsMax: 12)
  }

  private func field(_ name: String, _ value: String) -> HTTPCall.Field {
    HTTPCall.Field(name: name, value: value)
  }

  @Test func `log lines keep their order and are cut at a character's border`() throws {
    let test = try TestStore()
    let long = String(repeating: "ä", count: 40_000)
    let lines = [("first", 1), (long, 1), ("third", 1), ("of the second attempt", 2)]
    let changes = lines.map { text, attempt in
      RecordChange.log(
        LogLine(
          invocation: id(1), attempt: attempt, time: noon, level: "info", message: text,
          metadata: [HTTPCall.Field(name: "order", value: "1")]))
    }
    try test.write(.accept(accepted(1)))
    for change in changes { test.store.append([change]) }
    try test.write(.duplicate(id(1)))
    let story = try #require(try test.show(id(1)))
    #expect(story.logs.map(\.attempt) == [1, 1, 1, 2])
    #expect(story.logs[0].message == "first")
    #expect(story.logs[1].message.utf8.count <= StoreLimits.logLineBytesMax)
    #expect(story.logs[1].message.hasPrefix("äää"))
    #expect(story.logs[1].message.hasSuffix("ä …(cut)"))
    #expect(story.logs[2].metadata == [HTTPCall.Field(name: "order", value: "1")])
    #expect(story.duplicates == 1)
  }

  @Test func `a log line does not outlive the start of its attempt`() throws {
    let test = try TestStore()
    let line = LogLine(invocation: id(1), attempt: 1, time: noon, level: "info", message: "here")
    try test.write(.accept(accepted(1)), started(1), .log(line))
    #expect(try test.number("SELECT attempts FROM unfinished WHERE state = 2") == 1)
  }

  @Test func `a replay gives the stored result, and nothing for unfinished work`() throws {
    let test = try TestStore()
    let headers = [HTTPCall.Field(name: "Content-Type", value: "text/plain")]
    let result = StoredResult(status: 409, headers: headers, body: [1, 0, 2], isWhole: false)
    var ending = succeeded(1)
    ending.result = result
    try test.write(.accept(accepted(1)), .accept(accepted(2)), .accept(accepted(3)))
    try test.write(.end(ending), .end(died(3)))
    for token in 1...3 { test.store.read(.replay(id(Int64(token)), token: UInt64(token))) }
    let replays = try (1...3).map { token in
      try test.news.first("replay \(token)") { news -> Replay?? in
        if case .replay(UInt64(token), let replay) = news { .some(replay) } else { nil }
      }
    }
    #expect(replays[0]?.result == result)
    #expect(replays[1] == nil)
    #expect(replays[2]?.reason == .rejected)
    #expect(replays[2]?.error == died(3).error)
  }

  @Test func `names past their limit are stored as text and read back`() throws {
    let test = try TestStore()
    let long = String(repeating: "f", count: StoreLimits.nameBytesMax + 1)
    try test.write(.accept(accepted(1, function: long)))
    #expect(try test.waiting(long, limit: 5).records.map(\.acceptance.id) == [id(1)])
    #expect(try test.list(InvocationFilter(function: long)).items.count == 1)
  }

  @Test func `clients cannot use up the names of manifests`() throws {
    let folder = try Folder()
    do { _ = try TestStore(in: folder) }
    let connection = try Connection(path: "\(folder.path)/apus.db", readOnly: false)
    try connection.use { () throws(SQLiteFailure) in
      try connection.execute(
        """
        WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n
          WHERE i < \(StoreLimits.clientNamesMax))
        INSERT INTO names (id, text) SELECT i, 'client-' || i FROM n
        """)
    }
    let test = try TestStore(in: folder)
    try test.write(.accept(accepted(1)))
    #expect(try test.number("SELECT typeof(source) = 'text' FROM accepted") == 1)
    #expect(try test.number("SELECT typeof(function) = 'integer' FROM accepted") == 1)
    #expect(try test.show(id(1))?.acceptance == accepted(1))
  }
}
