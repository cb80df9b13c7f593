// Calls that were refused for their signature: counted one by one, told with a bound, since whoever
// sends them may send any number.

import EventSources

struct UnsignedCalls {
  struct Kind: Hashable {
    var function: String
    var code: WebhookFault.Code
  }

  private struct Seen {
    var total = 0
    var untold = 0
    var nextTelling: UInt64 = 0
  }

  /// Between two tellings of one kind, in nanoseconds.
  private static let pause: UInt64 = 10_000_000_000

  private var seen: [Kind: Seen] = [:]

  /// How many there are to tell now; nil for nothing.
  ///
  /// `now` is monotonic, in nanoseconds.
  mutating func count(_ kind: Kind, at now: UInt64) -> Int? {
    seen[kind, default: Seen()].total += 1
    seen[kind, default: Seen()].untold += 1
    guard let entry = seen[kind], now >= entry.nextTelling else { return nil }
    seen[kind]?.untold = 0
    seen[kind]?.nextTelling = now + Self.pause
    return entry.untold
  }

  /// By function and code.
  var totals: [(kind: Kind, count: Int)] {
    seen.map { ($0.key, $0.value.total) }.sorted {
      ($0.kind.function, $0.kind.code.rawValue) < ($1.kind.function, $1.kind.code.rawValue)
    }
  }
}
