import Simulation
import Testing

/// The power goes at a write, a sync or a truncation of a store's life; `make simulate` goes through all
/// of them, several times each.
struct PowerLossTests {
  @Test func `nothing that was reported is lost, wherever the power goes`() throws {
    let life = try PowerLoss(invocations: 6)
    var chance = Chance(seed: 1)
    for steps in stride(from: 0, to: life.steps, by: 5) {
      try life.cut(after: steps, chance: &chance)
    }
  }

  @Test func `a disk that does not keep what it says it keeps is noticed`() throws {
    let life = try PowerLoss(invocations: 6)
    var chance = Chance(seed: 1)
    var isNoticed = false
    for _ in 0..<10 where !isNoticed { isNoticed = try life.wouldNotice(&chance) }
    #expect(isNoticed)
  }
}
