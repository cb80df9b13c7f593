// Instants in UTC: against a walker of minutes, at leap days, at the ends of the calendar, and what
// a search costs.

import Testing

@testable import Schedules

struct CronSearchTests {
  private func instants(_ text: String, after start: String, count: Int) throws -> [String] {
    try CronExpression(parsing: text)
      .instants(after: at(start), through: .max, in: .utc, limit: count)
      .map { CivilTime.formatRFC3339(milliseconds: $0.milliseconds) }
  }

  @Test(arguments: 1...400)
  func `the next instants are those of a walk through all minutes`(seed: UInt64) throws {
    var numbers = SeededNumbers(seed: seed)
    let random = RandomExpression(from: &numbers)
    let expression = try CronExpression(parsing: random.text)
    let start = Int.random(in: 1_577_836_800..<1_893_456_000, using: &numbers)
    let firstDay = start / 86_400
    var walked: [Int64] = []
    for day in firstDay..<firstDay + 1500 where random.matches(CountedDay.all[day]) {
      for minute in 0..<1440 where random.matches(minuteOfDay: minute) {
        let instant = day * 86_400 + minute * 60
        if instant > start { walked.append(Int64(instant) * 1000) }
      }
      if walked.count >= 20 { break }
    }
    let found = expression.instants(
      after: Int64(start) * 1000, through: Int64(firstDay + 1500) * 86_400_000 - 1, in: .utc,
      limit: walked.count >= 20 ? walked.count : .max)
    #expect(found.map(\.milliseconds) == walked, "\(random.text)")
    if let last = found.last {
      #expect(
        expression.latest(
          after: Int64(start) * 1000, through: last.milliseconds, in: .utc) == last)
    }
  }

  @Test(arguments: [
    ("0 0 29 2 *", ["2028-02-29", "2032-02-29", "2036-02-29"]),
    ("0 0 L 2 *", ["2026-02-28", "2027-02-28", "2028-02-29"]),
    ("0 0 * * 5L", ["2026-01-30", "2026-02-27", "2026-03-27"]),
    ("0 0 * * mon#2", ["2026-01-12", "2026-02-09", "2026-03-09"]),
    ("0 0 L * *", ["2026-01-31", "2026-02-28", "2026-03-31"]),
    ("0 0 31 * *", ["2026-01-31", "2026-03-31", "2026-05-31"]),
    ("0 0 13 * fri", ["2026-01-02", "2026-01-09", "2026-01-13"]),
    ("@yearly", ["2027-01-01", "2028-01-01", "2029-01-01"]),
    // 2100 has no leap day: 40 years lie between two of these.
    ("0 0 * 2 mon#5", ["2044-02-29", "2072-02-29", "2112-02-29"]),
  ])
  func `rare days are found`(text: String, days: [String]) throws {
    let expected = days.map { $0 + "T00:00:00.000Z" }
    #expect(try instants(text, after: "2026-01-01T00:00:00Z", count: 3) == expected)
  }

  @Test(arguments: [
    ("2026-05-05T05:04:59.999Z", "2026-05-05T05:05:00.000Z"),
    ("2026-05-05T05:05:00.000Z", "2026-05-05T05:10:00.000Z"),
    ("2026-05-05T05:05:00.001Z", "2026-05-05T05:10:00.000Z"),
    ("1969-12-31T23:59:59.999Z", "1970-01-01T00:00:00.000Z"),
    ("1923-02-28T23:55:00.500Z", "1923-03-01T00:00:00.000Z"),
  ])
  func `an instant never comes after itself, before 1970 either`(after: String, next: String) throws
  {
    #expect(try instants("*/5 * * * *", after: after, count: 1) == [next])
  }

  @Test func `the calendar ends with the year 9999 and begins with the year 1`() throws {
    let yearly = try CronExpression(parsing: "@yearly")
    #expect(yearly.next(after: .max, in: .utc) == nil)
    #expect(yearly.next(after: try at("9999-01-01T00:00:00Z"), in: .utc) == nil)
    #expect(
      yearly.next(after: .min, in: .utc)?.milliseconds == (try at("0001-01-01T00:00:00Z")))
  }

  @Test(arguments: [
    ("* * * * *", 2), ("0 0 1 1 *", 13), ("0 0 29 2 *", 50), ("0 0 * 2 mon#5", 482),
    ("0 0 31 2 *", 82 * 12 + 12), ("0 0 */20 * 1L", 82 * 12 + 12),
  ])
  func `a search costs a bounded number of steps`(text: String, stepsMax: Int) throws {
    let expression = try CronExpression(parsing: text)
    var search = CronSearch(expression, in: .utc)
    let found = search.first(after: try at("2072-03-01T00:00:00Z"))
    #expect(search.steps <= stepsMax)
    #expect((found == nil) == !expression.canFire)
  }

  @Test func `a search in a zone that changes its clocks is bounded as well`() throws {
    let zone = try TimeZoneRules.following("CET-1CEST,M3.5.0,M10.5.0/3")
    // The clocks skip this hour on the last Sunday of March, in each year.
    let skipped = try CronExpression(parsing: "* 2 * 3 sunL")
    #expect(skipped.canFire)
    var search = CronSearch(skipped, in: zone)
    #expect(search.first(after: 0) == nil)
    #expect(search.steps <= CronSearch.yearsMax * (12 + 2 + 2) + 20)
  }

  @Test func `instants stop at the end and at the limit`() throws {
    let hourly = try CronExpression(parsing: "@hourly")
    let (start, end) = (try at("2026-01-01T00:00:00Z"), try at("2026-01-01T05:00:00Z"))
    let all = hourly.instants(after: start, through: end, in: .utc, limit: 100)
    #expect(all.map(\.milliseconds) == (1...5).map { start + $0 * 3_600_000 })
    #expect(hourly.instants(after: start, through: end, in: .utc, limit: 3) == Array(all.prefix(3)))
    #expect(hourly.instants(after: start, through: end, in: .utc, limit: 0).isEmpty)
    #expect(hourly.instants(after: end, through: start, in: .utc, limit: 9).isEmpty)
  }

  @Test func `the latest instant lies between the bounds or nowhere`() throws {
    let yearly = try CronExpression(parsing: "@yearly")
    let (start, end) = (try at("2020-01-01T00:00:00Z"), try at("2025-12-31T23:59:00Z"))
    #expect(
      yearly.latest(after: start, through: end, in: .utc)?.milliseconds
        == (try at("2025-01-01T00:00:00Z")))
    #expect(yearly.latest(after: try at("2025-01-01T00:00:00Z"), through: end, in: .utc) == nil)
    #expect(yearly.latest(after: end, through: start, in: .utc) == nil)
    #expect(
      try CronExpression(parsing: "0 0 31 2 *").latest(
        after: .min, through: .max, in: .utc) == nil)
    #expect(
      yearly.latest(after: .min, through: end, in: .utc)?.milliseconds
        == (try at("2025-01-01T00:00:00Z")))
  }
}
