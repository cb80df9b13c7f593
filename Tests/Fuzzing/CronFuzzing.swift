// Any text as a cron expression: a mistake with a column, or instants that only ever grow and that a
// walk over the minutes finds as well.

@testable import Schedules

private let zones: [TimeZoneRules] = [
  "UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe",
]
.compactMap { name in
  // A machine without the database still has UTC.
  try? TimeZoneRules.named(name)
}

func fuzzCron(_ bytes: [UInt8]) throws {
  let text = String(decoding: bytes, as: UTF8.self)
  let expression: CronExpression
  do {
    expression = try CronExpression(parsing: text)
  } catch {
    try hold(!error.message.isEmpty, "a mistake without words")
    try hold((1...text.unicodeScalars.count + 1).contains(error.column), "column \(error.column)")
    return
  }
  var random = SplitMix64(seed: bytes.ownSeed)
  // From 1926 to 2106, most of them between two minutes.
  let start = Int64.random(in: -1_400_000_000_000...4_300_000_000_000, using: &random)
  for zone in zones { try checkInstants(of: expression, after: start, in: zone) }
  if let utc = zones.first { try checkNothingIsSkipped(by: expression, after: start, in: utc) }
}

private func checkInstants(
  of expression: CronExpression, after start: Int64, in zone: TimeZoneRules
) throws {
  var last = start
  var seen: [CronInstant] = []
  for _ in 0..<6 {
    guard let instant = expression.next(after: last, in: zone) else { break }
    try hold(instant.milliseconds > last, "an instant is not later than the one before")
    try hold(instant.milliseconds % 60_000 == 0 || zone.identifier != "UTC", "between two minutes")
    if !instant.isAfterSkippedTime { try checkFields(of: instant, expression) }
    last = instant.milliseconds
    seen.append(instant)
  }
  try hold(seen.isEmpty || expression.canFire, "what can never fire has fired")
  let through = seen.last?.milliseconds ?? start
  let all = expression.instants(after: start, through: through, in: zone, limit: 6)
  try agree(all, seen, "the instants of a time are others than one after the other")
  try agree(
    expression.latest(after: start, through: through, in: zone), seen.last, "the latest instant")
}

private func checkFields(of instant: CronInstant, _ expression: CronExpression) throws {
  let local = Int(instant.milliseconds / 1000) + instant.offsetSeconds
  let (day, second) = local.floored(by: CivilTime.secondsPerDay)
  let date = CivilTime.date(ofDay: day)
  try hold(expression.minutes >> (second / 60 % 60) & 1 == 1, "not this minute")
  try hold(expression.hours >> (second / 3600) & 1 == 1, "not this hour")
  let days = expression.matchingDays(year: date.year, month: date.month)
  try hold(days >> date.day & 1 == 1, "not this day")
}

/// On a clock that never changes, each minute of the next days is asked by itself.
private func checkNothingIsSkipped(
  by expression: CronExpression, after start: Int64, in zone: TimeZoneRules
) throws {
  let next = expression.next(after: start, in: zone)
  let first = Int(start).floored(by: 60_000).quotient + 1
  for minute in first..<first + 3 * 1440 {
    if let next, minute * 60_000 >= Int(next.milliseconds) { return }
    let (day, minuteOfDay) = minute.floored(by: 1440)
    let date = CivilTime.date(ofDay: day)
    let matches =
      expression.minutes >> (minuteOfDay % 60) & 1 == 1
      && expression.hours >> (minuteOfDay / 60) & 1 == 1
      && expression.matchingDays(year: date.year, month: date.month) >> date.day & 1 == 1
    try hold(!matches, "minute \(minute) is skipped")
  }
}

/// A file of the time zone database; no zone of it may be fatal.
func fuzzTimeZone(_ bytes: [UInt8]) throws {
  let zone: TimeZoneRules
  do {
    zone = TimeZoneRules(identifier: "Fuzz/Zone", file: try TZifFile(parsing: bytes))
  } catch {
    try hold(!error.reason.isEmpty, "a mistake without words")
    return
  }
  var random = SplitMix64(seed: bytes.ownSeed)
  let start = Int.random(in: -4_000_000_000...8_000_000_000, using: &random)
  let stretch = zone.stretch(at: start)
  try hold(stretch.start <= start && start < stretch.end, "a stretch lies elsewhere")
  let cron = try CronExpression(parsing: "30 2 * * *")
  _ = zone.reading(ofLocalSeconds: start)
  var last = Int64(start) * 1000
  for _ in 0..<4 {
    guard let instant = cron.next(after: last, in: zone) else { break }
    try hold(instant.milliseconds > last, "an instant is not later than the one before")
    last = instant.milliseconds
  }
}
