// Order, limits and rates by value, and fairness between values: the due work of one function stands
// in lanes, one for each value, and the lanes take turns. A lane that must wait, for its order, its
// limit or its rate, waits aside, and the others pass.
//
// Memory is bounded: a lane keeps a short front, the rest of it stays in the store and is read when
// its turn comes; the number of lanes has a limit, past which the line is not read on.

import DequeModule
import Invocations

final class Lanes {
  /// Entries of one lane in memory.
  static let laneEntriesMax = 64
  /// Entries of all lanes, and their payload bytes; past either, more stays in the store.
  static let entriesMax = 8192
  static let bytesMax = 32 << 20
  /// Lanes with anything to remember, about 200 bytes each.
  static let lanesMax = 65_536
  /// Reads of lanes under way at a time.
  static let readsMax = 16

  let rule: FlowRule
  private let hasher: SipHasher
  private var lanes: [Int64: Lane] = [:]
  private var rings: [Deque<Lane>] = [[], [], []]
  private var turns = Turns()
  private var concurrency = ConcurrencyGates()
  private var rates: RateGates?
  private var wanted = Deque<Lane>()
  private var readsUnderWay = 0
  private var entryCount = 0
  private var bytes = 0

  init(_ rule: FlowRule, _ hasher: SipHasher, emptyAt: UInt64?) {
    self.rule = rule
    self.hasher = hasher
    rates = rule.rate.map { RateGates($0, emptyAt: emptyAt) }
  }

  var isFull: Bool { lanes.count >= Self.lanesMax }
  var laneCount: Int { lanes.count }
  var hasReady: Bool { rings.contains { !$0.isEmpty } }
  var nextWake: UInt64? { rates?.nextWake }

  func lane(of event: Event, _ priority: Priority) -> Int64 {
    rule.lane(of: event, priority, hasher)
  }

  private func lane(of work: Work) -> Int64 { lane(of: work.acceptance.event, work.priority) }

  // MARK: In

  enum Admission { case taken, leftToStore, staleInStore(lane: Int64) }

  /// Takes due work, or leaves it to the store, whence it comes when its lane has room.
  func add(_ work: Work) -> Admission {
    let key = lane(of: work)
    let lane = lanes[key] ?? makeLane(key, work.priority)
    if lane.holders.contains(work.id) {
      lane.insertFirst(work)
      count(1, work.payloadBytes)
      wake(lane)
      return .taken
    }
    let isFull =
      lane.entries.count >= Self.laneEntriesMax || entryCount >= Self.entriesMax
      || bytes >= Self.bytesMax
    guard isFull || lane.storeFrom != nil || lane.isReading || lane.isStopped else {
      lane.insert(work)
      count(1, work.payloadBytes)
      wake(lane)
      return .taken
    }
    guard work.acceptance.standing.lane == key else { return .staleInStore(lane: key) }
    lane.leaveToStore(work.place)
    wake(lane)
    return .leftToStore
  }

  /// Work that began before this host did, or before the function had an order.
  ///
  /// Of several in one lane the first keeps the others waiting.
  func noteBegun(_ work: Work) {
    guard rule.isOrdered else { return }
    let key = lane(of: work)
    let lane = lanes[key] ?? makeLane(key, work.priority)
    if lane.holders.isEmpty { lane.holders.append(work.id) }
  }

  /// An attempt that runs while the rule begins to hold.
  func noteRunning(_ work: Work) {
    let gates = rule.gates(of: work.acceptance.event, hasher)
    work.gates = gates
    if let value = gates.concurrency { concurrency.enter(value) }
    guard rule.isOrdered else { return }
    let key = lane(of: work)
    let lane = lanes[key] ?? makeLane(key, work.priority)
    lane.holders.append(work.id)
    lane.running += 1
  }

  private func makeLane(_ key: Int64, _ priority: Priority) -> Lane {
    let lane = Lane(key: key, priority: priority)
    lanes[key] = lane
    return lane
  }

  private func count(_ entries: Int, _ bytes: Int) {
    entryCount += entries
    self.bytes += bytes
  }

  // MARK: Out

  /// The next work that may start, or nil.
  ///
  /// Work of paused queues is handed to `dropped`: it stays in the store until all is read anew.
  func next(
    at now: UInt64, isPaused: (Work) -> Bool, dropped: (Work) -> Void
  ) -> Work? {
    for lane in rates?.awake(at: now) ?? [] { leaveGate(lane) }
    while let priority = turns.next(among: { !rings[$0.rawValue - 1].isEmpty }) {
      guard let lane = rings[priority.rawValue - 1].popFirst() else { continue }
      lane.spot = .none
      if let work = take(from: lane, at: now, isPaused, dropped) { return work }
    }
    return nil
  }

  private func take(
    from lane: Lane, at now: UInt64, _ isPaused: (Work) -> Bool, _ dropped: (Work) -> Void
  ) -> Work? {
    while let work = front(of: lane) {
      if isPaused(work) {
        drop(from: lane, work, dropped)
        continue
      }
      guard !mustWait(work, in: lane), passesGates(work, lane, at: now) else { return nil }
      remove(from: lane)
      if rule.isOrdered {
        if !lane.holders.contains(work.id) { lane.holders.append(work.id) }
      } else {
        wake(lane)
      }
      wantRead(lane)
      tidy(lane)
      return work
    }
    // It may have been awake for a gate's sake.
    if let value = lane.gates?.concurrency { passOn(value) }
    if let value = lane.gates?.rate, let other = rates?.passOn(value, at: now) { leaveGate(other) }
    wantRead(lane)
    tidy(lane)
    return nil
  }

  private func front(of lane: Lane) -> Work? {
    let (entries, size) = (lane.entries.count, lane.bytes)
    defer { count(lane.entries.count - entries, lane.bytes - size) }
    return lane.front()
  }

  private func remove(from lane: Lane) {
    let (entries, size) = (lane.entries.count, lane.bytes)
    lane.removeFirst()
    count(lane.entries.count - entries, lane.bytes - size)
  }

  /// With an order the others of the lane must not overtake what a paused queue holds up.
  private func drop(from lane: Lane, _ work: Work, _ dropped: (Work) -> Void) {
    guard rule.isOrdered else {
      remove(from: lane)
      return dropped(work)
    }
    lane.isStopped = true
    let (entries, size) = (lane.entries.count, lane.bytes)
    for work in lane.removeAll() { dropped(work) }
    count(-entries, -size)
  }

  private func mustWait(_ work: Work, in lane: Lane) -> Bool {
    guard rule.isOrdered else { return false }
    return lane.running > 0 || !(lane.holders.isEmpty || lane.holders.contains(work.id))
  }

  /// False when the lane now waits before one of its gates.
  private func passesGates(_ work: Work, _ lane: Lane, at now: UInt64) -> Bool {
    let gates = work.gates ?? rule.gates(of: work.acceptance.event, hasher)
    work.gates = gates
    lane.gates = gates
    if let value = gates.concurrency, !concurrency.admits(lane, value, limit: rule.limitPer) {
      lane.spot = .gate
      if let value = gates.rate, let other = rates?.passOn(value, at: now) { leaveGate(other) }
      return false
    }
    if let value = gates.rate, rates?.admits(lane, value, at: now) == false {
      lane.spot = .gate
      if let value = gates.concurrency { passOn(value) }
      return false
    }
    return true
  }

  private func passOn(_ value: Int64) {
    if let lane = concurrency.passOn(value, limit: rule.limitPer) { leaveGate(lane) }
  }

  private func leaveGate(_ lane: Lane) {
    lane.spot = .none
    wake(lane)
  }

  /// Puts the lane to the end of its ring, if it has anything there and waits nowhere else.
  private func wake(_ lane: Lane) {
    guard lane.spot == .none, !lane.isStopped else { return }
    guard !lane.entries.isEmpty else { return wantRead(lane) }
    lane.spot = .ring
    rings[lane.priority.rawValue - 1].append(lane)
  }

  private func tidy(_ lane: Lane) {
    if lane.isIdle { lanes[lane.key] = nil }
  }

  // MARK: Attempts

  func began(_ work: Work, at now: UInt64) {
    if let value = work.gates?.concurrency { concurrency.enter(value) }
    if let value = work.gates?.rate { rates?.take(value, at: now) }
    if rule.isOrdered { lanes[lane(of: work)]?.running += 1 }
  }

  /// The attempt is no longer with a worker.
  func left(_ work: Work) {
    defer { work.gates = nil }
    if let value = work.gates?.concurrency {
      concurrency.leave(value)
      passOn(value)
    }
    guard rule.isOrdered, let lane = lanes[lane(of: work)] else { return }
    lane.running -= 1
    wake(lane)
  }

  /// The invocation has ended, in whatever way: the next of its value may go.
  func ended(_ work: Work) {
    noteGone(work)
    guard rule.isOrdered, let lane = lanes[lane(of: work)] else { return }
    lane.holders.removeAll { $0 == work.id }
    wake(lane)
    tidy(lane)
  }

  /// A row that is being read may show it as it was before.
  func noteGone(_ work: Work) {
    guard readsUnderWay > 0 else { return }
    lanes[lane(of: work)]?.noteGone(work.id)
  }

  /// True when memory does not hold this waiting work, because its lane left it to the store.
  func leaves(_ work: Work) -> Bool {
    guard let lane = lanes[lane(of: work)] else { return false }
    return lane.isStopped || lane.storeFrom.map { $0 <= work.place } ?? false
  }

  /// Who has begun and keeps the others of this event's value waiting.
  func holders(of event: Event) -> [InvocationID] {
    lanes[rule.lane(of: event, .normal, hasher)]?.holders ?? []
  }

  /// When the value's next token is there, by the monotonic clock.
  func rateOpens(_ value: Int64) -> UInt64? { rates?.opensAt(value) }

  // MARK: The store

  private func wantRead(_ lane: Lane) {
    guard lane.storeFrom != nil, !lane.isReading, !lane.isWanted, !lane.isStopped,
      lane.entries.count < Self.laneEntriesMax / 4
    else { return }
    lane.isWanted = true
    wanted.append(lane)
  }

  /// The next read to ask for.
  func nextRead(function: String, dueBy: WallTime) -> RecordRead? {
    while readsUnderWay < Self.readsMax, let lane = wanted.popFirst() {
      lane.isWanted = false
      guard let from = lane.beginRead() else { continue }
      readsUnderWay += 1
      let isTight = entryCount >= Self.entriesMax || bytes >= Self.bytesMax
      return .lane(
        function: function, lane: lane.key, from: from, dueBy: dueBy,
        limit: isTight ? 1 : Self.laneEntriesMax / 2)
    }
    return nil
  }

  /// Rows of a lane; `take` says of each whether memory has it already or it is gone.
  func endRead(
    _ key: Int64, from: LinePlace, _ rows: [WaitingRecord], hasMore: Bool,
    take: (WaitingRecord, Bool) -> Work?
  ) {
    guard let lane = lanes[key], lane.readFrom == from else { return }
    readsUnderWay -= 1
    for row in lane.endRead(rows, hasMore: hasMore) {
      guard let work = take(row, lane.isGone(row.acceptance.id)) else { continue }
      if lane.holders.contains(work.id) { lane.insertFirst(work) } else { lane.insert(work) }
      count(1, work.payloadBytes)
    }
    wake(lane)
    tidy(lane)
  }

  func abandonRead(_ key: Int64, from: LinePlace) {
    guard let lane = lanes[key], lane.readFrom == from else { return }
    readsUnderWay -= 1
    lane.abandonRead()
    wantRead(lane)
  }

  /// Forgets all waiting work; what has begun is remembered.
  func reset() -> [Work] {
    var dropped: [Work] = []
    for lane in lanes.values {
      dropped += lane.removeAll()
      lane.storeFrom = nil
      lane.spot = .none
      lane.isWanted = false
      lane.isStopped = false
      lane.voidRead()
    }
    lanes = lanes.filter { !$0.value.isIdle }
    rings = [[], [], []]
    wanted = []
    concurrency.forgetWaiting()
    rates?.forgetWaiting()
    entryCount = 0
    bytes = 0
    return dropped
  }
}

/// How many attempts of each value run, and the lanes that wait for one of them to end.
private struct ConcurrencyGates {
  private struct Gate {
    var used = 0
    var waiting = Deque<Lane>()
  }

  /// One for each value that runs or waits: never more than lanes and running attempts.
  private var gates: [Int64: Gate] = [:]

  mutating func admits(_ lane: Lane, _ value: Int64, limit: Int) -> Bool {
    guard let gate = gates[value], gate.used >= limit else { return true }
    gates[value]?.waiting.append(lane)
    return false
  }

  mutating func enter(_ value: Int64) { gates[value, default: Gate()].used += 1 }

  mutating func leave(_ value: Int64) {
    gates[value]?.used -= 1
    tidy(value)
  }

  /// A lane that may try, if the value has room.
  mutating func passOn(_ value: Int64, limit: Int) -> Lane? {
    guard let gate = gates[value], gate.used < limit else { return nil }
    defer { tidy(value) }
    return gates[value]?.waiting.popFirst()
  }

  mutating func forgetWaiting() {
    for value in gates.keys {
      gates[value]?.waiting = []
      tidy(value)
    }
  }

  private mutating func tidy(_ value: Int64) {
    guard let gate = gates[value], gate.used <= 0, gate.waiting.isEmpty else { return }
    gates[value] = nil
  }
}
