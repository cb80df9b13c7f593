// Whose turn it is among the priorities: eight high, four normal and one low of thirteen while all
// three have work, and each at once while the others have none. So low is never starved.

import Invocations

struct Turns {
  static let weights = [8, 4, 1]

  private var credit = [0, 0, 0]

  /// Smooth weighted round robin over those that have something; nil when none has.
  mutating func next(among hasWork: (Priority) -> Bool) -> Priority? {
    var best: Int?
    var total = 0
    for place in 0..<3 where hasWork(Priority.allCases[place]) {
      credit[place] += Self.weights[place]
      total += Self.weights[place]
      if best.map({ credit[place] > credit[$0] }) ?? true { best = place }
    }
    guard let best else { return nil }
    credit[best] -= total
    return Priority.allCases[best]
  }
}
