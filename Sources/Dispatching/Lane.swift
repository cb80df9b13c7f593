// The due work of one value, in the order of its line: the front of it in memory, the rest in the
// store. `Lanes` decides when it moves.

import DequeModule
import Invocations

final class Lane {
  /// Where it stands between two looks at it.
  enum Spot: Equatable { case none, ring, gate }

  /// What it waits for, if anything but its turn.
  enum Standing { case active, begun, aside }

  let key: Int64
  let priority: Priority
  private(set) var entries = Deque<WaitingLine.Entry>()
  private(set) var bytes = 0
  /// The store holds due work of this lane from here on, which memory does not have.
  private(set) var storeFrom: LinePlace?
  /// The last of it that was left there: what stands behind this place comes by way of the line.
  private(set) var storeTo: LinePlace?
  /// Left to the store, which does not know them by this lane yet: it is not read before it does.
  var relaning: [InvocationID: Work] = [:]
  var spot = Spot.none
  /// As what `Lanes` counts it.
  var countedAs = Standing.active
  /// Of the front that was last looked at.
  var gates: FlowRule.Gates?
  /// Waits for its turn to be read.
  var isWanted = false
  /// Where the read that is under way began.
  private(set) var readFrom: LinePlace?
  private var firstArrivalWhileReading: LinePlace?
  private var goneWhileReading: Set<InvocationID> = []
  /// What is being read is of no use any more.
  private var readIsVoid = false
  /// With an order: who began and has not ended, and keeps the others waiting.
  var holders: [InvocationID] = []
  /// With an order: attempts with a worker.
  var running = 0
  /// With an order: its front came from a queue that is paused.
  var isStopped = false

  init(key: Int64, priority: Priority) {
    self.key = key
    self.priority = priority
  }

  var isReading: Bool { readFrom != nil }

  var standing: Standing {
    // Its holder is neither running nor waiting for a permit in vain: it waits for its next attempt,
    // for its turn, or for an operator.
    if !holders.isEmpty, running == 0 { return .begun }
    return spot == .gate || isStopped ? .aside : .active
  }

  /// The store has due work that stands before all that memory has.
  var storeIsAhead: Bool {
    guard let storeFrom, let first = entries.first else { return false }
    return storeFrom < first.place && !holders.contains(first.work.id)
  }

  /// Nothing depends on it any more.
  var isIdle: Bool {
    entries.isEmpty && storeFrom == nil && holders.isEmpty && running == 0 && !isReading
      && !isWanted && spot == .none && !isStopped && relaning.isEmpty
  }

  // MARK: Entries

  func insert(_ work: Work) {
    let entry = WaitingLine.Entry(place: work.place, work: work)
    // Nearly always at the end. Never before a retry: that one is later by its backoff only.
    var place = entries.count
    while place > 0, entry < entries[place - 1], !holders.contains(entries[place - 1].work.id) {
      place -= 1
    }
    entries.insert(entry, at: place)
    bytes += work.payloadBytes
  }

  /// Before all others, whatever its place: it has begun.
  func insertFirst(_ work: Work) {
    entries.prepend(WaitingLine.Entry(place: work.place, work: work))
    bytes += work.payloadBytes
  }

  /// The front that is still waiting there.
  func front() -> Work? {
    while let first = entries.first {
      if first.isLive { return first.work }
      removeFirst()
    }
    return nil
  }

  func removeFirst() { bytes -= entries.removeFirst().work.payloadBytes }

  func removeAll() -> [Work] {
    defer {
      entries = []
      bytes = 0
    }
    return entries.filter(\.isLive).map(\.work)
  }

  /// Stays in the store, to be read from there.
  func leaveToStore(_ place: LinePlace) {
    storeFrom = min(storeFrom ?? place, place)
    storeTo = max(storeTo ?? place, place)
    guard isReading else { return }
    firstArrivalWhileReading = min(firstArrivalWhileReading ?? place, place)
    // The rows may show it as it was before its last attempt.
    goneWhileReading.insert(place.id)
  }

  func forgetStore() {
    storeFrom = nil
    storeTo = nil
  }

  // MARK: Reading

  func beginRead() -> LinePlace? {
    guard !isReading, relaning.isEmpty, let from = storeFrom else { return nil }
    readFrom = from
    firstArrivalWhileReading = nil
    goneWhileReading = []
    readIsVoid = false
    return from
  }

  func voidRead() { readIsVoid = true }

  func noteGone(_ id: InvocationID) { if isReading { goneWhileReading.insert(id) } }

  func isGone(_ id: InvocationID) -> Bool { goneWhileReading.contains(id) }

  /// The read has failed; it is asked for again.
  func abandonRead() { readFrom = nil }

  /// Which of the rows may enter; from where on the store has more.
  ///
  /// What arrived while they were read may be missing among them.
  func endRead(_ rows: [WaitingRecord], hasMore: Bool) -> [WaitingRecord] {
    defer { readFrom = nil }
    guard isReading, !readIsVoid, !isStopped else { return [] }
    var rest: LinePlace?
    if hasMore, let last = rows.last?.place {
      rest = LinePlace(due: last.due, id: InvocationID(rawValue: last.id.rawValue + 1))
    }
    if let arrival = firstArrivalWhileReading { rest = min(rest ?? arrival, arrival) }
    defer {
      storeFrom = rest
      if rest == nil { storeTo = nil }
    }
    guard let storeTo else { return rows }
    if let place = rest, place > storeTo { rest = nil }
    return rows.filter { $0.place <= storeTo }
  }
}
