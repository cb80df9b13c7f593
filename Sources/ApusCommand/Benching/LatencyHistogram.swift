// Latencies in microseconds, counted in log-linear buckets as HdrHistogram has them: three
// significant digits at every size, and the same memory for ten values as for ten million.

struct LatencyHistogram: Equatable {
  /// Below this every microsecond has its own bucket; above, each doubling is cut into half as many.
  private static let exactBelow = 2048
  private static let halfCount = exactBelow / 2
  private static let halfBits = halfCount.trailingZeroBitCount
  private static let doublings = 21
  private static let bucketCount = exactBelow + doublings * halfCount
  /// What is longer, 71 minutes, is counted as this.
  static let microsecondsMax = exactBelow << doublings - 1

  private var counts = [Int](repeating: 0, count: LatencyHistogram.bucketCount)
  private(set) var total = 0
  /// Exact, while percentiles are the upper bounds of their buckets.
  private(set) var max = 0

  static func of(milliseconds: some Sequence<Int64>) -> LatencyHistogram {
    var histogram = LatencyHistogram()
    for value in milliseconds { histogram.add(microseconds: Int(value) * 1000) }
    return histogram
  }

  mutating func add(nanoseconds: UInt64) { add(microseconds: Int(nanoseconds / 1000)) }

  mutating func add(microseconds: Int) {
    let value = Swift.min(Swift.max(0, microseconds), Self.microsecondsMax)
    counts[Self.bucket(of: value)] += 1
    total += 1
    max = Swift.max(max, value)
  }

  mutating func add(_ other: LatencyHistogram) {
    for index in counts.indices { counts[index] += other.counts[index] }
    total += other.total
    max = Swift.max(max, other.max)
  }

  /// The value that `fraction` of all are not above; nil before the first.
  func percentile(_ fraction: Double) -> Int? {
    guard total > 0 else { return nil }
    let wanted = Swift.max(1, Int((Double(total) * fraction).rounded(.up)))
    var seen = 0
    for (index, count) in counts.enumerated() where count > 0 {
      seen += count
      if seen >= wanted { return Swift.min(max, Self.upperBound(of: index)) }
    }
    return max
  }

  static func bucket(of value: Int) -> Int {
    guard value >= exactBelow else { return value }
    let shift = Int.bitWidth - 1 - value.leadingZeroBitCount - halfBits
    return exactBelow + (shift - 1) * halfCount + (value >> shift) - halfCount
  }

  /// The largest value that falls into the bucket.
  static func upperBound(of bucket: Int) -> Int {
    guard bucket >= exactBelow else { return bucket }
    let above = bucket - exactBelow
    let shift = above / halfCount + 1
    return (above % halfCount + halfCount + 1) << shift - 1
  }
}
