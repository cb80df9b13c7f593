// Invocations that were in flight when a worker died of one of them and nobody could say which. Each
// runs alone until it has answered; one that brings a worker down alone stays a suspect.

import Invocations

struct Suspects {
  /// The oldest is forgotten when there are more: an invocation that is never tried again must not
  /// be remembered for ever.
  private let limit: Int
  /// Each with the number of its entry in `order`.
  private var members: [InvocationID: Int] = [:]
  /// Oldest first; an entry counts only while `members` has its number.
  private var order: [(id: InvocationID, number: Int)] = []
  private var entries = 0

  init(limit: Int) { self.limit = limit }

  var count: Int { members.count }

  func contains(_ id: InvocationID) -> Bool { members[id] != nil }

  mutating func remember(_ id: InvocationID) {
    guard members[id] == nil else { return }
    entries += 1
    members[id] = entries
    order.append((id, entries))
    if members.count > limit { forgetOldest() }
    if order.count > 2 * limit { order.removeAll { members[$0.id] != $0.number } }
  }

  mutating func forget(_ id: InvocationID) { members[id] = nil }

  private mutating func forgetOldest() {
    guard let place = order.firstIndex(where: { members[$0.id] == $0.number }) else { return }
    forget(order[place].id)
    order.removeFirst(place + 1)
  }
}
