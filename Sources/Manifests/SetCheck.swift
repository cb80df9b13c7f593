// What no manifest can know of itself: names, queues and routes that two functions claim, and dead
// letters that would go round for ever.

import Invocations

struct SetCheck {
  private let drafts: [FunctionDraft]
  private var mistakes: [ManifestMistake] = []

  static func mistakes(in drafts: [FunctionDraft]) -> [ManifestMistake] {
    var check = SetCheck(drafts: drafts)
    check.findDuplicateNames()
    check.findSharedTriggers()
    check.findDeadLetterCycles()
    return check.mistakes
  }

  private init(drafts: [FunctionDraft]) { self.drafts = drafts }

  private mutating func note(_ message: String, at location: ManifestLocation) {
    mistakes.append(ManifestMistake(at: location, message))
  }

  private mutating func findDuplicateNames() {
    var first: [String: ManifestLocation] = [:]
    for draft in drafts where !draft.declaration.name.isEmpty {
      let name = draft.declaration.name
      if let place = first[name] {
        note("function '\(name)' is already declared at \(place)", at: draft.location)
      } else {
        first[name] = draft.location
      }
    }
  }

  private mutating func findSharedTriggers() {
    var owners: [String: (function: String, place: ManifestLocation)] = [:]
    for draft in drafts {
      for (trigger, place) in zip(draft.declaration.triggers, draft.triggerLocations) {
        guard let (claim, name) = Self.claim(of: trigger) else { continue }
        if let owner = owners[claim] {
          note(
            "\(name) already triggers '\(owner.function)' at \(owner.place); it can trigger one "
              + "function, once", at: place)
        } else {
          owners[claim] = (draft.declaration.name, place)
        }
      }
    }
  }

  /// What only one trigger may have, and how to call it.
  private static func claim(of trigger: Trigger) -> (claim: String, name: String)? {
    switch trigger {
    case .queue(let name): ("queue \(name)", "queue '\(name)'")
    case .http(let route):
      (
        "\(route.method) \(RouteForm.shape(of: route.pattern))",
        "route '\(route.method) \(route.pattern)'"
      )
    case .timer: nil
    }
  }

  /// Each function has at most one dead-letter queue and each queue triggers one function, so the
  /// way from a function is a line; walking it until it meets itself finds each cycle once.
  private mutating func findDeadLetterCycles() {
    let owners = Dictionary(
      drafts.enumerated().flatMap { index, draft in
        draft.declaration.queues.map { ($0, index) }
      }, uniquingKeysWith: { first, _ in first })
    var visited = Set<Int>()
    for start in drafts.indices {
      var way: [Int] = []
      var next: Int? = start
      while let index = next, visited.insert(index).inserted {
        way.append(index)
        next = drafts[index].declaration.deadLetter.flatMap { owners[$0] }
      }
      if let index = next, let begin = way.firstIndex(of: index) { noteCycle(way[begin...]) }
    }
  }

  private mutating func noteCycle(_ cycle: ArraySlice<Int>) {
    guard let first = cycle.first, let place = drafts[first].deadLetterLocation else { return }
    let names = (cycle + [first]).map { drafts[$0].declaration.name }.joined(separator: " → ")
    note("dead letters would go round for ever: \(names)", at: place)
  }
}
