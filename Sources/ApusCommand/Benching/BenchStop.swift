// Ctrl-C and SIGTERM during a bench: the first asks it to end and to put everything away, the second
// ends its hosts there and then.

import EventLoop
import Glibc
import Hosting
import Synchronization

final class BenchStop: Sendable {
  private struct State {
    var isAsked = false
    var folder: String?
  }

  private let state = Mutex(State())

  /// The watching ends with the process.
  static func watch() throws(CommandFault) -> BenchStop {
    let stop = BenchStop()
    let fault = onLoop { () -> LoopFault? in
      do throws(LoopFault) {
        for number in [SIGTERM, SIGINT, SIGHUP] {
          _ = try SignalWatcher(number) { stop.saw(number) }
        }
        return nil
      } catch { return error }
    }
    if let fault { throw .failed("signals cannot be watched: \(fault)") }
    return stop
  }

  /// What has to be gone when the process is.
  func owns(_ folder: String?) { state.withLock { $0.folder = folder } }

  func check() throws(CommandFault) {
    guard state.withLock({ $0.isAsked }) else { return }
    throw .failed("stopped; the host is ended and its directory removed")
  }

  @LoopActor
  private func saw(_ number: Int32) {
    let (wasAsked, folder) = state.withLock { state in
      defer { state.isAsked = true }
      return (state.isAsked, state.folder)
    }
    guard wasAsked else { return }
    HostChild.killAll()
    if let folder { Files.removeAll(folder) }
    _exit(128 + number)
  }
}
