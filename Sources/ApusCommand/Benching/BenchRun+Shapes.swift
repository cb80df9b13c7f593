// Work of other shapes than one event, one invocation: timers, effects, retries, and all at once.

import Invocations
import Schedules

extension BenchRun {
  // MARK: Timers

  /// From the first message until the first is due: all must be accepted by then.
  private static let timerLead = Duration.seconds(15)
  private static let timerSpread = Duration.seconds(45)
  private static let timersPerPost = 10

  func timer() throws -> BenchReport {
    let count = settings.count ?? 100_000
    let batch = settings.batch ?? Self.timersPerPost
    let about =
      "\(BenchWords.count(count)) events with at=, due over \(Self.timerSpread.milliseconds / 1000)"
      + " s, all within a minute"
    return try report(.timer, about, [.queue("orders")]) { host, report in
      let requests = timers(host, count, batch)
      let group = LoadGroup(
        port: host.controlPort, connections: settings.connections(Self.postConnections),
        end: LoadEnd(requests: requests.count)
      ) { requests[$0] }
      let result = try load([group])[0]
      add(result, to: &report)
      addRefusals([result], to: &report)
      report.add("postToAnswer", "post → 202", result.latencies)
      try untilFinished(host, result.events)
      try addLateness(of: host, result.events, to: &report)
      return result.events
    }
  }

  private func timers(_ host: BenchHost, _ count: Int, _ batch: Int) -> [LoadRequest] {
    let first = TimeWords.now + Self.timerLead
    return stride(from: 0, to: count, by: batch).map { index in
      let due = first.milliseconds + Self.timerSpread.milliseconds * Int64(index) / Int64(count)
      return .message(
        queue: "orders", events: min(batch, count - index), port: host.controlPort,
        options: [("at", CivilTime.formatRFC3339(milliseconds: due))])
    }
  }

  private func addLateness(of host: BenchHost, _ count: Int, to report: inout BenchReport) throws {
    let rows = try BenchRecord.rows(host, count, telling: progress)
    // Accepted too late, it could not start in time: that is the client's lateness.
    let onTime = rows.filter { row in
      guard let created = row.created, let due = row.due else { return false }
      return created < due
    }
    report.add(
      "lateness", "record: due → started (ms)",
      BenchRecord.spread(onTime, from: \.due, to: \.started))
    let early = onTime.count { row in
      guard let due = row.due, let started = row.started else { return false }
      return started < due
    }
    report.add("early", "early", Double(early), "\(BenchWords.count(early)) started before due")
    guard onTime.count < rows.count else { return }
    report.add(
      "acceptedLate", "accepted late", Double(rows.count - onTime.count),
      "\(BenchWords.count(rows.count - onTime.count)) were due before they were accepted")
  }

  // MARK: Effects and retries

  private static let emitted = 4

  func fanout() throws -> BenchReport {
    var messages = stream()
    messages.queue = "spread"
    let functions =
      [BenchFunction.queue("spread", "Spread")]
      + (0..<Self.emitted).map { .queue("spread-\($0)") }
    let about = "queue handlers that emit \(Self.emitted) events each, \(settings.extent)"
    return try report(.fanout, about, functions) { host, report in
      let (result, finished) = try send(messages, to: host, times: 1 + Self.emitted)
      add(result, to: &report)
      report.add(rate: "finishedPerSecond", "finished", finished, of: "invocations")
      addRefusals([result], to: &report)
      report.add("postToAnswer", "post → 202", result.latencies)
      return result.events * (1 + Self.emitted)
    }
  }

  func retryStorm() throws -> BenchReport {
    let retry = "{ attempts: 5, first: 10ms, factor: 2, jitter: none }"
    let about = "queue handlers that fail twice, again after 10 and 20 ms, \(settings.extent)"
    let functions = [BenchFunction.queue("orders", "Stumble", retry: retry)]
    return try report(.retryStorm, about, functions) { host, report in
      let (result, finished) = try send(stream(), to: host)
      add(result, to: &report)
      report.add(rate: "finishedPerSecond", "finished", finished, of: "invocations")
      report.add(rate: "attemptsPerSecond", "attempts", finished * 3, of: "attempts")
      addRefusals([result], to: &report)
      report.add("postToAnswer", "post → 202", result.latencies)
      return result.events
    }
  }

  // MARK: All at once

  func mixed() throws -> BenchReport {
    let retry = "{ attempts: 5, first: 10ms, factor: 2, jitter: none }"
    let functions =
      [
        BenchFunction.answer(), .queue("orders"), .queue("later"), .queue("spread", "Spread"),
        .queue("stumble", "Stumble", retry: retry),
      ] + (0..<Self.emitted).map { .queue("spread-\($0)") }
    let about =
      "calls on 8 connections beside queues in closed loop, a delay of 1 s, effects and retries, "
      + "\(BenchWords.digits(settings.seconds)) s"
    return try report(.mixed, about, functions) { host, report in
      let end = LoadEnd(seconds: settings.seconds)
      var call = calls(host, 8, end)
      call.pace = .closed
      func messages(_ queue: String, delay: String? = nil) -> LoadGroup {
        Messages(
          queue: queue, batch: 20, connections: 1, end: end, options: [("delay", delay)]
        ).group(host)
      }
      let results = try load([
        call, messages("orders"), messages("later", delay: "1s"), messages("spread"),
        messages("stumble"),
      ])
      let events = results.map(\.events)
      let invocations = events.reduce(0, +) + events[3] * Self.emitted
      let done = try untilFinished(host, invocations)
      let seconds = Double(done.at - results[0].beganAt) / 1e9
      report.add(rate: "callsPerSecond", "answered", results[0].eventsPerSecond, of: "calls")
      report.add(
        rate: "acceptedPerSecond", "accepted",
        results.dropFirst().reduce(0) { $0 + $1.eventsPerSecond }, of: "events")
      report.add(
        rate: "finishedPerSecond", "finished", Double(invocations) / seconds, of: "invocations")
      addRefusals(results, to: &report)
      report.add("callToAnswer", "call → answer", results[0].latencies)
      report.add("postToAnswer", "post → 202", results[1].latencies)
      return invocations
    }
  }
}
