// Calendar arithmetic against a calendar that only ever counts one day on.

import Testing

@testable import Schedules

struct CivilTimeTests {
  @Test func `every day of eight centuries has its number, and every number its day`() {
    var (year, month, day) = (1601, 1, 1)
    for number in CivilTime.days(year: 1601, month: 1, day: 1)..<160_000 {
      let date = CivilDate(year: year, month: month, day: day)
      guard CivilTime.date(ofDay: number) == date,
        CivilTime.days(year: year, month: month, day: day) == number
      else {
        Issue.record("day \(number) is not \(date)")
        return
      }
      day += 1
      if day > CivilTime.daysInMonth(year: year, month: month) { (month, day) = (month + 1, 1) }
      if month > 12 { (year, month) = (year + 1, 1) }
    }
    #expect(year == 2408)
  }

  @Test(arguments: [
    (1970, 1, 1, 0, 4), (2000, 2, 29, 11_016, 2), (1969, 12, 31, -1, 3), (1600, 2, 29, -135_081, 2),
    (1, 1, 1, -719_162, 1), (0, 12, 31, -719_163, 0), (9999, 12, 31, 2_932_896, 5),
  ])
  func `known days`(year: Int, month: Int, day: Int, number: Int, weekday: Int) {
    #expect(CivilTime.days(year: year, month: month, day: day) == number)
    #expect(CivilTime.date(ofDay: number) == CivilDate(year: year, month: month, day: day))
    #expect(CivilTime.weekday(ofDay: number) == weekday)
  }

  @Test func `a century is a leap year every fourth time only`() {
    #expect(
      [1900, 2000, 2023, 2024, 2100, 2400].map(CivilTime.isLeap) == [
        false, true, false, true, false, true,
      ])
    #expect(CivilTime.daysInMonth(year: 2100, month: 2) == 28)
    #expect(CivilTime.daysInMonth(year: 2000, month: 2) == 29)
  }

  @Test func `seconds count from the epoch in both directions`() {
    #expect(
      CivilTime.seconds(year: 1970, month: 1, day: 2, hour: 1, minute: 1, second: 1) == 90_061)
    #expect(
      CivilTime.seconds(year: 1969, month: 12, day: 31, hour: 23, minute: 59, second: 59) == -1)
  }
}
