// What the contract has and this release does not do. A line here means: read, checked, and then
// refused. To support something, delete its line.

enum NotYet {
  /// A key by its path, or a key and one of its values.
  static let features: Set<String> = [
    "rate",
    "order",
    "concurrency.per",
    "concurrency.limitPer",
    "idempotency.whenRunning: join",
    "onCrash: hold",
    "worker: dedicated",
  ]

  static func refusal(of feature: String) -> String? {
    features.contains(feature) ? "'\(feature)' is not supported yet" : nil
  }

  /// For the schema, where an editor shows it beside the key.
  static func note(on feature: String) -> String {
    features.contains(feature) ? " Not supported yet." : ""
  }
}
