// The three lines before one function, one for each priority. Each is a `WaitingLine` with its own
// horizon in the store; this says from which of them the next work is taken.

import Invocations

struct PriorityLines {
  private var lines: [WaitingLine]
  private var turns = Turns()

  init(storeHasMore: Bool, entriesMax: Int) {
    lines = Priority.allCases.map { _ in
      WaitingLine(storeHasMore: storeHasMore, entriesMax: entriesMax)
    }
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
    // Nearly always one line has anything: then there are no turns to take.
    guard let only = onlyLineWithWork else { return popInTurn(at: now) }
    return only < 0 ? nil : lines[only].popDue(at: now)
  }

  /// The line that alone holds something, -1 where none does, nil where several do.
  private var onlyLineWithWork: Int? {
    var only = -1
    for place in lines.indices where lines[place].count > 0 {
      guard only < 0 else { return nil }
      only = place
    }
    return only
  }

  private mutating func popInTurn(at now: WallTime) -> Work? {
    var isDue = (high: false, normal: false, low: false)
    isDue.high = self[.high].hasDue(at: now)
    isDue.normal = self[.normal].hasDue(at: now)
    isDue.low = self[.low].hasDue(at: now)
    let next = turns.next { priority in
      switch priority {
      case .high: isDue.high
      case .normal: isDue.normal
      case .low: isDue.low
      }
    }
    guard let next else { return nil }
    return self[next].popDue(at: now)
  }

  /// Gives back what is too much; returns it, so that its payloads can be forgotten.
  mutating func trim() -> [Work] {
    guard lines.contains(where: \.isOverFull) else { return [] }
    return lines.indices.flatMap { lines[$0].isOverFull ? lines[$0].trim() : [] }
  }

  mutating func reset(storeHasMore: Bool) -> [Work] {
    lines.indices.flatMap { lines[$0].reset(storeHasMore: storeHasMore) }
  }
}
