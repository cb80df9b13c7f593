// Which values of an event a function orders and limits by, from its manifest: `order`,
// `concurrency.per` and `rate.per`. Values that are missing count as one value together, so that
// leaving one out is no way around a limit.

import Invocations

struct FlowRule: Equatable {
  let order: EventPath?
  let concurrencyPer: EventPath?
  let limitPer: Int
  let ratePer: EventPath?
  /// Of the buckets by value; nil without `rate.per`.
  let rate: TokenBucket.Rule?

  /// nil for a function whose events are all alike.
  init?(_ declaration: FunctionDeclaration) {
    order = declaration.order
    concurrencyPer = declaration.concurrency.per
    limitPer = declaration.concurrency.limitPer
    ratePer = declaration.rate?.per
    rate = declaration.rate.flatMap { $0.per == nil ? nil : TokenBucket.Rule($0) }
    if order == nil, concurrencyPer == nil, ratePer == nil { return nil }
  }

  var isOrdered: Bool { order != nil }

  /// The values whose limits an event counts against.
  struct Gates: Equatable {
    var concurrency: Int64?
    var rate: Int64?
  }

  func gates(of event: Event, _ hasher: SipHasher) -> Gates {
    Gates(
      concurrency: concurrencyPer.map { hasher.lane([$0.value(in: event)]) },
      rate: ratePer.map { hasher.lane([$0.value(in: event)]) })
  }

  /// Events of one lane wait for each other.
  ///
  /// With an order that is all events of one value; without one it is all that meet the same gates
  /// with the same priority.
  func lane(of event: Event, _ priority: Priority, _ hasher: SipHasher) -> Int64 {
    // The paths as well: lanes of two manifests must not be taken for each other.
    if let order { return hasher.lane([order.source, order.value(in: event)]) }
    return hasher.lane([
      concurrencyPer?.source, concurrencyPer?.value(in: event), ratePer?.source,
      ratePer?.value(in: event), "\(priority)",
    ])
  }
}
