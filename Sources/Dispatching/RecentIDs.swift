// The invocations an operator settled lately: dead letters sent again, held work let go. The record
// says so too, but who asks twice within a moment has read it before the first was written.

import DequeModule
import Invocations

struct RecentIDs {
  /// Far more than can be asked for between a read of the record and its commit.
  static let kept = 10_000

  private var ids: Set<InvocationID> = []
  private var order = Deque<InvocationID>()

  /// False when it was noted before.
  mutating func note(_ id: InvocationID) -> Bool {
    guard ids.insert(id).inserted else { return false }
    order.append(id)
    if order.count > Self.kept, let oldest = order.popFirst() { ids.remove(oldest) }
    return true
  }

  mutating func forget(_ id: InvocationID) { ids.remove(id) }
}
