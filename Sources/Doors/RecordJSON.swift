// How records look in JSON: CONTRACT §5, "An invocation in JSON". One writer for lists, the whole
// story and the event stream.

import EventSources
package import Invocations
import Schedules

extension WallTime {
  /// RFC 3339, milliseconds, UTC.
  package var text: String { CivilTime.formatRFC3339(milliseconds: milliseconds) }
}

extension InvocationRecord {
  fileprivate func shown(under redaction: Redaction) -> Self {
    var shown = self
    let mask = redaction.mask(for: acceptance.event)
    shown.acceptance.event = redaction.shown(acceptance.event)
    shown.result = result.map { redaction.shown($0, mask) }
    guard let mask else { return shown }
    shown.acceptance.key?.text = mask.masked(acceptance.key?.text ?? "")
    shown.acceptance.call = acceptance.call.map { call in
      var call = call
      call.path = mask.masked(call.path)
      call.query = call.query.map(mask.masked)
      for index in call.headers.indices {
        call.headers[index].value = mask.masked(call.headers[index].value)
      }
      for index in call.parameters.indices {
        call.parameters[index].value = mask.masked(call.parameters[index].value)
      }
      return call
    }
    return shown
  }
}

extension JSONWriter {
  mutating func field(_ name: String, _ time: WallTime?) {
    field(name, time?.text)
  }

  /// `isWhole` adds what only the whole story has: attempts, log lines, effects; `redaction` is of its
  /// function's manifest.
  ///
  /// Errors and log lines are stored without what is hidden.
  package mutating func invocation(
    _ record: InvocationRecord, isWhole: Bool, _ redaction: Redaction? = nil
  ) {
    let record = redaction.map { record.shown(under: $0) } ?? record
    object { json in
      json.field("id", "\(record.acceptance.id)")
      json.field("function", record.acceptance.function)
      json.field("state", record.state.description)
      json.field("reason", record.reason?.description)
      json.field("key", record.acceptance.key?.text)
      json.name("event")
      CloudEventEncoder.write(
        record.acceptance.event, acceptedAt: record.acceptance.createdAt, to: &json)
      json.field("queue", record.acceptance.queue)
      json.field("trigger", record.acceptance.trigger)
      json.field("release", record.release)
      json.field("durability", record.acceptance.durability.rawValue)
      json.times(of: record)
      json.field("attempt", record.attempts)
      json.field("attemptsMax", record.acceptance.attemptsMax)
      json.field("failures", record.failures)
      json.field("hops", record.acceptance.hops)
      json.field("duplicates", record.duplicates)
      json.result(record.result)
      json.error(record.error, record.fingerprint)
      json.field("cause", record.acceptance.cause.map { "\($0)" })
      json.field("redriveOf", record.acceptance.redriveOf.map { "\($0)" })
      json.field("redrivenAs", record.redrivenAs.map { "\($0)" })
      json.field("settledBy", record.settledBy)
      json.field("replacedBy", record.replacedBy.map { "\($0)" })
      if let call = record.acceptance.call { json.call(call) }
      if isWhole { json.story(of: record) }
    }
  }

  private mutating func times(of record: InvocationRecord) {
    field("createdAt", record.acceptance.createdAt)
    field("dueAt", record.due)
    field("startedAt", record.startedAt)
    field("finishedAt", record.endedAt)
    // A later attempt's start says nothing of how long the first one queued.
    let first = record.attempts <= 1 ? record.startedAt : record.history.first?.startedAt
    field(
      "queuedMs", first.map { max(0, $0.milliseconds - record.acceptance.dueAt.milliseconds) })
    var run: Int64?
    if let started = record.startedAt, let ended = record.endedAt {
      run = max(0, ended.milliseconds - started.milliseconds)
    }
    field("runMs", run)
    field("cpuMs", Double(record.cpuMicroseconds) / 1000)
  }

  private mutating func call(_ call: HTTPCall) {
    object("request") { json in
      json.field("method", call.method)
      json.field("path", call.path)
      json.field("query", call.query)
      json.pairs("parameters", call.parameters)
      json.pairs("headers", call.headers)
    }
  }

  mutating func pairs(_ name: String, _ pairs: [HTTPCall.Field]) {
    object(name) { json in
      var written: Set<String> = []
      for pair in pairs where written.insert(pair.name).inserted {
        let values = pairs.filter { $0.name == pair.name }.map(\.value)
        json.field(pair.name, values.joined(separator: ", "))
      }
    }
  }

  /// The value itself where the handler returned one; a response with its status and headers.
  mutating func result(_ result: StoredResult?) {
    guard let result else { return field("result", nil as String?) }
    if result.headers.isEmpty, result.status == 200, result.isWhole {
      return body("result", result.body)
    }
    object("result") { json in
      json.field("status", result.status)
      json.pairs("headers", result.headers)
      if result.isWhole { json.body("body", result.body) } else { json.field("streamed", true) }
    }
  }

  private mutating func body(_ name: String, _ bytes: [UInt8]) {
    if !bytes.isEmpty, (try? JSONScanner.validate(bytes)) != nil {  // else: it is shown as text
      field(name, raw: bytes)
    } else {
      field(name, String(decoding: bytes, as: UTF8.self))
    }
  }

  mutating func error(_ error: ErrorRecord?, _ fingerprint: Fingerprint? = nil) {
    guard let error else { return field("error", nil as String?) }
    object("error") { json in
      json.field("code", error.code)
      json.field("message", error.message)
      json.field("type", error.type)
      if let fingerprint { json.field("fingerprint", "\(fingerprint)") }
    }
  }

  private mutating func story(of record: InvocationRecord) {
    array("attempts") { json in
      for attempt in record.history { json.attempt(attempt) }
      if let start = record.underWay { json.attempt(start) }
    }
    array("logs") { json in
      for line in record.logs { json.logLine(line) }
    }
    array("emitted") { json in
      for id in record.emitted { json.value("\(id)") }
    }
  }

  mutating func attempt(_ attempt: AttemptRecord) {
    object { json in
      json.field("attempt", attempt.number)
      json.field("outcome", attempt.outcome.word)
      json.field("startedAt", attempt.startedAt)
      json.field("finishedAt", attempt.endedAt)
      json.field("runMs", max(0, attempt.endedAt.milliseconds - attempt.startedAt.milliseconds))
      json.field("cpuMs", Double(attempt.cpuMicroseconds) / 1000)
      if attempt.memoryBytes != 0 { json.field("memoryBytes", attempt.memoryBytes) }
      json.field("worker", attempt.worker)
      json.field("boot", attempt.boot)
      json.field("release", attempt.release)
      json.error(attempt.error, attempt.fingerprint)
    }
  }

  /// The one that runs.
  private mutating func attempt(_ start: AttemptStart) {
    object { json in
      json.field("attempt", start.attempt)
      json.field("outcome", nil as String?)
      json.field("startedAt", start.at)
      json.field("finishedAt", nil as String?)
      json.field("worker", start.worker)
      json.field("boot", start.boot)
      json.field("release", start.release)
    }
  }

  mutating func logLine(_ line: LogLine) {
    object { json in
      json.field("time", line.time)
      json.field("attempt", line.attempt)
      json.field("level", line.level)
      json.field("message", line.message)
      json.pairs("metadata", line.metadata)
    }
  }

  mutating func accepted(_ items: [Accepted]) {
    object { json in
      json.array("items") { json in
        for item in items {
          json.object { json in
            json.field("event", item.event)
            json.field("invocation", "\(item.invocation)")
            json.field("duplicate", item.isDuplicate)
          }
        }
      }
    }
  }
}
