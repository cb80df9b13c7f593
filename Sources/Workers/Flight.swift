// What is known of one attempt while a worker runs it, and what its log may still take.
import Invocations

struct Flight {
  enum Line: Equatable {
    case kept
    /// In place of the line, which is one too many.
    case last(String)
    case dropped
  }

  let limits: FunctionLimits
  var isStreaming = false
  private var lines = 0
  private var logBytes = 0
  private var isLogFull = false

  init(_ limits: FunctionLimits = FunctionLimits()) { self.limits = limits }

  mutating func admit(lineOf bytes: Int) -> Line {
    guard !isLogFull else { return .dropped }
    lines += 1
    logBytes += bytes
    let passed: String? =
      if lines > limits.logLines {
        "more than \(limits.logLines) lines ('limits.logLines')"
      } else if logBytes > limits.logBytes {
        "more than \(limits.logBytes) bytes of lines ('limits.logSize')"
      } else {
        nil
      }
    guard let passed else { return .kept }
    isLogFull = true
    return .last("\(passed): the rest of this attempt's log is dropped")
  }
}

/// What was answered since the last frame to a worker.
struct Lately {
  /// Runs of a handler; the attempts of a batch are one.
  var runs = 0
  /// Of the latest of them, if it is one of a batch.
  var batch: BatchInFlight?
  /// The latest of them, or the first of its batch, with what it has printed so far.
  var name: AttemptName?
  var flight = Flight()
}
