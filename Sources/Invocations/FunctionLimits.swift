// What one function may take while it runs: the key `limits` of a manifest. They are kept by whoever
// holds what is limited: the memory by the host, results, events and lines where they arrive.

package struct FunctionLimits: Sendable, Equatable, Hashable {
  /// The largest that a frame can bring, and the default.
  package static let resultBytesTop = 15 << 20
  /// As the handler library has it, and the default.
  package static let emittedTop = 1_000
  package static let logLinesTop = 10_000

  /// Of the worker process; functions with different ones do not share a process.
  package var memoryBytes: Int
  /// Of what an attempt returns.
  package var resultBytes: Int
  /// Events of one attempt.
  package var emitted: Int
  /// Lines of an attempt's log, printed ones among them.
  package var logLines: Int
  /// Of all of these lines.
  package var logBytes: Int

  package init(
    memoryBytes: Int = 1 << 30, resultBytes: Int = FunctionLimits.resultBytesTop,
    emitted: Int = FunctionLimits.emittedTop, logLines: Int = FunctionLimits.logLinesTop,
    logBytes: Int = 16 << 20
  ) {
    self.memoryBytes = memoryBytes
    self.resultBytes = resultBytes
    self.emitted = emitted
    self.logLines = logLines
    self.logBytes = logBytes
  }
}
