// HTTP functions under load, and the way of a single event.

import Glibc

extension BenchRun {
  func http() throws -> BenchReport {
    let connections = settings.connections(64)
    let about =
      "POST of \(BenchPayload.bytes) bytes of JSON, \(connections) connections, "
      + "\(settings.paceWords), \(settings.extent)"
    return try report(.http, about, [.answer()]) { host, report in
      let result = try load([calls(host, connections, settings.end(batch: 1))])[0]
      report.add(rate: "callsPerSecond", "answered", result.eventsPerSecond, of: "calls")
      addRefusals([result], to: &report)
      report.add("callToAnswer", "call → answer", result.latencies)
      return result.events
    }
  }

  func calls(_ host: BenchHost, _ connections: Int, _ end: LoadEnd) -> LoadGroup {
    let request = LoadRequest.call("/answer", port: host.functionPort)
    return LoadGroup(
      port: host.functionPort, connections: connections, pace: settings.pace(batch: 1), end: end
    ) { _ in request }
  }

  func latency() throws -> BenchReport {
    let stamps = try StartStamps()
    // The same for both, so that they share a worker.
    let environment = [StartStamp.variable: "\(stamps.port)"]
    let functions = [
      BenchFunction.answer(environment: environment),
      .queue("orders", "Stamp", environment: environment),
    ]
    let about = "one connection, one at a time, \(settings.extent) each"
    return try report(.latency, about, functions) { host, report in
      var group = calls(host, 1, settings.end(batch: 1))
      group.pace = .closed
      let result = try load([group])[0]
      report.add("callToAnswer", "call → answer", result.latencies)
      let events = try SingleEvents.send(to: host, stamps, settings, progress)
      report.add("postToAnswer", "post → 202", events.accepted)
      report.add("postToStart", "post → handler starts", events.postToStart)
      report.add("answerToStart", "202 → handler starts", events.answerToStart)
      return result.events + events.accepted.total
    }
  }
}

/// Events that are sent one after the other, each when the one before is done.
struct SingleEvents {
  private(set) var accepted = LatencyHistogram()
  private(set) var postToStart = LatencyHistogram()
  /// None where the handler started before the answer was read.
  private(set) var answerToStart = LatencyHistogram()

  /// From a handler's start to the next event: its end is on disk by then and is nobody's wait.
  private static let pauseMilliseconds = 1
  private static let patience: Int32 = 10_000

  static func send(
    to host: BenchHost, _ stamps: StartStamps, _ settings: BenchSettings, _ progress: BenchProgress
  ) throws -> SingleEvents {
    var events = SingleEvents()
    let request = LoadRequest.message(queue: "orders", events: 1, port: host.controlPort)
    let connection = try LoadConnection(group: 0, port: host.controlPort)
    let schedule = LoadSchedule(
      pace: .closed, end: settings.end(batch: 1), start: BenchClock.now)
    var index = 0
    while schedule.includes(index, at: BenchClock.now) {
      try events.send(request, on: connection, stamps)
      index += 1
      try progress.tell("\(BenchWords.count(index)) one at a time")
      BenchClock.nap(milliseconds: pauseMilliseconds)
    }
    return events
  }

  private mutating func send(
    _ request: LoadRequest, on connection: LoadConnection, _ stamps: StartStamps
  ) throws {
    let sentAt = BenchClock.now
    try connection.begin(request, countingFrom: sentAt)
    var answeredAt: UInt64?
    var startedAt: UInt64?
    var entries = [
      pollfd(fd: connection.descriptor, events: Int16(POLLIN), revents: 0),
      pollfd(fd: stamps.descriptor, events: Int16(POLLIN), revents: 0),
    ]
    var buffer = [UInt8](repeating: 0, count: 4096)
    while answeredAt == nil || startedAt == nil {
      guard poll(&entries, 2, Self.patience) > 0 else {
        throw CommandFault.failed("a single event was not accepted and started within 10 s")
      }
      let now = BenchClock.now
      if entries[0].revents != 0 {
        let status = try buffer.withUnsafeMutableBytes { bytes in
          Result { try connection.receive(into: bytes) }
        }.get()
        if let status {
          guard status == 202 else {
            throw CommandFault.failed("the host answered a single event with HTTP status \(status)")
          }
          answeredAt = now
        }
      }
      if entries[1].revents != 0 { startedAt = stamps.take() }
    }
    guard let answeredAt, let startedAt else { return }
    accepted.add(nanoseconds: answeredAt - sentAt)
    postToStart.add(nanoseconds: startedAt - min(sentAt, startedAt))
    answerToStart.add(nanoseconds: startedAt - min(answeredAt, startedAt))
  }
}
