// One step of a test house at a time: the disk first, then the handlers, then what is due. The order is
// always the same, so that a test's record is.

import Dispatching
import Invocations

extension TestHost {
  /// Goes on until `isDone`, or until nothing can happen without time passing.
  ///
  /// Handlers of the function `hanging` are not waited for.
  func step(leaving hanging: String? = nil, until isDone: () -> Bool) async throws {
    let before = workers.started
    let startedBefore = workers.startedTotal
    var idleTicks = 0
    var patience = Patience(limits.handlerTime)
    while !isDone() {
      try Task.checkCancellation()
      guard workers.startedTotal - startedBefore <= limits.attempts else {
        throw TestFault.tooMuch(
          "more than \(limits.attempts) attempts started without time passing "
            + "(\(busiest(since: before))): a loop of events, or raise TestLimits.attempts")
      }
      if try takeNews() { patience.renew() }
      if ledger.isBehind {
        try await wait(&patience) { .store("the temporary store does not answer") }
      } else if !recordNews.isEmpty {
        hearRecordNews()
        patience.renew()
      } else if workers.isRunning(besides: hanging) {
        if workers.isRoundWhole(besides: hanging) {
          for news in workers.takeRound(besides: hanging) { dispatcher.hear(news) }
          patience.renew()
        } else {
          try await wait(&patience) { hangs() }
        }
      } else if timers.fireDue() {
        idleTicks = 0
      } else if let wake = dispatcher.nextWake(), wake <= clocks.monotonic, idleTicks < 3 {
        // What is due and does not start now (its line is paused) starts with no later look either.
        dispatcher.tick()
        idleTicks += 1
      } else {
        return
      }
    }
  }

  /// Moves what came in from the inbox to where it waits for its turn; true when an attempt ended.
  private func takeNews() throws -> Bool {
    let fresh = inbox.takeRecordNews()
    for news in fresh { try ledger.note(news) }
    recordNews += fresh
    return workers.note(try inbox.takeWorkerNews(), at: clocks.wall)
  }

  /// In one order, however the store's threads took turns.
  private func hearRecordNews() {
    let news = recordNews
    recordNews = []
    var reached: UInt64?
    var rows: [(read: String, news: RecordNews)] = []
    var replays: [(token: UInt64, news: RecordNews)] = []
    for one in news {
      switch one {
      case .durable(let sequence): reached = max(reached ?? 0, sequence)
      case .rows(let read, _, _): rows.append(("\(read)", one))
      case .replay(let token, _): replays.append((token, one))
      // The ledger has thrown already.
      case .stalled, .healed, .readFailed: break
      }
    }
    if let reached { dispatcher.hear(.durable(upTo: reached)) }
    for row in rows.sorted(by: { $0.read < $1.read }) { dispatcher.hear(row.news) }
    for replay in replays.sorted(by: { $0.token < $1.token }) { dispatcher.hear(replay.news) }
  }

  /// Until every handler of the function that runs has been called.
  func waitUntilBegun(_ function: String) async throws {
    var patience = Patience(limits.handlerTime)
    while !workers.hasBegun(function) {
      try Task.checkCancellation()
      _ = try takeNews()
      guard !workers.hasBegun(function) else { return }
      try await wait(&patience) { hangs() }
    }
  }

  private func wait(_ patience: inout Patience, or fault: () -> TestFault) async throws {
    guard await inbox.wait(atMost: patience.left) else { throw fault() }
  }

  private func hangs() -> TestFault {
    let message =
      "no handler of \(workers.unanswered.joined(separator: ", ")) has returned for "
      + "\(limits.handlerTime) of real time. Where it is meant to run past its deadline, use "
      + "passDeadline(of:); where it is slow, raise TestLimits.handlerTime"
    return .handlerHangs(message)
  }

  /// When time next has something to bring, in monotonic time; nil for never.
  var nextInstant: UInt64? {
    let now = clocks.monotonic
    let timer = timers.next.map { clocks.monotonic(at: $0) }
    return [dispatcher.nextWake(), timer].compactMap(\.self).filter { $0 > now }.min()
  }

  /// The functions that started most since, for the message about a loop.
  func busiest(since before: [String: Int]) -> String {
    let counts = workers.started.map { ($0.key, $0.value - (before[$0.key] ?? 0)) }
    let most = counts.filter { $0.1 > 0 }.sorted { ($1.1, $0.0) < ($0.1, $1.0) }.prefix(3)
    return most.isEmpty
      ? "nothing started" : most.map { "\($0.0) started \($0.1) times" }.joined(separator: ", ")
  }
}

/// How long nothing may happen in real time.
private struct Patience {
  private let limit: Duration
  private var end: ContinuousClock.Instant

  init(_ limit: Duration) {
    self.limit = limit
    end = .now + limit
  }

  mutating func renew() { end = .now + limit }

  var left: Duration { max(.zero, ContinuousClock.now.duration(to: end)) }
}
