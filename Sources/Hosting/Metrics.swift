// Counters in the Prometheus text format, version 0.0.4.

import Dispatching
import Doors
import EventLoop
import EventSources
import HTTP
import Invocations
import Records

extension Host {
  package var metrics: [UInt8] {
    var text = MetricsText()
    let functions = bulletin.statistics.functions
    let names = functions.keys.sorted()
    text.counter("apus_accepted_total", "Invocations accepted.", names) { functions[$0]?.accepted }
    text.counter("apus_duplicates_total", "Events that came again and did not run again.", names) {
      functions[$0]?.duplicates
    }
    text.counter("apus_attempts_started_total", "Attempts started.", names) {
      functions[$0]?.started
    }
    text.counter("apus_attempts_retried_total", "Attempts after which the work goes on.", names) {
      functions[$0]?.retried
    }
    text.counter("apus_succeeded_total", "Invocations that ended succeeded.", names) {
      functions[$0]?.succeeded
    }
    text.counter("apus_dead_total", "Invocations that ended dead.", names) { functions[$0]?.dead }
    text.counter("apus_cancelled_total", "Invocations that ended cancelled.", names) {
      functions[$0]?.cancelled
    }
    let counts = Dictionary(
      dispatcher.counts.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
    let desks = counts.keys.sorted()
    text.gauge("apus_unfinished", "Accepted and not ended.", desks) { counts[$0]?.unfinished }
    text.gauge("apus_running", "Attempts with a worker.", desks) { counts[$0]?.running }
    text.webhooks(unsignedCalls)
    writeHouse(to: &text)
    writeDoors(to: &text)
    return Array(text.text.utf8)
  }

  private func writeHouse(to text: inout MetricsText) {
    text.plain("apus_record_backlog", "gauge", "Changes not yet on disk.", store.backlog)
    let commits = store.commits
    text.plain("apus_commits_total", "counter", "Transactions of the record.", commits.commits)
    text.plain(
      "apus_fsyncs_total", "counter", "Transactions that were synced to the disk.", commits.syncs)
    text.plain(
      "apus_invocations_in_memory", "gauge", "Unfinished work in memory.", dispatcher.liveCount)
    text.plain("apus_idempotency_keys", "gauge", "Keys kept.", dispatcher.keyCount)
    text.plain(
      "apus_fenced_answers_total", "counter", "Answers of attempts that were no longer live.",
      bulletin.statistics.fenced)
    text.plain(
      "apus_workers_started_total", "counter", "Worker processes started.",
      bulletin.statistics.workersStarted)
    text.plain(
      "apus_workers_lost_total", "counter", "Worker processes that ended unasked.",
      bulletin.statistics.workersLost)
    writeAccess(to: &text)
    text.plain("apus_boot", "gauge", "How often this store was started.", boot)
    text.plain(
      "apus_store_stalled", "gauge", "1 while the record cannot be written.",
      dispatcher.isStalled == nil ? 0 : 1)
  }

  private func writeAccess(to text: inout MetricsText) {
    let reasons = AccessRefusal.allCases.map(\.rawValue)
    text.series(
      "apus_access_refused_total", "counter", "Calls of the control door without the right to it.",
      of: "reason", reasons
    ) { AccessRefusal(rawValue: $0).flatMap { access.refusals[$0] } }
    text.plain(
      "apus_tokens", "gauge", "Scoped tokens that open the control door.",
      access.book.liveIDs(at: clocks.wall).count)
    let doors = Dictionary(
      certificateEnds.map { ($0.key.rawValue, $0.value) }, uniquingKeysWith: { first, _ in first })
    guard !doors.isEmpty else { return }
    text.series(
      "apus_tls_certificate_expiry_seconds", "gauge",
      "When the door's certificate expires, in seconds since 1970.", of: "door", doors.keys.sorted()
    ) { doors[$0] }
    text.series(
      "apus_tls_handshakes_total", "counter", "Handshakes that were completed.", of: "door",
      doors.keys.sorted()
    ) { Door(rawValue: $0).flatMap { server(of: $0)?.counters.handshakes } }
    text.series(
      "apus_tls_handshakes_failed_total", "counter",
      "Connections that were not the TLS spoken here.",
      of: "door", doors.keys.sorted()
    ) { Door(rawValue: $0).flatMap { server(of: $0)?.counters.handshakesFailed } }
  }
}

struct MetricsText {
  var text = ""

  mutating func counter(
    _ name: String, _ help: String, _ functions: [String], _ value: (String) -> Int?
  ) {
    series(name, "counter", help, of: "function", functions, value)
  }

  mutating func gauge(
    _ name: String, _ help: String, _ functions: [String], _ value: (String) -> Int?
  ) {
    series(name, "gauge", help, of: "function", functions, value)
  }

  mutating func plain(_ name: String, _ type: String, _ help: String, _ value: Int) {
    head(name, type, help)
    line(name, [], value)
  }

  mutating func head(_ name: String, _ type: String, _ help: String) {
    text += "# HELP \(name) \(help)\n# TYPE \(name) \(type)\n"
  }

  /// Labels are our own words, which need no escaping.
  mutating func line(_ name: String, _ labels: [(String, String)], _ value: Int) {
    let list = labels.map { "\($0)=\"\($1)\"" }.joined(separator: ",")
    text += list.isEmpty ? "\(name) \(value)\n" : "\(name){\(list)} \(value)\n"
  }

  mutating func webhooks(_ calls: UnsignedCalls) {
    let name = "apus_webhooks_refused_total"
    text += "# HELP \(name) Calls refused for their signature.\n# TYPE \(name) counter\n"
    for (kind, count) in calls.totals {
      text += "\(name){function=\"\(kind.function)\",code=\"\(kind.code.rawValue)\"} \(count)\n"
    }
  }

  mutating func series(
    _ name: String, _ type: String, _ help: String, of label: String, _ values: [String],
    _ value: (String) -> Int?
  ) {
    head(name, type, help)
    for one in values { line(name, [(label, one)], value(one) ?? 0) }
  }
}
