// SIGTERM and SIGINT: the first one asks for an orderly end, the second one ends the process there
// and then. Nothing acknowledged is lost by that; it is what the record is for.

import EventLoop
import Glibc
import Hosting

enum StopSignals {
  /// The inbox gets the first signal's number.
  ///
  /// The watching ends with the process.
  static func watch() throws(CommandFault) -> Inbox<Int32> {
    let inbox = Inbox<Int32>()
    try watch { number in inbox.put(number) }
    return inbox
  }

  static func watch(
    _ first: @escaping @Sendable @LoopActor (Int32) -> Void
  ) throws(CommandFault) {
    let fault = onLoop { () -> LoopFault? in
      let count = Count(first)
      do throws(LoopFault) {
        for number in [SIGTERM, SIGINT] {
          _ = try SignalWatcher(number) { count.saw(number) }
        }
        return nil
      } catch { return error }
    }
    if let fault { throw .failed("signals cannot be watched: \(fault)") }
  }

  @LoopActor
  private final class Count {
    private var hasSeenOne = false
    private let first: @Sendable @LoopActor (Int32) -> Void

    init(_ first: @escaping @Sendable @LoopActor (Int32) -> Void) { self.first = first }

    func saw(_ number: Int32) {
      // What a shell reports of a process that a signal ended.
      if hasSeenOne { _exit(128 + number) }
      hasSeenOne = true
      first(number)
    }
  }
}
