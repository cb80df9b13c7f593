// What an expression may be, what it means, and every message for what it may not be.

import Testing

@testable import Schedules

struct CronGrammarTests {
  /// The values a field names, in order.
  private func values(_ field: CronField, of text: String) throws -> [Int] {
    let scalars = Array(text.unicodeScalars)
    var reader = CronFieldReader(field, CronParser.Word(scalars: scalars[...]))
    let values = try reader.values().values
    return (0..<64).filter { values >> $0 & 1 == 1 }
  }

  @Test(
    arguments: [
      (.minute, "*", Array(0...59)),
      (.minute, "*/15", [0, 15, 30, 45]),
      (.minute, "*/60", [0]),
      (.minute, "5-59/20", [5, 25, 45]),
      (.minute, "7,3,5-6", [3, 5, 6, 7]),
      (.minute, "*/30,10", [0, 10, 30]),
      (.minute, "007", [7]),
      (.hour, "22-23,0-2", [0, 1, 2, 22, 23]),
      (.day, "1-31/10", [1, 11, 21, 31]),
      (.month, "jan,JUN-aug", [1, 6, 7, 8]),
      (.month, "jan-dec/6", [1, 7]),
      (.weekday, "*", Array(0...6)),
      (.weekday, "0", [0]),
      (.weekday, "7", [0]),
      (.weekday, "sun", [0]),
      (.weekday, "0-7", Array(0...6)),
      (.weekday, "5-7", [0, 5, 6]),
      (.weekday, "7-2", [0, 1, 2]),
      (.weekday, "fri-mon", [0, 1, 5, 6]),
      (.weekday, "sat-sun", [0, 6]),
      (.weekday, "fri-mon/2", [0, 5]),
      (.weekday, "mon-sun", Array(0...6)),
      (.weekday, "*/2", [0, 2, 4, 6]),
      (.weekday, "Mon,WED", [1, 3]),
    ] as [(CronField, String, [Int])])
  func `a field is a list of values, ranges and steps`(
    field: CronField, text: String, expected: [Int]
  ) throws {
    #expect(try values(field, of: text) == expected)
  }

  @Test(arguments: [
    ("@hourly", "0 * * * *"), ("@daily", "0 0 * * *"), ("@midnight", "0 0 * * *"),
    ("@weekly", "0 0 * * sun"), ("@monthly", "0 0 1 * *"), ("@yearly", "0 0 1 1 *"),
    ("@annually", "0 0 1 jan *"), (" @Daily\t", "0 0 * * *"),
    ("\t0  0\t* * *  ", "0 0 * * *"), ("0 0 l * 5l", "0 0 L * friL"),
  ])
  func `another way to write the same`(text: String, plain: String) throws {
    let (expression, same) = (try CronExpression(parsing: text), try CronExpression(parsing: plain))
    #expect(expression.source == text)
    #expect(
      CronExpression(source: "", copying: expression) == CronExpression(source: "", copying: same))
  }

  @Test(arguments: [
    ("* 0 * * *", true), ("0 * * * *", true), ("*/5 3 * * *", true), ("0 */2 * * *", true),
    ("@hourly", true), ("0 0 * * *", false), ("0-59 0-23 * * *", false), ("@daily", false),
    ("0,30 1,2 */2 * *", false),
  ])
  func `only a minute or hour that starts with a star follows elapsed time`(
    text: String, follows: Bool
  ) throws {
    #expect(try CronExpression(parsing: text).followsElapsedTime == follows)
  }

  @Test(arguments: [
    // February 2026 begins on a Sunday and has 28 days.
    ("* * 13 * fri", [6, 13, 20, 27]),
    ("* * * * fri", [6, 13, 20, 27]),
    ("* * 13 * *", [13]),
    // A field that starts with a star restricts, but does not open the other one.
    ("* * */2 * fri", [13, 27]),
    ("* * 1-9 * */2", [1, 3, 5, 7, 8]),
    ("* * L * *", [28]),
    ("* * L,1 * *", [1, 28]),
    ("* * L * mon", [2, 9, 16, 23, 28]),
    ("* * * * 5L", [27]),
    ("* * * * 7L", [22]),
    ("* * * * friL,mon", [2, 9, 16, 23, 27]),
    ("* * * * mon#2", [9]),
    ("* * * * 0#1,sat#4", [1, 28]),
    ("* * * * sun#5", []),
    ("* * 30 * *", []),
    ("* * * 3 *", []),
  ])
  func `the days of a month`(text: String, days: [Int]) throws {
    let matching = try CronExpression(parsing: text).matchingDays(year: 2026, month: 2)
    #expect((0..<32).filter { matching >> $0 & 1 == 1 } == days)
  }

  @Test func `a fifth weekday and the last day of long months are found`() throws {
    let fifth = try CronExpression(parsing: "0 0 * * sat#5")
    #expect(fifth.matchingDays(year: 2026, month: 1) == 1 << 31)
    #expect(try CronExpression(parsing: "0 0 31 * *").matchingDays(year: 2026, month: 1) == 1 << 31)
    #expect(try CronExpression(parsing: "0 0 L 2 *").matchingDays(year: 2028, month: 2) == 1 << 29)
  }

  @Test(arguments: [
    ("0 0 31 2 *", false), ("0 0 30 2 *", false), ("0 0 31 4,6,9,11 *", false),
    ("0 0 */20 * 1L", false), ("0 0 29 2 *", true), ("0 0 * 2 mon#5", true),
    ("0 0 31 2 mon", true), ("0 0 L 2 *", true), ("* * * * *", true),
  ])
  func `an expression knows whether it can fire at all`(text: String, canFire: Bool) throws {
    #expect(try CronExpression(parsing: text).canFire == canFire)
  }

  private static let fiveFields = "write 5 fields: minute hour day month weekday"

  @Test(arguments: [
    ("", 1, "the cron expression is empty; \(fiveFields)"),
    (" \t", 1, "the cron expression is empty; \(fiveFields)"),
    ("* * *", 6, "found 3 of 5 fields; \(fiveFields)"),
    (
      "0 * * * * *", 11,
      "6 fields: Quartz, Spring and other seconds-first dialects have them (and EventBridge, with "
        + "a year at the end); take the seconds or the year out and \(fiveFields)"
    ),
    (
      "0 0 0 * * ? 2027", 11,
      "7 fields: Quartz has them, with seconds first and a year at the end (Spring and other "
        + "seconds-first dialects have 6); take both out and \(fiveFields)"
    ),
    ("1 2 3 4 5 6 7 8", 11, "8 fields, and no dialect of cron has so many; \(fiveFields)"),
    (
      "TZ=UTC 0 0 * * *", 1,
      "a time zone does not go into the expression; give it apart, as 'timezone:' in a manifest"
    ),
    (
      "CRON_TZ=UTC 0 0 * * *", 1,
      "a time zone does not go into the expression; give it apart, as 'timezone:' in a manifest"
    ),
    (
      " @reboot", 2,
      "@reboot names no instant of the calendar; start such work when the program starts"
    ),
    ("@every 5m", 1, "@every is not cron; write 'every: 5m' in place of 'cron:'"),
    (
      "@noon", 1,
      "'@noon' is not one of @annually @daily @hourly @midnight @monthly @weekly @yearly"
    ),
    ("@daily *", 8, "nothing may follow @daily; it stands for '0 0 * * *'"),
  ])
  func `what is no cron expression is refused`(text: String, column: Int, message: String) {
    #expect(throws: CronError(message: message, column: column)) {
      try CronExpression(parsing: text)
    }
  }

  @Test(arguments: [
    ("60 * * * *", 1, "minute 60 is not in 0–59"),
    ("* 24 * * *", 3, "hour 24 is not in 0–23"),
    ("* * 0 * *", 5, "day 0 is not in 1–31"),
    ("* * 1-32 * *", 7, "day 32 is not in 1–31"),
    ("* * * 13 *", 7, "month 13 is not in 1–12 or jan … dec"),
    ("* * * * 8", 9, "weekday 8 is not in 0–7 or sun … sat"),
    ("* * * * 1,9", 11, "weekday 9 is not in 0–7 or sun … sat"),
    ("12345 * * * *", 1, "the number is too long; minute is 0–59"),
    ("* * * foo *", 7, "'foo' is not a month; write 1–12 or jan … dec"),
    ("* * * * monday", 9, "'monday' is not a weekday; write 'mon'"),
    ("* * * january *", 7, "'january' is not a month; write 'jan'"),
    ("H * * * *", 1, "'H' is not a minute; write 0–59"),
    ("1- * * * *", 3, "a value of minute is missing: 0–59"),
    ("-1 * * * *", 1, "'-' does not belong into the field of the minute"),
    ("1-2-3 * * * *", 4, "'-' does not belong into the field of the minute"),
    ("*5 * * * *", 2, "'5' does not belong into the field of the minute"),
    ("* 1.5 * * *", 4, "'.' does not belong into the field of the hour"),
    ("* * * * mon#2-3", 14, "'-' does not belong into the field of the weekday"),
    ("1,,2 * * * *", 3, "an item of the list is empty; take the comma out"),
    ("1, * * * *", 3, "an item of the list is empty; take the comma out"),
    ("* 22-2 * * *", 3, "the range 22-2 of hour runs backwards; write 22-23,0-2"),
    ("* * * 1,nov-feb *", 9, "the range 11-2 of month runs backwards; write 11-12,1-2"),
    ("5/10 * * * *", 2, "a step needs a range; write '5-59/…'"),
    ("*/ * * * *", 3, "a number belongs after '/'"),
    (
      "*/0 * * * *", 3,
      "a step of minute is 1–60, not 0; for an interval write 'every:' in place of 'cron:'"
    ),
    (
      "0 */48 * * *", 5,
      "a step of hour is 1–24, not 48; for an interval write 'every:' in place of 'cron:'"
    ),
  ])
  func `a wrong value is refused with its place and what to write`(
    text: String, column: Int, message: String
  ) {
    #expect(throws: CronError(message: message, column: column)) {
      try CronExpression(parsing: text)
    }
  }

  private static let alone =
    "'L' stands alone: offsets, nearest workdays and steps from the last day are Quartz's"

  @Test(arguments: [
    ("0 0 ? * 1", 5, "'?' is Quartz's; write '*'"),
    ("0 0 15W * *", 7, "'W', the nearest workday, is Quartz's; write the days it can be"),
    ("0 0 W * *", 5, "'W', the nearest workday, is Quartz's; write the days it can be"),
    ("0 0 L-3 * *", 6, alone),
    ("0 0 LW * *", 6, alone),
    ("0 0 L/2 * *", 6, alone),
    ("0 0 5L * *", 6, "the last day of the month is 'L' alone"),
    (
      "0 0 * * L", 9,
      "'L' needs a weekday before it, such as 5L for the last Friday of the month"
    ),
    ("L * * * *", 1, "'L' belongs into the fields of day and weekday"),
    ("* * * 5L *", 8, "'L' belongs into the fields of day and weekday"),
    ("0 0 1#2 * *", 6, "'#' belongs into the field of the weekday, such as mon#2"),
    ("* * * * mon#6", 13, "a number 1–5 belongs after '#', such as mon#2"),
    ("* * * * mon#", 13, "a number 1–5 belongs after '#', such as mon#2"),
  ])
  func `marks of other dialects and in wrong places are refused`(
    text: String, column: Int, message: String
  ) {
    #expect(throws: CronError(message: message, column: column)) {
      try CronExpression(parsing: text)
    }
  }

  @Test func `an expression at the limit of its length is read, one past it is not`() throws {
    let blanks = String(repeating: " ", count: CronParser.scalarsMax - 9)
    #expect(try CronExpression(parsing: "* * * * *" + blanks).canFire)
    #expect(
      throws: CronError(
        message: "a cron expression has at most 512 characters, this one 513", column: 513)
    ) {
      try CronExpression(parsing: "* * * * * " + blanks)
    }
  }
}

extension CronExpression {
  /// The same pattern under another source text, to compare patterns alone.
  fileprivate init(source: String, copying other: CronExpression) {
    var fields = CronFields()
    fields.minute.values = other.minutes
    fields.minute.startsWithStar = other.followsElapsedTime
    fields.hour.values = UInt64(other.hours)
    fields.day.values = UInt64(other.days)
    fields.day.includesLastDay = other.includesLastDay
    fields.day.startsWithStar = other.bothDayFieldsMustMatch
    fields.month.values = UInt64(other.months)
    fields.weekday.values = UInt64(other.weekdays.every)
    fields.weekday.lastWeekdays = other.weekdays.last
    fields.weekday.numberedWeekdays = other.weekdays.numbered
    self.init(source: source, fields: fields)
  }
}
