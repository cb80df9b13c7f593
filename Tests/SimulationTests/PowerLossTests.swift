import Foundation
import Invocations
import Records
import Simulation
import Testing

/// The disk is cut off at every single write, sync and truncation of a store's life, one after the
/// other, and what was on its way survives in part.
///
/// What the store had reported is there each time, the file is whole, and the next start takes it up.
struct PowerLossTests {
  private final class Told: @unchecked Sendable {
    // The store has no thread of its own: whoever turns it hears it.
    var durable: UInt64 = 0
  }

  /// Accepts and ends invocations one by one until the disk is gone or there are `count`; says how
  /// many changes were reported to be on disk.
  private func live(on disk: SimulatedDisk, count: Int64) throws -> UInt64 {
    let told = Told()
    let tuning = RecordTuning(now: { noon }, monotonic: { 0 })
    let (store, _) = try SteppedStore.open(file: disk.storePath, tuning: tuning) { news in
      if case .durable(let number) = news { told.durable = number }
    }
    for number in 1...count where !disk.isCutOff {
      store.append([.accept(acceptance(number))], CommitTerms())
      if number % 3 != 0 { store.write() }
      store.append([.end(ending(number))], CommitTerms())
      store.write()
    }
    if !disk.isCutOff { store.close() }
    return told.durable
  }

  private func check(_ image: SimulatedDisk.Image, durable: UInt64) throws {
    let disk = SimulatedDisk(image)
    let tuning = RecordTuning(now: { noon }, monotonic: { 0 })
    let (store, recovery) = try SteppedStore.open(file: disk.storePath, tuning: tuning) { _ in }
    #expect(recovery.lastID.rawValue >= Int64(durable + 1) / 2)
    let look = try StoreLook(disk.storePath)
    #expect(try look.rows("PRAGMA integrity_check") == [["ok"]])
    // Invocation i is accepted by change 2i - 1 and ended by change 2i.
    let ended = Int64(durable / 2)
    let there = """
      SELECT count(*) FROM finished WHERE id <= \(ended)
        AND CAST(result_body AS TEXT) = CAST(id AS TEXT)
      """
    #expect(try look.number(there) == ended)
    let accepted = Int64(durable + 1) / 2
    #expect(try look.number("SELECT count(*) FROM accepted WHERE id <= \(accepted)") == accepted)
    let balance = """
      SELECT (SELECT count(*) FROM finished) + (SELECT count(*) FROM unfinished)
        - (SELECT count(*) FROM accepted)
      """
    #expect(try look.number(balance) == 0)
    withExtendedLifetime(store) {}
  }

  private func acceptance(_ number: Int64) -> Acceptance {
    Acceptance(
      id: InvocationID(rawValue: number), function: "record", trigger: "queue:records",
      queue: "records",
      event: Event(
        id: "\(number)", source: "/test", type: "test",
        data: [UInt8](repeating: 65, count: number % 5 == 0 ? 40_000 : 300)),
      createdAt: noon, dueAt: noon, attemptsMax: 1)
  }

  private func ending(_ number: Int64) -> Ending {
    Ending(
      id: InvocationID(rawValue: number), function: "record", state: .succeeded, endedAt: noon,
      result: StoredResult(status: 200, headers: [], body: Array("\(number)".utf8)))
  }

  @Test(arguments: 0..<4)
  func `nothing that was reported is lost, wherever the power goes`(part: Int) throws {
    let whole = SimulatedDisk()
    let count: Int64 = 12
    #expect(try live(on: whole, count: count) == UInt64(count) * 2)
    try #require(whole.steps > 100)
    var chance = Chance(seed: UInt64(part))
    for steps in 0..<whole.steps where steps % 4 == part {
      for _ in 0..<3 {
        let disk = SimulatedDisk()
        disk.stepsLeft = steps
        // Cut off before there was a store: nothing was reported.
        let durable = (try? live(on: disk, count: count)) ?? 0
        #expect(disk.isCutOff)
        try check(disk.imageAfterPowerLoss { chance.below($0) }, durable: durable)
        try check(disk.imageAfterKill(), durable: durable)
      }
    }
  }

  @Test func `a disk that forgets what was synced would be noticed`() throws {
    // The checks above can fail: a store that does not sync loses what it reported.
    var lost = 0
    for seed in 1...10 {
      let disk = SimulatedDisk()
      disk.ignoresSyncs = true
      let durable = try live(on: disk, count: 12)
      var chance = Chance(seed: UInt64(seed))
      let after = SimulatedDisk(disk.imageAfterPowerLoss { chance.below($0) })
      let look = try? StoreLook(after.storePath)
      let ended = try? look?.number("SELECT count(*) FROM finished")
      if ended.map({ $0 < Int64(durable / 2) }) ?? true { lost += 1 }
    }
    #expect(lost > 0)
  }
}

private let noon = WallTime(milliseconds: 1_800_000_000_000)
