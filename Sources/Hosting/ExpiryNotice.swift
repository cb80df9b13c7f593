// When people are told that a certificate nears its end: at each of a few stages, once. It knows no
// clock and no log.

struct ExpiryNotice: Sendable {
  enum Stage: Int, Sendable, CaseIterable {
    case far, twoWeeks, threeDays, lastDay, over

    /// The stage begins when no more than this is left.
    private var milliseconds: Int64 {
      switch self {
      case .far: .max
      case .twoWeeks: 14 * Self.day
      case .threeDays: 3 * Self.day
      case .lastDay: Self.day
      case .over: 0
      }
    }

    private static let day: Int64 = 86_400_000

    init(left milliseconds: Int64) {
      self = Self.allCases.last { milliseconds <= $0.milliseconds } ?? .far
    }
  }

  private var told: Stage?

  /// Nil where it was told already; also of an earlier one, when the clock is set back.
  mutating func next(left milliseconds: Int64) -> Stage? {
    let stage = Stage(left: milliseconds)
    if let told, told.rawValue >= stage.rawValue { return nil }
    told = stage
    return stage
  }
}
