// Whole manifests: the example of the contract, many mistakes at once, and what is not supported
// yet. Keys one by one are in FunctionKeyTests and TriggerTests.

import Invocations
import Testing

@testable import Manifests

struct ManifestReaderTests {
  let contractExample = """
    function: charge-payment            # kebab-case, unique, 1–64 of a–z 0–9 -
    handler: ChargePayment              # default: the name in UpperCamelCase
    description: Charges the card of a placed order.
    triggers:                           # one or more, in any mix
      - queue: payments
      - timer: { cron: "*/5 * * * *", timezone: UTC, missed: latest }
      - timer: { every: 30s }
      - timer: { at: 2027-01-01T00:00:00Z }
      - http: POST /payments/{orderId}
    concurrency: 8
    timeout: 30s
    retry: { attempts: 3, first: 1s, factor: 2, max: 5m, jitter: full, maxAge: 6h }
    idempotency: { key: data.orderId, keep: 24h, required: false, whenRunning: reject }
    deadLetter: payments-dead
    onCrash: retry
    queueLimit: 100000
    payloadLimit: 1MiB
    environment: { MODE: test }
    secrets: [STRIPE_KEY]
    worker: shared
    """

  @Test func `the example of the contract reads to its declaration`() throws {
    let declarations = try read(contractExample).get().declarations

    #expect(
      declarations == [
        FunctionDeclaration(
          name: "charge-payment", handler: "ChargePayment",
          summary: "Charges the card of a placed order.",
          triggers: [
            .queue("payments"),
            .timer(
              TimerTrigger(
                rule: .cron(expression: "*/5 * * * *", timezone: "UTC"), missed: .latest)),
            .timer(TimerTrigger(rule: .every(.seconds(30)))),
            .timer(TimerTrigger(rule: .at(WallTime(milliseconds: 1_798_761_600_000)))),
            .http(HTTPRoute(method: "POST", pattern: "/payments/{orderId}")),
          ],
          concurrency: ConcurrencyLimit(limit: 8), timeout: .seconds(30),
          retry: RetryPolicy(
            attemptsMax: 3, first: .seconds(1), factor: 2, delayMax: .seconds(300), jitter: .full,
            maxAge: .seconds(21_600), attemptsAreGiven: true),
          idempotency: IdempotencyPolicy(
            key: EventPath("data.orderId"), keep: .seconds(86_400), isRequired: false,
            whenRunning: .reject),
          deadLetter: "payments-dead", onCrash: .retry, queueLimit: 100_000,
          payloadBytesMax: 1_048_576, environment: ["MODE": "test"], secrets: ["STRIPE_KEY"],
          worker: .shared)
      ])
  }

  @Test func `a name and a trigger are enough`() throws {
    let declarations = try read("function: send-receipt-2\ntriggers: [{ queue: q }]").get()
      .declarations

    #expect(
      declarations == [
        FunctionDeclaration(
          name: "send-receipt-2", handler: "SendReceipt2", triggers: [.queue("q")])
      ])
  }

  @Test func `a file holds one function a document`() throws {
    let set = try read(
      """
      # A comment and nothing else belongs to the first document.
      ---
      function: a
      triggers: [{ queue: a }]
      ---
      # An empty document is no function.
      ---
      function: b
      triggers: [{ queue: b }]
      ...
      """, "function: c\ntriggers: [{ queue: c }]"
    ).get()

    #expect(set.declarations.map(\.name) == ["a", "b", "c"])
    #expect(set.locations["b"] == ManifestLocation(file: "a.yaml", line: 8, column: 11))
    #expect(set.locations["c"]?.description == "b.yaml:1")
  }

  @Test func `all mistakes are told at once, each with its place`() {
    let result = read(
      """
      function: Charge
      handlr: ChargePayment
      triggers:
        - queue: payments
          http: GET /x
        - timer: { cron: "0 0 31 2 *" }
        - timer: { every: 30 }
        - http: HEAD /payments
      concurency: 8
      retry: { attempts: 0, jitter: ful, first: 10m }
      rate: 0/s
      environment:
        MODE: [a, b]
      environment: { 1X: y }
      payloadLimit: 64KB
      """, "function: b\nqueueLimit: 0\ntriggers: [{ queue: b }]\n---\n- a list\n")

    #expect(
      mistakes(result) == [
        "a.yaml:1:11: 'function' must be 1…64 of a–z, 0–9 and single hyphens between; got 'Charge'",
        "a.yaml:2:1: unknown key 'handlr' (did you mean 'handler'?)",
        "a.yaml:4:5: a trigger has exactly one of queue, timer and http; got queue and http "
          + "(begin each with '-')",
        "a.yaml:6:20: 'cron' can never fire: no year has such a minute",
        "a.yaml:7:21: 'every': expected a duration such as 30s (a whole number and ms, s, m, h or "
          + "d), got '30'",
        "a.yaml:8:11: 'http': HEAD is answered by the route of GET; write that one",
        "a.yaml:9:1: unknown key 'concurency' (did you mean 'concurrency'?)",
        "a.yaml:10:20: 'attempts' must be 1…100; got 0",
        "a.yaml:10:31: 'jitter' must be none, equal or full; got 'ful' (did you mean 'full'?)",
        "a.yaml:10:43: 'first' must be at most 'max' (5m); got 10m",
        "a.yaml:11:7: 'rate' must be 1…1000000 a period; got 0/s",
        "a.yaml:13:9: 'MODE': expected text (for none at all, write \"\"), got a list",
        "a.yaml:14:1: duplicate key 'environment' (first in line 12)",
        "a.yaml:15:15: 'payloadLimit': expected a size such as 64KiB (a whole number and B, KiB, "
          + "MiB, GiB or TiB), got '64KB'",
        "b.yaml:2:13: 'queueLimit' must be 1…10000000; got 0",
        "b.yaml:5:1: a manifest is a mapping that begins with 'function:', not a list",
      ])
  }

  @Test func `a mistake reads as compilers write theirs`() {
    let source = ManifestSource(
      path: "Manifests/charge.yaml", text: "function: a\ntriggers: [{ queue: a }]\ntimout: 1s")
    let result = ManifestReader.read([source], now: nil)

    #expect(
      mistakes(result) == [
        "Manifests/charge.yaml:3:1: unknown key 'timout' (did you mean 'timeout'?)"
      ])
  }

  @Test func `what is missing is named once`() {
    #expect(
      mistakes(read("description: x")) == [
        "a.yaml:1:1: 'function' is missing: every document names one function",
        "a.yaml:1:1: 'triggers' is missing: a function needs at least one",
      ])
    #expect(
      mistakes(read("functoin: x\ntrigers: []")) == [
        "a.yaml:1:1: unknown key 'functoin' (did you mean 'function'?)",
        "a.yaml:2:1: unknown key 'trigers' (did you mean 'triggers'?)",
      ])
    #expect(
      mistakes(read("function: x\ntriggers: []")) == [
        "a.yaml:2:11: 'triggers' must have 1…50 entries; got 0"
      ])
  }

  @Test func `texts without a function are a mistake`() {
    #expect(mistakes(read("# nothing")) == ["manifests: there is no function in any *.yaml here"])
    #expect(
      mistakes(ManifestReader.read([], now: nil)) == [
        "manifests: there is no function in any *.yaml here"
      ])
  }
}

struct FlowKeyTests {
  @Test(arguments: [
    ("rate: 10/min", RateLimit(count: 10, period: .seconds(60), burst: 10)),
    (
      "rate: { limit: 100/s, burst: 200, per: data.tenant }",
      RateLimit(
        count: 100, period: .seconds(1), burst: 200, per: EventPath("data.tenant"))
    ),
  ])
  func `a rate is read`(line: String, rate: RateLimit) throws {
    #expect(try declaration(with: line).rate == rate)
  }

  @Test func `limits per value, order and priority are read`() throws {
    let read = try declaration(
      with: """
        concurrency: { limit: 8, per: data.customerId, limitPer: 2 }
        order: data.orderId
        priority: high
        onCrash: hold
        idempotency: { whenRunning: join }
        """)
    #expect(
      read.concurrency
        == ConcurrencyLimit(limit: 8, per: EventPath("data.customerId"), limitPer: 2))
    #expect(read.order == EventPath("data.orderId"))
    #expect(read.priority == .high)
    #expect(read.onCrash == .hold)
    #expect(read.idempotency.whenRunning == .join)
  }

  @Test func `a batch stands beside the triggers or at one of them`() throws {
    let rule = BatchRule(size: 100, window: .milliseconds(200))
    #expect(try declaration(with: "batch: { size: 100, window: 200ms }").batch == rule)
    let text = "function: f\ntriggers: [{ queue: q, batch: { size: 100, window: 200ms } }]\n"
    #expect(try read(text).get().declarations[0].batch == rule)
    #expect(
      try declaration(with: "batch: { size: 2 }").batch
        == BatchRule(size: 2, window: .milliseconds(100)))
  }

  @Test func `a debounce is read`() throws {
    #expect(
      try declaration(with: "debounce: { per: data.userId, for: 5s, atMost: 1m }").debounce
        == DebounceRule(
          per: EventPath("data.userId"), quiet: .seconds(5), atMost: .seconds(60)))
  }

  @Test(arguments: [
    ("rate: 0/s", ["3:7: 'rate' must be 1…1000000 a period; got 0/s"]),
    ("rate: { burst: 5 }", ["3:7: 'limit' is missing in 'rate'; write one such as 100/s"]),
    (
      "order: data..x",
      ["3:8: 'order': expected a path such as data.order.id, subject or id, got 'data..x'"]
    ),
    (
      "concurrency: { limitPer: 10001 }",
      [
        "3:16: 'limitPer' needs 'per', the path that it counts by",
        "3:26: 'limitPer' must be 1…10000; got 10001",
      ]
    ),
    ("batch: { window: 1s }", ["3:8: 'size' is missing in 'batch'; write one such as 100"]),
    ("batch: { size: 1001 }", ["3:16: 'size' must be 1…1000; got 1001"]),
    (
      "batch: { size: 9 }\norder: subject",
      ["3:1: 'batch' does not go with 'order' and 'concurrency.per': its events run together"]
    ),
    (
      "debounce: { atMost: 1s }",
      ["3:11: 'for' is missing in 'debounce'; write a quiet time such as 5s"]
    ),
    (
      "debounce: { for: 5s, atMost: 1s }", ["3:30: 'atMost' must be at least 'for' (5s); got 1s"]
    ),
    (
      "debounce: { for: 5s }\nrate: { limit: 1/s, per: id }",
      ["3:1: 'debounce' does not go with 'order', 'batch', 'concurrency.per' and 'rate.per'"]
    ),
  ])
  func `what cannot be is refused at its place`(text: String, mistakes: [String]) {
    #expect(faults(text) == mistakes)
  }

  @Test func `no batch and no debounce where somebody waits for each answer`() {
    let text = "function: f\ntriggers: [{ http: POST /f }]\nbatch: { size: 9 }\n"
    #expect(mistakes(read(text)) == ["a.yaml:3:1: 'batch' goes with queue triggers only"])
  }
}
