// `make bench`: what the parts cost that every event passes. Times are the median of five rounds and
// belong to the machine; how often memory is asked for belongs to the code, and is what a change is
// judged by: `--check` fails where a part asks more often than it is allowed to. Words choose the parts
// whose names have one of them: `Benchmarks dispatch record`.

import CAllocations
import Dispatching
import EventSources
import Foundation
import Invocations
import Records
import Routing
import Schedules
import TestSupport
import WorkerProtocol

@main
struct Benchmarks {
  static func main() throws {
    print("machine: \(ProcessInfo.processInfo.activeProcessorCount) cores")
    print("\(pad("part", 46))\(pad("per second", 14))allocations each (allowed)")
    var worse: [String] = []
    for part in parts where isWanted(part.name) {
      let cost = try part.measure()
      line(part.name, cost.perSecond, "\(rounded(cost.allocations)) (\(part.allocationsMax))")
      if cost.allocations > part.allocationsMax { worse.append(part.name) }
    }
    if isWanted("fdatasync") {
      line("fdatasync of 4 KiB", try median { try syncs(within: 0.5) }, "")
    }
    for size in [1, 64, 512] {
      let name = "record: life cycles on disk, \(size) at a time"
      guard isWanted(name) else { continue }
      line(name, try median { try lifeCycles(size == 1 ? 500 : 20_000, inGroupsOf: size) }, "")
    }
    guard !worse.isEmpty, CommandLine.arguments.contains("--check") else { return }
    print("asks for memory more often than allowed: \(worse.joined(separator: ", "))")
    exit(1)
  }

  private static let words = CommandLine.arguments.dropFirst().filter { !$0.hasPrefix("--") }

  private static func isWanted(_ name: String) -> Bool {
    words.isEmpty || words.contains { name.contains($0) }
  }

  /// `run` does it so often; what it allocates before and after its loop is shared by all.
  struct Part {
    let name: String
    let count: Int
    /// A little over what was seen: the tables of a dictionary grow when they like.
    let allocationsMax: Double
    let run: (Int) throws -> Void

    func measure() throws -> (perSecond: Double, allocations: Double) {
      try run(count / 10)
      let before = apus_allocations()
      try run(count)
      let allocations = Double(apus_allocations() - before) / Double(count)
      let rate = try Benchmarks.median { try Benchmarks.rate(count) { try run(count) } }
      return (rate, allocations)
    }
  }

  private static func line(_ name: String, _ rate: Double, _ allocations: String) {
    print("\(pad(name, 46))\(pad("\(Int(rate))", 14))\(allocations)")
  }

  private static func pad(_ text: String, _ width: Int) -> String {
    text.padding(toLength: width, withPad: " ", startingAt: 0)
  }

  private static func rounded(_ number: Double) -> Double { (number * 10).rounded() / 10 }

  static func median(_ round: () throws -> Double) rethrows -> Double {
    try (0..<5).map { _ in try round() }.sorted()[2]
  }

  static func rate(_ count: Int, _ body: () throws -> Void) rethrows -> Double {
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

  static func acceptance(_ id: InvocationID, _ now: WallTime) -> Acceptance {
    Acceptance(
      id: id, function: "f", trigger: "queue:q", queue: "q",
      event: Event(id: "\(id)", source: "/queues/q", type: "apus.message", data: payload),
      createdAt: now, dueAt: now, attemptsMax: 3)
  }

  static func ending(of acceptance: Acceptance, _ now: WallTime) -> Ending {
    Ending(
      id: acceptance.id, function: "f", state: .succeeded, endedAt: now,
      attempt: AttemptRecord(
        invocation: acceptance.id, number: 1, boot: 1, worker: 1, startedAt: now, endedAt: now,
        outcome: .succeeded),
      result: StoredResult(status: 200, headers: [], body: Array(payload.prefix(200))))
  }
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
