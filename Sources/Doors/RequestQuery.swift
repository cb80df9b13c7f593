// The query of a control call: each parameter once, percent-decoded, and nothing that the call does
// not know, so that a misspelt filter is an error and not a list of everything.

import HTTP
import Invocations
import Schedules

struct RequestQuery {
  private var values: [String: [String]] = [:]

  /// Those that may come more than once.
  private static let lists: Set<String> = ["where", "set"]

  /// As an action keeps them.
  init(_ fields: [HTTPCall.Field]) {
    for field in fields { values[field.name, default: []].append(field.value) }
  }

  init(_ query: String?, allowed: Set<String>) throws(RequestFault) {
    for part in (query ?? "").split(separator: "&") {
      let pieces = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      let name = try Self.decoded(pieces[0])
      let value = pieces.count > 1 ? try Self.decoded(pieces[1]) : ""
      guard allowed.contains(name) else {
        throw RequestFault(
          "unknown-parameter",
          "unknown query parameter '\(name)'; this call takes "
            + (allowed.isEmpty ? "none" : allowed.sorted().joined(separator: ", ")))
      }
      guard values[name] == nil || Self.lists.contains(name) else {
        throw RequestFault("repeated-parameter", "query parameter '\(name)' is given twice")
      }
      values[name, default: []].append(value)
    }
  }

  subscript(_ name: String) -> String? { values[name]?.first.flatMap { $0.isEmpty ? nil : $0 } }

  func all(_ name: String) -> [String] { values[name] ?? [] }

  func flag(_ name: String) throws(RequestFault) -> Bool {
    switch values[name]?.first {
    case nil, "false": return false
    case "", "true": return true
    case let other?:
      throw RequestFault("bad-parameter", "'\(name)' must be true or false; got '\(other)'")
    }
  }

  private static func decoded(_ text: Substring) throws(RequestFault) -> String {
    var bytes: [UInt8] = []
    var rest = text.utf8[...]
    while let byte = rest.popFirst() {
      switch byte {
      case UInt8(ascii: "+"): bytes.append(UInt8(ascii: " "))
      case UInt8(ascii: "%"):
        guard let high = rest.popFirst().flatMap(hex), let low = rest.popFirst().flatMap(hex)
        else {
          throw RequestFault("bad-parameter", "bad percent-encoding in the query: '\(text)'")
        }
        bytes.append(high << 4 | low)
      default: bytes.append(byte)
      }
    }
    guard let decoded = String(validating: bytes, as: UTF8.self) else {
      throw RequestFault("bad-parameter", "the query is not UTF-8: '\(text)'")
    }
    return decoded
  }

  private static func hex(_ byte: UInt8) -> UInt8? {
    Character(UnicodeScalar(byte)).hexDigitValue.map { UInt8($0) }
  }
}

struct RequestFault: Error {
  var code: String
  var detail: String

  init(_ code: String, _ detail: String) {
    self.code = code
    self.detail = detail
  }

  var response: HTTPResponse { .problem(.badRequest(code, detail)) }

  static let keyMissing = RequestFault(
    "idempotency-key-missing",
    "this function asks for an Idempotency-Key header; send one that is unique to the request, "
      + "and the same one when you send the request again")
}

extension RequestQuery {
  static let filters: Set<String> = [
    "function", "state", "reason", "queue", "key", "since", "until", "text", "event", "where",
    "fingerprint", "release", "limit", "cursor",
  ]

  /// Conditions on values of the event in one call.
  static let matchesMax = 8

  /// What selects, as an action keeps it: times as instants, whatever the clock says later.
  func kept(_ filter: InvocationFilter) -> [HTTPCall.Field] {
    var fields: [HTTPCall.Field] = []
    for name in ["function", "reason", "queue", "key", "text", "event", "fingerprint", "release"] {
      if let value = self[name] { fields.append(.init(name: name, value: value)) }
    }
    if !filter.states.isEmpty {
      let states = filter.states.map(\.description).joined(separator: ",")
      fields.append(.init(name: "state", value: states))
    }
    if let since = filter.since { fields.append(.init(name: "since", value: since.text)) }
    if let until = filter.until { fields.append(.init(name: "until", value: until.text)) }
    for match in all("where") { fields.append(.init(name: "where", value: match)) }
    return fields
  }

  func filter(now: WallTime) throws(RequestFault) -> InvocationFilter {
    var filter = InvocationFilter()
    filter.function = self["function"]
    filter.queue = self["queue"]
    filter.key = self["key"]
    filter.text = self["text"]
    filter.eventText = self["event"]
    for word in (self["state"] ?? "").split(separator: ",") {
      guard let state = StateWord(String(word)) else {
        throw unknownWord("state", String(word), StateWord.allCases.map(\.description))
      }
      filter.states.append(state)
    }
    if let word = self["reason"] {
      guard let reason = DeathReason(word) else {
        throw unknownWord("reason", word, DeathReason.allCases.map(\.description))
      }
      filter.reason = reason
    }
    filter.matches = try matches()
    if let text = self["fingerprint"] { filter.fingerprint = try fingerprint(text) }
    if let text = self["release"] {
      guard let number = Int(text), number > 0 else {
        throw RequestFault("bad-parameter", "'release' must be the number of one; got '\(text)'")
      }
      filter.release = number
    }
    filter.since = try time("since", now: now)
    filter.until = try time("until", now: now)
    if let since = filter.since, let until = filter.until, since >= until {
      throw RequestFault("bad-parameter", "'since' must be before 'until'; nothing lies between")
    }
    filter.limit = try limit()
    if let cursor = self["cursor"] {
      guard let id = InvocationID(cursor) else {
        throw RequestFault("bad-cursor", "'cursor' must be the 'next' of a page; got '\(cursor)'")
      }
      filter.before = id
    }
    return filter
  }

  private func matches() throws(RequestFault) -> [FieldMatch] {
    let texts = all("where")
    guard texts.count <= Self.matchesMax else {
      throw RequestFault(
        "bad-parameter", "'where' may come \(Self.matchesMax) times; got \(texts.count)")
    }
    var matches: [FieldMatch] = []
    for text in texts {
      let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      guard parts.count == 2, let path = EventPath(String(parts[0])) else {
        throw RequestFault(
          "bad-parameter",
          "'where' must be a path of the event and its value, such as data.orderId=ord-9182; got "
            + "'\(text)'")
      }
      matches.append(FieldMatch(path: path, value: String(parts[1])))
    }
    return matches
  }

  func fingerprint(_ text: String) throws(RequestFault) -> Fingerprint {
    guard let fingerprint = Fingerprint(text) else {
      throw RequestFault(
        "bad-parameter",
        "'fingerprint' is ten characters, as the list of errors shows them; got '\(text)'")
    }
    return fingerprint
  }

  private func unknownWord(_ name: String, _ word: String, _ words: [String]) -> RequestFault {
    RequestFault(
      "bad-parameter", "'\(name)' is one of \(words.joined(separator: ", ")); got '\(word)'")
  }

  func limit() throws(RequestFault) -> Int {
    guard let text = self["limit"] else { return InvocationFilter.limitDefault }
    guard let limit = Int(text), (1...InvocationFilter.limitMax).contains(limit) else {
      throw RequestFault(
        "bad-parameter", "'limit' must be 1…\(InvocationFilter.limitMax); got '\(text)'")
    }
    return limit
  }

  /// Of a listing whose items are numbered: those below `before`.
  static func numberedPage(
    _ query: String?
  ) throws(RequestFault) -> (limit: Int, before: Int?) {
    let query = try RequestQuery(query, allowed: ["limit", "cursor"])
    let limit = try query.limit()
    guard let cursor = query["cursor"] else { return (limit, nil) }
    guard let number = Int(cursor) else {
      throw RequestFault("bad-cursor", "'cursor' must be the 'next' of a page; got '\(cursor)'")
    }
    return (limit, number)
  }

  /// RFC 3339, or a duration back from now such as `2h`.
  ///
  /// Within the years that RFC 3339 can write, since an action keeps it as text.
  func time(_ name: String, now: WallTime) throws(RequestFault) -> WallTime? {
    guard let text = self[name] else { return nil }
    let writable = CivilTime.formattable
    if let back = milliseconds(text) {
      return WallTime(milliseconds: max(writable.lowerBound, now.milliseconds - back))
    }
    do {
      let time = try CivilTime.parseRFC3339(text)
      return WallTime(milliseconds: min(max(time, writable.lowerBound), writable.upperBound))
    } catch {
      throw RequestFault(
        "bad-parameter",
        "'\(name)' must be RFC 3339 such as 2027-01-01T00:00:00Z, or a time back from now "
          + "such as 90s, 15m, 2h or 7d; got '\(text)'")
    }
  }

  private func milliseconds(_ text: String) -> Int64? {
    let units: [Character: Int64] = ["s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000]
    guard let last = text.last, let unit = units[last], let count = Int64(text.dropLast()),
      count >= 0, count <= 36_500_000
    else { return nil }
    return count * unit
  }
}
