// RFC 3339 in and out, in milliseconds since the epoch.
// Parsing takes what the RFC's grammar takes and nothing else of ISO 8601: no space for the T, no
// missing offset, no week dates.

/// Why a text is not an RFC 3339 instant.
package struct RFC3339Error: Error, Equatable {
  package let message: String
  /// 1-based offset in the text.
  package let column: Int

  package init(message: String, column: Int) {
    self.message = message
    self.column = column
  }
}

extension CivilTime {
  /// 0000-01-01T00:00:00.000Z and 9999-12-31T23:59:59.999Z: RFC 3339 has four digits for a year.
  package static let formattable: ClosedRange<Int64> = -62_167_219_200_000...253_402_300_799_999

  /// `2027-01-01T00:00:00.000Z`, or with `+02:00` where an offset is given.
  ///
  /// An instant outside of the years 0000 to 9999 is shown as the nearest one inside, so that what
  /// was formatted can always be parsed. Seconds of an offset (clocks before 1900) are dropped from
  /// the offset and from the time alike, so the text still names the instant.
  package static func formatRFC3339(milliseconds: Int64, offsetSeconds: Int = 0) -> String {
    let offsetMinutes = offsetSeconds / 60
    let instant = min(max(milliseconds, formattable.lowerBound), formattable.upperBound)
    let local = instant + Int64(offsetMinutes) * 60_000
    // At the edges of the calendar the local time may have no four digits; UTC has.
    guard formattable.contains(local) else { return text(of: Int(instant), offsetMinutes: 0) }
    return text(of: Int(local), offsetMinutes: offsetMinutes)
  }

  private static func text(of milliseconds: Int, offsetMinutes: Int) -> String {
    let (seconds, fraction) = milliseconds.floored(by: 1000)
    let (day, second) = seconds.floored(by: secondsPerDay)
    let date = date(ofDay: day)
    return String(unsafeUninitializedCapacity: 32) { text in
      var place = 0
      append(date.year, width: 4, then: "-", to: text, at: &place)
      append(date.month, width: 2, then: "-", to: text, at: &place)
      append(date.day, width: 2, then: "T", to: text, at: &place)
      append(second / 3600, width: 2, then: ":", to: text, at: &place)
      append(second / 60 % 60, width: 2, then: ":", to: text, at: &place)
      append(second % 60, width: 2, then: ".", to: text, at: &place)
      let sign: Unicode.Scalar = offsetMinutes == 0 ? "Z" : offsetMinutes < 0 ? "-" : "+"
      append(fraction, width: 3, then: sign, to: text, at: &place)
      guard offsetMinutes != 0 else { return place }
      append(abs(offsetMinutes) / 60, width: 2, then: ":", to: text, at: &place)
      append(abs(offsetMinutes) % 60, width: 2, then: nil, to: text, at: &place)
      return place
    }
  }

  private static func append(
    _ value: Int, width: Int, then mark: Unicode.Scalar?,
    to text: UnsafeMutableBufferPointer<UInt8>,
    at place: inout Int
  ) {
    var rest = value
    for index in (place..<place + width).reversed() {
      text[index] = UInt8(ascii: "0") + UInt8(rest % 10)
      rest /= 10
    }
    place += width
    guard let mark else { return }
    text[place] = UInt8(ascii: mark)
    place += 1
  }

  /// Milliseconds since the epoch; digits past the third of a fraction are dropped.
  ///
  /// A leap second (`:60`, at 23:59 UTC only) becomes the last millisecond of its minute.
  package static func parseRFC3339(_ text: String) throws(RFC3339Error) -> Int64 {
    var reader = RFC3339Reader(text)
    return try reader.instant()
  }
}

/// Reads left to right; `position` is always the offset of the next unread byte.
private struct RFC3339Reader {
  private let bytes: [UInt8]
  private var position = 0

  init(_ text: String) {
    bytes = Array(text.utf8)
  }

  mutating func instant() throws(RFC3339Error) -> Int64 {
    let day = try day()
    try expect("Tt", "a 'T' between day and time")
    let hour = try number("hour", digits: 2, in: 0...23)
    try expect(":", "a ':' after the hour")
    let minute = try number("minute", digits: 2, in: 0...59)
    try expect(":", "a ':' after the minute")
    let secondColumn = position + 1
    let second = try number("second", digits: 2, in: 0...60)
    let fraction = try fractionMilliseconds()
    let offsetMinutes = try offsetMinutes()
    guard position == bytes.count else {
      throw RFC3339Error(message: "nothing may follow the offset", column: position + 1)
    }
    let minutes = day * 1440 + hour * 60 + minute - offsetMinutes
    guard second == 60 else { return Int64((minutes * 60 + second) * 1000 + fraction) }
    guard minutes.floored(by: 1440).remainder == 1439 else {
      throw RFC3339Error(
        message: "second 60 is a leap second, which only 23:59 UTC can have", column: secondColumn)
    }
    return Int64(minutes * 60_000 + 59_999)
  }

  private mutating func day() throws(RFC3339Error) -> Int {
    let year = try number("year", digits: 4, in: 0...9999)
    try expect("-", "a '-' after the year")
    let month = try number("month", digits: 2, in: 1...12)
    try expect("-", "a '-' after the month")
    let daysMax = CivilTime.daysInMonth(year: year, month: month)
    let day = try number("day", digits: 2, in: 1...daysMax)
    return CivilTime.days(year: year, month: month, day: day)
  }

  private mutating func fractionMilliseconds() throws(RFC3339Error) -> Int {
    guard take(ifOneOf: ".") != nil else { return 0 }
    var milliseconds = 0
    var weight = 100
    let start = position
    while let digit = nextDigit() {
      milliseconds += digit * weight
      weight /= 10
      position += 1
    }
    guard position > start else {
      throw RFC3339Error(message: "expected digits after the '.'", column: position + 1)
    }
    return milliseconds
  }

  private mutating func offsetMinutes() throws(RFC3339Error) -> Int {
    guard let sign = take(ifOneOf: "Zz+-") else {
      throw RFC3339Error(
        message: "expected an offset: 'Z' for UTC, or one such as '+02:00'", column: position + 1)
    }
    guard sign == UInt8(ascii: "+") || sign == UInt8(ascii: "-") else { return 0 }
    let hours = try number("offset hour", digits: 2, in: 0...23)
    try expect(":", "a ':' in the offset")
    let minutes = try number("offset minute", digits: 2, in: 0...59)
    return (hours * 60 + minutes) * (sign == UInt8(ascii: "-") ? -1 : 1)
  }

  private mutating func number(
    _ name: String, digits: Int, in range: ClosedRange<Int>
  ) throws(RFC3339Error) -> Int {
    let start = position
    var value = 0
    for _ in 0..<digits {
      guard let digit = nextDigit() else {
        throw RFC3339Error(
          message: "expected \(digits) digits of the \(name)", column: position + 1)
      }
      value = value * 10 + digit
      position += 1
    }
    guard range.contains(value) else {
      throw RFC3339Error(
        message: "\(name) \(value) is not in \(range.lowerBound)–\(range.upperBound)",
        column: start + 1)
    }
    return value
  }

  private mutating func expect(_ options: String, _ what: String) throws(RFC3339Error) {
    guard take(ifOneOf: options) != nil else {
      throw RFC3339Error(message: "expected \(what)", column: position + 1)
    }
  }

  private mutating func take(ifOneOf options: String) -> UInt8? {
    guard position < bytes.count, options.utf8.contains(bytes[position]) else { return nil }
    position += 1
    return bytes[position - 1]
  }

  private func nextDigit() -> Int? {
    guard position < bytes.count, (0x30...0x39).contains(bytes[position]) else { return nil }
    return Int(bytes[position]) - 0x30
  }
}
