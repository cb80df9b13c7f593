// The three kinds of schedule behind one question: what comes next?

import Testing

@testable import Schedules

struct ScheduleTests {
  @Test(
    arguments: [
      (0, 1000), (999, 1000), (1000, 2000), (-1, 0), (-1000, 0), (-1001, -1000),
    ] as [(Int64, Int64)])
  func `an interval keeps to its grid`(instant: Int64, next: Int64) {
    #expect(Schedule.every(milliseconds: 1000, anchor: 0).next(after: instant) == next)
    #expect(
      Schedule.every(milliseconds: 1000, anchor: 5_000_300).next(after: instant + 300) == next + 300
    )
    #expect(
      Schedule.every(milliseconds: 1000, anchor: -700).next(after: instant + 300) == next + 300)
  }

  @Test func `an interval reaches the ends of time without overflow`() {
    let every = Schedule.every(milliseconds: .max, anchor: .min)
    #expect(every.next(after: .min) == -1)
    #expect(every.next(after: -1) == Int64.max - 1)
    #expect(every.next(after: .max - 1) == nil)
    #expect(Schedule.every(milliseconds: 1, anchor: 0).next(after: .max) == nil)
    #expect(Schedule.every(milliseconds: 7, anchor: .max).next(after: .max - 1) == .max)
    #expect(every.latest(after: .min, through: .max) == Int64.max - 1)
    #expect(Schedule.every(milliseconds: .max, anchor: 0).latest(after: .min, through: .min) == nil)
  }

  @Test func `an interval of nothing is a mistake of the program`() async {
    await #expect(processExitsWith: .failure) {
      _ = Schedule.every(milliseconds: 0, anchor: 0).next(after: 0)
    }
  }

  @Test func `an instant fires once`() {
    let once = Schedule.at(500)
    #expect(once.next(after: 499) == 500)
    #expect(once.next(after: 500) == nil)
    #expect(once.latest(after: 499, through: 500) == 500)
    #expect(once.latest(after: 500, through: 900) == nil)
    #expect(once.latest(after: 0, through: 499) == nil)
    #expect(once.instants(after: 0, through: 500, limit: 5) == [500])
  }

  @Test func `cron fires by the clock of its zone`() throws {
    let zone = try TimeZoneRules.following("CET-1CEST,M3.5.0,M10.5.0/3")
    let schedule = Schedule.cron(try CronExpression(parsing: "0 9 * * mon-fri"), zone)
    let friday = try at("2026-03-27T12:00:00Z")
    #expect(schedule.next(after: friday) == (try at("2026-03-30T07:00:00Z")))
    #expect(
      schedule.latest(after: 0, through: friday) == (try at("2026-03-27T08:00:00Z")))
    #expect(
      schedule.instants(after: friday, through: .max, limit: 2) == [
        try at("2026-03-30T07:00:00Z"), try at("2026-03-31T07:00:00Z"),
      ])
    #expect(
      Schedule.cron(try CronExpression(parsing: "0 0 31 2 *"), .utc).next(after: friday) == nil)
  }

  @Test func `missed instants come oldest first, up to the limit and including the end`() {
    let every = Schedule.every(milliseconds: 10, anchor: 3)
    #expect(every.instants(after: 3, through: 43, limit: 100) == [13, 23, 33, 43])
    #expect(every.instants(after: 3, through: 42, limit: 100) == [13, 23, 33])
    #expect(every.instants(after: 3, through: 43, limit: 2) == [13, 23])
    #expect(every.latest(after: 3, through: 42) == 33)
    #expect(every.latest(after: 33, through: 42) == nil)
  }
}
