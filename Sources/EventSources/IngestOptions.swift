// What a sender says beside the body: `id`, `type`, `subject`, `delay`, `at` and `priority`, each as a query
// parameter or as a header `Apus-Id` and so on. Said twice it has to be the same.

package import Invocations
import Schedules

package struct IngestOptions: Sendable, Equatable {
  package static let names = ["id", "type", "subject", "delay", "at", "priority"]
  /// How far ahead an event may be accepted: about ten years.
  package static let aheadMax = Duration.seconds(3_660 * 86_400)

  package private(set) var id: String?
  package private(set) var type: String?
  package private(set) var subject: String?
  /// From `delay` or `at`; nil means at once.
  package private(set) var dueAt: WallTime?
  /// nil leaves it to the function.
  package private(set) var priority: Priority?

  /// An unknown query parameter is refused, so that a misspelt `delay` is not lost in silence.
  package init(
    headers: [HTTPCall.Field], query: String?, now: WallTime
  ) throws(IngestFault) {
    var given = try Self.given(inQuery: query)
    for field in headers where field.begins(with: "apus-") {
      let name = String(field.name.dropFirst(5)).lowercased()
      if Self.names.contains(name) { try Self.take(name, field.value, into: &given) }
    }
    id = given["id"]
    type = given["type"]
    subject = given["subject"]
    priority = try Self.priority(given["priority"])
    dueAt = try Self.dueAt(delay: given["delay"], at: given["at"], now: now)
  }

  private static func given(inQuery query: String?) throws(IngestFault) -> [String: String] {
    guard let query else { return [:] }
    guard let pairs = PercentText.pairs(ofQuery: query) else {
      throw IngestFault(.badOption, "the query has bad percent-encoding or is not UTF-8")
    }
    var given: [String: String] = [:]
    for (name, value) in pairs {
      guard names.contains(name) else {
        throw IngestFault(
          .badOption, "unknown option '\(name)'; there are \(names.joined(separator: ", "))")
      }
      try take(name, value, into: &given)
    }
    return given
  }

  private static func take(
    _ name: String, _ value: String, into given: inout [String: String]
  ) throws(IngestFault) {
    guard !value.isEmpty else { throw IngestFault(.badOption, "option '\(name)' is empty") }
    guard given[name] == nil || given[name] == value else {
      throw IngestFault(.badOption, "option '\(name)' is given twice with different values")
    }
    given[name] = value
  }

  private static func priority(_ text: String?) throws(IngestFault) -> Priority? {
    guard let text else { return nil }
    guard let priority = Priority(text) else {
      throw IngestFault(
        .badOption, "option 'priority' must be high, normal or low; got '\(text)'")
    }
    return priority
  }

  private static func dueAt(
    delay: String?, at: String?, now: WallTime
  ) throws(IngestFault) -> WallTime? {
    let due: WallTime
    switch (delay, at) {
    case (nil, nil): return nil
    case (.some, .some):
      throw IngestFault(.badOption, "options 'delay' and 'at' exclude each other")
    case (let delay?, nil):
      guard let wait = duration(delay) else {
        throw IngestFault(
          .badOption,
          "option 'delay' must be a duration such as 250ms, 30s, 5m, 6h or 7d, "
            + "at most 3660d; got '\(delay)'")
      }
      due = now + wait
    case (nil, let at?): due = try instant(at)
    }
    guard due <= now + aheadMax else {
      throw IngestFault(.badOption, "options 'delay' and 'at' reach at most 3660 days ahead")
    }
    return due
  }

  private static func instant(_ text: String) throws(IngestFault) -> WallTime {
    do { return WallTime(milliseconds: try CivilTime.parseRFC3339(text)) } catch {
      throw IngestFault(
        .badOption,
        "option 'at' must be a time such as 2027-01-01T00:00:00Z: \(error.message); got '\(text)'")
    }
  }

  private static func duration(_ text: String) -> Duration? {
    let digits = text.prefix { $0.isASCII && $0.isNumber }
    let units: [String: Int64] = [
      "ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000,
    ]
    guard let count = Int64(digits), let unit = units[String(text.dropFirst(digits.count))] else {
      return nil
    }
    let (milliseconds, overflow) = count.multipliedReportingOverflow(by: unit)
    return overflow ? nil : .milliseconds(milliseconds)
  }
}
