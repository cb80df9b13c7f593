// What new workers have to show before they go live: every handler is there, and a sample of the
// events that wait for them decodes.

import EventLoop
import Invocations
import Manifests
import Workers

@LoopActor
final class ReleaseTrial {
  /// Of each function.
  nonisolated static let sampleMax = 20
  /// Named in a refusal.
  private static let faultsShownMax = 20
  private static let answerTimeout = Duration.seconds(10)

  struct Sample: Sendable {
    var function: FunctionDeclaration
    var events: [Acceptance]
    /// Of which the events are a sample.
    var waiting: Int
  }

  private let set: ManifestSet
  private let samples: [Sample]
  private let deployment: Deployment
  /// Why it did not pass; nil while it has.
  private(set) var refusal: DeploymentRefusal?
  /// It passed and goes no further.
  private(set) var isOnlyTried = false
  private(set) var warnings: [String] = []

  init(_ set: ManifestSet, samples: [Sample], of deployment: Deployment) {
    self.set = set
    self.samples = samples
    self.deployment = deployment
  }

  /// Empty where the release may go live.
  func objections(_ workers: LaunchedWorkers) async -> [String] {
    let missing = ManifestReader.check(set, handlers: workers.roster.held)
      .map(\.description)
    guard missing.isEmpty else {
      refusal = .missingHandlers(missing)
      return missing
    }
    var faults: [String] = []
    for sample in samples { faults += await self.faults(of: sample, workers) }
    if !faults.isEmpty, deployment.isForced {
      warnings += faults
    } else if !faults.isEmpty {
      refusal = .undecodable(faults)
      return faults
    }
    isOnlyTried = deployment.isDryRun
    return isOnlyTried ? ["a dry run"] : []
  }

  private func faults(of sample: Sample, _ workers: LaunchedWorkers) async -> [String] {
    var faults: [String] = []
    for event in sample.events {
      let answer = await Self.answer(event, sample.function, workers)
      switch answer {
      case .decodes: continue
      case .fault(let words):
        let mask = sample.function.redact?.mask(for: event.event)
        faults.append("\(event.id): \(mask?.masked(words) ?? words)")
      case .none:
        faults.append("\(event.id): no answer within \(Self.answerTimeout)")
        return Self.described(faults, sample)
      }
    }
    return Self.described(faults, sample)
  }

  private static func described(_ faults: [String], _ sample: Sample) -> [String] {
    guard !faults.isEmpty else { return [] }
    let head =
      "\(sample.function.name): of \(sample.waiting) waiting, \(sample.events.count) were sampled "
      + "and \(faults.count) do not decode to the input of \(sample.function.handler)"
    return [head] + faults.prefix(faultsShownMax)
  }

  private enum Answer: Sendable {
    case decodes
    case fault(String)
    case none
  }

  /// A worker that ends before it answers ends the launch too; the time limit ends this wait.
  private static func answer(
    _ event: Acceptance, _ function: FunctionDeclaration, _ workers: LaunchedWorkers
  ) async -> Answer {
    await withCheckedContinuation { (then: CheckedContinuation<Answer, Never>) in
      var waiting: CheckedContinuation<Answer, Never>? = then
      var timer: LoopTimer?
      let settle: @LoopActor (Answer) -> Void = { answer in
        timer?.close()
        timer = nil
        waiting?.resume(returning: answer)
        waiting = nil
      }
      timer = LoopTimer { settle(.none) }
      timer?.arm(atMonotonic: EventLoop.monotonicNow() + answerTimeout.nanoseconds)
      workers.probe(event, for: function) { settle($0.map(Answer.fault) ?? .decodes) }
    }
  }
}
