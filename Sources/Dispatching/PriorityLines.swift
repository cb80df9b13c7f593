// The three lines before one function, one for each priority. Each is a `WaitingLine` with its own
// horizon in the store; this says from which of them the next work is taken.

import Invocations

struct PriorityLines {
  private var lines: [WaitingLine]
  private var turns = Turns()

  init(storeHasMore: Bool) {
    lines = Priority.allCases.map { _ in WaitingLine(storeHasMore: storeHasMore) }
  }

  subscript(_ priority: Priority) -> WaitingLine {
    get { lines[priority.rawValue - 1] }
    _modify { yield &lines[priority.rawValue - 1] }
  }

  var count: Int { lines.reduce(0) { $0 + $1.count } }
  var storeHasMore: Bool { lines.contains(where: \.storeHasMore) }
  var nextDue: WallTime? { lines.compactMap(\.nextDue).min() }

  func covers(_ work: Work) -> Bool { self[work.priority].covers(work.place) }

  mutating func insert(_ work: Work) -> Bool { self[work.priority].insert(work) }

  /// The next that is due, each priority in its turn.
  mutating func popDue(at now: WallTime) -> Work? {
    var isDue = [false, false, false]
    for place in 0..<3 where lines[place].count > 0 { isDue[place] = lines[place].hasDue(at: now) }
    guard let priority = turns.next(among: { isDue[$0.rawValue - 1] }) else { return nil }
    return self[priority].popDue(at: now)
  }

  /// Gives back what is too much; returns it, so that its payloads can be forgotten.
  mutating func trim() -> [Work] {
    lines.indices.flatMap { lines[$0].isOverFull ? lines[$0].trim() : [] }
  }

  mutating func reset(storeHasMore: Bool) -> [Work] {
    lines.indices.flatMap { lines[$0].reset(storeHasMore: storeHasMore) }
  }
}
