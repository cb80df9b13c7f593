// The token buckets of one function, one for each value, and the lanes that wait before them. A
// bucket that is full again is forgotten: an unknown value's bucket is full.

import DequeModule
import HeapModule
import Invocations

struct RateGates {
  /// Values whose buckets are not full; about 60 bytes each.
  ///
  /// Past it other values wait until one is.
  static let valuesMax = 1_000_000

  /// After it they look again for a bucket that has become full: at a slow rate long before a token.
  private static let homelessPause: UInt64 = 10_000_000_000

  private struct Gate {
    var bucket: TokenBucket
    var waiting = Deque<Lane>()
  }

  private struct Wake: Comparable {
    let at: UInt64
    let value: Int64
    static func < (left: Self, right: Self) -> Bool { left.at < right.at }
  }

  private let rule: TokenBucket.Rule
  private let valuesMax: Int
  /// When the host started, if it does not know what was taken before.
  private let emptyAt: UInt64?
  private var gates: [Int64: Gate] = [:]
  private var wakes = Heap<Wake>()
  /// Lanes of values for which there is no room.
  private var homeless = Deque<Lane>()
  private var homelessUntil: UInt64?
  private var sweepAt: Int
  private var sweepNotBefore: UInt64 = 0

  init(_ rule: TokenBucket.Rule, emptyAt: UInt64?, valuesMax: Int = Self.valuesMax) {
    self.rule = rule
    self.emptyAt = emptyAt
    self.valuesMax = valuesMax
    sweepAt = min(1024, valuesMax)
  }

  var valueCount: Int { gates.count }
  var nextWake: UInt64? {
    guard let first = wakes.min?.at else { return homelessUntil }
    return min(first, homelessUntil ?? first)
  }

  private func unknown(at now: UInt64) -> TokenBucket {
    guard let emptyAt else { return TokenBucket() }
    let bucket = TokenBucket(emptyAt: emptyAt, rule)
    return bucket.isFull(at: now) ? TokenBucket() : bucket
  }

  func opensAt(_ value: Int64) -> UInt64? { gates[value]?.bucket.opensAt(rule) }

  /// True when a token may be taken now; else the lane waits here.
  mutating func admits(_ lane: Lane, _ value: Int64, at now: UInt64) -> Bool {
    if gates[value] == nil {
      if gates.count >= sweepAt, sweepNotBefore <= now { sweep(at: now) }
      guard gates.count < valuesMax else {
        homeless.append(lane)
        homelessUntil = min(homelessUntil ?? .max, now + min(rule.interval, Self.homelessPause))
        return false
      }
      gates[value] = Gate(bucket: unknown(at: now))
    }
    guard let gate = gates[value], !gate.bucket.isOpen(at: now, rule) else { return true }
    gates[value]?.waiting.append(lane)
    if gate.waiting.isEmpty {
      wakes.insert(Wake(at: gate.bucket.opensAt(rule), value: value))
    }
    return false
  }

  mutating func take(_ value: Int64, at now: UInt64) {
    var gate = gates[value] ?? Gate(bucket: unknown(at: now))
    gate.bucket.take(at: now, rule)
    gates[value] = gate
  }

  /// Lanes whose turn has come: one for each token.
  mutating func awake(at now: UInt64) -> [Lane] {
    var awake: [Lane] = []
    if let until = homelessUntil, until <= now {
      homelessUntil = nil
      awake = Array(homeless)
      homeless = []
    }
    while let first = wakes.min, first.at <= now {
      wakes.removeMin()
      guard var gate = gates[first.value] else { continue }
      if gate.bucket.isOpen(at: now, rule), let lane = gate.waiting.popFirst() {
        awake.append(lane)
        gates[first.value] = gate
      }
      guard !gate.waiting.isEmpty else { continue }
      let opens = gate.bucket.opensAt(rule)
      wakes.insert(Wake(at: opens <= now ? now + rule.interval : opens, value: first.value))
    }
    return awake
  }

  /// The one that was awake did not take its token: another may.
  mutating func passOn(_ value: Int64, at now: UInt64) -> Lane? {
    guard gates[value]?.bucket.isOpen(at: now, rule) == true else { return nil }
    return gates[value]?.waiting.popFirst()
  }

  /// Forgets who waits; what was taken stays taken.
  mutating func forgetWaiting() {
    for value in gates.keys { gates[value]?.waiting = [] }
    wakes = Heap()
    homeless = []
    homelessUntil = nil
  }

  private mutating func sweep(at now: UInt64) {
    gates = gates.filter { !$0.value.waiting.isEmpty || !$0.value.bucket.isFull(at: now) }
    sweepAt = min(valuesMax, max(1024, 2 * gates.count))
    sweepNotBefore = now + 100_000_000
  }
}
