// Everything the dispatcher keeps for one function: its declaration, its lines, what runs, and
// whether it may start more. The permit is decided here, and for its values in `Lanes`.

import DequeModule
import Invocations

final class FunctionDesk {
  private(set) var declared: Shared<FunctionDeclaration>
  var lines: PriorityLines
  /// Where its events are ordered or limited by a value; nil where they are all alike.
  private(set) var lanes: Lanes?
  /// Accepted and not ended, in memory or in the store.
  var unfinished: Int
  /// Runs of the handler: attempts, or batches of them.
  var running = 0
  var attempts = 0
  var pausedSince: WallTime?
  /// Queues of this function that are paused; their work is passed over.
  var pausedQueues: Set<String> = []
  /// Deadlines of the attempts that run, in order, because one function has one timeout.
  ///
  /// Ended attempts are passed over, and swept out when they outnumber the running ones.
  var deadlines = Deque<RunningAttempt>()
  /// After a read that failed: monotonic nanoseconds before which none is asked for.
  var readNotBefore: UInt64 = 0
  /// False when a manifest no longer declares it but work of it is still in the store.
  var isDeclared = true
  /// With an order: whether it is known what has begun and not ended.
  var begun = BegunWork.known {
    didSet {
      if begun != .beingRead { goneWhileReadingBegun = [] }
      guard begun == .unknown else { return }
      begunRound += 1
      begunReadsToPass = begunReadsUnderWay
    }
  }
  /// Counts how often it has become unknown: what was asked before says nothing.
  private(set) var begunRound = 0
  var begunReadsUnderWay = 0
  var begunReadsToPass = 0
  var gathered = GatheredBatch()
  /// Events that wait for their quiet time, by their value.
  var debounced: [Int64: Debounced] = [:]
  /// The same and those they replace: accepted and neither begun nor ended.
  var quiet: Set<InvocationID> = []

  private let hasher: SipHasher
  private let laneLimits: LaneLimits
  /// When the host started, if it does not know what earlier ones took of a rate.
  private let emptyAt: UInt64?
  /// Work of former lanes, to be forgotten with the rest.
  private var orphans: [Work] = []
  /// Ended while it was read what has begun: the rows may show it as it was before.
  private(set) var goneWhileReadingBegun: Set<InvocationID> = []
  private var bucket = TokenBucket()
  private var bucketRule: TokenBucket.Rule?

  enum BegunWork { case known, unknown, beingRead }

  struct Debounced {
    var id: InvocationID
    var since: WallTime
    var priority: Priority
    var key: IdempotencyKey?
  }

  init(
    _ declaration: FunctionDeclaration, unfinished: Int, hasher: SipHasher,
    laneLimits: LaneLimits, emptyAt: UInt64?
  ) {
    declared = Shared(declaration)
    self.unfinished = unfinished
    self.hasher = hasher
    self.laneLimits = laneLimits
    self.emptyAt = emptyAt
    lines = PriorityLines(storeHasMore: unfinished > 0, entriesMax: laneLimits.lineEntriesMax)
    lanes = FlowRule(declaration).map { Lanes($0, hasher, laneLimits, emptyAt: emptyAt) }
    if lanes?.rule.isOrdered == true, unfinished > 0 { begun = .unknown }
    if let rate = declaration.rate, rate.per == nil {
      let rule = TokenBucket.Rule(rate)
      bucketRule = rule
      if let emptyAt { bucket = TokenBucket(emptyAt: emptyAt, rule) }
    }
  }

  var declaration: FunctionDeclaration { declared.value }

  /// What another declaration changes for the work that waits: where its events are gathered by
  /// another rule its line has to be read anew, and where they are ordered or limited by another its
  /// running attempts have to be noted as well.
  enum Adoption { case nothing, otherBatches, otherLanes }

  func adopt(_ declaration: FunctionDeclaration, at now: UInt64) -> Adoption {
    let batchChanged = self.declaration.batch != declaration.batch
    declared = Shared(declaration)
    isDeclared = true
    bucketRule = declaration.rate.flatMap { $0.per == nil ? TokenBucket.Rule($0) : nil }
    if let bucketRule { bucket.adopt(bucketRule, at: now) }
    let rule = FlowRule(declaration)
    guard rule != lanes?.rule else { return batchChanged ? .otherBatches : .nothing }
    orphans += lanes?.reset() ?? []
    lanes = rule.map { Lanes($0, hasher, laneLimits, emptyAt: now) }
    begun = rule?.isOrdered == true && unfinished > 0 ? .unknown : .known
    return .otherLanes
  }

  /// Where work waits for its new lane to be on disk: nothing starts before it is.
  func askAgainWhatHasBegun() {
    if let lanes, lanes.rule.isOrdered, lanes.isRelaning { begun = .unknown }
  }

  // MARK: Permits

  func mayStart(at now: UInt64) -> Bool {
    isDeclared && pausedSince == nil && running < declaration.concurrency.limit
      && begun == .known && tokens(at: now) >= tokensWanted
  }

  /// When the next token is there, if it is the rate alone that stands in the way.
  func rateOpens(at now: UInt64) -> UInt64? {
    guard isDeclared, pausedSince == nil, running < declaration.concurrency.limit,
      begun == .known, let bucketRule, tokens(at: now) < tokensWanted
    else { return nil }
    return bucket.opensAt(bucketRule) + UInt64(tokensWanted - 1) * bucketRule.interval
  }

  /// How many attempts the function's rate allows now.
  func tokens(at now: UInt64) -> Int { bucketRule.map { bucket.tokens(at: now, $0) } ?? .max }

  /// A full batch waits until it may start as a whole, if the burst is as large.
  private var tokensWanted: Int {
    guard let bucketRule, let rule = declaration.batch, gathered.isFull(rule) else { return 1 }
    return min(gathered.count, rule.size, bucketRule.burst)
  }

  func began(_ work: Work, at now: UInt64) {
    if let bucketRule { bucket.take(at: now, bucketRule) }
    lanes?.began(work, at: now)
  }

  /// Whether a call may start before its record is on disk: only where nobody could stand before it.
  var isFree: Bool {
    lanes == nil && lines.count == 0 && !lines.storeHasMore && declaration.batch == nil
      && declaration.debounce == nil
  }

  // MARK: Reading

  func noteGone(_ work: Work) {
    lines[work.priority].noteGone(work.id)
    // What is only left to the store has begun all the same.
    if begun == .beingRead, work.invocation.isFinal { goneWhileReadingBegun.insert(work.id) }
    lanes?.noteGone(work)
  }

  func beginRefill(_ priority: Priority, at now: UInt64) -> Bool {
    now >= readNotBefore && lanes?.isFull != true && lines[priority].beginRefill()
  }

  func holds(_ queue: String?) -> Bool { queue.map(pausedQueues.contains) ?? false }

  func passes(_ work: Work) -> Bool {
    !holds(work.acceptance.queue)
  }

  /// Forgets all waiting work, so that it is read from the beginning.
  func forgetWaiting() -> [Work] {
    defer { orphans = [] }
    return lines.reset(storeHasMore: true) + (lanes?.reset() ?? []) + gathered.removeAll() + orphans
  }

  /// Whether memory holds this waiting work, if it still waits.
  func covers(_ work: Work) -> Bool {
    lines.covers(work) && !holds(work.acceptance.queue) && lanes?.leaves(work) != true
  }

  // MARK: Deadlines

  /// Rare: of an attempt that waits for a process.
  func forgetDeadline(_ attempt: RunningAttempt) { deadlines.removeAll { $0 === attempt } }

  func noteDeadline(_ attempt: RunningAttempt) {
    // Nearly always at the end; an attempt under an older, longer timeout may stand behind it.
    var place = deadlines.count
    while place > 0, deadlines[place - 1].deadline > attempt.deadline { place -= 1 }
    deadlines.insert(attempt, at: place)
    if deadlines.count > 2 * attempts + 64 {
      deadlines = Deque(deadlines.filter(\.isRunning))
    }
  }

  /// The first attempt that still runs within its time.
  func nextDeadline() -> RunningAttempt? {
    while let first = deadlines.first, !first.isRunning || first.isToldToStop {
      deadlines.removeFirst()
    }
    return deadlines.first
  }
}

extension RunningAttempt {
  var isRunning: Bool { work.invocation.state == .running(attempt: name.attempt) }
}
