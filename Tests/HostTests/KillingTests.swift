import Foundation
import HTTP
import Testing

/// The sample shop under a load of orders, while a killer ends, stops and asks to end hosts and workers
/// at moments that a seed chooses.
///
/// Afterwards everything that was acknowledged is looked up, one by one. `make kills KILLS=500` runs it
/// for long.
@Suite(.serialized)
struct KillingTests {
  private static let kills =
    ProcessInfo.processInfo.environment["APUS_KILLS"].flatMap { Int($0) } ?? 12

  @Test func `nothing acknowledged is lost or done twice, whoever is killed and whenever`()
    async throws
  {
    let place = try await KilledHost(seed: 7)
    let senders = [Sender(place, .calls), Sender(place, .messages)]
    for sender in senders { sender.start() }
    for _ in 0..<Self.kills { try await place.strike() }
    for sender in senders { sender.stop() }
    try place.host.untilAllHasEnded()
    let acknowledged = senders.flatMap { $0.acknowledged }
    #expect(acknowledged.count >= Self.kills * 10)
    try Ledger(place.host).check(acknowledged)
    #expect(place.host.terminate() == 0)
    print("\(place.told): \(acknowledged.count) acknowledgements looked up")
  }
}

/// A host that comes back after each blow, and who waits for its acknowledgements meanwhile.
private final class KilledHost: @unchecked Sendable {
  // Under the condition's lock; only the test's own task strikes.
  private let changed = NSCondition()
  private(set) var host: HostProcess
  private var acknowledged = 0
  private var random: SeededNumbers
  private var counts: [String: Int] = [:]
  private let data: URL

  init(seed: UInt64) async throws {
    random = SeededNumbers(seed: seed)
    data = try HostProcess.temporaryFolder()
    host = try await Self.start(data)
  }

  private static func start(_ data: URL) async throws -> HostProcess {
    try await HostProcess.start(
      manifests: try manifests(), worker: "Shop", data: data)
  }

  /// The shop's own, but for its mail server that takes two letters at a time.
  private static func manifests() throws -> URL {
    let folder = HostProcess.checkout.appending(path: "Manifests")
    let files = try FileManager.default.contentsOfDirectory(atPath: folder.path())
    return try HostProcess.manifests(
      files.filter { $0.hasSuffix(".yaml") }.sorted().map { file in
        try String(contentsOf: folder.appending(path: file), encoding: .utf8)
          .replacing("concurrency: 2 ", with: "concurrency: 200 ")
      })
  }

  var told: String {
    counts.sorted { $0.key < $1.key }.map { "\($0.value) × \($0.key)" }.joined(separator: ", ")
  }

  /// A client of the host that runs now.
  func client(_ kind: Sender.Kind) -> HTTPClient {
    changed.withLock { HTTPClient(kind == .calls ? host.functionAddress : host.controlAddress) }
  }

  func note() {
    changed.withLock {
      acknowledged += 1
      changed.broadcast()
    }
  }

  /// Returns when so many more have been acknowledged; five minutes are for a machine that is busy.
  private func wait(for more: Int) {
    let deadline = Date(timeIntervalSinceNow: 300)
    changed.withLock {
      let wanted = acknowledged + more
      while acknowledged < wanted, changed.wait(until: deadline) {}
    }
  }

  /// One blow, after a few more acknowledgements.
  func strike() async throws {
    wait(for: 10 + random.below(60))
    switch random.below(8) {
    case 0, 1, 2:
      note("kill -9 of the host")
      host.kill()
      try await startAgain()
    case 3:
      note("SIGTERM to the host")
      #expect(host.terminate() == 0)
      try await startAgain()
    case 4, 5:
      note("kill -9 of a worker")
      if let worker = try worker() { kill(worker, SIGKILL) }
    case 6:
      note("a stopped worker")
      guard let worker = try worker() else { return }
      kill(worker, SIGSTOP)
      // Messages are acknowledged without it.
      wait(for: 5)
      kill(worker, SIGCONT)
    default:
      note("a stopped host whose worker is killed")
      guard let worker = try worker() else { return }
      kill(host.processID, SIGSTOP)
      kill(worker, SIGKILL)
      kill(host.processID, SIGCONT)
    }
  }

  private func note(_ deed: String) { counts[deed, default: 0] += 1 }

  private func worker() throws -> Int32? {
    let workers = try host.items("/v1/workers").compactMap { $0["pid"] as? Int }
    return workers.isEmpty ? nil : Int32(workers[random.below(workers.count)])
  }

  private func startAgain() async throws {
    let next = try await Self.start(data)
    changed.withLock { host = next }
  }
}

/// Sends one order after the other until it is told to stop; what is not acknowledged it sends again,
/// under the same key.
private final class Sender: @unchecked Sendable {
  enum Kind { case calls, messages }

  struct Acknowledgement {
    let key: String
    let function: String
    let invocation: String
  }

  private let place: KilledHost
  private let kind: Kind
  private let lock = NSLock()
  private var isStopping = false
  private var noted: [Acknowledgement] = []
  private let ended = DispatchSemaphore(value: 0)

  init(_ place: KilledHost, _ kind: Kind) {
    self.place = place
    self.kind = kind
  }

  var acknowledged: [Acknowledgement] { lock.withLock { noted } }

  func start() { Thread.detachNewThread { self.run() } }

  func stop() {
    lock.withLock { isStopping = true }
    ended.wait()
  }

  private func run() {
    var number = 0
    var client = place.client(kind)
    while !lock.withLock({ isStopping }) {
      let key = "\(kind)-\(number)"
      if let invocation = try? send(key, client) {
        let function = kind == .calls ? "place-order" : "reserve-stock"
        lock.withLock {
          noted.append(Acknowledgement(key: key, function: function, invocation: invocation))
        }
        place.note()
        number += 1
      } else {
        client = place.client(kind)
      }
    }
    ended.signal()
  }

  private func send(_ key: String, _ client: HTTPClient) throws -> String? {
    let card = key.hasSuffix("3") ? "0000" : "4242"
    let order = """
      {"orderId":"\(key)","customerId":"c","items":[{"sku":"book","quantity":1}],\
      "total":129.99,"card":"\(card)"}
      """
    let type = ("Content-Type", "application/json")
    switch kind {
    case .calls:
      let answer = try client.send(
        "POST", "/orders", headers: [type, ("Idempotency-Key", key)], body: Array(order.utf8))
      guard answer.status == 202 else { return nil }
      return answer.headers[first: "Apus-Invocation"]
    case .messages:
      let answer = try client.send(
        "POST", "/v1/queues/inventory/messages?id=\(key)", headers: [type],
        body: Array(order.utf8))
      guard answer.status == 202,
        let body = try JSONSerialization.jsonObject(with: Data(answer.body)) as? [String: Any]
      else { return nil }
      return (body["items"] as? [[String: Any]])?.first?["invocation"] as? String
    }
  }
}

/// What the host has on record, held against what it acknowledged.
private struct Ledger {
  private var byID: [String: [String: Any]] = [:]
  private var byKey: [String: [String]] = [:]
  private var byCause: [String: [String]] = [:]

  init(_ host: HostProcess) throws {
    for row in try host.items("/v1/invocations?limit=1000") {
      guard let id = row["id"] as? String, let function = row["function"] as? String else {
        continue
      }
      byID[id] = row
      if let key = row["key"] as? String { byKey["\(function) \(key)", default: []].append(id) }
      if let cause = row["cause"] as? String {
        byCause["\(cause) \(function)", default: []].append(id)
      }
    }
  }

  func check(_ acknowledged: [Sender.Acknowledgement]) throws {
    for one in acknowledged {
      let row = byID[one.invocation]
      #expect(row != nil, "\(one.key) was acknowledged as \(one.invocation) and is lost")
      #expect(row?["state"] as? String == "succeeded", "\(one.key): \(String(describing: row))")
      if one.function == "place-order" {
        // What it emitted left with its success, once.
        let caused = byCause["\(one.invocation) reserve-stock"]?.count
        #expect(caused == 1, "\(one.key) caused \(String(describing: caused)) reservations")
      }
    }
    for (key, ids) in byKey where ids.count > 1 {
      Issue.record("\(key) was run as \(ids)")
    }
    for (cause, ids) in byCause where ids.count > 1 {
      Issue.record("\(cause) was emitted as \(ids)")
    }
  }
}

/// SplitMix64: the same blows for the same seed, though not at the same moments.
private struct SeededNumbers {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func below(_ limit: Int) -> Int {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return Int((mixed ^ (mixed >> 31)) % UInt64(limit))
  }
}
