// What others ask of the lanes; it changes nothing.

import Invocations

extension Lanes {
  /// True when memory does not hold this waiting work, because its lane left it to the store.
  func leaves(_ work: Work) -> Bool {
    guard let lane = lanes[lane(of: work)] else { return false }
    return lane.isStopped || lane.storeFrom.map { $0 <= work.place } ?? false
  }

  /// Who has begun and keeps the others of this event's value waiting.
  func holders(of event: Event) -> [InvocationID] {
    lanes[rule.lane(of: event, .normal, hasher)]?.holders ?? []
  }

  /// When the value's next token is there, by the monotonic clock.
  func rateOpens(_ value: Int64) -> UInt64? { rates?.opensAt(value) }
}
