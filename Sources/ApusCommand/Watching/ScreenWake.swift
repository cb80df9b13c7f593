// What wakes the thread that draws: keys at standard input, and news from other threads (signals, an
// answer), which come through a pipe so that one poll waits for all of it.

import EventLoop
import Glibc
import Hosting
import Synchronization

final class ScreenWake: Sendable {
  struct News {
    var isStopped = false
    var outcome: Result<TopLook, any Error>?
  }

  private let news = Mutex(News())
  private let reading: Int32
  private let writing: Int32

  init() throws(CommandFault) {
    var ends: [Int32] = [0, 0]
    guard pipe(&ends) == 0 else {
      throw .failed("no pipe can be made: \(String(cString: strerror(errno)))")
    }
    for end in ends {
      _ = fcntl(end, F_SETFL, O_NONBLOCK)
      _ = fcntl(end, F_SETFD, FD_CLOEXEC)
    }
    (reading, writing) = (ends[0], ends[1])
  }

  deinit {
    close(reading)
    close(writing)
  }

  /// A new size of the window is news by itself; the other signals stop.
  ///
  /// The watching ends with the process.
  func watchSignals() throws(CommandFault) {
    let fault = onLoop { () -> LoopFault? in
      do throws(LoopFault) {
        for number in [SIGTERM, SIGINT, SIGHUP] {
          _ = try SignalWatcher(number) { self.tell { $0.isStopped = true } }
        }
        _ = try SignalWatcher(SIGWINCH) { self.tell { _ in } }
        return nil
      } catch { return error }
    }
    if let fault { throw .failed("signals cannot be watched: \(fault)") }
  }

  func tell(_ change: (inout News) -> Void) {
    news.withLock { change(&$0) }
    var byte: UInt8 = 0
    // A pipe that is full wakes as well.
    _ = write(writing, &byte, 1)
  }

  func takeNews() -> News {
    var bytes = [UInt8](repeating: 0, count: 256)
    while read(reading, &bytes, bytes.count) == bytes.count {}
    return news.withLock { news in
      defer { news.outcome = nil }
      return news
    }
  }

  /// `due` is monotonic, in nanoseconds.
  func wait(until due: UInt64?) -> (hasKeys: Bool, hasNews: Bool) {
    var entries = [
      pollfd(fd: STDIN_FILENO, events: Int16(POLLIN), revents: 0),
      pollfd(fd: reading, events: Int16(POLLIN), revents: 0),
    ]
    var timeout: Int32 = -1
    if let due {
      let rest = due - min(due, BenchClock.now)
      timeout = Int32(clamping: (rest + 999_999) / 1_000_000)
    }
    guard poll(&entries, 2, timeout) > 0 else { return (false, false) }
    return (entries[0].revents != 0, entries[1].revents != 0)
  }
}
