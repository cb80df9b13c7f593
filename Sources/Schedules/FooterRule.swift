// The rule for the years after a zone's last listed transition: the POSIX TZ text that closes a
// TZif file, with RFC 8536's wider hours. Only rules with daylight saving exist as values; a zone
// that keeps one offset for ever needs none.

/// When the clock changes each year, and between which offsets.
///
/// Offsets are seconds east of UTC.
struct FooterRule: Sendable, Equatable {
  struct Change: Equatable {
    /// Seconds since the epoch.
    let instant: Int
    let offset: Int
  }

  enum Day: Equatable {
    /// Week 5 is the last one of the month; weekday 0 is Sunday.
    case weekday(Int, week: Int, month: Int)
    /// 1 to 365; 29 February is never counted.
    case ofCommonYear(Int)
    /// 0 to 365; 29 February is counted.
    case ofYear(Int)
  }

  /// `seconds` after the midnight that opens the day, on the clock in force before the change.
  struct Moment: Equatable {
    let day: Day
    let seconds: Int
  }

  let standardOffset: Int
  let daylightOffset: Int
  let start: Moment
  let end: Moment

  func changes(inYear year: Int) -> [Change] {
    [
      Change(instant: start.seconds(inYear: year) - standardOffset, offset: daylightOffset),
      Change(instant: end.seconds(inYear: year) - daylightOffset, offset: standardOffset),
    ]
  }
}

extension FooterRule.Moment {
  func seconds(inYear year: Int) -> Int {
    day.day(inYear: year) * CivilTime.secondsPerDay + seconds
  }
}

extension FooterRule.Day {
  func day(inYear year: Int) -> Int {
    switch self {
    case .weekday(let weekday, let week, let month):
      let first = CivilTime.days(year: year, month: month, day: 1)
      let ahead = (weekday - CivilTime.weekday(ofDay: first)).floored(by: 7).remainder
      let offset = ahead + (week - 1) * 7
      return first
        + (offset < CivilTime.daysInMonth(year: year, month: month) ? offset : offset - 7)
    case .ofCommonYear(let number):
      let leapDay = number >= 60 && CivilTime.isLeap(year: year) ? 1 : 0
      return CivilTime.days(year: year, month: 1, day: number + leapDay)
    case .ofYear(let number):
      return CivilTime.days(year: year, month: 1, day: number + 1)
    }
  }
}

extension FooterRule {
  /// Nil where the text is empty or names no daylight saving time.
  init?(parsing text: String) throws(TZifDefect) {
    guard !text.isEmpty else { return nil }
    var reader = FooterReader(text)
    try reader.skipName()
    // POSIX counts west of Greenwich as positive.
    let standard = -(try reader.time())
    guard !reader.isAtEnd else { return nil }
    try reader.skipName()
    let daylight = reader.next == "," ? standard + 3600 : -(try reader.time())
    try reader.expect(",")
    let start = try reader.moment()
    try reader.expect(",")
    let end = try reader.moment()
    guard reader.isAtEnd, max(abs(standard), abs(daylight)) <= TimeZoneRules.offsetSecondsMax else {
      throw reader.defect
    }
    self.init(standardOffset: standard, daylightOffset: daylight, start: start, end: end)
  }
}

/// Reads a POSIX TZ text left to right.
private struct FooterReader {
  private let text: String
  private var rest: Substring

  init(_ text: String) {
    self.text = text
    rest = text[...]
  }

  var isAtEnd: Bool { rest.isEmpty }
  var next: Character? { rest.first }
  var defect: TZifDefect { TZifDefect(reason: "its rule '\(text)' is not a POSIX time zone") }

  /// `CET` or, with digits and signs in it, `<+1030>`.
  mutating func skipName() throws(TZifDefect) {
    guard next == "<" else {
      let name = rest.prefix { $0.isASCII && $0.isLetter }
      guard !name.isEmpty else { throw defect }
      rest = rest.dropFirst(name.count)
      return
    }
    guard let end = rest.firstIndex(of: ">") else { throw defect }
    rest = rest[rest.index(after: end)...]
  }

  /// `[+-]h[hh][:mm[:ss]]` in seconds.
  mutating func time() throws(TZifDefect) -> Int {
    var sign = 1
    if let first = next, first == "+" || first == "-" {
      rest = rest.dropFirst()
      sign = first == "-" ? -1 : 1
    }
    var seconds = try number(in: 0...167) * 3600
    for unit in [60, 1] where next == ":" {
      rest = rest.dropFirst()
      seconds += try number(in: 0...59) * unit
    }
    return sign * seconds
  }

  mutating func moment() throws(TZifDefect) -> FooterRule.Moment {
    let day = try day()
    guard next == "/" else { return FooterRule.Moment(day: day, seconds: 2 * 3600) }
    rest = rest.dropFirst()
    return FooterRule.Moment(day: day, seconds: try time())
  }

  private mutating func day() throws(TZifDefect) -> FooterRule.Day {
    switch next {
    case "M":
      rest = rest.dropFirst()
      let month = try number(in: 1...12)
      try expect(".")
      let week = try number(in: 1...5)
      try expect(".")
      return .weekday(try number(in: 0...6), week: week, month: month)
    case "J":
      rest = rest.dropFirst()
      return .ofCommonYear(try number(in: 1...365))
    default:
      return .ofYear(try number(in: 0...365))
    }
  }

  mutating func expect(_ character: Character) throws(TZifDefect) {
    guard next == character else { throw defect }
    rest = rest.dropFirst()
  }

  private mutating func number(in range: ClosedRange<Int>) throws(TZifDefect) -> Int {
    let digits = rest.prefix { $0.isASCII && $0.isNumber }
    guard digits.count <= 3, let value = Int(digits), range.contains(value) else { throw defect }
    rest = rest.dropFirst(digits.count)
    return value
  }
}
