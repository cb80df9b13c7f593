// The proleptic Gregorian calendar as plain arithmetic on days and seconds since 1970-01-01.
// It knows no time zone and no leap second; TimeZoneRules maps its seconds to instants.

/// A day of the calendar.
package struct CivilDate: Sendable, Equatable {
  package let year: Int
  /// 1 to 12.
  package let month: Int
  /// 1 to 31.
  package let day: Int

  package init(year: Int, month: Int, day: Int) {
    self.year = year
    self.month = month
    self.day = day
  }
}

package enum CivilTime {
  package static let secondsPerDay = 86_400

  /// From 0001-01-01 to 1970-01-01.
  private static let daysBeforeEpoch = 719_162
  private static let daysPerEra = 146_097
  private static let daysPerCentury = 36_524
  private static let daysPerLeapCycle = 1_461
  private static let daysBeforeMonth = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334]

  package static func isLeap(year: Int) -> Bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
  }

  package static func daysInMonth(year: Int, month: Int) -> Int {
    switch month {
    case 2: isLeap(year: year) ? 29 : 28
    case 4, 6, 9, 11: 30
    default: 31
    }
  }

  /// Days since 1970-01-01.
  ///
  /// The month must be 1 to 12; the day may lie outside of its month and
  /// then counts on into its neighbours.
  package static func days(year: Int, month: Int, day: Int) -> Int {
    let past = year - 1
    let leapDays =
      past.floored(by: 4).quotient - past.floored(by: 100).quotient + past.floored(by: 400).quotient
    let thisLeapDay = month > 2 && isLeap(year: year) ? 1 : 0
    return past * 365 + leapDays + daysBeforeMonth[month - 1] + thisLeapDay + day - 1
      - daysBeforeEpoch
  }

  package static func date(ofDay day: Int) -> CivilDate {
    let era = (day + daysBeforeEpoch).floored(by: daysPerEra)
    // The last day of an era or of a leap cycle would open a fifth century or year: keep it.
    let century = min(era.remainder / daysPerCentury, 3)
    let dayOfCentury = era.remainder - century * daysPerCentury
    let (cycle, dayOfCycle) = dayOfCentury.quotientAndRemainder(dividingBy: daysPerLeapCycle)
    let yearOfCycle = min(dayOfCycle / 365, 3)
    let year = era.quotient * 400 + century * 100 + cycle * 4 + yearOfCycle + 1
    return date(year: year, dayOfYear: dayOfCycle - yearOfCycle * 365)
  }

  private static func date(year: Int, dayOfYear: Int) -> CivilDate {
    var month = 1
    var day = dayOfYear
    while day >= daysInMonth(year: year, month: month) {
      day -= daysInMonth(year: year, month: month)
      month += 1
    }
    return CivilDate(year: year, month: month, day: day + 1)
  }

  /// 0 is Sunday, 6 is Saturday.
  package static func weekday(ofDay day: Int) -> Int {
    (day + 4).floored(by: 7).remainder
  }

  /// Seconds since 1970-01-01T00:00:00 on a clock that never changes.
  package static func seconds(
    year: Int, month: Int, day: Int, hour: Int = 0, minute: Int = 0, second: Int = 0
  ) -> Int {
    days(year: year, month: month, day: day) * secondsPerDay + hour * 3600 + minute * 60 + second
  }
}

extension Int {
  /// Division that rounds towards the past, so that instants before 1970 fall into the right day.
  func floored(by divisor: Int) -> (quotient: Int, remainder: Int) {
    let (quotient, remainder) = quotientAndRemainder(dividingBy: divisor)
    return remainder < 0 ? (quotient - 1, remainder + divisor) : (quotient, remainder)
  }
}
