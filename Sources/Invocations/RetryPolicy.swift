// When a failed attempt is tried again. The delays are those of "Exponential Backoff And Jitter"
// (AWS Architecture Blog, 2015): none, equal and full jitter.

package struct RetryPolicy: Sendable, Equatable {
  package enum Jitter: String, Sendable, CaseIterable { case none, equal, full }

  /// Failed attempts allowed, the first included; 1 never retries.
  package var attemptsMax: Int
  package var first: Duration
  package var factor: Double
  package var delayMax: Duration
  package var jitter: Jitter
  /// Counted from acceptance; an attempt that could only start later is not made.
  package var maxAge: Duration
  /// HTTP invocations make one attempt unless the manifest names a number.
  package var attemptsAreGiven: Bool

  package init(
    attemptsMax: Int = 3, first: Duration = .seconds(1), factor: Double = 2,
    delayMax: Duration = .seconds(300), jitter: Jitter = .full, maxAge: Duration = .seconds(21_600),
    attemptsAreGiven: Bool = false
  ) {
    self.attemptsMax = attemptsMax
    self.first = first
    self.factor = factor
    self.delayMax = delayMax
    self.jitter = jitter
    self.maxAge = maxAge
    self.attemptsAreGiven = attemptsAreGiven
  }

  /// The wait after the `failures`-th failure.
  ///
  /// `chance` is uniform in 0..<1 and injected, so that a test or a simulation decides it.
  package func delay(afterFailures failures: Int, chance: Double) -> Duration {
    let full = fullDelay(afterFailures: failures)
    switch jitter {
    case .none: return full
    case .equal: return full / 2 + full / 2 * chance
    case .full: return full * chance
    }
  }

  private func fullDelay(afterFailures failures: Int) -> Duration {
    var delay = first
    var step = 1
    while step < failures, delay < delayMax {
      delay = delay * factor
      step += 1
    }
    return min(delay, delayMax)
  }
}
