// What is being compiled, on one line of a terminal that is written over; nothing elsewhere.

import EventLoop
import Glibc

final class BuildProgress: Sendable {
  private let columns =
    Terminal.isTerminal(STDERR_FILENO) ? Terminal.columns(of: STDERR_FILENO) : nil

  func show(_ line: String) {
    guard let columns, line.hasPrefix("[") else { return }
    Terminal.write("\r\u{1B}[K" + Table.cut(line, to: max(2, columns - 1)), to: STDERR_FILENO)
  }

  func clear() {
    guard columns != nil else { return }
    Terminal.write("\r\u{1B}[K", to: STDERR_FILENO)
  }
}
