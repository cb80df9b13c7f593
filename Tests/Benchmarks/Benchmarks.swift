// `make bench`: how fast this machine does the parts that every event passes. Numbers, not verdicts;
// nothing fails here. Each line is the median of five rounds.

import Dispatching
import Foundation
import Invocations
import Records
import TestSupport
import WorkerProtocol

@main
struct Benchmarks {
  static func main() throws {
    print("machine: \(ProcessInfo.processInfo.activeProcessorCount) cores")
    line("fdatasync of 4 KiB", perSecond: try median { try syncs(within: 0.5) })
    line("frame: start written and read", perSecond: try median { try frames(50_000) })
    line("JSON: 263 bytes validated", perSecond: try median { try json(200_000) })
    line("dispatch: accept to end, no disk", perSecond: median { dispatch(5_000) })
    for size in [1, 64, 512] {
      let rate = try median { try lifeCycles(size == 1 ? 500 : 20_000, inGroupsOf: size) }
      line("record: life cycles on disk, \(size) at a time", perSecond: rate)
    }
  }

  private static func line(_ name: String, perSecond rate: Double) {
    let name = name.padding(toLength: 44, withPad: " ", startingAt: 0)
    print("\(name) \(Int(rate))/s")
  }

  private static func median(_ round: () throws -> Double) rethrows -> Double {
    try (0..<5).map { _ in try round() }.sorted()[2]
  }

  private static func rate(_ count: Int, _ body: () throws -> Void) rethrows -> Double {
    let clock = ContinuousClock()
    let taken = try clock.measure(body)
    return Double(count)
      / (Double(taken.components.seconds) + Double(taken.components.attoseconds) / 1e18)
  }

  // MARK: Parts

  static let payload =
    Array(
      #"{"orderId":"ord-9182","customerId":"cust-441","items":[{"sku":"book","quantity":1}],"#.utf8)
    + Array(#""total":129.99,"note":""#.utf8) + [UInt8](repeating: 120, count: 160)
    + Array("\"}".utf8)

  private static func syncs(within seconds: Double) throws -> Double {
    let path = FileManager.default.temporaryDirectory.appending(path: "apus-sync-\(UUID())")
    defer { try? FileManager.default.removeItem(at: path) }  // a stray file harms nobody
    try Data(count: 1 << 20).write(to: path)
    let file = try FileHandle(forUpdating: path)
    let end = ContinuousClock.now + .seconds(seconds)
    var count = 0
    while ContinuousClock.now < end {
      try file.seek(toOffset: UInt64(count % 256) * 4096)
      try file.write(contentsOf: Data(count: 4096))
      fdatasync(file.fileDescriptor)
      count += 1
    }
    return Double(count) / seconds
  }

  private static func frames(_ count: Int) throws -> Double {
    let start = Start(
      function: "charge", handler: "Charge", attemptsMax: 3, failures: 0,
      remainingNanoseconds: 1, idempotencyKey: "k", cause: nil,
      event: Start.EventFields(
        id: "e", source: "/queues/q", type: "t", subject: nil, time: "2027-01-01T00:00:00.000Z",
        dataContentType: "application/json", dataSchema: nil, extensions: [], data: payload),
      call: nil)
    return try rate(count) {
      for number in 0..<count {
        var writer = FrameWriter()
        writer.append(.start, attempt: 1, invocation: Int64(number)) { start.write(to: &$0) }
        var reader = FrameReader()
        try writer.bytes.withUnsafeBytes { bytes in
          try reader.read(bytes) { _, payload in _ = try Start(reading: payload) }
        }
      }
    }
  }

  private static func json(_ count: Int) throws -> Double {
    try rate(count) { for _ in 0..<count { try JSONScanner.validate(payload) } }
  }

  /// With a disk that is always there and workers that remember what they got.
  private static func dispatch(_ count: Int) -> Double {
    let log = InstantLog()
    let workers = ScriptedWorkers()
    let function = FunctionDeclaration(
      name: "f", handler: "F", triggers: [.queue("q")],
      concurrency: ConcurrencyLimit(limit: 10_000))
    let dispatcher = Dispatcher(
      functions: [function], recovery: MemoryRecordLog().restart(), log: log, workers: workers,
      clocks: ManualClocks(), observer: Deaf())
    let event = Event(id: "e", source: "/queues/q", type: "apus.message", data: payload)
    return rate(count) {
      for _ in 0..<count {
        dispatcher.accept(
          [Proposal(function: "f", trigger: "queue:q", queue: "q", event: event)]
        ) { _ in }
      }
      dispatcher.hear(.durable(upTo: log.number))
      for assignment in workers.started {
        dispatcher.hear(
          workers.answer(
            assignment.name, .succeeded(.nothing, emitted: [], cpuMicroseconds: 0)))
      }
      dispatcher.hear(.durable(upTo: log.number))
    }
  }

  /// Accept and end of each, in commits of their own, as the writer makes them.
  private static func lifeCycles(_ count: Int, inGroupsOf size: Int) throws -> Double {
    let folder = FileManager.default.temporaryDirectory.appending(path: "apus-bench-\(UUID())")
    defer { try? FileManager.default.removeItem(at: folder) }  // a stray folder harms nobody
    let reached = Reached()
    let (store, recovery) = try RecordStore.open(directory: folder.path()) { news in
      if case .durable(let number) = news { reached.tell(number) }
    }
    defer { _ = store.close() }
    var ids = InvocationIDGenerator(after: recovery.lastID)
    let now = WallTime(milliseconds: Int64(Date().timeIntervalSince1970 * 1000))
    return rate(count) {
      for _ in 0..<(count / size) {
        let acceptances = (0..<size).map { _ in acceptance(ids.next(at: now), now) }
        reached.wait(for: store.append(acceptances.map { .accept($0) }))
        reached.wait(for: store.append(acceptances.map { .end(ending(of: $0, now)) }))
      }
    }
  }

  private static func acceptance(_ id: InvocationID, _ now: WallTime) -> Acceptance {
    Acceptance(
      id: id, function: "f", trigger: "queue:q", queue: "q",
      event: Event(id: "\(id)", source: "/queues/q", type: "apus.message", data: payload),
      createdAt: now, dueAt: now, attemptsMax: 3)
  }

  private static func ending(of acceptance: Acceptance, _ now: WallTime) -> Ending {
    Ending(
      id: acceptance.id, function: "f", state: .succeeded, endedAt: now,
      attempt: AttemptRecord(
        invocation: acceptance.id, number: 1, boot: 1, worker: 1, startedAt: now, endedAt: now,
        outcome: .succeeded),
      result: StoredResult(status: 200, headers: [], body: Array(payload.prefix(200))))
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

/// How far the disk is, for a thread that waits for it.
// Unchecked: the number is guarded by the condition.
private final class Reached: @unchecked Sendable {
  private let changed = NSCondition()
  private var number: UInt64 = 0

  func tell(_ number: UInt64) {
    changed.withLock {
      self.number = max(self.number, number)
      changed.broadcast()
    }
  }

  func wait(for wanted: UInt64) {
    changed.withLock { while number < wanted { changed.wait() } }
  }
}
