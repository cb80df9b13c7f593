// A store's life that is cut off at one of its writes, syncs or truncations, and what survives of what
// was on its way: all that the store had reported is there, the file is whole, and the next start takes
// it up.
import Invocations
import Records

package struct PowerLoss {
  package struct Fault: Error, CustomStringConvertible { package let description: String }

  private final class Told: @unchecked Sendable {
    // The store has no thread of its own: whoever turns it hears it.
    var durable: UInt64 = 0
  }

  private let count: Int64
  /// Writes, syncs and truncations of the whole life.
  package let steps: Int

  /// A life of so many invocations, each accepted and ended; some are large.
  package init(invocations count: Int64) throws {
    self.count = count
    let whole = SimulatedDisk()
    let durable = try Self.live(on: whole, count: count)
    guard durable == UInt64(count) * 2 else {
      throw Fault(description: "a life without trouble fails")
    }
    steps = whole.steps
  }

  /// Throws a `Fault` where something that was reported is not there.
  package func cut(after steps: Int, chance: inout Chance) throws {
    let disk = SimulatedDisk()
    disk.stepsLeft = steps
    // Cut off before there was a store: nothing was reported.
    let durable = (try? Self.live(on: disk, count: count)) ?? 0
    guard disk.isCutOff else { throw Fault(description: "not cut off after \(steps) steps") }
    for image in [disk.imageAfterPowerLoss({ chance.below($0) }), disk.imageAfterKill()] {
      do { try check(image, durable: durable) } catch {
        throw Fault(description: "after \(steps) steps, \(durable) changes reported: \(error)")
      }
    }
  }

  /// What a disk leaves that says it is done and is not: the check above has to find something.
  package func wouldNotice(_ chance: inout Chance) throws -> Bool {
    let disk = SimulatedDisk()
    disk.ignoresSyncs = true
    let durable = try Self.live(on: disk, count: count)
    do { try check(disk.imageAfterPowerLoss { chance.below($0) }, durable: durable) } catch {
      return true
    }
    return false
  }

  private static func live(on disk: SimulatedDisk, count: Int64) throws -> UInt64 {
    let told = Told()
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
    let (store, _) = try SteppedStore.open(file: disk.storePath, tuning: Self.tuning) { _ in }
    let look = try StoreLook(disk.storePath)
    // Invocation i is accepted by change 2i - 1 and ended by change 2i.
    let ended = Int64(durable / 2)
    let accepted = Int64(durable + 1) / 2
    let facts = [
      ("the file is whole", "SELECT integrity_check = 'ok' FROM pragma_integrity_check"),
      (
        "what was accepted is there",
        "SELECT count(*) = \(accepted) FROM accepted WHERE id <= \(accepted)"
      ),
      (
        "what ended is there with its result",
        """
        SELECT count(*) = \(ended) FROM finished
        WHERE id <= \(ended) AND CAST(result_body AS TEXT) = CAST(id AS TEXT)
        """
      ),
      (
        "each is owed or finished, once",
        """
        SELECT (SELECT count(*) FROM finished) + (SELECT count(*) FROM unfinished)
          = (SELECT count(*) FROM accepted)
        """
      ),
    ]
    for (words, sql) in facts where try look.number(sql) != 1 {
      throw Fault(description: "not so: \(words)")
    }
    withExtendedLifetime(store) {}
  }

  private static let noon = WallTime(milliseconds: 1_800_000_000_000)
  private static let tuning = RecordTuning(now: { noon }, monotonic: { 0 })

  private static func acceptance(_ number: Int64) -> Acceptance {
    Acceptance(
      id: InvocationID(rawValue: number), function: "record", trigger: "queue:records",
      queue: "records",
      event: Event(
        id: "\(number)", source: "/test", type: "test",
        data: [UInt8](repeating: 65, count: number % 5 == 0 ? 40_000 : 300)),
      createdAt: noon, dueAt: noon, attemptsMax: 1)
  }

  private static func ending(_ number: Int64) -> Ending {
    Ending(
      id: InvocationID(rawValue: number), function: "record", state: .succeeded, endedAt: noon,
      result: StoredResult(status: 200, headers: [], body: Array("\(number)".utf8)))
  }
}
