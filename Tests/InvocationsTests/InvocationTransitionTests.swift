import Invocations
import Testing

struct InvocationTransitionTests {
  static let start = WallTime(milliseconds: 1_800_000_000_000)
  let threeTries = RetryRule(
    policy: RetryPolicy(attemptsMax: 3, first: .seconds(1), delayMax: .seconds(60), jitter: .none),
    now: start, chance: 0.5)
  let thrown = Failure(kind: .thrown, error: ErrorRecord(code: "thrown", message: "no"))
  let crashed = Failure(kind: .crashed, error: ErrorRecord(code: "crashed", message: "no"))

  @Test func `a claimed invocation runs under the next number`() throws {
    var invocation = Invocation(createdAt: Self.start)
    #expect(try invocation.apply(.claimed, retrying: threeTries) == .run(attempt: 1))
    #expect(invocation.state == .running(attempt: 1))
  }

  @Test func `a broken attempt waits, then runs again under a new number`() throws {
    var invocation = try running()
    let effect = try invocation.apply(.failed(attempt: 1, thrown), retrying: threeTries)
    #expect(effect == .wait(until: Self.start + .seconds(1)))
    #expect(try invocation.apply(.claimed, retrying: threeTries) == .run(attempt: 2))
  }

  @Test func `the last failure ends it dead`() throws {
    var invocation = try running(failures: 2)
    #expect(try invocation.apply(.failed(attempt: 3, thrown), retrying: threeTries) == .end)
    #expect(invocation.state == .dead(.exhausted))
  }

  @Test func `the last crash ends it dead as crashed`() throws {
    var invocation = try running(failures: 2)
    #expect(try invocation.apply(.failed(attempt: 3, crashed), retrying: threeTries) == .end)
    #expect(invocation.state == .dead(.crashed))
  }

  @Test func `a crash may be a dead letter or held at once`() throws {
    var rule = threeTries
    rule.onCrash = .deadLetter
    var first = try running()
    #expect(try first.apply(.failed(attempt: 1, crashed), retrying: rule) == .end)
    rule.onCrash = .hold
    var second = try running()
    #expect(try second.apply(.failed(attempt: 1, crashed), retrying: rule) == .hold)
    #expect(try second.apply(.resumed, retrying: rule) == .queueAgain)
  }

  @Test func `an attempt given back has a new number and no failure`() throws {
    var invocation = try running()
    #expect(try invocation.apply(.returned(attempt: 1), retrying: threeTries) == .queueAgain)
    #expect(try invocation.apply(.claimed, retrying: threeTries) == .run(attempt: 2))
    #expect(invocation.failures == 0)
  }

  @Test func `giving back has an end`() throws {
    var invocation = Invocation(
      createdAt: Self.start, attempts: Invocation.attemptNumbersMax - 1, failures: 0)
    _ = try invocation.apply(.claimed, retrying: threeTries)
    let last = Invocation.attemptNumbersMax
    #expect(try invocation.apply(.returned(attempt: last), retrying: threeTries) == .end)
    #expect(invocation.state == .dead(.crashed))
  }

  @Test func `a retry that would come after maxAge is not waited for`() throws {
    var rule = threeTries
    rule.policy.maxAge = .seconds(10)
    var invocation = try running()
    var late = thrown
    late.retryAfter = .seconds(11)
    #expect(try invocation.apply(.failed(attempt: 1, late), retrying: rule) == .end)
    #expect(invocation.state == .dead(.expired))
  }

  @Test func `an answer from an earlier attempt is refused in every form`() throws {
    let changes: [Invocation.Change] = [
      .succeeded(attempt: 1), .failed(attempt: 1, thrown), .returned(attempt: 1),
      .cancelled(attempt: 1),
    ]
    for change in changes {
      var invocation = try running(failures: 1)
      #expect(throws: Invocation.UnexpectedChange.self) {
        try invocation.apply(change, retrying: threeTries)
      }
      #expect(invocation.state == .running(attempt: 2))
    }
  }

  @Test func `every state takes the changes it is meant to take and no other`() throws {
    let allowed: [StateWord: Set<String>] = [
      .queued: ["claimed", "cancel", "refused"],
      .waiting: ["claimed", "cancel", "refused"],
      .held: ["cancel", "refused", "resumed"],
      .running: ["succeeded", "failed", "returned", "cancelled"],
      .succeeded: [], .dead: [], .cancelled: [],
    ]
    for (word, state) in try everyState() {
      for (name, change) in everyChange() {
        var invocation = state
        let isTaken = (try? invocation.apply(change, retrying: threeTries)) != nil  // or refused
        #expect(isTaken == allowed[word]?.contains(name), "\(word) and \(name)")
        if !isTaken { #expect(invocation == state, "a refused change leaves no trace") }
      }
    }
  }

  private func everyChange() -> [(String, Invocation.Change)] {
    [
      ("claimed", .claimed), ("succeeded", .succeeded(attempt: 1)),
      ("failed", .failed(attempt: 1, thrown)), ("returned", .returned(attempt: 1)),
      ("cancelled", .cancelled(attempt: 1)), ("cancel", .cancelled(attempt: nil)),
      ("refused", .refused(.operator)), ("resumed", .resumed),
    ]
  }

  private func everyState() throws -> [(StateWord, Invocation)] {
    var succeeded = try running()
    _ = try succeeded.apply(.succeeded(attempt: 1), retrying: threeTries)
    var dead = Invocation(createdAt: Self.start)
    _ = try dead.apply(.refused(.hops), retrying: threeTries)
    var cancelled = Invocation(createdAt: Self.start)
    _ = try cancelled.apply(.cancelled(attempt: nil), retrying: threeTries)
    var waiting = try running()
    _ = try waiting.apply(.failed(attempt: 1, thrown), retrying: threeTries)
    return [
      (.queued, Invocation(createdAt: Self.start)), (.running, try running()),
      (.waiting, waiting), (.held, Invocation(createdAt: Self.start, state: .held, attempts: 1)),
      (.succeeded, succeeded), (.dead, dead), (.cancelled, cancelled),
    ]
  }

  private func running(failures: Int = 0) throws -> Invocation {
    var invocation = Invocation(createdAt: Self.start, attempts: failures, failures: failures)
    _ = try invocation.apply(.claimed, retrying: threeTries)
    return invocation
  }
}

struct RetryPolicyTests {
  @Test func `delays grow by the factor up to the longest`() {
    let policy = RetryPolicy(first: .seconds(1), factor: 2, delayMax: .seconds(5), jitter: .none)
    let delays = (1...5).map { policy.delay(afterFailures: $0, chance: 0.9) }
    #expect(delays == [.seconds(1), .seconds(2), .seconds(4), .seconds(5), .seconds(5)])
  }

  @Test func `jitter keeps the delay between its bounds`() {
    let full = RetryPolicy(first: .seconds(8), jitter: .full)
    #expect(full.delay(afterFailures: 1, chance: 0) == .zero)
    #expect(full.delay(afterFailures: 1, chance: 0.5) == .seconds(4))
    let equal = RetryPolicy(first: .seconds(8), jitter: .equal)
    #expect(equal.delay(afterFailures: 1, chance: 0) == .seconds(4))
    #expect(equal.delay(afterFailures: 1, chance: 0.5) == .seconds(6))
  }

  @Test func `a hundred failures do not overflow`() {
    let policy = RetryPolicy(factor: 10, delayMax: .seconds(86_400), jitter: .none)
    #expect(policy.delay(afterFailures: 100, chance: 1) == .seconds(86_400))
  }
}

struct InvocationIDTests {
  @Test func `an id is written in thirteen characters and read back`() throws {
    var ids = InvocationIDGenerator(host: 5)
    let id = ids.next(at: WallTime(milliseconds: 1_800_000_000_123))
    #expect("\(id)".count == 13)
    #expect(InvocationID("\(id)") == id)
    #expect(InvocationID("\(id)".lowercased()) == id)
    #expect(id.time == WallTime(milliseconds: 1_800_000_000_123))
  }

  @Test(arguments: ["", "0AKQHS710000", "0AKQHS71000000", "0AKQHS710000U", "ZZZZZZZZZZZZZ"])
  func `what is no id is refused`(text: String) {
    #expect(InvocationID(text) == nil)
  }

  @Test func `ids grow, also when the clock steps back or stands still`() {
    var ids = InvocationIDGenerator()
    var last = InvocationID(rawValue: 0)
    for step in 0..<200_000 {
      let next = ids.next(
        at: WallTime(milliseconds: 1_800_000_000_000 - Int64(step / 100_000) * 50))
      #expect(next > last)
      last = next
    }
  }

  @Test func `a host that starts behind its store goes on after the last id`() {
    var ids = InvocationIDGenerator()
    let last = ids.next(at: WallTime(milliseconds: 1_900_000_000_000))
    var later = InvocationIDGenerator(after: last)
    #expect(later.next(at: WallTime(milliseconds: 1_800_000_000_000)) > last)
  }
}

struct EventPathTests {
  let event = Event(
    id: "7", source: "s", type: "t", subject: "who",
    extensions: [Event.Extension(name: "tenant", value: .string("acme"))],
    data: Array(#"{"order":{"id":"ord-1","count":3},"none":null,"list":[1,"b"]}"#.utf8))

  @Test(arguments: [
    ("id", "7"), ("subject", "who"), ("tenant", "acme"), ("data.order.id", "ord-1"),
    ("data.order.count", "3"), ("data.list.1", "b"),
  ])
  func `a path names a value of the event`(path: String, value: String) {
    #expect(EventPath(path)?.value(in: event) == value)
  }

  @Test(arguments: ["data.none", "data.missing", "data.order.id.more", "dataschema", "other"])
  func `a path that leads nowhere has no value`(path: String) {
    #expect(EventPath(path)?.value(in: event) == nil)
  }

  @Test(arguments: ["", ".", "data.", ".data", "data..a", "Subject", "subject.x"])
  func `what is no path is refused`(path: String) {
    #expect(EventPath(path) == nil)
  }
}
