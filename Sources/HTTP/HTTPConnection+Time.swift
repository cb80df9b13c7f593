// The time limits of one connection, looked at by the server's one timer. Reading the clock is the
// only thing a request costs here.

import EventLoop
import Glibc

struct HTTPConnectionClock {
  enum Phase {
    /// Some answer is due; the client has nothing to do.
    case waiting
    case idle
    case head
    case body
    case lingering
  }

  private(set) var phase = Phase.waiting
  /// Nanoseconds of `coarseNow`.
  private var deadline = UInt64.max
  private var bytesSentBefore = 0
  private var stalledSince: UInt64?
  /// Of the body that is being read.
  private var bodyBegan: UInt64 = 0
  private var bodyBytes = 0

  /// From the first byte on; more bytes of the same head do not prolong it.
  mutating func startHead(_ limits: HTTPLimits) {
    if phase != .head { enter(.head, for: limits.headerTimeout) }
  }

  mutating func endHead() {
    (phase, deadline) = (.waiting, .max)
  }

  /// Each byte prolongs it, but no further than the pace of the whole body allows.
  mutating func continueBody(_ limits: HTTPLimits, bytes: Int, now: UInt64 = Self.coarseNow()) {
    if phase != .body { (bodyBegan, bodyBytes) = (now, 0) }
    phase = .body
    bodyBytes += bytes
    let earned = UInt64(bodyBytes) * 1_000_000_000 / UInt64(max(1, limits.bodyBytesPerSecondMin))
    deadline = min(now, bodyBegan &+ earned) &+ limits.bodyTimeout.nanoseconds
  }

  mutating func startIdle(_ limits: HTTPLimits) {
    enter(.idle, for: limits.keepAliveTimeout)
  }

  mutating func startLingering(_ limits: HTTPLimits) {
    enter(.lingering, for: limits.lingerTimeout)
  }

  private mutating func enter(_ phase: Phase, for time: Duration) {
    self.phase = phase
    deadline = Self.coarseNow() &+ time.nanoseconds
  }

  func isPast(_ now: UInt64) -> Bool { now > deadline }

  /// True when the client took nothing of what waits for it since `limit`.
  mutating func isStalled(written: Int, unsent: Int, now: UInt64, limit: Duration) -> Bool {
    let sent = written - unsent
    guard unsent > 0, sent == bytesSentBefore, let since = stalledSince else {
      bytesSentBefore = sent
      stalledSince = unsent > 0 ? now : nil
      return false
    }
    return now - since > limit.nanoseconds
  }

  /// Monotonic, a few milliseconds behind, and a plain memory read.
  static func coarseNow() -> UInt64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC_COARSE, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
  }
}

extension HTTPConnection {
  func checkTime(_ now: UInt64) {
    let isStalled = clock.isStalled(
      written: stream.writtenBytes, unsent: stream.unsentBytes, now: now,
      limit: limits.sendTimeout)
    if isStalled { return dropSlowReader() }
    guard clock.isPast(now) else { return }
    switch clock.phase {
    case .waiting: break
    case .idle: linger()
    case .head where isIdle: linger()
    case .head: timeOut(.headTimedOut)
    case .body where isDiscarding: linger()
    case .body: timeOut(.bodyTimedOut)
    // What is still unsent is the send limit's matter.
    case .lingering: if stream.unsentBytes == 0 { close() }
    }
  }

  private func timeOut(_ refusal: HTTPRefusal) {
    server.counters.timeouts += 1
    clock.endHead()
    refuse(refusal)
  }
}
