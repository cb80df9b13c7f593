// What a host in production says of what happens: the house itself, and invocations that ended dead
// or are held. What goes well is counted in /metrics, not logged.

import Doors
import EventLoop
import Hosting
import Invocations
import Logging

@LoopActor
final class HostLog: HappeningListener {
  private let logger: Logger

  init(_ logger: Logger) { self.logger = logger }

  /// What the host says of itself.
  static func tell(_ remark: HostRemark, _ logger: Logger) {
    let level: Logger.Level =
      switch remark.weight {
      case .info: .info
      case .notice: .notice
      case .warning: .warning
      case .error: .error
      }
    let details = remark.details.map { ($0.key, Logger.MetadataValue.string($0.value)) }
    logger.log(
      level: level, "\(remark.message)",
      metadata: Logger.Metadata(details, uniquingKeysWith: { first, _ in first }))
  }

  func saw(_ happening: Happening) {
    switch happening {
    case .goesOn(let attempt, let function, let state, _): goesOn(attempt, function, state)
    case .ended(let ending, _): ended(ending.value)
    case .fenced(let name):
      logger.warning(
        "answer of an older attempt refused",
        metadata: ["invocation.id": "\(name.id)", "attempt": "\(name.attempt)"])
    case .missed(let timer, let instants):
      logger.warning(
        "instants missed",
        metadata: [
          "timer": "\(timer)", "count": "\(instants.reduce(0) { $0 + $1.count })",
          "reason": "\(instants.first?.reason ?? "")",
        ])
    case .paused(let subject): logger.info("paused", metadata: ["subject": "\(subject)"])
    case .resumed(let subject): logger.info("resumed", metadata: ["subject": "\(subject)"])
    case .storeStalled(let reason):
      logger.critical("record cannot be written", metadata: ["reason": "\(reason)"])
    case .storeHealed: logger.notice("record can be written again")
    case .webhooksRefused(let function, let code, let count):
      logger.warning(
        "calls refused for their signature",
        metadata: ["function": "\(function)", "code": "\(code)", "count": "\(count)"])
    case .action(let action) where action.state.isFinal:
      logger.notice(
        "operator's action ended",
        metadata: [
          "action": "\(action.number)", "what": "\(action.verb.rawValue)",
          "of": "\(action.subject)", "by": "\(action.by)", "state": "\(action.state)",
          "done": "\(action.done)", "selected": "\(action.selected)",
        ])
    case .workerStarted, .workerEnded, .unhealthy, .healthy: workers(happening)
    case .accepted, .duplicate, .started, .logged, .action: break
    }
  }

  private func goesOn(_ attempt: AttemptRecord, _ function: String, _ state: StateWord) {
    var metadata = about(attempt.invocation, function, attempt, attempt.error)
    metadata["outcome"] = "\(attempt.outcome.word)"
    metadata["state"] = "\(state)"
    logger.log(level: state == .held ? .warning : .debug, "attempt failed", metadata: metadata)
  }

  private func ended(_ ending: Ending) {
    guard ending.state == .dead else { return }
    var metadata = about(ending.id, ending.function, ending.attempt, ending.error)
    metadata["reason"] = "\(ending.reason?.description ?? "")"
    logger.warning("invocation is dead", metadata: metadata)
  }

  private func about(
    _ id: InvocationID, _ function: String, _ attempt: AttemptRecord?, _ error: ErrorRecord?
  ) -> Logger.Metadata {
    var metadata: Logger.Metadata = ["invocation.id": "\(id)", "function": "\(function)"]
    if let attempt { metadata["attempt"] = "\(attempt.number)" }
    if let error { metadata["error"] = "\(error.message)" }
    return metadata
  }

  private func workers(_ happening: Happening) {
    switch happening {
    case .workerStarted(let pid, let executable):
      logger.info(
        "worker started", metadata: ["worker": "\(pid)", "executable": "\(executable)"])
    case .workerEnded(let pid, let how, let expected):
      logger.log(
        level: expected ? .info : .error, "worker ended",
        metadata: ["worker": "\(pid)", "how": "\(how)"])
    case .unhealthy(let functions, let reason):
      logger.error(
        "workers do not start",
        metadata: ["functions": "\(functions.joined(separator: ","))", "reason": "\(reason)"])
    case .healthy(let functions):
      logger.notice(
        "workers start again", metadata: ["functions": "\(functions.joined(separator: ","))"])
    default: break
    }
  }
}
