// Start: what blocks happens before the loop has anything to do, and each step only when the one
// before it holds.
//
//   1 certificates, tokens                      on the caller's thread
//   - data directory, lock, store, recovery     (then the executable is shelved beside)
//   - the release to come up with               (StartingRelease)
//   2 rooms wired                               on the loop from here
//   3 workers up, every handler there
//   4 timers, doors
//   5 doors.json                                on the caller's thread

import Dispatch
import Doors
import EventLoop
import Glibc
package import Invocations
import Manifests
package import Records
import Releases
import Synchronization
import Workers

package final class RunningHost: Sendable {
  package let host: Host
  package let addresses: Host.Addresses
  /// What it came up with; nil where the files themselves are live.
  package let release: StartingRelease?
  /// What others than its owner may use in the data directory.
  package let wide: [StoreSurroundings.Permission]
  /// What people should know of the store, as it was found.
  package let remarks: [String]
  /// What was acknowledged and is not in the store, or may not be.
  package let losses: [String]
  /// What was taken up; nil where the host before ended cleanly, or there was none.
  package let formerEnd: FormerEnd?
  /// Nothing was there before: on a disk that should have a store it is not mounted, perhaps.
  @LoopActor package var isNewStore: Bool { host.boot == 1 }
  private let settings: HostSettings
  private let store: RecordStore
  private let renewals: RenewalWatch

  /// An end without a word, as by `kill -9` or a loss of power.
  package struct FormerEnd: Sendable, Equatable {
    /// Invocations that it owed.
    package var unfinished: Int
    /// Of them, those whose attempt ran; it does not count.
    package var givenBack: Int

    init?(_ recovery: Recovery) {
      guard !recovery.wasStoppedCleanly else { return nil }
      unfinished = recovery.unfinished.values.reduce(0, +)
      givenBack = recovery.interrupted
    }
  }

  private init(
    host: Host, addresses: Host.Addresses, release: StartingRelease?, recovery: Recovery,
    settings: HostSettings, store: RecordStore, renewals: RenewalWatch
  ) {
    remarks = store.remarks
    losses = store.losses
    formerEnd = FormerEnd(recovery)
    self.host = host
    self.release = release
    self.addresses = addresses
    self.settings = settings
    self.store = store
    self.renewals = renewals
    wide = StoreSurroundings.wide(in: settings.dataDirectory)
  }

  /// Blocks until the doors are open.
  ///
  /// Not to be called on the loop. `missing` turns the names of the worker's handlers into mistakes
  /// of the manifests; `prepare` runs on the loop before anything happens that a listener could
  /// miss.
  package static func start(
    _ settings: HostSettings,
    missing: @escaping @Sendable ([HeldHandler]) -> [String] = { _ in [] },
    prepare: @escaping @Sendable @LoopActor (Host) -> Void = { _ in }
  ) throws -> RunningHost {
    let keys = try DoorKeys.read(settings)
    let ear = onLoop { Host.Ear() }
    let given = settings
    let shelving = Aside { StartingRelease.shelve(given) }
    // Nothing goes on behind the back of whoever hears that it failed.
    defer { shelving.finish() }
    let opened = try openStore(settings, ear) {
      if given.manifests != nil { shelving.begin() }
    }
    var settings = settings
    var started: Host?
    do {
      try settings.workerUser?.letIn(to: settings.dataDirectory)
      let release = try StartingRelease.choose(settings, opened.recovery.releases, shelving)
      if let release {
        settings.declarations = release.set.declarations
        settings.executable = release.executablePath
      }
      let chosen = settings
      let host = try onLoop { () -> Result<Host, HostFault> in
        do throws(HostFault) {
          let host = try Host(chosen, store: opened.store, recovery: opened.recovery, ear: ear)
          if let release { host.releases = ReleaseDesk(release, of: host) }
          prepare(host)
          return .success(host)
        } catch { return .failure(error) }
      }.get()
      started = host
      try launch(host, settings, release, missing)
      let addresses = try onLoop { () -> Result<Host.Addresses, HostFault> in
        do throws(HostFault) {
          let addresses = try host.openDoors(keys)
          host.timerDesk.start()
          host.actionDesk.resume()
          return .success(addresses)
        } catch { return .failure(error) }
      }.get()
      let running = RunningHost(
        host: host, addresses: addresses, release: release, recovery: opened.recovery,
        settings: settings, store: opened.store,
        renewals: RenewalWatch.begin(settings, keys, of: host))
      try running.writeDoors()
      return running
    } catch {
      // Work of before may have begun again: it is given back before the store closes.
      if let started {
        awaitLoop { (done: @escaping @Sendable (Bool) -> Void) in
          started.stop(within: .zero) { done(true) }
        }
      }
      _ = opened.store.close()
      throw error
    }
  }

  private static func openStore(
    _ settings: HostSettings, _ ear: Host.Ear, opened: @escaping @Sendable () -> Void
  ) throws -> (store: RecordStore, recovery: Recovery) {
    do {
      var tuning = RecordTuning(retention: settings.retention)
      tuning.ballastBytes = settings.ballastBytes
      tuning.copiesBeforeUpgrade = settings.copiesBeforeUpgrade
      tuning.told = settings.told
      tuning.opened = opened
      return try RecordStore.open(
        directory: settings.dataDirectory, durability: settings.durability, tuning: tuning,
        deliver: { news in EventLoop.shared.submit { ear.host?.heard(news) } })
    } catch { throw HostFault.store(error) }
  }

  private static func launch(
    _ host: Host, _ settings: HostSettings, _ release: StartingRelease?,
    _ missing: @escaping @Sendable ([HeldHandler]) -> [String]
  ) throws {
    let missing = release.map { $0.missing } ?? missing
    let outcome = awaitLoop { (done: @escaping @Sendable (Result<Void, HostFault>) -> Void) in
      host.launch(
        settings.declarations, executable: settings.executable,
        arguments: settings.executableArguments, missing: { missing($0) }
      ) {
        let outcome = $0.map { _ in () }
        // Nobody is told of the release before it is on disk.
        guard case .success = outcome, let releases = host.releases else { return done(outcome) }
        releases.whenRecorded { done(outcome) }
      }
    }
    try outcome.get()
  }

  // MARK: doors.json

  private var doorsPath: String { "\(settings.dataDirectory)/doors.json" }

  /// Written beside and renamed, so that no reader finds half a file.
  private func writeDoors() throws {
    var json = JSONWriter()
    json.object { json in
      json.field("functionDoor", addresses.functionDoor)
      json.field("controlDoor", addresses.controlDoor)
      json.field("pid", getpid())
    }
    let fresh = "\(doorsPath).new"
    let bytes = json.bytes + [UInt8(ascii: "\n")]
    let descriptor = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw notWritable(fresh) }
    defer { close(descriptor) }
    guard write(descriptor, bytes, bytes.count) == bytes.count, rename(fresh, doorsPath) == 0
    else { throw notWritable(fresh) }
  }

  private func notWritable(_ path: String) -> HostFault {
    .notWritable(path: path, reason: String(cString: strerror(errno)))
  }

  // MARK: Stop

  /// Blocks until everything is on disk and every process is gone.
  ///
  /// See Shutdown for the order.
  package func stop(within time: Duration? = nil) {
    let drainTime = time ?? settings.drainTime
    let host = host
    awaitLoop { (done: @escaping @Sendable (Bool) -> Void) in
      host.stop(within: drainTime) { done(true) }
    }
    renewals.finish(onLoop { host.access.takeUses() })
    onLoop { host.releases?.clerk }?.finish()
    store.close()
    unlink(doorsPath)
    unlink("\(settings.dataDirectory)/control.sock")
  }
}

/// Runs `body` on the loop and waits for its value.
package func onLoop<Value: Sendable>(
  _ body: @escaping @Sendable @LoopActor () -> Value
) -> Value {
  awaitLoop { done in done(body()) }
}

/// Runs `body` on the loop and waits until it calls back, then or later.
@discardableResult
package func awaitLoop<Value: Sendable>(
  _ body: @escaping @Sendable @LoopActor (@escaping @Sendable (Value) -> Void) -> Void
) -> Value {
  precondition(!EventLoop.shared.isCurrent, "waiting for the loop on the loop would never end")
  let box = Mailbox<Value>()
  EventLoop.shared.submit { body { box.put($0) } }
  return box.take()
}

/// Work that goes on beside the caller's.
final class Aside<Value: Sendable>: Sendable {
  private let body: @Sendable () -> Value
  private let box = Mailbox<Value>()
  private let hasBegun = Atomic(false)

  init(_ body: @escaping @Sendable () -> Value) { self.body = body }

  func begin() {
    hasBegun.store(true, ordering: .relaxed)
    DispatchQueue.global().async { [self] in box.put(body()) }
  }

  /// Waits for it; begins it where nobody has.
  var value: Value {
    if !hasBegun.load(ordering: .relaxed) { begin() }
    return box.take()
  }

  /// Waits for it if it has begun.
  func finish() { if hasBegun.load(ordering: .relaxed) { _ = box.take() } }
}

/// One value handed from the loop to a thread that blocks for it.
// Unchecked: the value is guarded by the mutex.
private final class Mailbox<Value: Sendable>: @unchecked Sendable {
  private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
  private let arrived = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
  private var value: Value?

  init() {
    pthread_mutex_init(mutex, nil)
    pthread_cond_init(arrived, nil)
  }

  deinit {
    pthread_cond_destroy(arrived)
    pthread_mutex_destroy(mutex)
    arrived.deallocate()
    mutex.deallocate()
  }

  func put(_ new: Value) {
    pthread_mutex_lock(mutex)
    value = new
    pthread_cond_signal(arrived)
    pthread_mutex_unlock(mutex)
  }

  func take() -> Value {
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    while true {
      if let value { return value }
      pthread_cond_wait(arrived, mutex)
    }
  }
}
