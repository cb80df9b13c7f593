// The plan of a deployment: two sets of declarations compared key by key, and what the difference
// means for work that is under way. Pure; the counts are handed in.

package import Invocations
import Manifests

extension ReleasePlan {
  package struct Side: Sendable {
    package var functions: [FunctionDeclaration]
    /// SHA-256 of the executable; empty where it is not known.
    package var executable: String

    package init(functions: [FunctionDeclaration], executable: String) {
      self.functions = functions
      self.executable = executable
    }
  }

  /// Functions in the order of their names, then the worker.
  package init(from old: Side, to new: Side, work: LiveWork = LiveWork()) {
    let before = Self.byName(old.functions)
    let after = Self.byName(new.functions)
    let comparison = Comparison(before: before, after: after, work: work)
    let names = Set(before.keys).union(after.keys).sorted()
    self.init(steps: names.compactMap { comparison.step(for: $0) })
    if old.executable != new.executable {
      let change = Change(
        "executable", old: old.executable.isEmpty ? nil : old.executable, new: new.executable)
      let running = work.functions.values.reduce(0) { $0 + $1.running }
      let note = "\(running) running: they end on the worker they run on"
      steps.append(
        Step(.change, .worker, "worker", changes: [change], notes: running > 0 ? [note] : []))
    }
  }

  private static func byName(_ functions: [FunctionDeclaration]) -> [String: FunctionDeclaration] {
    Dictionary(functions.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
  }
}

private struct Comparison {
  let before: [String: FunctionDeclaration]
  let after: [String: FunctionDeclaration]
  let work: LiveWork

  func step(for name: String) -> ReleasePlan.Step? {
    switch (before[name], after[name]) {
    case (nil, let new?): created(new)
    case (let old?, nil): removed(old)
    case (let old?, let new?): old == new ? nil : changed(old, new)
    case (nil, nil): nil
    }
  }

  // MARK: The three ways

  /// Shows what is not the default.
  private func created(_ new: FunctionDeclaration) -> ReleasePlan.Step {
    let plain = FunctionDeclaration(name: new.name, handler: "", triggers: [])
    let waiting = work.functions[new.name]?.waiting ?? 0
    let note = "\(waiting) accepted under this name before begin to run"
    return ReleasePlan.Step(
      .create, .function, new.name, changes: changes(plain, new), notes: waiting > 0 ? [note] : [])
  }

  private func removed(_ old: FunctionDeclaration) -> ReleasePlan.Step {
    var notes: [String] = []
    let waits = (work.queues[old.name] ?? [:]).filter { $0.value > 0 }.sorted { $0.key < $1.key }
    for (queue, count) in waits {
      let place = queue.isEmpty ? "waiting that came through no queue" : "waiting in queue \(queue)"
      notes.append("\(count) \(place): kept on record until the function is deployed again")
    }
    notes += running(old.name)
    notes += old.triggers.compactMap { trigger in
      guard case .http(let route) = trigger else { return nil }
      return owner(of: trigger).map { "\(route.method) \(route.pattern) goes to \($0)" }
        ?? "\(route.method) \(route.pattern) answers 404"
    }
    notes += removedTimers(old, nil)
    notes += deadLetters(old.name)
    notes += senders(to: old)
    return ReleasePlan.Step(.remove, .function, old.name, notes: notes)
  }

  private func changed(
    _ old: FunctionDeclaration, _ new: FunctionDeclaration
  ) -> ReleasePlan.Step {
    var notes: [String] = []
    for queue in old.queues where !new.queues.contains(queue) {
      let count = work.queues[old.name]?[queue] ?? 0
      let place = owner(of: .queue(queue)).map { "goes to \($0)" } ?? "takes no more events"
      notes.append(
        "queue \(queue) \(place)"
          + (count > 0 ? "; \(count) waiting in queue \(queue) still run here" : ""))
    }
    for case .http(let route) in old.triggers where !new.triggers.contains(.http(route)) {
      let place = owner(of: .http(route)).map { "goes to \($0)" } ?? "answers 404"
      notes.append("\(route.method) \(route.pattern) \(place)")
    }
    notes += removedTimers(old, new)
    notes += tighterLimits(old, new)
    if old.handler != new.handler { notes += waitingForHandler(new) }
    return ReleasePlan.Step(
      .change, .function, new.name, changes: changes(old, new), notes: notes)
  }

  // MARK: Keys

  private func changes(
    _ old: FunctionDeclaration, _ new: FunctionDeclaration
  ) -> [ReleasePlan.Change] {
    let oldTriggers = old.triggers.map(ManifestWords.text)
    let newTriggers = new.triggers.map(ManifestWords.text)
    var changes = oldTriggers.filter { !newTriggers.contains($0) }
      .map { ReleasePlan.Change("triggers", old: $0, new: nil) }
    changes += newTriggers.filter { !oldTriggers.contains($0) }
      .map { ReleasePlan.Change("triggers", old: nil, new: $0) }
    if changes.isEmpty, oldTriggers != newTriggers {
      changes.append(
        ReleasePlan.Change(
          "triggers", old: oldTriggers.joined(separator: " · "),
          new: newTriggers.joined(separator: " · ")))
    }
    changes += Self.changedKeys(old, new)
    // A key that this room has no words for yet is still a change.
    return changes.isEmpty ? [ReleasePlan.Change("other keys", old: nil, new: nil)] : changes
  }

  private static func changedKeys(
    _ old: FunctionDeclaration, _ new: FunctionDeclaration
  ) -> [ReleasePlan.Change] {
    let before = ManifestWords.entries(of: old)
    let after = ManifestWords.entries(of: new)
    let gone = before.filter { entry in !after.contains { $0.key == entry.key } }
    return (after + gone).compactMap { entry in
      let was = before.first { $0.key == entry.key }?.text
      let becomes = after.first { $0.key == entry.key }?.text
      return was == becomes
        ? nil
        : ReleasePlan.Change(entry.key, old: (was ?? "").isEmpty ? nil : was, new: becomes)
    }
  }

  // MARK: What it means

  private func running(_ name: String) -> [String] {
    let count = work.functions[name]?.running ?? 0
    return count > 0 ? ["\(count) running: they end on the worker they run on"] : []
  }

  private func deadLetters(_ name: String) -> [String] {
    switch work.functions[name]?.deadLetters ?? 0 {
    case 0: []
    case 1: ["1 dead letter names this function; it cannot be redriven until it is deployed again"]
    case let count:
      [
        "\(count) dead letters name this function; they cannot be redriven until it is deployed "
          + "again"
      ]
    }
  }

  /// A timer is known by its place among the triggers; another rule in that place is another timer.
  private func removedTimers(
    _ old: FunctionDeclaration, _ new: FunctionDeclaration?
  ) -> [String] {
    old.triggers.enumerated().compactMap { place, trigger in
      guard case .timer(let timer) = trigger else { return nil }
      if let new, place < new.triggers.count, case .timer(let other) = new.triggers[place],
        other.rule == timer.rule
      {
        return nil
      }
      let next = work.timers["\(old.name)/\(place)"]
      return "removes a timer (\(ManifestWords.rule(timer.rule))) that "
        + (next.map { "fires next at \($0)" } ?? "fires no more")
    }
  }

  private func tighterLimits(
    _ old: FunctionDeclaration, _ new: FunctionDeclaration
  ) -> [String] {
    let counts = work.functions[new.name] ?? LiveWork.Function()
    let unfinished = counts.waiting + counts.running
    var notes: [String] = []
    if new.queueLimit < old.queueLimit, unfinished >= new.queueLimit {
      notes.append(
        "\(unfinished) unfinished, the new queueLimit is \(new.queueLimit): new events are refused "
          + "until there are fewer")
    }
    if new.concurrency.limit < old.concurrency.limit, counts.running > new.concurrency.limit {
      notes.append(
        "\(counts.running) running, the new concurrency is \(new.concurrency.limit): nothing starts "
          + "until there are fewer")
    }
    if new.retry.maxAge < old.retry.maxAge, counts.waiting > 0 {
      notes.append("\(counts.waiting) waiting: those older than the new retry.maxAge end dead")
    }
    return notes
  }

  private func waitingForHandler(_ new: FunctionDeclaration) -> [String] {
    let waiting = work.functions[new.name]?.waiting ?? 0
    return waiting > 0 ? ["\(waiting) waiting: \(new.handler) runs them"] : []
  }

  /// The function that has this trigger afterwards.
  private func owner(of trigger: Trigger) -> String? {
    after.values.first { $0.triggers.contains(trigger) }?.name
  }

  /// Dead letters that are routed to a queue which nobody reads any more.
  private func senders(to old: FunctionDeclaration) -> [String] {
    old.queues.flatMap { queue in
      after.values.filter { $0.deadLetter == queue && owner(of: .queue(queue)) == nil }
        .map(\.name).sorted().map {
          "queue \(queue) is the deadLetter of \($0): its dead letters stay in the record"
        }
    }
  }
}
