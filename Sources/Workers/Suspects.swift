// Invocations that were in flight when a worker died of one of them and nobody could say which. They run
// apart from the others, half of them at a time: of a half that dies again each half runs by itself,
// until one runs alone and is the culprit, or all have answered.

import Invocations

struct Suspects {
  private struct Entry {
    /// Of its place in `order`.
    let number: Int
    let half: Int
  }

  /// The oldest is forgotten when there are more: an invocation that is never tried again must not
  /// be remembered for ever.
  private let limit: Int
  private var members: [InvocationID: Entry] = [:]
  /// Oldest first; an entry counts only while `members` has its number.
  private var order: [(id: InvocationID, number: Int)] = []
  private var entries = 0
  private var halves = 0

  init(limit: Int) { self.limit = limit }

  var count: Int { members.count }

  func contains(_ id: InvocationID) -> Bool { members[id] != nil }

  /// Those with the same one run together.
  func half(of id: InvocationID) -> Int? { members[id]?.half }

  /// They were in flight together when it happened.
  mutating func remember(_ ids: [InvocationID]) {
    halves += 2
    for (place, id) in ids.enumerated() {
      remember(id, half: halves - (2 * place < ids.count ? 1 : 0))
    }
    if order.count > 2 * limit { order.removeAll { members[$0.id]?.number != $0.number } }
  }

  private mutating func remember(_ id: InvocationID, half: Int) {
    if let known = members[id] {
      members[id] = Entry(number: known.number, half: half)
      return
    }
    entries += 1
    members[id] = Entry(number: entries, half: half)
    order.append((id, entries))
    if members.count > limit { forgetOldest() }
  }

  mutating func forget(_ id: InvocationID) { members[id] = nil }

  private mutating func forgetOldest() {
    guard let place = order.firstIndex(where: { members[$0.id]?.number == $0.number }) else {
      return
    }
    forget(order[place].id)
    order.removeFirst(place + 1)
  }
}
