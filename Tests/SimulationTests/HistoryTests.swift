import Simulation
import Testing

/// Histories made by a seed, of the real dispatcher on the real store, with every fault there is.
struct HistoryTests {
  @Test(arguments: UInt64(0)..<20)
  func `after every history the books balance`(hundred: UInt64) throws {
    for seed in 1...20 { _ = try History.run(seed: hundred * 20 + UInt64(seed)) }
  }
}
