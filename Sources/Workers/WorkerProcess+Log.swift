// Lines: what an attempt logged by frames, and what came over the pipes, in the log of whoever it is
// of. A line whose attempt is not known goes to the live log alone.
import Invocations

extension WorkerProcess {
  /// A longer message is cut; the handler library keeps the same limit.
  private static let messageBytesMax = 65_536

  /// A line of an attempt that is in flight, or was just now.
  func log(
    _ name: AttemptName, level: String, _ message: String, at time: WallTime = wallTimeNow(),
    _ metadata: [HTTPCall.Field] = []
  ) {
    let message = cut(message, to: Self.messageBytesMax)
    let bytes = metadata.reduce(message.utf8.count) {
      $0 + $1.name.utf8.count + $1.value.utf8.count
    }
    switch admit(lineOf: bytes, name) {
    case .kept: report(name, level, message, at: time, metadata)
    case .last(let words): report(name, "warning", words, at: time)
    case .dropped: break
    }
  }

  private func report(
    _ name: AttemptName, _ level: String, _ message: String, at time: WallTime,
    _ metadata: [HTTPCall.Field] = []
  ) {
    let line = LogLine(
      invocation: name.id, attempt: name.attempt, time: time, level: level, message: message,
      metadata: metadata)
    pool.news(.logged(line))
  }

  private func admit(lineOf bytes: Int, _ name: AttemptName) -> Flight.Line {
    if name == lately.name { return lately.flight.admit(lineOf: bytes) }
    return inFlight[name]?.admit(lineOf: bytes) ?? .dropped
  }

  /// A line belongs to an attempt only if no other could have printed it.
  func printed(_ line: String, on level: String) {
    let line = group.mask?.masked(line) ?? line
    lastLines.append(line)
    if crashLines != nil {
      crashLines?.append(line)
    } else if let name = onlyPrinter {
      return log(name, level: level, line)
    }
    guard looseLines.admits(at: pool.now) else { return }
    remarkDropped()
    pool.printed?(pid, line)
  }

  func remarkDropped() {
    if let remark = looseLines.takeRemark() { pool.printed?(pid, remark) }
  }

  private var onlyPrinter: AttemptName? {
    guard batches.isEmpty else { return onlyPrinterOfBatch }
    return inFlight.count + lately.runs == 1 ? inFlight.first?.key ?? lately.name : nil
  }
}
