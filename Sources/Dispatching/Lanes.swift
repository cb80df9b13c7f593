// Order, limits and rates by value, and fairness between values: the due work of one function stands
// in lanes, one for each value, and the lanes take turns. A lane that must wait, for its order, its
// limit or its rate, waits aside, and the others pass.
//
// Memory is bounded: a lane keeps a short front, the rest of it stays in the store and is read when
// its turn comes; the number of lanes has a limit, past which the line is not read on.

import DequeModule
import Invocations

final class Lanes {
  let rule: FlowRule
  let hasher: SipHasher
  let limits: LaneLimits
  private(set) var lanes: [Int64: Lane] = [:]
  private var rings: [Deque<Lane>] = [[], [], []]
  private var turns = Turns()
  private var concurrency = ConcurrencyGates()
  private(set) var rates: RateGates?
  var wanted = Deque<Lane>()
  var readsUnderWay = 0
  private var begunCount = 0
  private var asideCount = 0
  private var relaningCount = 0
  var entryCount = 0
  var bytes = 0

  init(_ rule: FlowRule, _ hasher: SipHasher, _ limits: LaneLimits, emptyAt: UInt64?) {
    self.rule = rule
    self.hasher = hasher
    self.limits = limits
    rates = rule.rate.map { RateGates($0, emptyAt: emptyAt) }
  }

  /// Whether the line is not read on.
  ///
  /// Lanes that wait for one that has begun are not counted: its next attempt comes by way of the
  /// line, so that nothing would ever move again if the line were not read on because of them. Those
  /// that wait aside have a limit of their own: the others are not to wait with them.
  var isFull: Bool {
    lanes.count - begunCount - asideCount >= limits.lanesMax || asideCount >= limits.asideMax
      || relaningCount >= limits.entriesMax
  }
  var hasReady: Bool { rings.contains { !$0.isEmpty } }
  var nextWake: UInt64? { rates?.nextWake }

  func lane(of event: Event, _ priority: Priority) -> Int64 {
    rule.lane(of: event, priority, hasher)
  }

  func lane(of work: Work) -> Int64 { lane(of: work.acceptance.event, work.priority) }

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
    if work.isAheadOfStore {
      lane.insert(work)
      count(1, work.payloadBytes)
      wake(lane)
      return .taken
    }
    let isFull =
      lane.entries.count >= limits.laneEntriesMax || entryCount >= limits.entriesMax
      || bytes >= limits.bytesMax
    guard
      isFull || lane.storeFrom != nil || lane.isReading || lane.isStopped
        || !lane.relaning.isEmpty
    else {
      lane.insert(work)
      count(1, work.payloadBytes)
      wake(lane)
      return .taken
    }
    lane.leaveToStore(work.place)
    guard work.acceptance.standing.lane == key else {
      lane.relaning[work.id] = work
      relaningCount += 1
      return .staleInStore(lane: key)
    }
    wake(lane)
    return .leftToStore
  }

  var isRelaning: Bool { relaningCount > 0 }

  /// The store knows it by its lane now; false when nothing here waited for that.
  @discardableResult
  func relaned(_ work: Work, _ key: Int64) -> Bool {
    guard let lane = lanes[key], lane.relaning[work.id] === work else { return false }
    lane.relaning[work.id] = nil
    relaningCount -= 1
    wake(lane)
    tidy(lane)
    return true
  }

  /// Work that began before this host did, or before the function had an order.
  ///
  /// Of several in one lane the first keeps the others waiting.
  func noteBegun(_ work: Work) {
    guard rule.isOrdered else { return }
    let key = lane(of: work)
    let lane = lanes[key] ?? makeLane(key, work.priority)
    if lane.holders.isEmpty { lane.holders.append(work.id) }
    recount(lane)
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
    recount(lane)
  }

  private func recount(_ lane: Lane) {
    let standing = lane.standing
    guard standing != lane.countedAs else { return }
    for (counted, change) in [(lane.countedAs, -1), (standing, 1)] {
      switch counted {
      case .active: break
      case .begun: begunCount += change
      case .aside: asideCount += change
      }
    }
    lane.countedAs = standing
  }

  private func put(_ lane: Lane, _ spot: Lane.Spot) {
    lane.spot = spot
    recount(lane)
  }

  private func makeLane(_ key: Int64, _ priority: Priority) -> Lane {
    let lane = Lane(key: key, priority: priority)
    lanes[key] = lane
    return lane
  }

  func count(_ entries: Int, _ bytes: Int) {
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
      if mustWait(work, in: lane) {
        giveWay(lane, at: now)
        wantRead(lane)
        return nil
      }
      guard passesGates(work, lane, at: now) else { return nil }
      remove(from: lane)
      if rule.isOrdered {
        if !lane.holders.contains(work.id) { lane.holders.append(work.id) }
        recount(lane)
      } else {
        wake(lane)
      }
      wantRead(lane)
      tidy(lane)
      return work
    }
    giveWay(lane, at: now)
    wantRead(lane)
    tidy(lane)
    return nil
  }

  /// It may have been awake for the sake of gates that it does not pass now.
  private func giveWay(_ lane: Lane, at now: UInt64) {
    if let value = lane.gates?.concurrency { passOn(value) }
    if let value = lane.gates?.rate, let other = rates?.passOn(value, at: now) { leaveGate(other) }
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
    recount(lane)
    let (entries, size) = (lane.entries.count, lane.bytes)
    for work in lane.removeAll() { dropped(work) }
    count(-entries, -size)
  }

  private func mustWait(_ work: Work, in lane: Lane) -> Bool {
    guard rule.isOrdered else { return false }
    return lane.running > 0 || lane.storeIsAhead
      || !(lane.holders.isEmpty || lane.holders.contains(work.id))
  }

  /// False when the lane now waits before one of its gates.
  private func passesGates(_ work: Work, _ lane: Lane, at now: UInt64) -> Bool {
    let gates = work.gates ?? rule.gates(of: work.acceptance.event, hasher)
    work.gates = gates
    // Its front is another one than when it came to wait.
    if let former = lane.gates, former != gates { giveWay(lane, at: now) }
    lane.gates = gates
    if let value = gates.concurrency, !concurrency.admits(lane, value, limit: rule.limitPer) {
      put(lane, .gate)
      if let value = gates.rate, let other = rates?.passOn(value, at: now) { leaveGate(other) }
      return false
    }
    if let value = gates.rate, rates?.admits(lane, value, at: now) == false {
      put(lane, .gate)
      if let value = gates.concurrency { passOn(value) }
      return false
    }
    return true
  }

  private func passOn(_ value: Int64) {
    if let lane = concurrency.passOn(value, limit: rule.limitPer) { leaveGate(lane) }
  }

  private func leaveGate(_ lane: Lane) {
    put(lane, .none)
    wake(lane)
  }

  /// Puts the lane to the end of its ring, if it has anything there and waits nowhere else.
  func wake(_ lane: Lane) {
    guard lane.spot == .none else { return }
    if lane.isStopped {
      // Who has begun stands before what the paused queue holds up.
      guard let first = lane.entries.first, lane.holders.contains(first.work.id) else { return }
    }
    guard !lane.entries.isEmpty else { return wantRead(lane) }
    lane.spot = .ring
    rings[lane.priority.rawValue - 1].append(lane)
  }

  func tidy(_ lane: Lane) {
    if lane.isIdle { lanes[lane.key] = nil }
  }

  // MARK: Attempts

  func began(_ work: Work, at now: UInt64) {
    if let value = work.gates?.concurrency { concurrency.enter(value) }
    takeToken(work, at: now)
    guard rule.isOrdered, let lane = lanes[lane(of: work)] else { return }
    lane.running += 1
    recount(lane)
  }

  /// For its next attempt.
  func takeToken(_ work: Work, at now: UInt64) {
    guard !work.hasToken, let value = work.gates?.rate else { return }
    work.hasToken = true
    rates?.take(value, at: now)
  }

  /// The attempt is no longer with a worker.
  func left(_ work: Work) {
    defer {
      work.gates = nil
      work.hasToken = false
    }
    if let value = work.gates?.concurrency {
      concurrency.leave(value)
      passOn(value)
    }
    guard rule.isOrdered, let lane = lanes[lane(of: work)] else { return }
    lane.running -= 1
    recount(lane)
    wake(lane)
  }

  /// The invocation has ended, in whatever way: the next of its value may go.
  func ended(_ work: Work) {
    noteGone(work)
    if relaningCount > 0 { relaned(work, lane(of: work)) }
    guard rule.isOrdered, let lane = lanes[lane(of: work)] else { return }
    lane.holders.removeAll { $0 == work.id }
    recount(lane)
    wake(lane)
    tidy(lane)
  }

  /// A row that is being read may show it as it was before.
  func noteGone(_ work: Work) {
    guard readsUnderWay > 0 else { return }
    lanes[lane(of: work)]?.noteGone(work.id)
  }

  // MARK: Anew

  /// Forgets all waiting work; what has begun is remembered.
  ///
  /// What waits for its lane to be on disk is not among it: read before that, it would be left to
  /// the store under a lane that it is about to lose.
  func reset() -> [Work] {
    var dropped: [Work] = []
    for lane in lanes.values {
      dropped += lane.removeAll()
      lane.relaning = [:]
      lane.forgetStore()
      lane.spot = .none
      lane.isWanted = false
      lane.isStopped = false
      lane.voidRead()
      recount(lane)
    }
    lanes = lanes.filter { !$0.value.isIdle }
    rings = [[], [], []]
    wanted = []
    concurrency.forgetWaiting()
    rates?.forgetWaiting()
    relaningCount = 0
    entryCount = 0
    bytes = 0
    return dropped
  }
}
