// Deployments, one at a time: read and checked whole, compared with what is live, tried on workers
// that run nothing yet, switched in one turn of the loop, and told when it is on disk.
//
//   1 manifests read, executable there        on the clerk's thread
//   2 what is under way counted, plan made
//   3 workers up, handlers there, waiting events still decode      (ReleaseTrial)
//   4 the switch: new attempts go to the new workers; what runs ends where it runs
//   5 on disk; executables that nobody can go back to are removed

import Dispatching
import EventLoop
import EventSources
import Invocations
import Manifests
import Records
import Releases
import Routing
import Schedules
import Workers

@LoopActor
final class ReleaseDesk {
  /// Of `by`, which is told and not proved.
  private static let nameBytesMax = 256

  unowned let host: Host
  let clerk = ReleaseClerk()
  let shelf: ExecutableShelf
  private(set) var live: ReleaseRecord
  private var functions: [FunctionDeclaration]
  private var lastNumber: Int
  private var isBusy = false
  /// The start's release, until it is recorded.
  private var unrecorded: ReleaseRecord?
  /// The numbers of the last record of a release, and of the last change on disk.
  private var recorded: UInt64 = 0
  private var durable: UInt64 = 0
  private var waitingForDisk: [(number: UInt64, then: () -> Void)] = []

  init(_ release: StartingRelease, of host: Host) {
    self.host = host
    shelf = release.shelf
    live = release.record
    functions = release.set.declarations
    lastNumber = max(release.lastNumber, release.record.number)
    unrecorded = release.isNew ? release.record : nil
  }

  func hear(_ news: RecordNews) {
    guard case .durable(let number) = news else { return }
    durable = number
    let done = waitingForDisk.filter { $0.number <= number }
    waitingForDisk.removeAll { $0.number <= number }
    for one in done { one.then() }
  }

  /// Before anything else is written at this start.
  func recordStart() {
    guard let release = unrecorded else { return }
    unrecorded = nil
    recorded = host.store.append([
      .deployed(release),
      .activated(Activation(release: release.number, at: host.clocks.wall, by: release.by)),
    ])
  }

  /// When the last release that was recorded is on disk.
  func whenRecorded(_ then: @escaping () -> Void) {
    guard durable < recorded else { return then() }
    waitingForDisk.append((recorded, then))
  }

  // MARK: A deployment

  func deploy(_ deployment: Deployment) async -> Result<DeploymentReport, DeploymentRefusal> {
    guard !isBusy else { return .failure(.busy) }
    isBusy = true
    defer { isBusy = false }
    do throws(DeploymentRefusal) {
      return .success(try await carryOut(deployment))
    } catch { return .failure(error) }
  }

  private func carryOut(
    _ deployment: Deployment
  ) async throws(DeploymentRefusal) -> DeploymentReport {
    if host.dispatcher.isDraining { throw .stopping }
    if let reason = host.dispatcher.isStalled { throw .storeStalled(reason: reason) }
    let candidate = try await candidate(of: deployment.content)
    let plan = ReleasePlan(
      from: .init(functions: functions, executable: live.executable),
      to: .init(functions: candidate.set.declarations, executable: candidate.executable.hash),
      work: try await liveWork(besides: candidate))
    guard !plan.isEmpty else {
      return DeploymentReport(
        number: live.number, isChanged: false, isDryRun: deployment.isDryRun, plan: plan,
        warnings: candidate.warnings)
    }
    var report = DeploymentReport(
      number: candidate.record?.number ?? lastNumber + 1, isChanged: !deployment.isDryRun,
      isDryRun: deployment.isDryRun, plan: plan, warnings: candidate.warnings)
    let trial = ReleaseTrial(
      candidate.set, samples: try await samples(for: candidate), of: deployment)
    try await launch(candidate, report.number, trial, deployment)
    report.warnings += trial.warnings
    return report
  }

  // MARK: 1 Read

  private struct Candidate: Sendable {
    var texts: [ManifestText]
    var set: ManifestSet
    var executable: ShelvedExecutable
    var warnings: [String]
    /// The release that it is already.
    var record: ReleaseRecord?
  }

  private func candidate(
    of content: Deployment.Content
  ) async throws(DeploymentRefusal) -> Candidate {
    switch content {
    case .manifests(let texts, let executable):
      return try await read(texts, executable ?? live.executable)
    case .release(let number):
      let store = host.store
      guard let line = try await ask({ store.release(number, then: $0) }) else {
        throw .unknownRelease(number)
      }
      guard shelf.holds(line.record.executable) else { throw .executableGone(release: number) }
      var candidate = try await read(line.record.manifests, line.record.executable)
      candidate.record = line.record
      return candidate
    }
  }

  private func read(
    _ texts: [ManifestText], _ executable: String
  ) async throws(DeploymentRefusal) -> Candidate {
    let bytesMax = StartingRelease.manifestBytesMax
    guard texts.reduce(0, { $0 + $1.text.utf8.count }) <= bytesMax else {
      throw .tooLarge(bytesMax: bytesMax)
    }
    let (clerk, shelf, now) = (clerk, shelf, host.clocks.wall)
    let result = await withCheckedContinuation {
      (then: CheckedContinuation<Result<Candidate, DeploymentRefusal>, Never>) in
      let isTaken = clerk.add { then.resume(returning: Self.read(texts, executable, shelf, now)) }
      if !isTaken { then.resume(returning: .failure(.busy)) }
    }
    return try result.get()
  }

  /// On the clerk's thread.
  private nonisolated static func read(
    _ texts: [ManifestText], _ hash: String, _ shelf: ExecutableShelf, _ now: WallTime
  ) -> Result<Candidate, DeploymentRefusal> {
    let set: ManifestSet
    switch ManifestReader.read(texts: texts, now: nil) {
    case .failure(let mistakes): return .failure(.mistakes(mistakes.list.map(\.description)))
    case .success(let read): set = read
    }
    do {
      _ = try Router(set.declarations)
      _ = try TimerSource(set.declarations, marks: [], now: now)
    } catch { return .failure(.mistakes(["\(error)"])) }
    let executable = shelf.status(of: hash)
    guard executable.isWhole else { return .failure(.unknownExecutable(hash)) }
    // Deployed when it was still to come, an instant of the past is no mistake.
    var warnings: [String] = []
    if case .failure(let mistakes) = ManifestReader.read(texts: texts, now: now) {
      warnings = mistakes.list.map(\.description)
    }
    return .success(
      Candidate(texts: texts, set: set, executable: executable, warnings: warnings, record: nil))
  }

  // MARK: 2 Count

  private func liveWork(besides candidate: Candidate) async throws(DeploymentRefusal) -> LiveWork {
    let after = Dictionary(
      candidate.set.declarations.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
    let touched = functions.filter { after[$0.name] != $0 }.map(\.name)
    var work = LiveWork()
    let store = host.store
    let stored = try await ask { store.counts(then: $0) }
    if !touched.isEmpty {
      work.queues = try await ask { store.waitingByQueue(of: touched, then: $0) }
    }
    for counts in host.dispatcher.counts {
      work.functions[counts.name] = LiveWork.Function(
        waiting: max(0, counts.unfinished - counts.running), running: counts.running,
        deadLetters: stored[counts.name]?.deadLetters ?? 0)
    }
    for timer in host.timerDesk.statuses {
      work.timers[timer.name] = timer.next.map {
        CivilTime.formatRFC3339(milliseconds: $0.milliseconds)
      }
    }
    return work
  }

  /// Events that wait for a handler which is not the one that they were sent for.
  private func samples(
    for candidate: Candidate
  ) async throws(DeploymentRefusal) -> [ReleaseTrial.Sample] {
    let isSameWorker = candidate.executable.hash == live.executable
    let waiting = Dictionary(
      host.dispatcher.counts.map { ($0.name, $0.unfinished - $0.running) },
      uniquingKeysWith: { first, _ in first })
    var samples: [ReleaseTrial.Sample] = []
    for function in candidate.set.declarations where waiting[function.name] ?? 0 > 0 {
      let isSameHandler = functions.contains {
        $0.name == function.name && $0.handler == function.handler
      }
      if isSameWorker, isSameHandler { continue }
      let store = host.store
      let events = try await ask {
        store.sampleWaiting(of: function.name, limit: ReleaseTrial.sampleMax, then: $0)
      }
      samples.append(
        ReleaseTrial.Sample(
          function: function, events: events, waiting: waiting[function.name] ?? 0))
    }
    return samples
  }

  private func ask<Value: Sendable>(
    _ question: (@escaping @Sendable (Result<Value, RecordFault>) -> Void) -> Void
  ) async throws(DeploymentRefusal) -> Value {
    let result = await withCheckedContinuation {
      (then: CheckedContinuation<Result<Value, RecordFault>, Never>) in
      question { then.resume(returning: $0) }
    }
    do throws(RecordFault) { return try result.get() } catch {
      throw .unreadable(reason: "\(error)")
    }
  }

  // MARK: 3 to 5 Try, switch, record

  private func launch(
    _ candidate: Candidate, _ number: Int, _ trial: ReleaseTrial, _ deployment: Deployment
  ) async throws(DeploymentRefusal) {
    let path = shelf.path(of: candidate.executable.hash)
    let outcome = await withCheckedContinuation {
      (then: CheckedContinuation<Result<Void, LaunchFault>, Never>) in
      host.launch(
        candidate.set.declarations, executable: path,
        arguments: host.settings.executableArguments, as: number,
        review: { workers, verdict in
          Task { @LoopActor in verdict(await trial.objections(workers)) }
        },
        switching: { self.switched(candidate, number, deployment) }
      ) { outcome in
        then.resume(returning: outcome.map { _ in () })
      }
    }
    switch outcome {
    case .success:
      await withCheckedContinuation { then in whenRecorded { then.resume() } }
      await prune()
    case .failure(let fault):
      if let refusal = trial.refusal { throw refusal }
      if !trial.isOnlyTried { throw DeploymentRefusal(fault) }
    }
  }

  /// In the turn of the switch, before anything runs under it.
  private func switched(_ candidate: Candidate, _ number: Int, _ deployment: Deployment) {
    let now = host.clocks.wall
    let by = String(decoding: deployment.by.utf8.prefix(Self.nameBytesMax), as: UTF8.self)
    functions = candidate.set.declarations
    let activation = RecordChange.activated(Activation(release: number, at: now, by: by))
    if let record = candidate.record {
      live = record
      recorded = host.store.append([activation])
      return
    }
    lastNumber = number
    live = ReleaseRecord(
      number: number, createdAt: now, by: by, origin: .deploy, manifests: candidate.texts,
      functions: candidate.set.declarations.count, executable: candidate.executable.hash,
      executableBytes: candidate.executable.bytes)
    recorded = host.store.append([.deployed(live), activation])
  }

  private func prune() async {
    let store = host.store
    // Not now is no harm: the next deployment does it.
    guard
      let lines = try? await ask({
        store.releases(before: nil, limit: ExecutableShelf.releasesKept, then: $0)
      })
    else { return }
    let named = Set(lines.map(\.record.executable)).union([live.executable])
    let shelf = shelf
    _ = clerk.add { shelf.prune(keeping: named) }
  }
}

extension DeploymentRefusal {
  fileprivate init(_ fault: LaunchFault) {
    switch fault {
    case .workers(.stopped): self = .stopping
    case .workers(let fault): self = .workers(code: fault.code, reason: "\(fault)")
    case .notAdopted(let fault): self = .mistakes([fault.description])
    }
  }
}
