// The parts in memory, one loop each.

import Dispatching
import EventSources
import HTTP
import Invocations
import Routing
import Schedules
import TestSupport
import WorkerProtocol

extension Benchmarks {
  static var parts: [Part] {
    [
      Part(
        name: "ingest: a line of NDJSON to an event", count: 20_000, allocationsMax: 2.6,
        run: ingest),
      Part(
        name: "HTTP: a request of 16 fields and its body read", count: 50_000, allocationsMax: 8.5,
        run: requests),
      Part(
        name: "route: a call finds its function", count: 50_000, allocationsMax: 5.5, run: route),
      Part(name: "JSON: 263 bytes validated", count: 200_000, allocationsMax: 0.1, run: json),
      Part(
        name: "state: claimed and succeeded", count: 200_000, allocationsMax: 0.1, run: transitions),
      Part(
        name: "dispatch: accept to end, no disk", count: 10_000, allocationsMax: 9, run: dispatch
      ),
      Part(
        name: "dispatch: a duplicate by its key", count: 20_000, allocationsMax: 5.5,
        run: duplicates
      ),
      Part(name: "frame: start written and read", count: 50_000, allocationsMax: 7.5, run: frames),
      Part(
        name: "cron: the next instant, in Berlin", count: 20_000, allocationsMax: 0.1, run: cron),
    ]
  }

  private static let noon = WallTime(milliseconds: 1_800_000_000_000)

  private static func ingest(_ count: Int) throws {
    let decoder = CloudEventDecoder(source: "/queues/q", payloadBytesMax: 1 << 20)
    let headers = [HTTPCall.Field(name: "Content-Type", value: "application/x-ndjson")]
    let body = Array(repeatElement(payload + [10], count: 100).joined())
    var ids = UUIDv7Generator()
    for _ in 0..<(count / 100) {
      _ = try decoder.decode(headers: headers, query: nil, body: body, now: noon, ids: &ids)
    }
  }

  private static func requests(_ count: Int) throws {
    let fields = (0..<11).map { "X-Field-\($0): value-\($0)\r\n" }.joined()
    let request =
      Array(
        """
        POST /orders/ord-9182/items?retry=1 HTTP/1.1\r
        Host: 127.0.0.1:8080\r
        User-Agent: bench/1.0\r
        Accept: application/json\r
        Content-Type: application/json\r
        Content-Length: \(payload.count)\r
        \(fields)\r

        """.utf8) + payload
    let reader = HTTPRequestReader(limits: HTTPLimits())
    defer { reader.close() }
    try request.withUnsafeBytes { bytes in
      for _ in 0..<count {
        var offset = 0
        while offset < bytes.count {
          guard case .head = try reader.step(bytes, from: &offset) else { continue }
          reader.takeBody(bytesMax: 1 << 20)
        }
      }
    }
  }

  private static func route(_ count: Int) throws {
    let function = FunctionDeclaration(
      name: "f", handler: "F",
      triggers: [.http(HTTPRoute(method: "POST", pattern: "/orders/{orderId}/items"))])
    let router = try Router([function])
    for _ in 0..<count { _ = router.match(method: "POST", path: "/orders/ord-9182/items") }
  }

  private static func json(_ count: Int) throws {
    for _ in 0..<count { try JSONScanner.validate(payload) }
  }

  private static func transitions(_ count: Int) throws {
    let rule = RetryRule(policy: RetryPolicy(), now: noon, chance: 0.5)
    for _ in 0..<count {
      var invocation = Invocation(createdAt: noon)
      _ = try invocation.apply(.claimed, retrying: rule)
      _ = try invocation.apply(.succeeded(attempt: 1), retrying: rule)
    }
  }

  private static func cron(_ count: Int) throws {
    let schedule = Schedule.cron(
      try CronExpression(parsing: "*/5 8-18 * * mon-fri"), try TimeZoneRules.named("Europe/Berlin"))
    var instant = noon.milliseconds
    for _ in 0..<count { instant = schedule.next(after: instant) ?? noon.milliseconds }
  }

  private static func frames(_ count: Int) throws {
    let start = Start(
      function: "charge", handler: "Charge", attemptsMax: 3, failures: 0,
      remainingNanoseconds: 1, idempotencyKey: "k", cause: nil,
      event: Start.EventFields(
        id: "e", source: "/queues/q", type: "t", subject: nil, time: "2027-01-01T00:00:00.000Z",
        dataContentType: "application/json", dataSchema: nil, extensions: [], data: payload),
      call: nil)
    for number in 0..<count {
      var writer = FrameWriter()
      writer.append(.start, attempt: 1, invocation: Int64(number)) { start.write(to: &$0) }
      var reader = FrameReader()
      try writer.bytes.withUnsafeBytes { bytes in
        try reader.read(bytes) { _, payload in _ = try Start(reading: payload) }
      }
    }
  }

  // MARK: Dispatching

  /// With a disk that is always there and workers that remember what they got.
  private static func dispatch(_ count: Int) {
    let log = InstantLog()
    let workers = ScriptedWorkers()
    let dispatcher = dispatcher(log, workers)
    let event = Event(id: "e", source: "/queues/q", type: "apus.message", data: payload)
    for _ in 0..<count {
      dispatcher.accept(
        [Proposal(function: "f", trigger: "queue:q", queue: "q", event: event)]
      ) { _ in }
    }
    dispatcher.hear(.durable(upTo: log.number))
    for assignment in workers.started {
      dispatcher.hear(
        workers.answer(assignment.name, .succeeded(.nothing, emitted: [], cpuMicroseconds: 0)))
    }
    dispatcher.hear(.durable(upTo: log.number))
  }

  private static func duplicates(_ count: Int) {
    let log = InstantLog()
    let dispatcher = dispatcher(log, ScriptedWorkers())
    let event = Event(id: "e", source: "/queues/q", type: "apus.message", data: payload)
    for _ in 0..<count {
      dispatcher.accept(
        [
          Proposal(
            function: "f", trigger: "queue:q", queue: "q", event: event,
            key: ProposedKey(text: "/queues/q e"))
        ]
      ) { _ in }
    }
    dispatcher.hear(.durable(upTo: log.number))
  }

  private static func dispatcher(_ log: InstantLog, _ workers: ScriptedWorkers) -> Dispatcher {
    let function = FunctionDeclaration(
      name: "f", handler: "F", triggers: [.queue("q")],
      concurrency: ConcurrencyLimit(limit: 1_000_000), queueLimit: 1_000_000)
    return Dispatcher(
      functions: [function], recovery: MemoryRecordLog().restart(), log: log, workers: workers,
      clocks: ManualClocks(), observer: Deaf())
  }
}

private final class InstantLog: RecordLog {
  private(set) var number: UInt64 = 0

  var backlog: Int { 0 }
  func append(_ changes: [RecordChange], _ terms: CommitTerms) -> UInt64 {
    number += 1
    return number
  }
  func read(_ read: RecordRead) {}
}

private final class Deaf: Observer {
  func saw(_ happening: Happening) {}
}
