// Times and durations in words: short, rounded, for people. Programs take --json.

import Glibc
import Invocations
import Schedules

enum TimeWords {
  static var now: WallTime {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return WallTime(milliseconds: Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000)
  }

  /// `3m ago`, `in 4s`, `now`.
  static func relative(_ time: WallTime?, to now: WallTime) -> String {
    guard let time else { return "-" }
    let distance = now.milliseconds - time.milliseconds
    guard abs(distance) >= 1000 else { return "now" }
    let words = coarse(milliseconds: abs(distance))
    return distance > 0 ? "\(words) ago" : "in \(words)"
  }

  private static func coarse(milliseconds: Int64) -> String {
    switch milliseconds / 1000 {
    case let seconds where seconds < 60: "\(seconds)s"
    case let seconds where seconds < 3600: "\(seconds / 60)m"
    case let seconds where seconds < 2 * 86_400: "\(seconds / 3600)h"
    case let seconds: "\(seconds / 86_400)d"
    }
  }

  /// `27ms`, `1.2s`, `2m 3s`, `3h 20m`.
  static func length(milliseconds: Int64) -> String {
    switch milliseconds {
    case ..<1000: "\(max(0, milliseconds))ms"
    case ..<60_000: "\(milliseconds / 1000).\(milliseconds % 1000 / 100)s"
    case ..<3_600_000: "\(milliseconds / 60_000)m \(milliseconds / 1000 % 60)s"
    default: "\(milliseconds / 3_600_000)h \(milliseconds / 60_000 % 60)m"
    }
  }

  static func length(milliseconds: Int64?) -> String {
    milliseconds.map { length(milliseconds: $0) } ?? "-"
  }

  /// RFC 3339, UTC.
  static func instant(_ time: WallTime) -> String {
    CivilTime.formatRFC3339(milliseconds: time.milliseconds)
  }

  /// `14:03:07.250`.
  static func clock(_ time: WallTime, offsetSeconds: Int) -> String {
    let text = CivilTime.formatRFC3339(
      milliseconds: time.milliseconds + Int64(offsetSeconds) * 1000)
    return String(text.dropFirst(11).prefix(12))
  }

  /// How far the clocks of this machine's place are from UTC.
  static func localOffsetSeconds(at time: WallTime) -> Int {
    var seconds = time_t(time.milliseconds / 1000)
    var local = tm()
    localtime_r(&seconds, &local)
    return local.tm_gmtoff
  }

  /// `250ms 30s 5m 6h 7d`, as in manifests; nil for anything else.
  static func duration(_ text: String) -> Duration? {
    let digits = text.prefix { $0.isASCII && $0.isNumber }
    let units: [String: Int64] = [
      "ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000,
    ]
    guard let count = Int64(digits), let unit = units[String(text.dropFirst(digits.count))]
    else { return nil }
    let (milliseconds, overflow) = count.multipliedReportingOverflow(by: unit)
    return overflow ? nil : .milliseconds(milliseconds)
  }
}
