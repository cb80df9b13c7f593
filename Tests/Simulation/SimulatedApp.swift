// The functions of a history: one for each thing that a manifest can ask for, with small limits, so that
// they are met.
import Dispatching
import Invocations

struct SimulatedApp {
  let declarations: [FunctionDeclaration]
  let limitPer: Int
  let rateBurst = 5
  /// Small in most histories: then most of what waits is in the store alone, and is read again.
  let laneLimits: LaneLimits

  init(_ chance: inout Chance) {
    let retry = RetryPolicy(attemptsMax: 3, first: .milliseconds(100), jitter: .full)
    let crash = CrashPolicy.allCases[chance.below(CrashPolicy.allCases.count)]
    limitPer = 1 + chance.below(2)
    var limits = LaneLimits()
    if chance.below(4) > 0 {
      limits.lineEntriesMax = 1 + chance.below(12)
      limits.laneEntriesMax = 1 + chance.below(6)
      limits.entriesMax = 1 + chance.below(24)
      limits.lanesMax = 1 + chance.below(12)
      limits.readsMax = 1 + chance.below(3)
    }
    laneLimits = limits
    let missed: [TimerTrigger.Missed] = [.skip, .latest, .all(max: 100)]
    var functions = [
      FunctionDeclaration(
        name: "order", handler: "Order", triggers: [.queue("orders")],
        concurrency: ConcurrencyLimit(limit: 3), timeout: .seconds(2), retry: retry),
      FunctionDeclaration(
        name: "charge", handler: "Charge", triggers: [.queue("payments")],
        concurrency: ConcurrencyLimit(limit: 2), timeout: .seconds(2), retry: retry,
        deadLetter: "dead", onCrash: crash),
      FunctionDeclaration(
        name: "mourn", handler: "Mourn", triggers: [.queue("dead")], retry: retry),
      FunctionDeclaration(
        name: "ledger", handler: "Ledger", triggers: [.queue("entries")],
        concurrency: ConcurrencyLimit(
          limit: 4, per: EventPath("data.account"), limitPer: 1),
        order: EventPath("data.account"), timeout: .seconds(2), retry: retry, onCrash: crash),
      FunctionDeclaration(
        name: "meter", handler: "Meter", triggers: [.queue("readings")],
        concurrency: ConcurrencyLimit(
          limit: 5, per: EventPath("data.tenant"), limitPer: limitPer),
        rate: RateLimit(count: 20, period: .seconds(1), burst: 5), timeout: .seconds(2),
        retry: retry, durability: .os),
      FunctionDeclaration(
        name: "gather", handler: "Gather", triggers: [.queue("lines")],
        concurrency: ConcurrencyLimit(limit: 1),
        batch: BatchRule(size: 4, window: .milliseconds(50)), timeout: .seconds(2), retry: retry),
      FunctionDeclaration(
        name: "index", handler: "Index", triggers: [.queue("changes")],
        debounce: DebounceRule(per: EventPath("data.page"), quiet: .milliseconds(100)),
        timeout: .seconds(2), retry: retry),
      FunctionDeclaration(
        name: "quote", handler: "Quote",
        triggers: [.http(HTTPRoute(method: "POST", pattern: "/quotes"))],
        concurrency: ConcurrencyLimit(limit: 2), timeout: .seconds(2),
        retry: RetryPolicy(attemptsMax: 1)),
    ]
    functions.append(
      FunctionDeclaration(
        name: "tick", handler: "Tick",
        triggers: [
          .timer(TimerTrigger(rule: .every(.seconds(1)), missed: missed[chance.below(3)])),
          .timer(
            TimerTrigger(
              rule: .cron(expression: "* * * * *", timezone: "UTC"), missed: missed[chance.below(3)]
            )),
        ], timeout: .seconds(2), retry: retry))
    declarations = functions
  }

  /// Running at once, at most.
  func limit(of function: String) -> Int {
    guard let declaration = declarations.first(where: { $0.name == function }) else { return 0 }
    return declaration.batch.map { $0.size * declaration.concurrency.limit }
      ?? declaration.concurrency.limit
  }
}
