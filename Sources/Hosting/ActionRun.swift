// One bulk action from its first count to its end: it walks from the newest invocation that is meant to
// the oldest, a page at a time, at its pace, and writes down how far it has come after each page. A
// page that a kill cut short is walked again: what it did is not what it was any more, and passed over.

import Dispatching
import Doors
import EventLoop
import HTTP
import Invocations
import Records

@LoopActor
final class ActionRun {
  /// What one page reads is acted on before it is old: as much as a second of the pace, at most.
  private static let pageMax = 500
  /// After a full queue, a busy record or a page that could not be read.
  private static let patience = Duration.milliseconds(500)
  /// Between two looks at what the pace allows.
  private static let tick = Duration.milliseconds(20)
  private static let noteEvery = Duration.seconds(1)
  /// Whoever waits for the end is told after this long in any case.
  private static let tellAfter = Duration.seconds(30)

  private(set) var action: OperatorAction
  private let filter: InvocationFilter
  private let selection: Selection
  private let mending: Mending
  private let rule: ActionRule
  private let interval: Duration?
  private let makeEventID: @LoopActor () -> String
  private unowned let host: Host
  private var told: (@LoopActor (OperatorAction) -> Void)?
  private var ended: (@LoopActor () -> Void)?
  private var timer: LoopTimer?
  private var teller: LoopTimer?
  private var next: (@LoopActor () -> Void)?
  private var isAborted = false
  private var isSuspended = false
  private var hasEnded = false

  /// Of the page: what is left to do, and what waits for the disk.
  private var waiting: ArraySlice<InvocationRecord> = []
  private var underWay = 0
  private var isDoing = false
  private var notedAt: UInt64 = 0
  private var pageEnd: InvocationID?
  private var pacedSince: UInt64 = 0
  private var paced = 0

  init(
    _ action: OperatorAction, _ filter: InvocationFilter, on host: Host,
    eventID: @escaping @LoopActor () -> String
  ) throws(ActionFault) {
    self.action = action
    self.filter = filter
    self.host = host
    makeEventID = eventID
    rule = ActionRule(action)
    let wish = ActionWish(
      verb: action.verb, by: action.by, filter: filter, fields: [], ids: action.ids,
      options: action.options)
    selection = wish.meansDeadLetters ? .deadLetters : .all
    do throws(Mending.Fault) { mending = try Mending(action.options.mended) } catch {
      throw ActionFault(code: "bad-mending", reason: error.reason)
    }
    guard let rate = action.options.rate else {
      interval = nil
      return
    }
    guard let interval = ActionPace.interval(rate) else {
      throw ActionFault(
        code: "bad-parameter",
        reason: "'rate' must be a whole number up to \(ActionPace.countMax) and /s, /min or /h, "
          + "such as 10/s; got '\(rate)'")
    }
    self.interval = interval
  }

  func begin(
    told: (@LoopActor (OperatorAction) -> Void)?, ended: @escaping @LoopActor () -> Void
  ) {
    self.told = told
    self.ended = ended
    timer = LoopTimer { [weak self] in self?.goOn() }
    if told != nil {
      teller = LoopTimer { [weak self] in self?.tell() }
      teller?.arm(atMonotonic: EventLoop.shared.now + Self.tellAfter.nanoseconds)
    }
    host.dispatcher.note(action)
    guard action.state == .counting else { return work() }
    action.selected = 0
    guard action.ids.isEmpty else {
      action.selected = action.ids.count
      return startWork()
    }
    count(before: action.cursor)
  }

  // MARK: Interruptions

  /// What is under way is still counted; nothing else is begun.
  func abort(because words: String) {
    isAborted = true
    action.note = words
    guard underWay == 0, next != nil else { return }
    goOn()
  }

  func suspend() {
    isSuspended = true
    close()
  }

  /// Later, unless somebody aborts it before.
  private func after(_ pause: Duration, _ step: @escaping @LoopActor () -> Void) {
    next = step
    timer?.arm(atMonotonic: EventLoop.shared.now + pause.nanoseconds)
  }

  private func goOn() {
    guard let step = next, !hasEnded else { return }
    next = nil
    timer?.disarm()
    isAborted ? end(.aborted) : step()
  }

  // MARK: Counting

  private func count(before cursor: InvocationID?) {
    var page = filter
    page.before = earlier(cursor, filter.before)
    page.limit = StoreLimits.selectedIDsMax
    host.select(page, among: selection) { [weak self] outcome in
      guard let self, !hasEnded, !isSuspended else { return }
      guard !isAborted else { return end(.aborted) }
      switch outcome {
      case .failure: after(Self.patience) { self.count(before: cursor) }
      case .success(let found):
        action.selected += found.items.count
        if let next = found.next { count(before: next) } else { startWork() }
      }
    }
  }

  private func startWork() {
    action.state = .running
    host.dispatcher.note(action)
    if interval != nil { tell() }
    work()
  }

  // MARK: Pages

  private func work() {
    pacedSince = EventLoop.shared.now
    paced = 0
    action.ids.isEmpty ? nextPage() : nextIDs()
  }

  private func nextPage() {
    var page = filter
    page.before = earlier(action.cursor, filter.before)
    page.limit = pageSize
    host.select(page, among: selection) { [weak self] outcome in
      guard let self, !hasEnded, !isSuspended else { return }
      guard !isAborted else { return end(.aborted) }
      switch outcome {
      case .failure: after(Self.patience) { self.nextPage() }
      case .success(let found): take(found.items, upTo: found.next)
      }
    }
  }

  /// Named ones from the newest on, so that the cursor says how far it has come.
  private func nextIDs() {
    let left = Set(action.ids).sorted(by: >).filter { $0 < action.cursor ?? .init(rawValue: .max) }
    let page = Array(left.prefix(pageSize))
    take(page, upTo: page.count < left.count ? page.last : nil)
  }

  private func take(_ ids: [InvocationID], upTo end: InvocationID?) {
    pageEnd = end
    guard !ids.isEmpty else { return endPage() }
    host.records(ids) { [weak self] outcome in
      guard let self, !hasEnded, !isSuspended else { return }
      guard !isAborted else { return self.end(.aborted) }
      switch outcome {
      case .failure: after(Self.patience) { self.take(ids, upTo: end) }
      case .success(let records):
        let known = Set(records.map(\.acceptance.id))
        if !action.ids.isEmpty {
          for id in ids where !known.contains(id) { action.refuse(id, "it is not in the record") }
        }
        waiting = records[...]
        doWaiting()
      }
    }
  }

  private func doWaiting() {
    guard !hasEnded, !isSuspended else { return }
    guard !isAborted else { return endPageIfDone() }
    isDoing = true
    if action.verb == .purge, interval == nil {
      let letters = Array(waiting)
      waiting = []
      purge(letters)
    }
    while next == nil, !isSuspended, let record = waiting.first {
      guard allowsOneMore else {
        after(Self.tick) { self.doWaiting() }
        break
      }
      waiting.removeFirst()
      paced += 1
      act(on: record)
    }
    isDoing = false
    endPageIfDone()
  }

  /// A slow page is long: now and then the record learns how far it is.
  private func noteProgress() {
    guard interval != nil, notedAt + Self.noteEvery.nanoseconds <= EventLoop.shared.now else {
      return
    }
    notedAt = EventLoop.shared.now
    host.dispatcher.note(action)
  }

  /// When the last of the page is on disk, or aborted.
  private func endPageIfDone() {
    guard !isDoing, !hasEnded, !isSuspended, underWay == 0 else { return }
    if isAborted { return end(.aborted) }
    if waiting.isEmpty, next == nil { endPage() }
  }

  private var pageSize: Int {
    guard let interval else { return Self.pageMax }
    return Int(min(UInt64(Self.pageMax), max(1, 1_000_000_000 / max(1, interval.nanoseconds))))
  }

  private var allowsOneMore: Bool {
    guard let interval else { return true }
    let elapsed = EventLoop.shared.now - pacedSince
    return UInt64(paced) * interval.nanoseconds <= elapsed
  }

  private func endPage() {
    action.cursor = pageEnd ?? action.cursor
    guard pageEnd != nil else { return end(.done) }
    host.dispatcher.note(action)
    action.ids.isEmpty ? nextPage() : nextIDs()
  }

  /// Whether a cancel by filter is for what has begun as well.
  private var meansRunning: Bool { !action.ids.isEmpty || filter.states.contains(.running) }

  // MARK: Deeds

  private func act(on record: InvocationRecord) {
    // Done before a kill that cut the page short.
    if record.settledBy == action.number { return }
    if let reason = rule.refusal(of: record) { return refuse(record, reason) }
    switch action.verb {
    case .redrive: redrive(record)
    case .purge: purge([record])
    case .cancel:
      host.cancel(record, onlyWaiting: !meansRunning)
        ? (action.done += 1) : refuse(record, "it ends at this moment")
    default: retry(record)
    }
  }

  private func refuse(_ record: InvocationRecord, _ reason: String) {
    action.refuse(record.acceptance.id, reason)
  }

  private func retry(_ record: InvocationRecord) {
    switch record.state {
    case .waiting:
      host.hurry(record) ? (action.done += 1) : refuse(record, "it does not wait any more")
    case .held:
      host.release(record) ? (action.done += 1) : refuse(record, "it is not held any more")
    default: redrive(record)
    }
  }

  private func redrive(_ record: InvocationRecord) {
    var wish = Redrive(function: action.options.target, action: action.number)
    if !mending.isEmpty {
      do throws(Mending.Fault) {
        wish.event = try mending.mend(record.acceptance.event, as: makeEventID())
      } catch { return refuse(record, error.reason) }
    }
    underWay += 1
    host.dispatcher.redrive(record.acceptance, wish) { [weak self] outcome in
      self?.redriven(record, outcome)
    }
  }

  private func redriven(_ record: InvocationRecord, _ outcome: Result<[Accepted], Refusal>) {
    underWay -= 1
    guard !hasEnded else { return }
    switch outcome {
    case .success:
      action.done += 1
      noteProgress()
    // The host stops; the next start goes on from the cursor.
    case .failure(.draining): return suspend()
    // It passes: the action waits with it.
    case .failure(.queueFull), .failure(.busy), .failure(.storeStalled):
      waiting.insert(record, at: waiting.startIndex)
      if next == nil { after(Self.patience) { self.doWaiting() } }
      return
    case .failure(let refusal): refuse(record, HTTPProblem(refusal).detail)
    }
    endPageIfDone()
  }

  private func purge(_ letters: [InvocationRecord]) {
    let open = letters.filter { rule.refusal(of: $0) == nil }
    for letter in letters {
      if let reason = rule.refusal(of: letter) { refuse(letter, reason) }
    }
    guard !open.isEmpty else { return }
    underWay += 1
    host.dispatcher.purge(open.map(\.acceptance.id), by: action.number) { [weak self] in
      guard let self, !hasEnded else { return }
      underWay -= 1
      action.done += open.count
      endPageIfDone()
    }
  }

  // MARK: The end

  private func end(_ state: OperatorAction.State) {
    guard !hasEnded, !isSuspended else { return }
    action.state = state
    action.endedAt = host.clocks.wall
    hasEnded = true
    timer?.close()
    next = nil
    // Whoever is told of the end can read it; until then it is told from here.
    host.dispatcher.note(action) {
      self.tell()
      self.ended?()
      self.ended = nil
    }
  }

  private func tell() {
    teller?.close()
    teller = nil
    told?(action)
    told = nil
  }

  private func close() {
    timer?.close()
    next = nil
    tell()
    ended?()
    ended = nil
  }

  private func earlier(_ one: InvocationID?, _ other: InvocationID?) -> InvocationID? {
    guard let one, let other else { return one ?? other }
    return min(one, other)
  }
}
