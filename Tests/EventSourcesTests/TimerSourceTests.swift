// When timers fire, what is made up for after a downtime, and that no instant comes twice.
import EventSources
import Invocations
import Schedules
import Testing

private func time(_ text: String) throws -> WallTime {
  WallTime(milliseconds: try CivilTime.parseRFC3339(text))
}

private func text(_ time: WallTime) -> String {
  CivilTime.formatRFC3339(milliseconds: time.milliseconds)
}

struct TimerSourceTests {
  private func function(
    _ rule: TimerTrigger.Rule, _ missed: TimerTrigger.Missed = .latest, name: String = "report"
  ) -> FunctionDeclaration {
    FunctionDeclaration(
      name: name, handler: "Report", triggers: [.timer(TimerTrigger(rule: rule, missed: missed))])
  }

  private let hourly = TimerTrigger.Rule.cron(expression: "0 * * * *", timezone: "UTC")
  private let hour = Duration.seconds(3600)

  private func source(
    _ declarations: [FunctionDeclaration], marks: [TimerMark] = [], now: WallTime,
    awakeSince: WallTime? = nil
  ) throws -> TimerSource {
    try TimerSource(declarations, marks: marks, now: now, awakeSince: awakeSince)
  }

  @Test func `a new timer starts from now and its mark is to be stored`() throws {
    let now = try time("2027-03-01T10:30:00Z")
    var source = try source([function(hourly)], now: now)
    #expect(
      source.newMarks == [TimerMark(name: "report/0", rule: "cron 0 * * * * UTC", last: now)])
    #expect(source.next == (try time("2027-03-01T11:00:00Z")))
    #expect(source.due(at: now).isEmpty)
    #expect(source.due(at: try time("2027-03-01T10:59:59.999Z")).isEmpty)
  }

  @Test func `a firing has its event, its mark and the next instant`() throws {
    var source = try source([function(hourly)], now: try time("2027-03-01T10:30:00Z"))
    let instant = try time("2027-03-01T11:00:00Z")
    let firings = source.due(at: instant + .milliseconds(3))
    let firing = try #require(firings.first)
    #expect(firings.count == 1 && firing.timer == "report/0" && firing.function == "report")
    #expect(firing.missed == nil && firing.next == instant + hour && source.next == instant + hour)
    #expect(
      firing.mark == TimerMark(name: "report/0", rule: "cron 0 * * * * UTC", last: instant))
    #expect(
      firing.occurrences.map(\.event) == [
        Event(
          id: "2027-03-01T11:00:00.000Z", source: "/timers/report/0", type: "apus.timer",
          subject: "report/0", time: "2027-03-01T11:00:00.000Z",
          data: Array(#"{"instant":"2027-03-01T11:00:00.000Z","timer":"report/0"}"#.utf8))
      ])
    #expect(source.due(at: instant + .milliseconds(4)).isEmpty)
  }

  @Test(arguments: [
    (TimerTrigger.Missed.skip, [], ["11", "12", "13"], MissedInstants.Reason.skipped),
    (.latest, ["13"], ["11", "12"], .superseded), (.all(max: 2), ["12", "13"], ["11"], .overMax),
    (.all(max: 3), ["11", "12", "13"], [], .overMax),
    (.all(max: 100), ["11", "12", "13"], [], .overMax),
  ])
  func `after a downtime the manifest decides what is made up for`(
    policy: TimerTrigger.Missed, fired: [String], missed: [String], reason: MissedInstants.Reason
  ) throws {
    let mark = TimerMark(
      name: "report/0", rule: "cron 0 * * * * UTC", last: try time("2027-03-01T10:00:00Z"))
    let now = try time("2027-03-01T13:20:00Z")
    var source = try source([function(hourly, policy)], marks: [mark], now: now)
    #expect(source.newMarks.isEmpty)
    #expect(source.next == (try time("2027-03-01T11:00:00Z")))
    let firing = try #require(source.due(at: now).first)
    let instants = { (hours: [String]) in try hours.map { try time("2027-03-01T\($0):00:00Z") } }
    #expect(try firing.occurrences.map(\.instant) == instants(fired))
    #expect(try (firing.missed?.listed ?? []) == instants(missed))
    #expect(firing.missed.map { $0.reason == reason && $0.unlistedCount == 0 } ?? missed.isEmpty)
    #expect(firing.mark.last == (try time("2027-03-01T13:00:00Z")))
    #expect(source.next == (try time("2027-03-01T14:00:00Z")))
    #expect(source.due(at: now).isEmpty)
  }

  @Test func `skip fires what a running host finds a little late, and not after a jump`() throws {
    let start = try time("2027-03-01T10:30:00Z")
    let instant = try time("2027-03-01T11:00:00Z")
    var late = try source([function(hourly, .skip)], now: start)
    #expect(late.due(at: instant + .seconds(5)).first?.occurrences.map(\.instant) == [instant])
    var jumped = try source([function(hourly, .skip)], now: start)
    let firing = try #require(jumped.due(at: instant + .milliseconds(5001)).first)
    #expect(firing.occurrences.isEmpty && firing.missed?.listed == [instant])
    #expect(firing.missed?.reason == .skipped)
  }

  @Test func `skip after a quick restart skips, and after a deployment it does not`() throws {
    let instant = try time("2027-03-01T11:00:00Z")
    let mark = TimerMark(
      name: "report/0", rule: "cron 0 * * * * UTC", last: try time("2027-03-01T10:00:00Z"))
    let now = instant + .seconds(1)
    var restarted = try source([function(hourly, .skip)], marks: [mark], now: now)
    #expect(restarted.due(at: now).first?.occurrences.isEmpty == true)
    var deployed = try source(
      [function(hourly, .skip)], marks: [mark], now: now, awakeSince: mark.last)
    #expect(deployed.due(at: now).first?.occurrences.map(\.instant) == [instant])
  }

  @Test func `a clock that jumps forward misses, and one that steps back fires nothing twice`()
    throws
  {
    let start = try time("2027-03-01T10:30:00Z")
    var source = try source([function(hourly)], now: start)
    let jump = try #require(source.due(at: start + hour * 5).first)
    #expect(jump.occurrences.map { text($0.instant) } == ["2027-03-01T15:00:00.000Z"])
    #expect(jump.missed?.listed.count == 4)
    for step in 0..<20 { #expect(source.due(at: start + hour * step / 4).isEmpty) }
    #expect(source.next == (try time("2027-03-01T16:00:00Z")))
    // The same after a restart with the clock still behind.
    var again = try self.source([function(hourly)], marks: [jump.mark], now: start)
    #expect(again.due(at: start + hour * 4).isEmpty)
    #expect(again.next == (try time("2027-03-01T16:00:00Z")))
  }

  @Test func `a changed rule starts from now`() throws {
    let old = TimerMark(name: "report/0", rule: "every 60000ms", last: .newYear)
    let now = WallTime.newYear + hour * 10
    var source = try source([function(hourly)], marks: [old], now: now)
    #expect(source.due(at: now).isEmpty)
    #expect(source.newMarks.map(\.last) == [now])
    // Behind the old mark nothing can come a second time, whatever the clock says.
    let behind = try self.source([function(hourly)], marks: [old], now: .newYear + .seconds(-9000))
    #expect(behind.next == .newYear + hour && behind.newMarks.map(\.last) == [.newYear])
  }

  @Test func `white space in an expression is no change`() throws {
    let now = WallTime.newYear
    let spaced = TimerTrigger.Rule.cron(expression: "0  *\t* * *", timezone: "UTC")
    let mark = try source([function(hourly)], now: now).newMarks
    #expect(try source([function(spaced)], marks: mark, now: now + hour).newMarks.isEmpty)
  }

  @Test func `an interval keeps the grid of the epoch across restarts`() throws {
    let rule = TimerTrigger.Rule.every(.seconds(7))
    var first = try source([function(rule)], now: .newYear + .seconds(3))
    let next = try #require(first.next)
    #expect(next.milliseconds % 7000 == 0 && next > .newYear + .seconds(3))
    let mark = try #require(first.due(at: next).first?.mark)
    let second = try source([function(rule)], marks: [mark], now: next + .seconds(2))
    #expect(second.next == next + .seconds(7))
  }

  @Test func `a year of milliseconds is counted and not enumerated`() throws {
    let rule = TimerTrigger.Rule.every(.milliseconds(1))
    let mark = TimerMark(name: "report/0", rule: "every 1ms", last: .newYear)
    let year: Int64 = 365 * 86_400_000
    let now = WallTime(milliseconds: WallTime.newYear.milliseconds + year)
    var source = try source([function(rule, .all(max: 3))], marks: [mark], now: now)
    let firing = try #require(source.due(at: now).first)
    #expect(firing.occurrences.map { now.milliseconds - $0.instant.milliseconds } == [2, 1, 0])
    let missed = try #require(firing.missed)
    #expect(missed.listed.count == 10_000)
    #expect(missed.listed.last?.milliseconds == now.milliseconds - 3)
    #expect(missed.unlistedCount == Int(year) - 10_003)
  }

  @Test func `ten years of minutes are listed, counted and bounded`() throws {
    let rule = TimerTrigger.Rule.cron(expression: "* * * * *", timezone: "UTC")
    let mark = TimerMark(name: "report/0", rule: "cron * * * * * UTC", last: .newYear)
    let now = WallTime.newYear + .seconds(3650 * 86_400)
    var source = try source([function(rule)], marks: [mark], now: now)
    let firing = try #require(source.due(at: now).first)
    #expect(firing.occurrences.map(\.instant) == [now])
    #expect(firing.missed?.listed.count == 10_000)
    #expect(firing.missed?.unlistedCount == MissedInstants.countedMax)
    var fewer = try self.source(
      [function(rule)], marks: [mark], now: .newYear + .seconds(12_000 * 60))
    let exact = fewer.due(at: .newYear + .seconds(12_000 * 60)).first?.missed
    #expect(exact?.listed.count == 10_000 && exact?.unlistedCount == 1_999)
  }

  @Test func `a moment fires once, also after a downtime`() throws {
    let rule = TimerTrigger.Rule.at(.newYear)
    let before = WallTime.newYear + .seconds(-60)
    var source = try source([function(rule)], now: before)
    #expect(source.next == .newYear)
    let mark = try #require(source.newMarks.first)
    #expect(source.due(at: .newYear).first?.next == nil)
    #expect(source.next == nil)
    var late = try self.source([function(rule)], marks: [mark], now: .newYear + hour)
    #expect(late.due(at: .newYear + hour).first?.occurrences.map(\.instant) == [.newYear])
    #expect(late.due(at: .newYear + hour * 2).isEmpty)
    #expect(try self.source([function(rule)], now: .newYear + hour).next == nil)
  }

  @Test func `timers are apart, and other triggers count in their names`() throws {
    let two = FunctionDeclaration(
      name: "sync", handler: "Sync",
      triggers: [
        .timer(TimerTrigger(rule: .every(hour))), .queue("q"),
        .timer(TimerTrigger(rule: .every(.seconds(1800)))),
      ])
    var source = try source([two, function(hourly)], now: .newYear)
    #expect(source.statuses.map(\.name) == ["sync/0", "sync/2", "report/0"])
    #expect(
      source.statuses.map(\.rule) == ["every 3600000ms", "every 1800000ms", "cron 0 * * * * UTC"])
    #expect(source.due(at: .newYear + .seconds(1800)).map(\.timer) == ["sync/2"])
    #expect(source.due(at: .newYear + hour).map(\.timer) == ["sync/0", "sync/2", "report/0"])
    #expect(try self.source([], now: .newYear).next == nil)
  }

  @Test func `a firing by hand has its own id and moves no mark`() throws {
    let source = try source([function(hourly)], now: .newYear)
    let event = source.manualEvent(ofTimer: "report/0", now: .newYear, id: "by-hand")
    #expect(event?.id == "by-hand" && event?.source == "/timers/report/0")
    #expect(source.manualEvent(ofTimer: "report/1", now: .newYear, id: "x") == nil)
  }

  @Test func `a rule that cannot be is a fault with the timer's name`() throws {
    #expect(throws: TimerFault.self) {
      try source(
        [function(.cron(expression: "61 * * * *", timezone: "UTC"))], now: .newYear)
    }
    let fault = #expect(throws: TimerFault.self) {
      try source([function(.every(.microseconds(999)))], now: .newYear)
    }
    #expect(fault?.timer == "report/0" && fault?.reason == "an interval is at least 1ms")
    #expect(throws: TimerFault.self) {
      try source(
        [function(.cron(expression: "0 * * * *", timezone: "../etc"))], now: .newYear)
    }
  }

  /// Restarts, stalls and steps of the clock, at random and seeded: every instant
  /// is fired or listed as missed, exactly once, in order.
  @Test(arguments: 1...40)
  func `every instant is accounted for exactly once`(seed: UInt64) throws {
    var random = SeededRandom(state: seed)
    let rules: [TimerTrigger.Rule] = [
      hourly, .every(.seconds(611)), .cron(expression: "*/7 1-4 * * *", timezone: "UTC"),
    ]
    let rule = rules[Int(seed) % 3]
    let policies: [TimerTrigger.Missed] = [.skip, .latest, .all(max: 4)]
    let declaration = function(rule, policies[Int(seed) / 3 % 3])
    var now = WallTime.newYear
    var source = try source([declaration], now: now)
    var mark = try #require(source.newMarks.first)
    let first = mark.last.milliseconds
    var seen: [Int64] = []
    for _ in 0..<300 {
      let step = Int64.random(in: -600_000...3_000_000, using: &random)
      now = WallTime(milliseconds: now.milliseconds + step)
      if Int.random(in: 0..<5, using: &random) == 0 {
        source = try self.source([declaration], marks: [mark], now: now)
      }
      for firing in source.due(at: now) {
        mark = firing.mark
        seen += (firing.missed?.listed ?? []).map(\.milliseconds)
        seen += firing.occurrences.map(\.instant.milliseconds)
      }
    }
    let schedule = try plainSchedule(rule)
    let expected = schedule.instants(after: first, through: mark.last.milliseconds, limit: .max)
    #expect(seen == expected && seen.count > 60)
  }

  private func plainSchedule(_ rule: TimerTrigger.Rule) throws -> Schedule {
    switch rule {
    case .cron(let expression, _): .cron(try CronExpression(parsing: expression), .utc)
    case .every(let interval): .every(milliseconds: interval.milliseconds, anchor: 0)
    case .at(let instant): .at(instant.milliseconds)
    }
  }
}
