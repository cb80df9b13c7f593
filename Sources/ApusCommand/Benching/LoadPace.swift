// When a request of the bench is to be sent, and when no more are. Pure: it is told the time.

import Glibc

/// Closed: the next one when an answer is there.
///
/// Open: at its time, whether or not the earlier ones are answered, so that a host that stalls is
/// charged for everybody who had to wait.
enum LoadPace: Equatable {
  case closed
  case open(requestsPerSecond: Double)
}

/// The bounds of a run, whichever comes first; at least one is given.
struct LoadEnd: Equatable {
  var seconds: Double?
  var requests: Int?
}

struct LoadSchedule {
  let pace: LoadPace
  let end: LoadEnd
  /// Monotonic, in nanoseconds.
  let start: UInt64

  /// Of a request in an open loop.
  func time(of index: Int) -> UInt64 {
    guard case .open(let rate) = pace else { return start }
    return start + UInt64(Double(index) * 1e9 / rate)
  }

  /// Whether the request belongs to the run at all; a closed loop has as many as there is time for.
  func includes(_ index: Int, at now: UInt64) -> Bool {
    if let requests = end.requests, index >= requests { return false }
    guard let seconds = end.seconds else { return true }
    let due = pace == .closed ? now : time(of: index)
    return due < start + UInt64(seconds * 1e9)
  }

  /// Whether it may be sent already.
  func isDue(_ index: Int, at now: UInt64) -> Bool { pace == .closed || time(of: index) <= now }

  /// From when its latency counts.
  func beginning(of index: Int, sentAt now: UInt64) -> UInt64 {
    pace == .closed ? now : time(of: index)
  }
}

enum BenchClock {
  /// Monotonic, in nanoseconds; the same in every process of this machine.
  static var now: UInt64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
  }

  static func seconds(since start: UInt64) -> Double { Double(now - start) / 1e9 }

  /// Blocks the command's own thread, nobody else's.
  static func nap(milliseconds: Int) {
    var time = timespec(tv_sec: milliseconds / 1000, tv_nsec: milliseconds % 1000 * 1_000_000)
    nanosleep(&time, nil)
  }
}
