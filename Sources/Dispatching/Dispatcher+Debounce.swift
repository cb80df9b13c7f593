// Debounce: of the events with one value the last runs, when none has come for the quiet time. A
// replaced event is ended only when its successor is on disk: what was acknowledged is never lost,
// and where the two fall apart (a full disk, a kill) the older one runs as well.

import Invocations

extension Dispatcher {
  /// The value and the start of the quiet time that an event begins or prolongs.
  func debounce(
    of event: Event, at desk: FunctionDesk, _ dueAt: WallTime
  ) -> Standing.Debounce? {
    guard let rule = desk.declaration.debounce else { return nil }
    let value = hasher.lane([rule.per?.source, rule.per?.value(in: event)])
    return Standing.Debounce(value: value, since: desk.debounced[value]?.since ?? dueAt)
  }

  /// When it may run: after the quiet time, at the latest `atMost` after the first.
  func quietEnd(
    of standing: Standing, _ dueAt: WallTime, _ rule: DebounceRule?
  ) -> WallTime {
    guard let debounce = standing.debounce, let rule else { return dueAt }
    let quiet = dueAt + rule.quiet
    guard let atMost = rule.atMost else { return quiet }
    return max(dueAt, min(quiet, debounce.since + atMost))
  }

  func rememberDebounce(of work: Work) {
    guard let debounce = work.acceptance.standing.debounce,
      let desk = desk(of: work)
    else { return }
    work.replaces = desk.debounced[debounce.value]
    desk.debounced[debounce.value] = FunctionDesk.Debounced(
      id: work.id, since: debounce.since, priority: work.priority, key: work.acceptance.key)
    desk.quiet.insert(work.id)
  }

  /// It begins, or ends: the next event of its value starts a quiet time of its own.
  func forgetDebounce(of work: Work, at desk: FunctionDesk) {
    guard let debounce = work.acceptance.standing.debounce, desk.quiet.remove(work.id) != nil,
      desk.debounced[debounce.value]?.id == work.id
    else { return }
    desk.debounced[debounce.value] = nil
  }

  /// The disk refused the successor: the former one waits on.
  func restoreFormer(of work: Work, at desk: FunctionDesk) {
    guard let debounce = work.acceptance.standing.debounce else { return }
    desk.quiet.remove(work.id)
    guard desk.debounced[debounce.value]?.id == work.id else { return }
    desk.debounced[debounce.value] = work.replaces.flatMap {
      desk.quiet.contains($0.id) ? $0 : nil
    }
  }

  /// The successor is on disk.
  ///
  /// A former one that began in the meantime is left to run. True when the work has another place in
  /// the line now, which the store has to know before it may enter.
  @discardableResult
  func replaceFormer(of work: Work, at desk: FunctionDesk) -> Bool {
    guard let former = work.replaces else { return false }
    work.replaces = nil
    guard desk.quiet.remove(former.id) != nil else { return beginAnew(work, at: desk) }
    let replaced = live[former.id] ?? stub(of: former, work.acceptance)
    _ = apply(.cancelled(attempt: nil), to: replaced, desk.declared)
    var ending = ending(of: replaced, attempt: nil, error: nil)
    ending.reason = .replaced
    ending.replacedBy = work.id
    end(replaced, ending)
    return false
  }

  /// The former one began before this one was on disk: a quiet time of its own begins.
  private func beginAnew(_ work: Work, at desk: FunctionDesk) -> Bool {
    guard let rule = desk.declaration.debounce, let debounce = work.acceptance.standing.debounce,
      desk.debounced[debounce.value]?.id == work.id
    else { return false }
    desk.debounced[debounce.value]?.since = clocks.wall
    let due = clocks.wall + rule.quiet
    guard due > work.due else { return false }
    work.due = due
    // With the old place in the store, a line that has been read past it would never come to it.
    record([.release(work.id, due: due)], entering: [work])
    return true
  }

  /// Stands for work that only the store has.
  private func stub(of former: FunctionDesk.Debounced, _ successor: Acceptance) -> Work {
    Work(
      Acceptance(
        id: former.id, function: successor.function, trigger: successor.trigger,
        event: Event(id: "", source: "", type: "", data: []), key: former.key,
        createdAt: former.since, dueAt: former.since, attemptsMax: 1,
        standing: Standing(priority: former.priority)))
  }

  /// What waited when the former host ended.
  ///
  /// Two of one value are the trace of a kill between the acceptance of one and the end of the other.
  func remember(_ record: DebouncedRecord) {
    guard let desk = desks[record.function] else { return }
    let entry = FunctionDesk.Debounced(
      id: record.id, since: record.debounce.since, priority: record.priority, key: record.key)
    let former = desk.debounced.updateValue(entry, forKey: record.debounce.value)
    desk.quiet.insert(record.id)
    guard let former, desk.declaration.debounce != nil else { return }
    let work = stub(of: entry, Acceptance(stubOf: record))
    work.replaces = former
    replaceFormer(of: work, at: desk)
  }
}

extension Acceptance {
  fileprivate init(stubOf record: DebouncedRecord) {
    self.init(
      id: record.id, function: record.function, trigger: "",
      event: Event(id: "", source: "", type: "", data: []), createdAt: record.due,
      dueAt: record.due, attemptsMax: 1)
  }
}
