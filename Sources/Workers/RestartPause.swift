// When the next process of a group may start: at once, unless processes die before they are ready or
// die again and again. Pure; a pause never passes `pauseMax`, so no group is given up.

struct RestartPause {
  /// Monotonic nanoseconds; nothing is started before.
  private(set) var due: UInt64 = 0
  private var failedStarts = 0
  /// Monotonic nanoseconds of the crashes within `crashWindow`.
  private var crashes: [UInt64] = []

  static let crashWindow: UInt64 = 10_000_000_000
  /// So many crashes of running workers within the window are followed by a restart at once.
  static let crashesMax = 5
  private static let first: UInt64 = 100_000_000
  static let pauseMax: UInt64 = 10_000_000_000

  mutating func startFailed(at now: UInt64) {
    failedStarts += 1
    due = now + RestartPause.pause(failedStarts)
  }

  mutating func started() { failedStarts = 0 }

  mutating func crashed(at now: UInt64) {
    crashes.removeAll { $0 + RestartPause.crashWindow <= now }
    crashes.append(now)
    due = now + RestartPause.pause(max(1, crashes.count - RestartPause.crashesMax + 1))
  }

  /// 0, 100 ms, 200 ms, 400 ms … 10 s.
  private static func pause(_ step: Int) -> UInt64 {
    step <= 1 ? 0 : min(pauseMax, first << UInt64(min(step - 2, 20)))
  }
}
