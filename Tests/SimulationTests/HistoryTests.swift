import Simulation
import Testing

/// Histories made by a seed, of the real dispatcher on the real store, with every fault there is.
///
/// A few, as the gate runs thousands of them optimised: `make simulate`.
struct HistoryTests {
  @Test(arguments: UInt64(1)...20)
  func `after every history the books balance`(seed: UInt64) throws {
    _ = try History.run(seed: seed)
  }
}
