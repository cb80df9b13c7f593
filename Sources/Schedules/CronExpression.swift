// A cron expression: which minutes of a calendar it names. CronParser reads it, CronSearch finds
// its instants in a time zone. It never looks at a clock.

/// What is wrong with a cron expression, and what to write instead.
package struct CronError: Error, Equatable {
  package let message: String
  /// 1-based offset in the expression, in Unicode scalars.
  package let column: Int

  package init(message: String, column: Int) {
    self.message = message
    self.column = column
  }
}

/// One firing of an expression.
package struct CronInstant: Sendable, Equatable {
  /// Since the epoch.
  package let milliseconds: Int64
  /// Of the zone, from this instant on.
  package let offsetSeconds: Int
  /// The clocks jumped over the time that was asked for; this is the first instant after the jump.
  package let isAfterSkippedTime: Bool
}

package struct CronExpression: Sendable, Equatable {
  /// As it was written.
  package let source: String

  /// Bit n stands for minute n, hour n, day n, month n.
  let minutes: UInt64
  let hours: UInt32
  let days: UInt32
  let months: UInt16
  /// `L` in the day field.
  let includesLastDay: Bool
  let weekdays: WeekdaySet
  /// Vixie's rule: a day must satisfy both day fields if either starts with `*`, else one of them.
  let bothDayFieldsMustMatch: Bool
  /// A minute or hour that starts with `*`: such a pattern follows elapsed time across a change of
  /// the clocks, and every other one its local time.
  let followsElapsedTime: Bool

  package init(parsing text: String) throws(CronError) {
    self = try CronParser.expression(text)
  }

  init(source: String, fields: CronFields) {
    self.source = source
    minutes = fields.minute.values
    hours = UInt32(truncatingIfNeeded: fields.hour.values)
    days = UInt32(truncatingIfNeeded: fields.day.values)
    months = UInt16(truncatingIfNeeded: fields.month.values)
    includesLastDay = fields.day.includesLastDay
    weekdays = WeekdaySet(
      every: UInt8(truncatingIfNeeded: fields.weekday.values), last: fields.weekday.lastWeekdays,
      numbered: fields.weekday.numberedWeekdays)
    bothDayFieldsMustMatch = fields.day.startsWithStar || fields.weekday.startsWithStar
    followsElapsedTime = fields.minute.startsWithStar || fields.hour.startsWithStar
  }
}

/// The weekday field; bit 0 is Sunday.
struct WeekdaySet: Sendable, Equatable {
  /// Plain weekdays such as `1-5`.
  let every: UInt8
  /// `5L`: only the last one of the month.
  let last: UInt8
  /// `1#2`: bit 7 × (2 − 1) + 1.
  let numbered: UInt64

  func contains(weekday: Int, day: Int, daysInMonth: Int) -> Bool {
    every >> weekday & 1 == 1
      || (last >> weekday & 1 == 1 && day + 7 > daysInMonth)
      || numbered >> ((day - 1) / 7 * 7 + weekday) & 1 == 1
  }
}

extension CronExpression {
  /// Whether any year has a minute that matches; `0 0 31 2 *` has none.
  ///
  /// A zone may still skip every such minute of a pattern with a wildcard: then `next` is nil.
  package var canFire: Bool {
    // 28 years in a row without a missing leap year start on every weekday, leap year or not.
    (2000..<2028).contains { year in
      (1...12).contains { matchingDays(year: year, month: $0) != 0 }
    }
  }

  /// Bit n stands for day n; 0 where the month does not match.
  func matchingDays(year: Int, month: Int) -> UInt32 {
    guard months >> month & 1 == 1 else { return 0 }
    let count = CivilTime.daysInMonth(year: year, month: month)
    let byDay = (days | (includesLastDay ? 1 << count : 0)) & (.max >> (31 - count))
    let weekdayBefore = CivilTime.weekday(
      ofDay: CivilTime.days(year: year, month: month, day: 1) - 1)
    var byWeekday: UInt32 = 0
    for day in 1...count
    where weekdays.contains(weekday: (weekdayBefore + day) % 7, day: day, daysInMonth: count) {
      byWeekday |= 1 << day
    }
    return bothDayFieldsMustMatch ? byDay & byWeekday : byDay | byWeekday
  }

  /// The first matching minute of a day, counted from midnight, that is not before `minuteOfDay`.
  func firstMinute(ofDayFrom minuteOfDay: Int) -> Int? {
    let hour = minuteOfDay / 60
    let minutesLeft = minutes >> (minuteOfDay % 60)
    if hours >> hour & 1 == 1, minutesLeft != 0 {
      return minuteOfDay + minutesLeft.trailingZeroBitCount
    }
    let hoursLeft = hours >> (hour + 1)
    guard hoursLeft != 0 else { return nil }
    return (hour + 1 + hoursLeft.trailingZeroBitCount) * 60 + minutes.trailingZeroBitCount
  }
}
