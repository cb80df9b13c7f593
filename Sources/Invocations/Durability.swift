// What a promise of the record is worth: of the whole store, and of one function's invocations.

package enum Durability: String, Sendable, CaseIterable, Comparable {
  /// Outlives a power loss: acknowledged when it is synced to the disk.
  case disk
  /// Outlives any death of the process, not of the machine: acknowledged when the kernel has it.
  case os
  /// Acknowledged at once and written a moment later: a killed host forgets that moment.
  case memory

  /// As it is stored; never renumbered.
  package var number: Int {
    switch self {
    case .disk: 1
    case .os: 2
    case .memory: 3
    }
  }

  package init?(number: Int) {
    guard let found = Self.allCases.first(where: { $0.number == number }) else { return nil }
    self = found
  }

  /// The stronger promise is the smaller one: of several the smallest holds for all.
  package static func < (left: Self, right: Self) -> Bool { left.number < right.number }
}
