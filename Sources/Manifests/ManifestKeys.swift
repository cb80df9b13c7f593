// The keys of each mapping of a manifest, in the order in which the contract shows them.

enum ManifestKeys {
  static let function = [
    "function", "handler", "description", "triggers", "concurrency", "rate", "order", "priority",
    "batch", "debounce", "timeout",
    "retry", "idempotency", "deadLetter", "onCrash", "queueLimit", "payloadLimit", "limits",
    "environment", "secrets", "worker", "durability", "fields", "redact", "keep",
  ]
  static let trigger = ["queue", "timer", "http", "batch", "verify"]
  static let source = ["queue", "timer", "http"]
  static let verify = ["scheme", "secret", "tolerance"]
  static let timer = ["cron", "every", "at", "timezone", "missed"]
  static let missed = ["all"]
  static let concurrency = ["limit", "per", "limitPer"]
  static let rate = ["limit", "burst", "per"]
  static let batch = ["size", "window"]
  static let debounce = ["per", "for", "atMost"]
  static let retry = ["attempts", "first", "factor", "max", "jitter", "maxAge"]
  static let limits = ["memory", "result", "emits", "logLines", "logSize"]
  static let keep = ["succeeded", "dead", "count", "size"]
  static let idempotency = ["key", "keep", "required", "whenRunning"]
}
