// A wall clock that never steps back. Due times decide who stands before whom in a line: an event
// that came later must not get an earlier one because somebody set the machine's clock.

import Invocations

/// While the machine's clock is behind what was told before, time goes on at half its pace, until the
/// two meet.
final class SteadyClocks: Clocks {
  /// A clock that was wrong by more is followed at once: half the pace would last too long.
  static let behindMax = Duration.seconds(86_400)

  private let clocks: any Clocks
  private var latest: WallTime
  /// Where the clock was when it was first seen to be behind.
  private var slowSince: (wall: WallTime, monotonic: UInt64)?

  /// `notBefore` is what former hosts on the same store have told.
  init(_ clocks: any Clocks, notBefore: WallTime) {
    self.clocks = clocks
    latest = notBefore
  }

  var monotonic: UInt64 { clocks.monotonic }

  var wall: WallTime {
    let real = clocks.wall
    guard real < latest else { return follow(real) }
    let now = clocks.monotonic
    let since = slowSince ?? (latest, now)
    slowSince = since
    let passed = Int64((now - since.monotonic) / 2_000_000)
    latest = max(latest, since.wall + .milliseconds(passed))
    guard real < latest, latest.milliseconds - real.milliseconds <= Self.behindMax.milliseconds
    else { return follow(real) }
    return latest
  }

  private func follow(_ real: WallTime) -> WallTime {
    slowSince = nil
    latest = real
    return real
  }
}
