// Each key of a function but the triggers: what it takes, what it refuses, and both sides of its
// limits.

import Invocations
import Testing

@testable import Manifests

struct FunctionKeyTests {
  @Test func `a name is one to sixty-four of small letters, digits and hyphens`() throws {
    let longest = String(repeating: "a", count: 64)
    #expect(
      try read("function: \(longest)\ntriggers: [{ queue: q }]").get().declarations.count == 1)
    for name in [longest + "a", "Charge", "a_b", "-a", "a-", "a--b", "ä", "\"\""] {
      let found = mistakes(read("function: \(name)\ntriggers: [{ queue: q }]"))
      #expect(found.count == 1 && found[0].contains("'function' must be 1…64"), "\(name)")
    }
  }

  @Test func `a name that no type can have needs a handler beside it`() throws {
    let triggers = "triggers: [{ queue: q }]"
    let found = mistakes(read("function: 9-to-5\n\(triggers)"))
    #expect(found.count == 1 && found[0].contains("1:11: 'function' begins with a digit"))
    let named = read("function: 9-to-5\nhandler: NineToFive\n\(triggers)")
    #expect(try named.get().declarations.map(\.handler) == ["NineToFive"])
  }

  @Test func `a handler is the name of a type`() throws {
    #expect(try declaration(with: "handler: Payments.Charge_2").handler == "Payments.Charge_2")
    for name in ["charge-payment", "2Charge", "a..b", "a b", String(repeating: "a", count: 129)] {
      let found = faults("handler: \(name)")
      #expect(found.count == 1 && found[0].hasPrefix("3:10: 'handler' must be the name"), "\(name)")
    }
    #expect(
      faults("handler:") == [
        "3:9: 'handler': expected the name of a handler such as ChargePayment, got nothing"
      ])
  }

  @Test func `a description is text up to its limit`() throws {
    #expect(try declaration(with: "description: 42").summary == "42")
    #expect(try declaration(with: "description: |\n  a\n  b").summary == "a\nb\n")
    #expect(faults("description: {}") == ["3:14: 'description': expected text, got a mapping"])
    let long = String(repeating: "x", count: 1001)
    #expect(
      faults("description: \(long)") == ["3:14: 'description' must be at most 1000 bytes; got 1001"]
    )
  }

  @Test func `concurrency is a number or a mapping`() throws {
    #expect(try declaration(with: "concurrency: 1").concurrency.limit == 1)
    #expect(try declaration(with: "concurrency: { limit: 10000 }").concurrency.limit == 10_000)
    #expect(try declaration(with: "concurrency: {}").concurrency.limit == 16)
    #expect(faults("concurrency: 0") == ["3:14: 'concurrency' must be 1…10000; got 0"])
    #expect(faults("concurrency: { limit: 10001 }") == ["3:23: 'limit' must be 1…10000; got 10001"])
    #expect(
      faults("concurrency: many") == ["3:14: 'concurrency': expected a whole number, got 'many'"])
    #expect(
      faults("concurrency: [8]") == ["3:14: 'concurrency': expected a whole number, got a list"])
  }

  @Test(arguments: ["0x10", "010", "1_000", "1.0", "+1", "'8'", "1e3", "~"])
  func `a whole number is written in plain decimals`(text: String) {
    let found = faults("queueLimit: \(text)")
    #expect(found.count == 1 && found[0].contains("'queueLimit': expected a whole number"))
  }

  @Test func `a queue's limit has limits`() throws {
    #expect(try declaration(with: "queueLimit: 10000000").queueLimit == 10_000_000)
    #expect(
      faults("queueLimit: 10000001") == ["3:13: 'queueLimit' must be 1…10000000; got 10000001"])
    #expect(
      faults("queueLimit: 99999999999999999999") == [
        "3:13: 'queueLimit' must be 1…10000000; got 99999999999999999999"
      ])
    #expect(faults("queueLimit: -1") == ["3:13: 'queueLimit' must be 1…10000000; got -1"])
  }

  @Test(arguments: [
    ("250ms", Duration.milliseconds(250)), ("30s", .seconds(30)), ("5m", .seconds(300)),
    ("6h", .seconds(21_600)), ("1d", .seconds(86_400)), ("\"1ms\"", .milliseconds(1)),
  ])
  func `durations have a unit`(text: String, duration: Duration) throws {
    #expect(try declaration(with: "timeout: \(text)").timeout == duration)
  }

  @Test(arguments: ["30", "1.5s", "s", "1 s", "1H", "1h30m", "-1s", "٣s", ""])
  func `what is no duration is told what one looks like`(text: String) {
    let found = faults("timeout: \"\(text)\"")
    #expect(
      found == [
        "3:10: 'timeout': expected a duration such as 30s (a whole number and ms, s, m, h or d), "
          + "got '\(text)'"
      ])
  }

  @Test func `durations have limits`() {
    #expect(faults("timeout: 0s") == ["3:10: 'timeout' must be 1ms…24h; got 0s"])
    #expect(faults("timeout: 86401s") == ["3:10: 'timeout' must be 1ms…24h; got 86401s"])
    #expect(
      faults("timeout: 999999999999999999999999d") == [
        "3:10: 'timeout' must be 1ms…24h; got 999999999999999999999999d"
      ])
    #expect(
      faults("timeout: [30s]") == [
        "3:10: 'timeout': expected a duration such as 30s (a whole number and ms, s, m, h or d), "
          + "got a list"
      ])
  }

  @Test(arguments: [
    ("1B", 1), ("64KiB", 65_536), ("1MiB", 1_048_576), ("15MiB", 15_728_640),
    ("15728640B", 15_728_640),
  ])
  func `sizes are in powers of 1024`(text: String, bytes: Int) throws {
    #expect(try declaration(with: "payloadLimit: \(text)").payloadBytesMax == bytes)
  }

  @Test func `a payload fits into a frame`() {
    for text in ["0B", "15728641B", "16MiB", "1GiB", "99999999999999999999GiB"] {
      #expect(
        faults("payloadLimit: \(text)") == ["3:15: 'payloadLimit' must be 1B…15MiB; got \(text)"])
    }
    for text in ["1MB", "1k", "65536", "1mib"] {
      #expect(
        faults("payloadLimit: \(text)") == [
          "3:15: 'payloadLimit': expected a size such as 64KiB (a whole number and B, KiB, MiB, "
            + "GiB or TiB), got '\(text)'"
        ])
    }
  }

  @Test func `each limit is read, and has limits of its own`() throws {
    let text = "limits: { memory: 32MiB, result: 1B, emits: 0, logLines: 0, logSize: 1KiB }"
    #expect(
      try declaration(with: text).limits
        == FunctionLimits(
          memoryBytes: 32 << 20, resultBytes: 1, emitted: 0, logLines: 0, logBytes: 1024))
    let highest =
      "limits: { memory: 1TiB, result: 15MiB, emits: 1000, logLines: 10000, logSize: 64MiB }"
    #expect(
      try declaration(with: highest).limits
        == FunctionLimits(
          memoryBytes: 1 << 40, resultBytes: 15 << 20, emitted: 1000, logLines: 10_000,
          logBytes: 64 << 20))
    #expect(try declaration(with: "limits: {}").limits == FunctionLimits())
    for (part, range) in [
      ("memory: 31MiB", "32MiB…1TiB"), ("result: 16MiB", "1B…15MiB"), ("emits: 1001", "0…1000"),
      ("logLines: 10001", "0…10000"), ("logSize: 65MiB", "1KiB…64MiB"),
    ] {
      let found = faults("limits: { \(part) }")
      #expect(found.count == 1 && found[0].contains("must be \(range); got"), "\(part): \(found)")
    }
  }

  @Test func `each part of a retry is read`() throws {
    let retry = try declaration(
      with: "retry: { attempts: 100, first: 2s, factor: 1.5, max: 2s, jitter: none, maxAge: 30d }"
    ).retry
    #expect(
      retry
        == RetryPolicy(
          attemptsMax: 100, first: .seconds(2), factor: 1.5, delayMax: .seconds(2), jitter: .none,
          maxAge: .seconds(2_592_000), attemptsAreGiven: true))
    #expect(try declaration(with: "retry: { first: 2s }").retry.attemptsAreGiven == false)
    #expect(try declaration(with: "retry: { jitter: equal }").retry.jitter == .equal)
  }

  @Test(arguments: [
    ("attempts: 101", "'attempts' must be 1…100; got 101"),
    ("factor: 0.5", "'factor' must be 1…10; got 0.5"),
    ("factor: 11", "'factor' must be 1…10; got 11"),
    ("factor: 1e1", "'factor': expected a number such as 2 or 1.5, got '1e1'"),
    ("first: 0ms", "'first' must be 1ms…24h; got 0ms"),
    ("max: 2d", "'max' must be 1ms…24h; got 2d"),
    ("max: 10ms", "'first' must be at most 'max' (10ms); got 1s"),
    ("maxAge: 999ms", "'maxAge' must be 1s…30d; got 999ms"),
    ("maxAge: 31d", "'maxAge' must be 1s…30d; got 31d"),
    ("jitter: no", "'jitter' must be none, equal or full; got 'no' (did you mean 'none'?)"),
  ])
  func `each part of a retry has limits`(part: String, fault: String) throws {
    let column = 10 + part.prefix { $0 != ":" }.count + 2
    #expect(faults("retry: { \(part) }") == ["3:\(column): \(fault)"])
  }

  @Test func `unknown keys inside a mapping name it`() {
    #expect(
      faults("retry: { attempt: 3 }") == [
        "3:10: unknown key 'attempt' in 'retry' (did you mean 'attempts'?)"
      ])
    #expect(
      faults("retry: { backoff: 3 }") == [
        "3:10: unknown key 'backoff' in 'retry'; the keys are attempts, first, factor, max, "
          + "jitter, maxAge"
      ])
    #expect(
      faults("retry: 3") == [
        "3:8: 'retry': expected a mapping of attempts, first, factor, max, jitter, maxAge, got '3'"
      ])
  }

  @Test func `idempotency has a key, a time and a rule`() throws {
    let policy = try declaration(with: "idempotency: { key: subject, keep: 1s, required: true }")
      .idempotency
    #expect(
      policy == IdempotencyPolicy(key: EventPath("subject"), keep: .seconds(1), isRequired: true))
    #expect(faults("idempotency: { keep: 31d }") == ["3:22: 'keep' must be 1s…30d; got 31d"])
    #expect(
      faults("idempotency: { required: yes }") == [
        "3:26: 'required': expected true or false, got 'yes'"
      ])
    #expect(
      faults("idempotency: { key: data. }") == [
        "3:21: 'key': expected a path such as data.order.id, subject or id, got 'data.'"
      ])
    #expect(
      faults("idempotency: { whenRunning: rejct }") == [
        "3:29: 'whenRunning' must be reject or join; got 'rejct' (did you mean 'reject'?)"
      ])
    let long = "data." + String(repeating: "x", count: 252)
    #expect(faults("idempotency: { key: \(long) }").count == 1)
    #expect(faults("idempotency: { key: \(long.dropLast()) }").isEmpty)
  }

  @Test func `dead letters and crashes have their rules`() throws {
    #expect(try declaration(with: "deadLetter: payments-dead").deadLetter == "payments-dead")
    #expect(try declaration(with: "onCrash: dead-letter").onCrash == .deadLetter)
    #expect(try declaration(with: "worker: dedicated").worker == .dedicated)
    #expect(
      faults("deadLetter: A") == [
        "3:13: 'deadLetter' must be 1…64 of a–z, 0–9 and single hyphens between; got 'A'"
      ])
    #expect(
      faults("onCrash: ignore") == [
        "3:10: 'onCrash' must be retry, hold or dead-letter; got 'ignore'"
      ])
    #expect(
      faults("worker: Shared") == [
        "3:9: 'worker' must be shared or dedicated; got 'Shared' (did you mean 'shared'?)"
      ])
  }

  @Test func `an environment holds texts, whatever YAML would make of them`() throws {
    let lines = "environment: { A: no, B: 012, C: 1.50, D: true, E: '', F: 2027-01-01, _g: on }"
    #expect(
      try declaration(with: lines).environment == [
        "A": "no", "B": "012", "C": "1.50", "D": "true", "E": "", "F": "2027-01-01", "_g": "on",
      ])
  }

  @Test func `an environment has limits`() throws {
    let hundred = (1...100).map { "  V\($0): x" }
    #expect(
      try declaration(with: "environment:\n" + hundred.joined(separator: "\n")).environment.count
        == 100)
    #expect(
      faults("environment:\n" + (hundred + ["  W: x"]).joined(separator: "\n")) == [
        "4:3: 'environment' must have 0…100 entries; got 101"
      ])
    let value = String(repeating: "x", count: 32_769)
    #expect(faults("environment: { A: \(value.dropLast()) }").isEmpty)
    #expect(
      faults("environment: { A: \(value) }") == ["3:19: 'A' must be at most 32KiB; got 32769 bytes"]
    )
    #expect(faults("environment: { A: \"a\\0b\" }") == ["3:19: 'A' must not contain a NUL"])
    #expect(
      faults("environment: { A: }") == [
        "3:19: 'A': expected text (for none at all, write \"\"), got nothing"
      ])
    #expect(
      faults("environment: { A-B: x }") == [
        "3:16: a variable's name has letters, digits and _ and begins with no digit; got 'A-B'"
      ])
    #expect(
      faults("environment: [A]") == [
        "3:14: 'environment': expected a mapping such as { MODE: test }, got a list"
      ])
  }

  @Test func `secrets are names of variables`() throws {
    #expect(try declaration(with: "secrets: [B, A]").secrets == ["B", "A"])
    #expect(faults("secrets: [A, A]") == ["3:14: secret 'A' is listed twice"])
    #expect(
      faults("environment: { A: x }\nsecrets: [A]") == [
        "4:11: 'A' is in 'environment' and in 'secrets'; keep one"
      ])
    #expect(
      faults("secrets: A") == ["3:10: 'secrets': expected a list such as [STRIPE_KEY], got 'A'"])
    #expect(
      faults("secrets: [[]]") == ["3:11: 'secrets': expected the name of a variable, got a list"])
    let hundred = (1...100).map { "V\($0)" }
    #expect(faults("secrets: [\(hundred.joined(separator: ", "))]").isEmpty)
    #expect(
      faults("secrets: [\((hundred + ["W"]).joined(separator: ", "))]") == [
        "3:10: 'secrets' must have 0…100 entries; got 101"
      ])
  }

  @Test func `fields are paths, eight at most`() throws {
    let fields = try declaration(with: "fields: [data.orderId, subject]").fields
    #expect(fields.map(\.source) == ["data.orderId", "subject"])
    #expect(faults("fields: [id, id]") == ["3:14: 'id' is listed twice"])
    #expect(
      faults("fields: [data..x]") == [
        "3:10: 'fields': expected a path such as data.order.id, subject or id, got 'data..x'"
      ])
    let eight = (1...8).map { "data.f\($0)" }
    #expect(faults("fields: [\(eight.joined(separator: ", "))]").isEmpty)
    #expect(
      faults("fields: [\((eight + ["id"]).joined(separator: ", "))]") == [
        "3:9: 'fields' must have 0…8 entries; got 9"
      ])
  }

  @Test func `keep is by state, number and size, and what is not said is the host's`() throws {
    let keep = try declaration(
      with: "keep: { succeeded: 2d, dead: 90d, count: 1000, size: 1GiB }"
    ).keep
    #expect(
      keep
        == Keeping(
          succeeded: .seconds(2 * 86_400), dead: .seconds(90 * 86_400), count: 1_000,
          bytes: 1 << 30))
    #expect(try declaration(with: "keep: { dead: 1d }").keep == Keeping(dead: .seconds(86_400)))
    #expect(try declaration(with: "timeout: 1s").keep == Keeping())
    #expect(
      faults("keep: { succeded: 1d }") == [
        "3:9: unknown key 'succeded' in 'keep' (did you mean 'succeeded'?)"
      ])
    #expect(faults("keep: { size: 1KiB }") == ["3:15: 'size' must be 1MiB…1TiB; got 1KiB"])
  }
}

struct SuggestionTests {
  @Test(arguments: [
    ("concurency", "concurrency"), ("Timeout", "timeout"), ("timeuot", "timeout"),
    ("retires", "retry"), ("deadletter", "deadLetter"), ("trigger", "triggers"),
  ])
  func `a word within two edits is offered`(typed: String, meant: String) {
    let found = Suggestion.nearest(to: typed, among: ManifestKeys.function)
    #expect(found == (typed == "retires" ? nil : meant))
  }

  @Test func `nothing far is offered, and of two the nearer`() {
    #expect(Suggestion.nearest(to: "xy", among: ["at"]) == nil)
    #expect(Suggestion.nearest(to: "", among: ["at"]) == nil)
    #expect(Suggestion.nearest(to: "maxage", among: ["max", "manage", "maxAge"]) == "maxAge")
    #expect(Suggestion.nearest(to: String(repeating: "a", count: 100_000), among: ["a"]) == nil)
  }
}
