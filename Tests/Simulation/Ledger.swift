// What was promised and what was seen, kept outside of the host: the books balance against this. It
// checks at every start that no limit is passed and nobody is overtaken, and it remembers every
// acknowledgement.
import Invocations

final class Ledger: Observer {
  /// One acknowledged event.
  struct Promise {
    let invocation: InvocationID
    let function: String
    /// How often the power had gone when it was given: what is only with the system may go with it.
    let powerLosses: Int
  }

  struct Reply {
    let invocation: InvocationID
    let state: StateWord
    let body: [UInt8]?
  }

  private let app: SimulatedApp
  private var workers: SimulatedWorkers?
  private(set) var promises: [Promise] = []
  private(set) var replies: [Reply] = []
  private(set) var powerLosses = 0
  /// Every acceptance that a host made, by id; not all of them reached the disk.
  private(set) var acceptances: [InvocationID: Acceptance] = [:]
  private(set) var violations: [String] = []
  private(set) var fenced = 0
  /// Ended, as this host knows it: on disk when it started, or decided since.
  private var ended: Set<InvocationID> = []
  /// Acknowledged and not ended, of the function that keeps an order, by value.
  private var owed: [String: Set<InvocationID>] = [:]
  private var tokens = 0.0
  private var tokensAt: UInt64 = 0
  var monotonic: () -> UInt64 = { 0 }
  var isDeaf = false
  /// Where somebody wants to read along.
  var tell: ((String) -> Void)?
  /// Changes with every end of a host: an answer that comes later is nobody's.
  private(set) var epoch = 0

  init(_ app: SimulatedApp) {
    self.app = app
    tokens = Double(app.rateBurst)
  }

  func violated(_ what: String) { if !isDeaf { violations.append(what) } }

  func watch(_ workers: SimulatedWorkers) {
    self.workers = workers
    workers.violated = { [unowned self] in violated($0) }
    workers.began = { [unowned self] in began($0) }
  }

  // MARK: What hosts say

  func saw(_ happening: Happening) {
    guard !isDeaf else { return }
    switch happening {
    case .accepted(let acceptance): acceptances[acceptance.value.id] = acceptance.value
    case .fenced: fenced += 1
    default: break
    }
  }

  /// The host has decided it, whether or not it is on disk yet.
  func ended(_ id: InvocationID) {
    guard !isDeaf else { return }
    ended.insert(id)
    if let acceptance = acceptances[id], let account = account(of: acceptance) {
      owed[account]?.remove(id)
    }
  }

  /// An answer that went to a sender.
  func acknowledge(_ items: [Accepted], epoch: Int) {
    guard epoch == self.epoch, !isDeaf else { return }
    for item in items {
      guard let acceptance = acceptances[item.invocation] else {
        violated("\(item.invocation) was acknowledged and never accepted")
        continue
      }
      promises.append(
        Promise(
          invocation: item.invocation, function: acceptance.function, powerLosses: powerLosses))
      if let account = account(of: acceptance), !ended.contains(item.invocation) {
        owed[account, default: []].insert(item.invocation)
      }
    }
  }

  func reply(_ outcome: CallOutcome, epoch: Int) {
    guard epoch == self.epoch, !isDeaf else { return }
    switch outcome {
    case .ended(let ending):
      replies.append(
        Reply(invocation: ending.id, state: ending.state, body: ending.result?.body))
    case .replayed(let replay?, let id):
      replies.append(Reply(invocation: id, state: replay.state, body: replay.result?.body))
    case .replayed(nil, _), .refused, .held: break
    }
  }

  /// `durability: os`: a loss of power may take what was acknowledged before it.
  func isForgiven(_ promise: Promise) -> Bool {
    promise.function == "meter" && promise.powerLosses < powerLosses
  }

  func hostIsGone(withPower: Bool) {
    epoch += 1
    if withPower { powerWent() }
  }

  func powerWent() { powerLosses += 1 }

  func hostIsBack(_ look: StoreLook) throws {
    ended = Set(try look.numbers("SELECT id FROM finished").map { InvocationID(rawValue: $0) })
    let there = Set(try look.numbers("SELECT id FROM accepted"))
    for promise in promises where !there.contains(promise.invocation.rawValue) {
      if isForgiven(promise) { continue }
      violated("\(promise.invocation) of \(promise.function) was acknowledged and is lost")
    }
    owed = [:]
    for id in try look.numbers("SELECT id FROM unfinished") {
      let id = InvocationID(rawValue: id)
      if let acceptance = acceptances[id], let account = account(of: acceptance) {
        owed[account, default: []].insert(id)
      }
    }
    // The bucket of a host that starts is empty, as the manifest's page says.
    tokens = 0
    tokensAt = monotonic()
  }

  private func account(of acceptance: Acceptance) -> String? {
    acceptance.function == "ledger"
      ? String(decoding: acceptance.event.data, as: UTF8.self) : nil
  }

  // MARK: Every start

  private func began(_ assignment: Assignment) {
    guard !isDeaf, let workers else { return }
    let function = assignment.function.name
    let running = workers.flights.values.filter { $0.assignment.function.name == function }
    if running.count >= app.limit(of: function) {
      violated("\(running.count + 1) attempts of \(function) at once")
    }
    if ended.contains(assignment.name.id) {
      violated("\(assignment.name.id) of \(function) was started after its end")
    }
    switch function {
    case "ledger": checkOrder(assignment, running)
    case "meter":
      let same = running.filter {
        $0.assignment.acceptance.event.data == assignment.acceptance.event.data
      }
      if same.count >= app.limitPer { violated("\(same.count + 1) attempts of one tenant at once") }
      checkRate()
    default: break
    }
  }

  private func checkOrder(_ assignment: Assignment, _ running: [SimulatedWorkers.Flight]) {
    guard let account = account(of: assignment.acceptance) else { return }
    let data = assignment.acceptance.event.data
    if running.contains(where: { $0.assignment.acceptance.event.data == data }) {
      violated("two attempts of \(account) at once")
    }
    if let earlier = owed[account]?.min(), earlier < assignment.name.id {
      violated("\(assignment.name.id) overtook \(earlier) of \(account)")
    }
  }

  /// A token bucket beside the dispatcher's own, full at the very first start.
  private func checkRate() {
    let now = monotonic()
    let passed = Double(now - tokensAt) / 1_000_000_000
    tokens = min(Double(app.rateBurst), tokens + passed * 20)
    tokensAt = now
    tokens -= 1
    if tokens < -0.001 { violated("the rate was passed") }
  }
}
