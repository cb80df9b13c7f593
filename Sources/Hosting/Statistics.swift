// Counters since the host started, for `functions list` and for Prometheus. Times go into buckets
// that grow by a fifth, so that a percentile is within ten per cent and a function costs 700 bytes.

import Doors
import Invocations

final class Statistics {
  /// A class, because a struct with these tables would be copied at every end.
  final class Function {
    fileprivate(set) var accepted = 0
    fileprivate(set) var duplicates = 0
    fileprivate(set) var started = 0
    fileprivate(set) var succeeded = 0
    fileprivate(set) var dead = 0
    fileprivate(set) var cancelled = 0
    fileprivate(set) var retried = 0
    fileprivate(set) var runTimes = TimeBuckets()
    fileprivate(set) var totalTimes = TimeBuckets()
    fileprivate(set) var minute = MinuteMeter()
  }

  private(set) var functions: [String: Function] = [:]
  private(set) var unhealthy: [String: String] = [:]
  private(set) var fenced = 0
  private(set) var workersStarted = 0
  private(set) var workersLost = 0

  /// `now` is monotonic, in nanoseconds.
  func count(_ happening: Happening, at now: UInt64) {
    switch happening {
    case .accepted(let acceptance):
      let function = function(acceptance.value.function)
      function.accepted += 1
      function.minute.count(at: now) { $0.accepted += 1 }
    case .duplicate(_, let name): function(name).duplicates += 1
    case .started(_, let name, _, _):
      let function = function(name)
      function.started += 1
      function.minute.count(at: now) { $0.started += 1 }
    case .goesOn(let attempt, let name, _, _): count(attempt, of: function(name), at: now)
    case .ended(let ending, let acceptedAt): count(ending.value, acceptedAt, at: now)
    case .fenced: fenced += 1
    case .workerStarted: workersStarted += 1
    case .workerEnded(_, _, let expected): if !expected { workersLost += 1 }
    case .unhealthy(let names, let reason): for name in names { unhealthy[name] = reason }
    case .healthy(let names): for name in names { unhealthy[name] = nil }
    case .logged, .missed, .paused, .resumed, .storeStalled, .storeHealed, .action,
      .webhooksRefused:
      break
    }
  }

  private func function(_ name: String) -> Function {
    if let known = functions[name] { return known }
    let function = Function()
    functions[name] = function
    return function
  }

  private func count(_ attempt: AttemptRecord, of function: Function, at now: UInt64) {
    function.retried += 1
    function.runTimes.add(attempt.endedAt.milliseconds - attempt.startedAt.milliseconds)
    if attempt.outcome != .returned { function.minute.count(at: now) { $0.failed += 1 } }
  }

  private func count(_ ending: Ending, _ acceptedAt: WallTime, at now: UInt64) {
    let function = function(ending.function)
    switch ending.state {
    case .succeeded:
      function.succeeded += 1
      function.minute.count(at: now) { $0.succeeded += 1 }
    case .dead:
      function.dead += 1
      function.minute.count(at: now) { $0.failed += 1 }
    default: function.cancelled += 1
    }
    if let attempt = ending.attempt {
      function.runTimes.add(attempt.endedAt.milliseconds - attempt.startedAt.milliseconds)
    }
    function.totalTimes.add(ending.endedAt.milliseconds - acceptedAt.milliseconds)
  }
}

/// The last sixty seconds, a bucket for each.
struct MinuteMeter {
  private var seconds = [(second: UInt64, counts: MinuteCounts)](
    repeating: (0, MinuteCounts()), count: 60)

  /// `now` is monotonic, in nanoseconds.
  mutating func count(at now: UInt64, _ change: (inout MinuteCounts) -> Void) {
    let second = now / 1_000_000_000
    let place = Int(second % 60)
    if seconds[place].second != second { seconds[place] = (second, MinuteCounts()) }
    change(&seconds[place].counts)
  }

  func sum(at now: UInt64) -> MinuteCounts {
    let second = now / 1_000_000_000
    return seconds.reduce(into: MinuteCounts()) { sum, bucket in
      guard bucket.second + 60 > second, bucket.second <= second else { return }
      sum.accepted += bucket.counts.accepted
      sum.started += bucket.counts.started
      sum.succeeded += bucket.counts.succeeded
      sum.failed += bucket.counts.failed
    }
  }
}

/// Milliseconds, counted in buckets whose bounds grow by a fifth: 0, 1, 2 … about three days.
struct TimeBuckets {
  private static let bounds: [Int64] = {
    var bounds: [Int64] = [0]
    while bounds.count < 96, let last = bounds.last { bounds.append(max(last + 1, last * 6 / 5)) }
    return bounds
  }()

  private var counts = [UInt32](repeating: 0, count: TimeBuckets.bounds.count)
  private(set) var total = 0
  private(set) var sumMilliseconds: Int64 = 0

  mutating func add(_ milliseconds: Int64) {
    let value = max(0, milliseconds)
    var low = 0
    var high = Self.bounds.count - 1
    while low < high {
      let middle = (low + high) / 2
      if Self.bounds[middle] < value { low = middle + 1 } else { high = middle }
    }
    counts[low] &+= 1
    total += 1
    sumMilliseconds += value
  }

  /// nil before the first.
  func percentile(_ fraction: Double) -> Double? {
    guard total > 0 else { return nil }
    let wanted = Int((Double(total) * fraction).rounded(.up))
    var seen = 0
    for (index, count) in counts.enumerated() {
      seen += Int(count)
      if seen >= wanted { return Double(Self.bounds[index]) }
    }
    return Self.bounds.last.map(Double.init)
  }
}
