// One line that is written over while a scenario runs, on a terminal only: what is kept of a bench
// is its page.

import Glibc

final class BenchProgress {
  /// Shorter scenarios show nothing.
  private static let quietSeconds = 2.0
  private static let pauseSeconds = 0.2

  private let isShown: Bool
  private let stop: BenchStop
  private var scenario = ""
  private var beganAt = BenchClock.now
  private var shownAt: UInt64 = 0
  private var isDirty = false

  init(_ stop: BenchStop, isShown: Bool = Terminal.isTerminal(STDERR_FILENO)) {
    self.stop = stop
    self.isShown = isShown
  }

  func begin(_ scenario: String) {
    self.scenario = scenario
    beganAt = BenchClock.now
  }

  /// Also where a scenario is ended by a signal.
  func tell(_ words: @autoclosure () -> String) throws(CommandFault) {
    try stop.check()
    let seconds = BenchClock.seconds(since: beganAt)
    guard isShown, seconds > Self.quietSeconds,
      BenchClock.seconds(since: shownAt) > Self.pauseSeconds
    else { return }
    shownAt = BenchClock.now
    isDirty = true
    Terminal.write("\r\u{1B}[K\(scenario)  \(Int(seconds)) s  \(words())", to: STDERR_FILENO)
  }

  func clear() {
    if isDirty { Terminal.write("\r\u{1B}[K", to: STDERR_FILENO) }
    isDirty = false
  }
}
