// A declaration back in the words of the manifest, key by key: for people who compare two of them.
// Every key is there, given or default; what the contract shows as one text is one text here.

package import Invocations
import Schedules

package enum ManifestWords {
  package struct Entry: Sendable, Equatable {
    /// `timeout`, `retry.attempts`, `environment.MODE`.
    package var key: String
    /// Nil for none.
    package var text: String?

    init(_ key: String, _ text: String?) {
      self.key = key
      self.text = text
    }
  }

  /// All but the name and the triggers, in the order of the contract.
  package static func entries(of function: FunctionDeclaration) -> [Entry] {
    webhooks(function) + starting(function) + failing(function) + process(function)
  }

  private static func webhooks(_ function: FunctionDeclaration) -> [Entry] {
    function.webhooks.map { route, policy in
      let time = policy.scheme.signsTime ? ", \(ManifestForms.text(policy.tolerance))" : ""
      let secrets = policy.secrets.joined(separator: ", ")
      return Entry(
        "verify \(route.method) \(route.pattern)", "\(policy.scheme.rawValue) (\(secrets)\(time))")
    }.sorted { $0.key < $1.key }
  }

  private static func starting(_ function: FunctionDeclaration) -> [Entry] {
    let rate = function.rate
    return [
      Entry("handler", function.handler),
      Entry("description", function.summary.isEmpty ? nil : function.summary),
      Entry("concurrency", "\(function.concurrency.limit)"),
      Entry("concurrency.per", function.concurrency.per?.source),
      Entry(
        "concurrency.limitPer",
        function.concurrency.per == nil ? nil : "\(function.concurrency.limitPer)"),
      Entry("rate", rate.map { "\($0.count)/\(unit(of: $0.period))" }),
      Entry("rate.burst", rate.map { "\($0.burst)" }),
      Entry("rate.per", rate?.per?.source),
      Entry("order", function.order?.source),
      Entry("priority", function.priority.description),
      Entry("batch.size", function.batch.map { "\($0.size)" }),
      Entry("batch.window", (function.batch?.window).map(ManifestForms.text)),
      Entry("debounce.per", function.debounce?.per?.source),
      Entry("debounce.for", (function.debounce?.quiet).map(ManifestForms.text)),
      Entry("debounce.atMost", (function.debounce?.atMost).map(ManifestForms.text)),
      Entry("timeout", ManifestForms.text(function.timeout)),
    ]
  }

  private static func unit(of period: Duration) -> String {
    switch period {
    case .seconds(1): "s"
    case .seconds(60): "min"
    case .seconds(3600): "h"
    default: ManifestForms.text(period)
    }
  }

  private static func failing(_ function: FunctionDeclaration) -> [Entry] {
    let retry = function.retry
    let idempotency = function.idempotency
    return [
      Entry(
        "retry.attempts", "\(retry.attemptsMax)" + (retry.attemptsAreGiven ? "" : " (default)")),
      Entry("retry.first", ManifestForms.text(retry.first)),
      Entry("retry.factor", decimal(retry.factor)),
      Entry("retry.max", ManifestForms.text(retry.delayMax)),
      Entry("retry.jitter", retry.jitter.rawValue),
      Entry("retry.maxAge", ManifestForms.text(retry.maxAge)),
      Entry("idempotency.key", idempotency.key?.source),
      Entry("idempotency.keep", ManifestForms.text(idempotency.keep)),
      Entry("idempotency.required", "\(idempotency.isRequired)"),
      Entry("idempotency.whenRunning", idempotency.whenRunning.rawValue),
      Entry("deadLetter", function.deadLetter),
      Entry("onCrash", function.onCrash.rawValue),
    ]
  }

  private static func process(_ function: FunctionDeclaration) -> [Entry] {
    let limits = [
      Entry("queueLimit", "\(function.queueLimit)"),
      Entry("payloadLimit", ManifestForms.sizeText(function.payloadBytesMax)),
      Entry("limits.memory", ManifestForms.sizeText(function.limits.memoryBytes)),
      Entry("limits.result", ManifestForms.sizeText(function.limits.resultBytes)),
      Entry("limits.emits", "\(function.limits.emitted)"),
      Entry("limits.logLines", "\(function.limits.logLines)"),
      Entry("limits.logSize", ManifestForms.sizeText(function.limits.logBytes)),
    ]
    let environment = function.environment.sorted { $0.key < $1.key }.map {
      Entry("environment.\($0.key)", $0.value)
    }
    let secrets = function.secrets.sorted().joined(separator: ", ")
    return limits + environment + [
      Entry("secrets", secrets.isEmpty ? nil : secrets), Entry("worker", function.worker.rawValue),
      Entry("durability", function.durability.rawValue),
      Entry(
        "fields",
        function.fields.isEmpty ? nil : function.fields.map(\.source).joined(separator: ", ")),
      Entry("redact", function.redact?.paths.map(\.source).joined(separator: ", ")),
      Entry("keep.succeeded", function.keep.succeeded.map(ManifestForms.text)),
      Entry("keep.dead", function.keep.dead.map(ManifestForms.text)),
      Entry("keep.count", function.keep.count.map(String.init)),
      Entry("keep.size", function.keep.bytes.map(ManifestForms.sizeText)),
    ]
  }

  private static func decimal(_ number: Double) -> String {
    Int(exactly: number).map(String.init) ?? "\(number)"
  }

  /// `queue: payments`, `http: POST /orders`, `timer: cron */5 * * * * (UTC), missed latest`.
  package static func text(_ trigger: Trigger) -> String {
    switch trigger {
    case .queue(let name): "queue: \(name)"
    case .http(let route): "http: \(route.method) \(route.pattern)"
    case .timer(let timer): "timer: \(rule(timer.rule)), missed \(missed(timer.missed))"
    }
  }

  package static func rule(_ rule: TimerTrigger.Rule) -> String {
    switch rule {
    case .cron(let expression, let zone): "cron \(expression) (\(zone))"
    case .every(let period): "every \(ManifestForms.text(period))"
    case .at(let time): "at \(CivilTime.formatRFC3339(milliseconds: time.milliseconds))"
    }
  }

  private static func missed(_ missed: TimerTrigger.Missed) -> String {
    switch missed {
    case .skip: "skip"
    case .latest: "latest"
    case .all(let max): "all (at most \(max))"
    }
  }
}
