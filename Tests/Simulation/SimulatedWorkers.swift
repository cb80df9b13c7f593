// Worker processes without processes: attempts run until the seed says how they end. What a real pool
// may do, this one does: answers that come late or twice, workers that die with all they run, attempts
// that wait for their turn to run alone.
import Invocations

final class SimulatedWorkers: WorkerPool {
  struct Flight {
    let assignment: Assignment
    let worker: Int32
    /// It has no process yet.
    var isWaiting = false
    var isCancelled = false
  }

  /// An attempt is one try of one host: the number is the fence in a host, the boot between hosts.
  private struct Start: Hashable {
    let boot: Int
    let name: AttemptName
  }

  var boot = 0
  var roomMax = 6
  private(set) var flights: [AttemptName: Flight] = [:]
  /// In the order of their start: what a dictionary has no opinion of.
  private(set) var order: [AttemptName] = []
  /// On their way to the host.
  private(set) var news: [WorkerNews] = []
  /// Attempts that have ended: an answer that comes again is one of theirs.
  private(set) var ended: [AttemptName] = []
  private var starts: Set<Start> = []
  private(set) var startsCount = 0
  /// What an attempt answered while it was the live one, by invocation.
  private(set) var results: [InvocationID: Set<String>] = [:]
  /// Told of each start.
  var began: (Assignment) -> Void = { _ in }
  var violated: (String) -> Void = { _ in }
  var chance = Chance(seed: 0)

  // MARK: The port

  func hasRoom(for function: Shared<FunctionDeclaration>) -> Bool { flights.count < roomMax }

  func start(_ assignment: Assignment) -> Int32 {
    let worker = Int32(100 + chance.below(3))
    begin(assignment, on: worker)
    return worker
  }

  func start(batch: [Assignment]) -> Int32 {
    let worker = Int32(100 + chance.below(3))
    for assignment in batch { begin(assignment, on: worker) }
    return worker
  }

  private func begin(_ assignment: Assignment, on worker: Int32) {
    let name = assignment.name
    if flights.keys.contains(where: { $0.id == name.id }) {
      violated("two live attempts of \(name.id)")
    }
    if !starts.insert(Start(boot: boot, name: name)).inserted {
      violated("attempt \(name.attempt) of \(name.id) was started twice by one host")
    }
    startsCount += 1
    began(assignment)
    var flight = Flight(assignment: assignment, worker: worker)
    if chance.onceIn(25) {
      flight.isWaiting = true
      news.append(.waits(name))
    }
    flights[name] = flight
    order.append(name)
  }

  func cancel(_ attempt: AttemptName) { flights[attempt]?.isCancelled = true }

  func kill(_ attempt: AttemptName) {
    guard let worker = flights[attempt]?.worker else { return }
    lose(worker, culprits: [attempt], byHost: true)
  }

  func pauseStream(_ attempt: AttemptName) {}
  func resumeStream(_ attempt: AttemptName) {}

  // MARK: What becomes of them

  var waiting: [AttemptName] { order.filter { flights[$0]?.isWaiting == true } }
  var running: [Flight] {
    order.compactMap { flights[$0] }.filter { !$0.isWaiting }
  }

  func begins(_ name: AttemptName) {
    guard let worker = flights[name]?.worker else { return }
    flights[name]?.isWaiting = false
    news.append(.begins(name, worker: worker))
  }

  /// What this attempt returns, if it succeeds: no other attempt ever returns the same.
  func result(of name: AttemptName) -> String { "\"\(boot):\(name.id):\(name.attempt)\"" }

  func answer(_ name: AttemptName, _ answer: AttemptAnswer) {
    guard flights[name] != nil else { return }
    if case .succeeded = answer { results[name.id, default: []].insert(result(of: name)) }
    remove(name)
    news.append(.answered(name, answer))
  }

  /// Says again what was said before, of an attempt that is no longer its invocation's.
  func repeatItself() {
    guard let name = chance.pick(ended), !flights.keys.contains(name) else { return }
    let stale = HandlerValue.json(Array("\"stale\"".utf8))
    news.append(.answered(name, .succeeded(stale, emitted: [], cpuMicroseconds: 1)))
  }

  func lose(_ worker: Int32, culprits: [AttemptName], byHost: Bool) {
    let gone = order.filter { flights[$0]?.worker == worker && flights[$0]?.isWaiting == false }
    let all = gone + culprits.filter { !gone.contains($0) && flights[$0] != nil }
    let named = all.filter { culprits.contains($0) }
    for name in all { remove(name) }
    news.append(
      .lost(
        LostWorker(
          pid: worker, how: "signal 9 (SIGKILL)", culprits: named,
          others: all.filter { !named.contains($0) }, wasKilledByHost: byHost)))
  }

  private func remove(_ name: AttemptName) {
    flights[name] = nil
    order.removeAll { $0 == name }
    ended.append(name)
    if ended.count > 200 { ended.removeFirst(100) }
  }

  func takeNews() -> WorkerNews? { news.isEmpty ? nil : news.removeFirst() }

  /// Their host is gone, and they with it.
  func forgetAll() {
    flights = [:]
    order = []
    news = []
    ended = []
  }
}
