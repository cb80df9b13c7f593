// The limits by value of one function: how many attempts of each run, and the lanes that wait.

import DequeModule

/// How many attempts of each value run, and the lanes that wait for one of them to end.
struct ConcurrencyGates {
  private struct Gate {
    var used = 0
    var waiting = Deque<Lane>()
  }

  /// One for each value that runs or waits: never more than lanes and running attempts.
  private var gates: [Int64: Gate] = [:]

  mutating func admits(_ lane: Lane, _ value: Int64, limit: Int) -> Bool {
    guard let gate = gates[value], gate.used >= limit else { return true }
    gates[value]?.waiting.append(lane)
    return false
  }

  mutating func enter(_ value: Int64) { gates[value, default: Gate()].used += 1 }

  mutating func leave(_ value: Int64) {
    gates[value]?.used -= 1
    tidy(value)
  }

  /// A lane that may try, if the value has room.
  mutating func passOn(_ value: Int64, limit: Int) -> Lane? {
    guard let gate = gates[value], gate.used < limit else { return nil }
    defer { tidy(value) }
    return gates[value]?.waiting.popFirst()
  }

  mutating func forgetWaiting() {
    for value in gates.keys {
      gates[value]?.waiting = []
      tidy(value)
    }
  }

  private mutating func tidy(_ value: Int64) {
    guard let gate = gates[value], gate.used <= 0, gate.waiting.isEmpty else { return }
    gates[value] = nil
  }
}
