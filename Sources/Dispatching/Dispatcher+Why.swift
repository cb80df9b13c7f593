// Why an invocation does not run: the same questions, in the same order, that `pump` asks before it
// starts something. It looks and changes nothing.

package import Invocations

extension Dispatcher {
  /// `record` is what the store says; memory knows the rest.
  package func cause(of record: InvocationRecord) -> WaitingCause {
    let work = live[record.acceptance.id]
    let state = work?.invocation.state.word ?? record.state
    switch state {
    case .succeeded, .dead, .cancelled: return WaitingCause(.ended)
    case .running: return WaitingCause(.running, by: [record.acceptance.id])
    case .held: return WaitingCause(.held)
    case .queued, .waiting: break
    }
    guard let desk = desks[record.acceptance.function], desk.isDeclared else {
      return WaitingCause(.undeclared)
    }
    if isDraining { return WaitingCause(.stopping) }
    if let reason = stalledReason { return WaitingCause(.storeStalled(reason: reason)) }
    if let since = desk.pausedSince { return WaitingCause(.functionPaused(since: since)) }
    if let queue = record.acceptance.queue, desk.holds(queue) {
      return WaitingCause(.queuePaused(queue))
    }
    let due = work?.due ?? record.due
    if due > clocks.wall { return early(state, due, record) }
    return obstacle(of: record.acceptance, at: desk)
  }

  private func early(
    _ state: StateWord, _ due: WallTime, _ record: InvocationRecord
  ) -> WaitingCause {
    if state == .waiting { return WaitingCause(.backoff, until: due) }
    let isQuiet = record.acceptance.standing.debounce != nil
    return WaitingCause(isQuiet ? .quietTime : .delay, until: due)
  }

  /// Of work that is due.
  private func obstacle(of acceptance: Acceptance, at desk: FunctionDesk) -> WaitingCause {
    if let cause = desk.lanes.flatMap({ valueObstacle(of: acceptance, at: desk, $0) }) {
      return cause
    }
    let declaration = desk.declaration
    if desk.running >= declaration.concurrency.limit {
      let running = attempts(of: desk).map(\.work.id)
      return WaitingCause(.functionFull(limit: declaration.concurrency.limit), by: running)
    }
    if let opens = desk.rateOpens(at: clocks.monotonic) {
      return WaitingCause(.rate(value: nil), until: wall(atMonotonic: opens))
    }
    if !workers.hasRoom(for: desk.declared) { return WaitingCause(.noWorker(reason: nil)) }
    if let rule = declaration.batch, let end = desk.gathered.endsAt(rule) {
      return WaitingCause(.batch(size: rule.size), until: end)
    }
    return WaitingCause(.line)
  }

  private func valueObstacle(
    of acceptance: Acceptance, at desk: FunctionDesk, _ lanes: Lanes
  ) -> WaitingCause? {
    let event = acceptance.event
    let rule = lanes.rule
    if let order = rule.order {
      let holders = lanes.holders(of: event).filter { $0 != acceptance.id }
      if !holders.isEmpty {
        return WaitingCause(.order(value: Self.shown(order, event, desk)), by: holders)
      }
    }
    let gates = rule.gates(of: event, hasher)
    if let per = rule.concurrencyPer, let gate = gates.concurrency {
      let same = attempts(of: desk).filter { $0.work.gates?.concurrency == gate }.map(\.work.id)
      if same.count >= rule.limitPer {
        let value = Self.shown(per, event, desk)
        return WaitingCause(.valueFull(value: value, limit: rule.limitPer), by: same)
      }
    }
    if let per = rule.ratePer, let gate = gates.rate, let opens = lanes.rateOpens(gate),
      opens > clocks.monotonic
    {
      return WaitingCause(
        .rate(value: Self.shown(per, event, desk)), until: wall(atMonotonic: opens))
    }
    return nil
  }

  private func attempts(of desk: FunctionDesk) -> [RunningAttempt] {
    running.values.filter { self.desk(of: $0.work) === desk }
  }

  private static func shown(_ path: EventPath, _ event: Event, _ desk: FunctionDesk) -> String {
    if desk.declaration.redact?.touches(path) == true { return "\(path) = \(Redaction.mark)" }
    return "\(path) = \(path.value(in: event)?.prefix(100) ?? "nothing")"
  }

  private func wall(atMonotonic instant: UInt64) -> WallTime {
    let wait = instant > clocks.monotonic ? instant - clocks.monotonic : 0
    return clocks.wall + .nanoseconds(Int64(clamping: wait))
  }
}
