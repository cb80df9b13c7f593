// The identity of an invocation: a 64-bit number in time order. It is a number in memory and in the
// store, and thirteen characters of Crockford base32 wherever a person sees it.

package struct InvocationID: RawRepresentable, Hashable, Comparable, Sendable {
  package let rawValue: Int64

  package init(rawValue: Int64) { self.rawValue = rawValue }

  package static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }

  /// When the number was handed out, by the host's wall clock.
  package var time: WallTime {
    WallTime(milliseconds: (rawValue >> Layout.lowBits) + Layout.epochMilliseconds)
  }

  /// The smallest id that could have been handed out at `time`; turns a time filter into an id range.
  package static func first(at time: WallTime) -> Self {
    let elapsed = max(0, time.milliseconds - Layout.epochMilliseconds)
    return Self(rawValue: min(elapsed, Layout.elapsedMax) << Layout.lowBits)
  }

  /// 41 bits of milliseconds, 6 bits of host number, 16 bits of sequence: 69 years, 64 hosts,
  /// 65 million ids a second.
  enum Layout {
    static let epochMilliseconds: Int64 = 1_704_067_200_000  // 2024-01-01T00:00:00Z
    static let hostBits: Int64 = 6
    static let sequenceBits: Int64 = 16
    static let lowBits = hostBits + sequenceBits
    static let elapsedMax: Int64 = (1 << 41) - 1
  }
}

extension InvocationID: LosslessStringConvertible, CustomStringConvertible {
  private static let digits = 13

  package var description: String {
    CrockfordBase32.text(UInt64(bitPattern: rawValue), digits: Self.digits)
  }

  /// Reads what `description` wrote; lower case and the look-alikes I, L and O are taken as
  /// Crockford has them.
  ///
  /// Anything else is nil.
  package init?(_ text: String) {
    guard let value = CrockfordBase32.number(text, digits: Self.digits),
      let signed = Int64(exactly: value)
    else { return nil }
    self.init(rawValue: signed)
  }
}

/// Hands out ids that only ever grow, also when the wall clock steps back.
package struct InvocationIDGenerator: Sendable {
  private let host: Int64
  private var last: Int64

  /// `after` is the largest id in the store, so that a host that starts with its clock behind does
  /// not use a number twice.
  package init(host: Int = 0, after: InvocationID = InvocationID(rawValue: 0)) {
    precondition((0..<64).contains(host), "a host number has 6 bits")
    self.host = Int64(host)
    last = after.rawValue
  }

  package mutating func next(at now: WallTime) -> InvocationID {
    let fresh =
      InvocationID.first(at: now).rawValue | host << InvocationID.Layout.sequenceBits
    last = max(last + 1, fresh)
    return InvocationID(rawValue: last)
  }
}
