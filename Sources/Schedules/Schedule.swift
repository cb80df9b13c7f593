// When a timer fires: by cron, by a fixed interval, or once. Pure: whoever asks brings the instant,
// and what became of an instant is kept elsewhere.

/// Instants are milliseconds since the epoch.
package enum Schedule: Sendable, Equatable {
  case cron(CronExpression, TimeZoneRules)
  /// At `anchor` and every whole number of intervals before and after it, so that a restart does
  /// not move the grid. The interval is at least 1.
  case every(milliseconds: Int64, anchor: Int64)
  case at(Int64)

  /// The first firing later than `instant`; nil where none is left.
  package func next(after instant: Int64) -> Int64? {
    switch self {
    case .cron(let expression, let zone):
      expression.next(after: instant, in: zone)?.milliseconds
    case .every(let milliseconds, let anchor):
      Self.nextOnGrid(after: instant, milliseconds: milliseconds, anchor: anchor)
    case .at(let only):
      only > instant ? only : nil
    }
  }

  private static func nextOnGrid(
    after instant: Int64, milliseconds: Int64, anchor: Int64
  ) -> Int64? {
    let past = distancePastGrid(instant, milliseconds: milliseconds, anchor: anchor)
    let (next, overflow) = instant.addingReportingOverflow(milliseconds - past)
    return overflow ? nil : next
  }

  /// How far `instant` lies past the last point of the grid: 0 up to, not including, the interval.
  private static func distancePastGrid(
    _ instant: Int64, milliseconds: Int64, anchor: Int64
  ) -> Int64 {
    precondition(milliseconds > 0, "an interval is at least one millisecond")
    // Remainders first, because the way from anchor to instant may not fit into 64 bits; and they
    // are brought to 0 or more before they meet, because their difference may not fit either.
    let fromAnchor = floorRemainder(instant, milliseconds) - floorRemainder(anchor, milliseconds)
    return fromAnchor < 0 ? fromAnchor + milliseconds : fromAnchor
  }

  private static func floorRemainder(_ value: Int64, _ divisor: Int64) -> Int64 {
    let remainder = value % divisor
    return remainder < 0 ? remainder + divisor : remainder
  }

  /// Later than `start`, up to and including `end`; the earliest ones where there are more than
  /// `limit`.
  package func instants(after start: Int64, through end: Int64, limit: Int) -> [Int64] {
    var instants: [Int64] = []
    var last = start
    while instants.count < limit, let instant = next(after: last), instant <= end {
      instants.append(instant)
      last = instant
    }
    return instants
  }

  /// The last firing later than `start`, up to and including `end`, without visiting all before it.
  package func latest(after start: Int64, through end: Int64) -> Int64? {
    switch self {
    case .cron(let expression, let zone):
      return expression.latest(after: start, through: end, in: zone)?.milliseconds
    case .every(let milliseconds, let anchor):
      let past = Self.distancePastGrid(end, milliseconds: milliseconds, anchor: anchor)
      let (last, overflow) = end.subtractingReportingOverflow(past)
      return overflow || last <= start ? nil : last
    case .at(let only):
      return only > start && only <= end ? only : nil
    }
  }
}
