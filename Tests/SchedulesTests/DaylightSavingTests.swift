// What a change of the clocks does to a schedule, with Debian's cron as the model. The instants of
// the named zones were verified with Python's zoneinfo; tests that need a zone's file are skipped
// where tzdata is not installed.

import Testing

@testable import Schedules

struct DaylightSavingTests {
  struct Night: Sendable, CustomTestStringConvertible {
    let zone: String
    let expression: String
    let after: String
    /// In the zone's own time, so that the clock that was read is visible.
    let fires: [String]

    init(_ zone: String, _ expression: String, after: String, _ fires: [String]) {
      (self.zone, self.expression, self.after, self.fires) = (zone, expression, after, fires)
    }

    var testDescription: String { "\(expression) in \(zone) after \(after)" }
  }

  private func expectFirings(of night: Night) throws {
    let zone = try TimeZoneRules.named(night.zone)
    let found = try CronExpression(parsing: night.expression).instants(
      after: at(night.after), through: .max, in: zone, limit: night.fires.count)
    #expect(found.map { zone.format(milliseconds: $0.milliseconds) } == night.fires)
    #expect(found.allSatisfy { $0.offsetSeconds == zone.offsetSeconds(at: $0.milliseconds) })
  }

  @Test(
    .enabled(if: TimeZoneRules.areInstalled, "needs the package tzdata"),
    arguments: [
      // 02:00 becomes 03:00 on 29 March 2026.
      Night(
        "Europe/Berlin", "30 2 * * *", after: "2026-03-27T12:00:00Z",
        [
          "2026-03-28T02:30:00.000+01:00", "2026-03-29T03:00:00.000+02:00",
          "2026-03-30T02:30:00.000+02:00",
        ]),
      // Several skipped times and the first one after the jump are one firing.
      Night(
        "Europe/Berlin", "0,20,40 2,3 * * *", after: "2026-03-28T03:00:00Z",
        [
          "2026-03-29T03:00:00.000+02:00", "2026-03-29T03:20:00.000+02:00",
          "2026-03-29T03:40:00.000+02:00", "2026-03-30T02:00:00.000+02:00",
        ]),
      // The day fields count for the time that was skipped.
      Night(
        "Europe/Berlin", "59 2 29 3 *", after: "2026-01-01T00:00:00Z",
        ["2026-03-29T03:00:00.000+02:00", "2027-03-29T02:59:00.000+02:00"]),
      // The jump itself has passed: nothing is made up for twice.
      Night(
        "Europe/Berlin", "30 2 * * *", after: "2026-03-29T01:00:00Z",
        ["2026-03-30T02:30:00.000+02:00"]),
      Night(
        "Europe/Berlin", "30 2 * * *", after: "2026-03-29T00:59:59.999Z",
        ["2026-03-29T03:00:00.000+02:00"]),
      Night(
        "America/New_York", "15 2 * * sun", after: "2026-03-07T00:00:00Z",
        ["2026-03-08T03:00:00.000-04:00", "2026-03-15T02:15:00.000-04:00"]),
      // Half an hour only: 02:00 becomes 02:30.
      Night(
        "Australia/Lord_Howe", "15 2 * * *", after: "2026-10-02T20:00:00Z",
        ["2026-10-04T02:30:00.000+11:00", "2026-10-05T02:15:00.000+11:00"]),
      Night(
        "Australia/Lord_Howe", "30 2 * * *", after: "2026-10-02T20:00:00Z",
        ["2026-10-04T02:30:00.000+11:00", "2026-10-05T02:30:00.000+11:00"]),
      // Midnight does not exist.
      Night(
        "America/Santiago", "0 0 * * *", after: "2026-09-05T12:00:00Z",
        ["2026-09-06T01:00:00.000-03:00", "2026-09-07T00:00:00.000-03:00"]),
      Night(
        "Africa/Cairo", "@daily", after: "2026-04-23T12:00:00Z",
        ["2026-04-24T01:00:00.000+03:00", "2026-04-25T00:00:00.000+03:00"]),
      // Two hours are skipped: both firings meet at the first instant after them.
      Night(
        "Antarctica/Troll", "30 1,2 * * *", after: "2026-03-28T12:00:00Z",
        ["2026-03-29T03:00:00.000+02:00", "2026-03-30T01:30:00.000+02:00"]),
      // By the rule for the years past the file's last transition.
      Night(
        "Europe/Berlin", "30 2 * * *", after: "2060-03-27T12:00:00Z",
        ["2060-03-28T03:00:00.000+02:00", "2060-03-29T02:30:00.000+02:00"]),
      Night(
        "America/Nuuk", "30 23 * * *", after: "2060-03-27T02:00:00Z",
        ["2060-03-28T00:00:00.000-01:00", "2060-03-28T23:30:00.000-01:00"]),
      // Before 1970; in 1945 the clocks went forward twice.
      Night(
        "Europe/Berlin", "30 2 * * *", after: "1945-05-23T12:00:00Z",
        ["1945-05-24T03:00:00.000+03:00", "1945-05-25T02:30:00.000+03:00"]),
      // Midnight of local mean time to zone time: 6 min 32 s were skipped.
      Night(
        "Europe/Berlin", "5 0 * * *", after: "1893-03-31T12:00:00Z",
        ["1893-04-01T00:06:32.000+01:00", "1893-04-02T00:05:00.000+01:00"]),
    ])
  func `a fixed time that is skipped runs once, right after the jump`(night: Night) throws {
    try expectFirings(of: night)
  }

  @Test(
    .enabled(if: TimeZoneRules.areInstalled, "needs the package tzdata"),
    arguments: [
      // 03:00 becomes 02:00 on 25 October 2026.
      Night(
        "Europe/Berlin", "30 2 * * *", after: "2026-10-24T12:00:00Z",
        ["2026-10-25T02:30:00.000+02:00", "2026-10-26T02:30:00.000+01:00"]),
      Night(
        "Europe/Berlin", "0,30 2,3 * * *", after: "2026-10-24T12:00:00Z",
        [
          "2026-10-25T02:00:00.000+02:00", "2026-10-25T02:30:00.000+02:00",
          "2026-10-25T03:00:00.000+01:00", "2026-10-25T03:30:00.000+01:00",
        ]),
      Night(
        "Europe/Berlin", "30 2 * * *", after: "2026-10-25T00:45:00Z",
        ["2026-10-26T02:30:00.000+01:00"]),
      Night(
        "Australia/Lord_Howe", "45 1 * * *", after: "2026-04-03T20:00:00Z",
        ["2026-04-05T01:45:00.000+11:00", "2026-04-06T01:45:00.000+10:30"]),
      Night(
        "Africa/Cairo", "30 23 * * *", after: "2026-10-29T12:00:00Z",
        ["2026-10-29T23:30:00.000+03:00", "2026-10-30T23:30:00.000+02:00"]),
      Night(
        "America/Santiago", "0 23 * * sat", after: "2026-04-03T12:00:00Z",
        ["2026-04-04T23:00:00.000-03:00", "2026-04-11T23:00:00.000-04:00"]),
      Night(
        "Antarctica/Troll", "30 1,2 * * *", after: "2026-10-24T12:00:00Z",
        [
          "2026-10-25T01:30:00.000+02:00", "2026-10-25T02:30:00.000+02:00",
          "2026-10-26T01:30:00.000Z",
        ]),
      // Irish winter time is written as a negative saving.
      Night(
        "Europe/Dublin", "30 1 * * *", after: "2060-10-30T12:00:00Z",
        ["2060-10-31T01:30:00.000+01:00", "2060-11-01T01:30:00.000Z"]),
      // Three hours back are still a change of the clocks.
      Night(
        "Antarctica/Casey", "30 0 * * *", after: "2010-03-04T12:00:00Z",
        ["2010-03-05T00:30:00.000+11:00", "2010-03-06T00:30:00.000+08:00"]),
    ])
  func `a fixed time that is repeated runs the first time only`(night: Night) throws {
    try expectFirings(of: night)
  }

  @Test(
    .enabled(if: TimeZoneRules.areInstalled, "needs the package tzdata"),
    arguments: [
      Night(
        "Europe/Berlin", "*/30 * * * *", after: "2026-03-29T00:00:00Z",
        [
          "2026-03-29T01:30:00.000+01:00", "2026-03-29T03:00:00.000+02:00",
          "2026-03-29T03:30:00.000+02:00",
        ]),
      Night(
        "Europe/Berlin", "0 * * * *", after: "2026-10-24T23:00:00Z",
        [
          "2026-10-25T02:00:00.000+02:00", "2026-10-25T02:00:00.000+01:00",
          "2026-10-25T03:00:00.000+01:00",
        ]),
      // A star in the minute: not in the skipped hour at all.
      Night(
        "Europe/Berlin", "*/20 2 * * *", after: "2026-03-28T01:30:00Z",
        ["2026-03-28T02:40:00.000+01:00", "2026-03-30T02:00:00.000+02:00"]),
      Night(
        "Europe/Berlin", "*/30 2 * * *", after: "2026-10-24T12:00:00Z",
        [
          "2026-10-25T02:00:00.000+02:00", "2026-10-25T02:30:00.000+02:00",
          "2026-10-25T02:00:00.000+01:00", "2026-10-25T02:30:00.000+01:00",
          "2026-10-26T02:00:00.000+01:00",
        ]),
      Night(
        "Europe/Berlin", "0 */2 * * *", after: "2026-03-28T23:30:00Z",
        ["2026-03-29T04:00:00.000+02:00", "2026-03-29T06:00:00.000+02:00"]),
      Night(
        "Australia/Lord_Howe", "*/15 * * * *", after: "2026-04-04T14:40:00Z",
        [
          "2026-04-05T01:45:00.000+11:00", "2026-04-05T01:30:00.000+10:30",
          "2026-04-05T01:45:00.000+10:30", "2026-04-05T02:00:00.000+10:30",
        ]),
      Night(
        "Africa/Cairo", "@hourly", after: "2026-04-23T20:30:00Z",
        ["2026-04-23T23:00:00.000+02:00", "2026-04-24T01:00:00.000+03:00"]),
    ])
  func `a pattern with a wildcard follows elapsed time`(night: Night) throws {
    try expectFirings(of: night)
  }

  @Test(
    .enabled(if: TimeZoneRules.areInstalled, "needs the package tzdata"),
    arguments: [
      // Samoa went over the date line: there was no 30 December 2011.
      Night(
        "Pacific/Apia", "0 9 * * *", after: "2011-12-29T12:00:00Z",
        ["2011-12-29T09:00:00.000-10:00", "2011-12-31T09:00:00.000+14:00"]),
      Night(
        "Pacific/Apia", "0 9 30 * *", after: "2011-12-01T00:00:00Z",
        ["2012-01-30T09:00:00.000+14:00"]),
      Night(
        "Pacific/Apia", "0 */12 * * *", after: "2011-12-29T22:30:00Z",
        ["2011-12-31T00:00:00.000+14:00", "2011-12-31T12:00:00.000+14:00"]),
      Night(
        "Pacific/Apia", "@daily", after: "2011-12-29T12:00:00Z",
        ["2011-12-31T00:00:00.000+14:00", "2012-01-01T00:00:00.000+14:00"]),
      Night(
        "Pacific/Kwajalein", "0 12 * * *", after: "1969-09-29T12:00:00Z",
        [
          "1969-09-30T12:00:00.000+11:00", "1969-09-30T12:00:00.000-12:00",
          "1969-10-01T12:00:00.000-12:00",
        ]),
    ])
  func `a jump of more than three hours is a new calendar, not a change of the clocks`(
    night: Night
  ) throws {
    try expectFirings(of: night)
  }

  @Test func `a firing that was moved says so`() throws {
    let zone = try TimeZoneRules.following("CET-1CEST,M3.5.0,M10.5.0/3")
    let found = try CronExpression(parsing: "30 2,3 * * *").instants(
      after: at("2026-03-28T12:00:00Z"), through: at("2026-03-29T12:00:00Z"), in: zone, limit: 9)
    #expect(
      found == [
        CronInstant(
          milliseconds: try at("2026-03-29T01:00:00Z"), offsetSeconds: 7200,
          isAfterSkippedTime: true),
        CronInstant(
          milliseconds: try at("2026-03-29T01:30:00Z"), offsetSeconds: 7200,
          isAfterSkippedTime: false),
      ])
  }

  /// Europe, North America, half an hour, midnight (both ways), two hours, negative hours, negative
  /// saving, three quarters.
  static let rules = [
    "CET-1CEST,M3.5.0,M10.5.0/3", "EST5EDT,M3.2.0,M11.1.0", "<+1030>-10:30<+11>-11,M10.1.0,M4.1.0",
    "<-04>4<-03>,M9.1.6/24,M4.1.6/24", "EET-2EEST,M4.5.5/0,M10.5.4/24",
    "<+00>0<+02>-2,M3.5.0/1,M10.5.0/3", "<-02>2<-01>,M3.5.0/-1,M10.5.0/0",
    "IST-1GMT0,M10.5.0,M3.5.0/1", "<+1245>-12:45<+1345>,M9.5.0/2:45,M4.1.0/3:45",
  ]

  @Test(arguments: rules, 1...25)
  func `around each change of the clocks the firings are those of a walk`(
    rule: String, seed: UInt64
  ) throws {
    let zone = try TimeZoneRules.following(rule)
    var numbers = SeededNumbers(seed: seed)
    var change = zone.stretch(at: 1_767_225_600 + Int(seed) * 31_557_600).end
    for _ in 0..<2 {
      let random = RandomExpression(from: &numbers, atNight: true)
      let (start, end) = (change - 172_800, change + 172_800)
      let found = try CronExpression(parsing: random.text).instants(
        after: Int64(start) * 1000, through: Int64(end) * 1000, in: zone, limit: .max)
      let walked = walk(random, from: start, through: end, in: zone)
      #expect(found.map { Int($0.milliseconds / 1000) } == walked, "\(random.text)")
      change = zone.stretch(at: change).end
    }
  }

  /// Elapsed time: each real minute whose clock matches; fixed: each minute of a clock that never
  /// changes, then where it lies in the zone.
  private func walk(
    _ random: RandomExpression, from start: Int, through end: Int, in zone: TimeZoneRules
  ) -> [Int] {
    var instants: Set<Int> = []
    var stretch = zone.stretch(at: start - 86_400)
    for seconds in stride(from: start - 86_400, through: end + 86_400, by: 60) {
      guard random.isFixed else {
        if seconds >= stretch.end { stretch = zone.stretch(at: seconds) }
        if random.matches(localSeconds: seconds + stretch.offset) { instants.insert(seconds) }
        continue
      }
      guard random.matches(localSeconds: seconds) else { continue }
      switch zone.reading(ofLocalSeconds: seconds) {
      case .once(let instant), .skipped(let instant), .twice(let instant, _):
        instants.insert(instant)
      }
    }
    return instants.filter { $0 > start && $0 <= end }.sorted()
  }
}
