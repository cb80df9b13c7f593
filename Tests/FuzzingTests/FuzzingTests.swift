// Each target on its corpus and on some thousand inputs of the mutator: always the same ones, so that
// a failure names a seed that fails everywhere. `make fuzz` looks for others.

import Fuzzing
import Testing

struct FuzzingTests {
  static let inputs: UInt64 = 2_000

  @Test(arguments: FuzzTarget.all)
  func `what is in the corpus keeps its promises`(target: FuzzTarget) throws {
    let corpus = try FuzzCorpus(of: target)
    #expect(!corpus.entries.isEmpty)
    for entry in corpus.entries { try target.check(entry) }
  }

  @Test(arguments: FuzzTarget.all)
  func `whatever the bytes are, what must hold holds`(target: FuzzTarget) throws {
    let mutator = Mutator(try FuzzCorpus(of: target))
    for seed in 1...Self.inputs {
      do {
        try target.check(mutator.input(seed: seed))
      } catch {
        Issue.record("\(target.name), seed \(seed): \(error)")
        return
      }
    }
  }

  @Test func `a seed makes the same input for ever`() throws {
    let target = try #require(FuzzTarget.named("cron"))
    let mutator = Mutator(try FuzzCorpus(of: target))
    #expect(mutator.input(seed: 7) == mutator.input(seed: 7))
    #expect(Set((1...100).map { mutator.input(seed: $0) }).count > 90)
  }

  @Test func `every target has a name of its own`() {
    #expect(Set(FuzzTarget.all.map(\.name)).count == FuzzTarget.all.count)
  }
}
