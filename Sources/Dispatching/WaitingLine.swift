// The line before one function: the front of it in memory, the rest in the store, in the order of
// due time and id. It holds only work whose record is on disk, and never more than its limits.

import HeapModule
import Invocations

struct WaitingLine {
  /// Payload bytes in memory before the back half goes back to the store.
  static let bytesMax = 32 << 20
  /// Rows asked for at a time, at most.
  static let refillMax = 512

  /// One invocation in line.
  ///
  /// `place` is a copy: when an operator moves the invocation forward, the older entry no longer
  /// agrees with it and is passed over.
  struct Entry: Comparable {
    let place: LinePlace
    let work: Work

    var isLive: Bool { work.isWaiting(at: place) }

    static func < (left: Self, right: Self) -> Bool { left.place < right.place }
    static func == (left: Self, right: Self) -> Bool { left.place == right.place }
  }

  /// Entries in memory, likewise.
  private let entriesMax: Int
  private var entries = Heap<Entry>()
  private var bytes = 0
  /// Everything at or before this place is in memory; nil when nothing is.
  private(set) var horizon: LinePlace?
  /// True while the store holds work past the horizon; false means memory holds the whole line.
  private(set) var storeHasMore: Bool
  private(set) var isRefilling = false
  /// The line was forgotten while it was read: what was not in it then may be missing in the rows.
  private var refillIsVoid = false
  /// The smallest place of what arrived past the horizon while a refill was being read: the rows
  /// read may lack it, so the refill counts only up to here.
  private var firstArrivalWhileRefilling: LinePlace?

  /// What ended or was spilled while rows were being read: the rows may show it as it was before.
  private var goneWhileRefilling: Set<InvocationID> = []

  /// A line that starts with `storeHasMore` is read from the store from its beginning.
  init(storeHasMore: Bool, entriesMax: Int) {
    self.storeHasMore = storeHasMore
    self.entriesMax = entriesMax
  }

  var count: Int { entries.count }

  /// What a read brings must fit without sending anything back.
  var refillCount: Int { max(1, min(Self.refillMax, entriesMax / 2)) }

  func covers(_ place: LinePlace) -> Bool {
    guard storeHasMore else { return true }
    guard let horizon else { return false }
    return place <= horizon
  }

  /// False when the work stays in the store; it comes back with a refill.
  mutating func insert(_ work: Work) -> Bool {
    let place = work.place
    guard covers(place) else {
      if isRefilling {
        firstArrivalWhileRefilling = min(firstArrivalWhileRefilling ?? place, place)
      }
      return false
    }
    entries.insert(Entry(place: place, work: work))
    bytes += work.payloadBytes
    return true
  }

  /// Whether the front is due.
  ///
  /// Entries that no longer agree with their work are dropped on the way.
  mutating func hasDue(at now: WallTime) -> Bool {
    while let front = entries.min, !front.isLive {
      entries.removeMin()
      bytes -= front.work.payloadBytes
    }
    return entries.min.map { $0.place.due <= now } ?? false
  }

  /// The front, if it is due.
  ///
  /// Entries that no longer agree with their work are dropped on the way.
  mutating func popDue(at now: WallTime) -> Work? {
    while let front = entries.min, front.place.due <= now || !front.isLive {
      entries.removeMin()
      bytes -= front.work.payloadBytes
      if front.isLive { return front.work }
    }
    return nil
  }

  /// When the front becomes due; nil when memory holds nothing.
  var nextDue: WallTime? { entries.min?.place.due }

  var isOverFull: Bool { entries.count > entriesMax || bytes > Self.bytesMax }

  /// Gives the back half back to the store and returns it, so that its payloads can be forgotten.
  mutating func trim() -> [Work] {
    let sorted = entries.unordered.sorted()
    let kept = sorted.prefix(max(1, sorted.count / 2))
    let dropped = sorted.dropFirst(kept.count).filter(\.isLive).map(\.work)
    entries = Heap(kept)
    bytes = kept.reduce(0) { $0 + $1.work.payloadBytes }
    horizon = kept.last?.place
    storeHasMore = true
    return dropped
  }

  /// Forgets everything in memory; the next refill reads the line from its beginning.
  mutating func reset(storeHasMore: Bool) -> [Work] {
    let dropped = entries.unordered.filter(\.isLive).map(\.work)
    entries = Heap()
    bytes = 0
    horizon = nil
    refillIsVoid = isRefilling
    self.storeHasMore = storeHasMore
    return dropped
  }

  /// Says once that rows are wanted: from where, when memory runs low and the store has more.
  mutating func beginRefill() -> Bool {
    guard storeHasMore, !isRefilling, entries.count < max(1, refillCount / 2) else { return false }
    isRefilling = true
    refillIsVoid = false
    firstArrivalWhileRefilling = nil
    goneWhileRefilling = []
    return true
  }

  mutating func noteGone(_ id: InvocationID) {
    if isRefilling { goneWhileRefilling.insert(id) }
  }

  func isGone(_ id: InvocationID) -> Bool { goneWhileRefilling.contains(id) }

  mutating func abandonRefill() { isRefilling = false }

  /// Which of the rows read may enter, and how far memory covers the line from now on.
  ///
  /// A horizon that moved while the rows were read makes them worthless: they are asked for again.
  mutating func endRefill(
    after: LinePlace?, rows: [WaitingRecord], hasMore: Bool
  ) -> ArraySlice<WaitingRecord> {
    guard isRefilling else { return [] }
    isRefilling = false
    guard after == horizon, storeHasMore, !refillIsVoid else { return [] }
    guard let arrival = firstArrivalWhileRefilling else {
      horizon = rows.last?.place ?? horizon
      storeHasMore = hasMore
      return rows[...]
    }
    let usable = rows.prefix { $0.place < arrival }
    horizon = usable.last?.place ?? horizon
    return usable
  }
}
