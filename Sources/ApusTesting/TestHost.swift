// The house of a test: the rooms of the real host, wired in one process, with a clock, a disk and a
// chance of the test's own. It runs on the test's own task; nothing happens between two calls.

public import Apus
import Dispatching
import EventSources
import Invocations
import Manifests
import Records
import Routing
import Schedules

/// Runs functions and their manifests in one process, on virtual time.
///
/// ```swift
/// @Test func `a stolen card is a dead letter`() async throws {
///   let house = try await TestHost(Shop())
///   try await house.send("payments", order(card: "0000"))
///   try await house.settle()
///   #expect(house.deadLetters.map(\.function) == ["charge-payment"])
/// }
/// ```
///
/// Everything between a door and a handler is the real thing: the manifests are read, events are
/// routed, limits, retries, backoff and idempotency are the dispatcher's, and each step is recorded in
/// SQLite, in a temporary folder that goes with the house. Four things differ from a host:
///
/// - **Time stands still** until the test moves it with ``advance(by:)``. Handlers run in real time, and
///   while they run the house's time does not move.
/// - **Handlers run in the test's process.** A handler that traps ends the test run; `onCrash` has
///   nothing to do here.
/// - **Chance is seeded.** The same seed gives the same jitter. Attempts run at once as the manifests
///   allow, and are heard in the order in which they started, so that a test's record is the same every
///   time.
/// - **`environment` and `secrets` of the manifests are not set.** They belong to a worker's process.
///
/// A house is used from one test at a time. Tests with a house each can run in parallel.
public final class TestHost {
  let limits: TestLimits
  let clocks: VirtualClocks
  let inbox = Inbox()
  let ledger: Ledger
  let workers: InProcessWorkers
  let dispatcher: Dispatcher
  let router: Router
  let timers: VirtualTimers
  var ids: UUIDv7Generator
  /// News of the store that are in already, while others are still waited for.
  var recordNews: [RecordNews] = []
  private let folder: TemporaryFolder

  /// Where the store lies while the house stands.
  package var storePath: String { folder.path }

  /// Opens a house for the functions of an app.
  ///
  /// - Parameters:
  ///   - app: The functions.
  ///   - manifests: Where the manifests are: by default the folder `Manifests` nearest to the test's
  ///     file.
  ///   - start: The time at which the house opens, RFC 3339.
  ///   - seed: Where chance begins.
  ///   - limits: What ends a test that loops or hangs.
  ///   - file: The test's file; leave it to the compiler.
  /// - Throws: ``TestFault``, above all for mistakes in the manifests.
  public convenience init(
    _ app: some FunctionApp, manifests: TestManifests = .found,
    startingAt start: String = "2027-01-04T09:00:00Z", seed: UInt64 = 1,
    limits: TestLimits = TestLimits(), file: String = #filePath
  ) async throws {
    try await self.init(
      functions: app.functions, manifests: manifests, startingAt: start, seed: seed,
      limits: limits, file: file)
  }

  /// Opens a house for functions that are listed here, some of an app or some of the test's own.
  ///
  /// - Parameters:
  ///   - manifests: Where the manifests are.
  ///   - start: The time at which the house opens, RFC 3339.
  ///   - seed: Where chance begins.
  ///   - limits: What ends a test that loops or hangs.
  ///   - file: The test's file; leave it to the compiler.
  ///   - functions: The functions, one a line.
  /// - Throws: ``TestFault``, above all for mistakes in the manifests.
  public convenience init(
    manifests: TestManifests = .found, startingAt start: String = "2027-01-04T09:00:00Z",
    seed: UInt64 = 1, limits: TestLimits = TestLimits(), file: String = #filePath,
    @FunctionBuilder functions: () -> [any Function]
  ) async throws {
    try await self.init(
      functions: functions(), manifests: manifests, startingAt: start, seed: seed, limits: limits,
      file: file)
  }

  private init(
    functions: [any Function], manifests: TestManifests, startingAt start: String, seed: UInt64,
    limits: TestLimits, file: String
  ) async throws {
    let clocks = VirtualClocks(startingAt: try Self.time(start))
    guard clocks.wall.milliseconds >= 0 else {
      throw TestFault.badTime("a house opens in 1970 or later; got '\(start)'")
    }
    let set = try manifests.read(besides: file, now: clocks.wall)
    let mistakes = ManifestReader.check(
      set, handlers: functions.map { HeldHandler($0.name, takesBatches: $0.takesBatches) })
    guard mistakes.isEmpty else {
      throw TestFault.manifests(mistakes.map(\.description).joined(separator: "\n"))
    }
    self.limits = limits
    self.clocks = clocks
    folder = try TemporaryFolder()
    let (store, recovery) = try Self.openStore(in: folder.path, clocks, inbox)
    ledger = Ledger(store)
    var random = SeededRandom(seed: seed)
    ids = UUIDv7Generator(random: random)
    do { workers = try InProcessWorkers(functions, inbox: inbox) } catch {
      store.close()
      throw error
    }
    do {
      router = try Router(set.declarations)
      dispatcher = Dispatcher(
        functions: set.declarations, recovery: recovery, log: ledger, workers: workers,
        clocks: clocks, observer: Silence(), chance: { .random(in: 0..<1, using: &random) })
      timers = try VirtualTimers(set.declarations, dispatcher: dispatcher, clocks: clocks)
    } catch {
      workers.close()
      store.close()
      throw error
    }
    try await settle()
  }

  deinit {
    workers.close()
    ledger.close()
  }

  private static func openStore(
    in folder: String, _ clocks: VirtualClocks, _ inbox: Inbox
  ) throws(TestFault) -> (RecordStore, Recovery) {
    do {
      return try RecordStore.open(
        directory: folder, durability: .memory,
        tuning: RecordTuning(now: { clocks.wall }), deliver: { inbox.post($0) })
    } catch { throw .store("\(error)") }
  }

  static func time(_ text: String) throws(TestFault) -> WallTime {
    do { return WallTime(milliseconds: try CivilTime.parseRFC3339(text)) } catch {
      throw .badTime("a time is written like 2027-01-01T00:00:00Z: \(error.message); got '\(text)'")
    }
  }
}

/// The ledger tells a test what happened.
private final class Silence: Observer {
  func saw(_ happening: Happening) {}
}
