// The load: one thread, non-blocking sockets, requests made beforehand. It measures what a client
// sees and knows nothing of functions or records.

import Glibc

/// Connections that send the same kind of request at one pace.
struct LoadGroup {
  var port: UInt16
  var connections: Int
  var pace = LoadPace.closed
  var end: LoadEnd
  var request: (_ index: Int) -> LoadRequest
}

struct LoadResult {
  var requests = 0
  /// In requests that were answered with success.
  var events = 0
  /// Requests answered 429 or 503: nothing of them was accepted.
  var refused = 0
  /// Scheduled and not sent, because the host fell too far behind.
  var unsent = 0
  var latencies = LatencyHistogram()
  /// Monotonic, in nanoseconds.
  var beganAt: UInt64 = 0
  var endedAt: UInt64 = 0

  var seconds: Double { Double(endedAt - beganAt) / 1e9 }
  var eventsPerSecond: Double { seconds > 0 ? Double(events) / seconds : 0 }
}

final class LoadClient {
  /// How long the last answers, and an open loop that fell behind, are waited for.
  private static let patience: UInt64 = 30_000_000_000
  /// After a refusal.
  private static let rest: UInt64 = 5_000_000
  private static let waitMax: UInt64 = 100_000_000

  private let groups: [LoadGroup]
  private let schedules: [LoadSchedule]
  private let connections: [LoadConnection]
  private let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 64 << 10, alignment: 16)
  private var idle: [[LoadConnection]]
  private var nextIndex: [Int]
  private(set) var results: [LoadResult]
  private var busyCount = 0
  /// The last time that anything was sent.
  private var sentAt: UInt64 = 0

  init(_ groups: [LoadGroup]) throws(CommandFault) {
    self.groups = groups
    var connections: [LoadConnection] = []
    for (index, group) in groups.enumerated() {
      for _ in 0..<group.connections {
        connections.append(try LoadConnection(group: index, port: group.port))
      }
    }
    self.connections = connections
    let start = BenchClock.now
    schedules = groups.map { LoadSchedule(pace: $0.pace, end: $0.end, start: start) }
    idle = groups.indices.map { group in connections.filter { $0.group == group } }
    nextIndex = groups.map { _ in 0 }
    results = groups.map { _ in LoadResult(beganAt: start, endedAt: start) }
  }

  deinit { buffer.deallocate() }

  /// All of it, until the last answer is there.
  ///
  /// `watching` is called about ten times a second and may throw to end it.
  static func run(
    _ groups: [LoadGroup], watching: ([LoadResult]) throws -> Void
  ) throws -> [LoadResult] {
    let client = try LoadClient(groups)
    var watchedAt = BenchClock.now
    var now = watchedAt
    while try client.sendDue(now) || client.busyCount > 0 {
      try client.wait(from: now)
      now = BenchClock.now
      if now > watchedAt + waitMax {
        try watching(client.results)
        watchedAt = now
      }
      try client.giveUpLate(now)
    }
    return client.results
  }

  // MARK: Out

  /// False when there will be nothing more to send.
  private func sendDue(_ now: UInt64) throws(CommandFault) -> Bool {
    var hasMore = false
    for group in groups.indices {
      let schedule = schedules[group]
      while schedule.includes(nextIndex[group], at: now) {
        hasMore = true
        guard schedule.isDue(nextIndex[group], at: now), let last = idle[group].last,
          last.restsUntil <= now
        else { break }
        idle[group].removeLast()
        try begin(last, now)
      }
    }
    return hasMore
  }

  private func begin(_ connection: LoadConnection, _ now: UInt64) throws(CommandFault) {
    let group = connection.group
    let index = nextIndex[group]
    nextIndex[group] += 1
    results[group].requests += 1
    busyCount += 1
    sentAt = now
    try connection.begin(
      groups[group].request(index),
      countingFrom: schedules[group].beginning(of: index, sentAt: now))
  }

  // MARK: In

  private func wait(from now: UInt64) throws(CommandFault) {
    var readable = fd_set()
    var writable = fd_set()
    var last: Int32 = -1
    for connection in connections where connection.isBusy {
      readable.insert(connection.descriptor)
      if connection.hasUnsent { writable.insert(connection.descriptor) }
      last = max(last, connection.descriptor)
    }
    let nanoseconds = waitingTime(from: now)
    var time = timespec(tv_sec: 0, tv_nsec: Int(nanoseconds))
    // For its timeout in nanoseconds; epoll is not in Swift's Glibc module, and poll counts in
    // milliseconds, longer than most of what is measured here.
    let count = pselect(last + 1, &readable, &writable, nil, &time, nil)
    guard count > 0 else { return }
    for connection in connections where connection.isBusy {
      if connection.hasUnsent, writable.contains(connection.descriptor) { try connection.send() }
      if readable.contains(connection.descriptor) { try receive(connection) }
    }
  }

  /// Until the next request of an open loop, or the end of a rest.
  private func waitingTime(from now: UInt64) -> UInt64 {
    var until = now + Self.waitMax
    for group in groups.indices {
      guard let last = idle[group].last, schedules[group].includes(nextIndex[group], at: now) else {
        continue
      }
      let due = schedules[group].time(of: nextIndex[group])
      until = min(until, max(due, last.restsUntil))
    }
    return until > now ? until - now : 0
  }

  private func receive(_ connection: LoadConnection) throws(CommandFault) {
    guard let status = try connection.receive(into: buffer) else { return }
    let now = BenchClock.now
    let group = connection.group
    busyCount -= 1
    results[group].endedAt = now
    switch status {
    case 200...299:
      results[group].events += connection.eventsUnderWay
      results[group].latencies.add(nanoseconds: now - connection.beganAt)
      connection.restsUntil = 0
      guard schedules[group].pace == .closed, schedules[group].includes(nextIndex[group], at: now)
      else { return idle[group].append(connection) }
      try begin(connection, now)
    case 429, 503:
      results[group].refused += 1
      connection.restsUntil = now + Self.rest
      // Behind the others, so that the last is always one that has rested longest.
      idle[group].insert(connection, at: 0)
    default:
      throw .failed("the host answered the bench with HTTP status \(status)")
    }
  }

  /// What an open loop could not send long after the end is no load any more, and a host that
  /// answers nobody will not begin to.
  private func giveUpLate(_ now: UInt64) throws(CommandFault) {
    let answeredAt = max(sentAt, results.map(\.endedAt).max() ?? 0)
    guard busyCount == 0 || now < answeredAt + 2 * Self.patience else {
      throw .failed("the host has not answered for \(2 * Self.patience / 1_000_000_000) s")
    }
    for group in groups.indices {
      guard let seconds = groups[group].end.seconds else { continue }
      let end = schedules[group].start + UInt64(seconds * 1e9) + Self.patience
      guard now > end else { continue }
      while schedules[group].includes(nextIndex[group], at: now) {
        nextIndex[group] += 1
        results[group].unsent += 1
      }
    }
  }
}

extension fd_set {
  private static let bits = UInt8.bitWidth

  // FD_SET and FD_ISSET are macros, which Swift does not see. Little-endian words are bytes in order.
  fileprivate mutating func insert(_ descriptor: Int32) {
    withUnsafeMutableBytes(of: &self) { bytes in
      bytes[Int(descriptor) / Self.bits] |= 1 << UInt8(Int(descriptor) % Self.bits)
    }
  }

  fileprivate func contains(_ descriptor: Int32) -> Bool {
    withUnsafeBytes(of: self) { bytes in
      bytes[Int(descriptor) / Self.bits] & 1 << UInt8(Int(descriptor) % Self.bits) != 0
    }
  }
}
