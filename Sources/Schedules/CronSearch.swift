// Finds the next instant of an expression in a time zone, and knows what a change of the clocks
// does to it: Debian's cron is the model. It is bounded by a number of years, so an expression
// that never fires costs a few thousand steps and no more.

/// One search.
///
/// A pattern with a wildcard in minute or hour fires in each real minute that matches.
/// Every other one fires once for each local time: at the first instant after the jump where the
/// clocks skip it, and the first time only where they repeat it.
struct CronSearch {
  /// 29 February on a given weekday comes back within 40 years; twice that, in case the clocks of a
  /// zone skip it once.
  static let yearsMax = 82
  /// A jump of more than three hours sets the calendar right (a zone that changes sides of the
  /// date line): nothing is made up for and nothing held back, as in Debian's cron.
  static let clockChangeSecondsMax = 3 * 3600

  private static let firstSecond = CivilTime.seconds(year: 1, month: 1, day: 1)
  private static let endSecond = CivilTime.seconds(year: 10_000, month: 1, day: 1)

  private let expression: CronExpression
  private let zone: TimeZoneRules
  /// Months and stretches of one offset looked at so far: what a search costs.
  private(set) var steps = 0

  init(_ expression: CronExpression, in zone: TimeZoneRules) {
    self.expression = expression
    self.zone = zone
  }

  /// The first firing in the years 1 to 9999 that is later than `milliseconds`.
  mutating func first(after milliseconds: Int64) -> CronInstant? {
    var from = max(Int(milliseconds).floored(by: 1000).quotient + 1, Self.firstSecond)
    let end = min(from + Self.yearsMax * 366 * CivilTime.secondsPerDay, Self.endSecond)
    while from < end {
      steps += 1
      let stretch = zone.stretch(at: from)
      if let instant = first(in: stretch, from: from, end: min(stretch.end, end)) {
        return instant
      }
      from = stretch.end
    }
    return nil
  }

  private mutating func first(
    in stretch: TimeZoneRules.Stretch, from: Int, end: Int
  ) -> CronInstant? {
    var localFrom = from + stretch.offset
    if !expression.followsElapsedTime {
      let jump = stretch.offset - stretch.offsetBefore
      if jump > 0, jump <= Self.clockChangeSecondsMax, from == stretch.start,
        firstLocal(in: from + stretch.offsetBefore..<localFrom) != nil
      {
        return instant(from, in: stretch, isAfterSkippedTime: true)
      }
      if jump < 0, -jump <= Self.clockChangeSecondsMax {
        localFrom = max(localFrom, stretch.start + stretch.offsetBefore)
      }
    }
    return firstLocal(in: localFrom..<max(localFrom, end + stretch.offset))
      .map { instant($0 - stretch.offset, in: stretch, isAfterSkippedTime: false) }
  }

  private func instant(
    _ seconds: Int, in stretch: TimeZoneRules.Stretch, isAfterSkippedTime: Bool
  ) -> CronInstant {
    CronInstant(
      milliseconds: Int64(seconds) * 1000, offsetSeconds: stretch.offset,
      isAfterSkippedTime: isAfterSkippedTime)
  }

  /// The first full minute that matches on a clock that never changes.
  private mutating func firstLocal(in range: Range<Int>) -> Int? {
    let firstMinute = -(-range.lowerBound).floored(by: 60).quotient
    var (day, minuteOfDay) = firstMinute.floored(by: 1440)
    while day * CivilTime.secondsPerDay < range.upperBound {
      steps += 1
      let date = CivilTime.date(ofDay: day)
      var days = expression.matchingDays(year: date.year, month: date.month) >> date.day
      var candidate = day
      while days != 0 {
        candidate += days.trailingZeroBitCount
        if let minute = expression.firstMinute(ofDayFrom: candidate == day ? minuteOfDay : 0) {
          let local = candidate * CivilTime.secondsPerDay + minute * 60
          return local < range.upperBound ? local : nil
        }
        days = days >> days.trailingZeroBitCount & ~1
      }
      day += CivilTime.daysInMonth(year: date.year, month: date.month) - date.day + 1
      minuteOfDay = 0
    }
    return nil
  }
}

extension CronExpression {
  /// Nil where nothing comes for 82 years, or before the year 10000.
  package func next(after milliseconds: Int64, in zone: TimeZoneRules) -> CronInstant? {
    var search = CronSearch(self, in: zone)
    return search.first(after: milliseconds)
  }

  /// Later than `start`, up to and including `end`; the earliest ones where there are more than
  /// `limit`.
  package func instants(
    after start: Int64, through end: Int64, in zone: TimeZoneRules, limit: Int
  ) -> [CronInstant] {
    var instants: [CronInstant] = []
    var last = start
    while instants.count < limit, let instant = next(after: last, in: zone),
      instant.milliseconds <= end
    {
      instants.append(instant)
      last = instant.milliseconds
    }
    return instants
  }
  /// The last one later than `start`, up to and including `end`.
  ///
  /// It looks back an hour, then four
  /// times as far and so on, so that a pattern of minutes is not walked through from the start.
  package func latest(
    after start: Int64, through end: Int64, in zone: TimeZoneRules
  ) -> CronInstant? {
    var window: Int64 = 3_600_000
    while start < end {
      let (candidate, isBeforeTime) = end.subtractingReportingOverflow(window)
      let from = isBeforeTime || window > .max / 4 ? start : max(start, candidate)
      if var found = next(after: from, in: zone), found.milliseconds <= end {
        while let later = next(after: found.milliseconds, in: zone), later.milliseconds <= end {
          found = later
        }
        return found
      }
      guard from > start else { return nil }
      window *= 4
    }
    return nil
  }
}
