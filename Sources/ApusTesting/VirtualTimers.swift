// The timers of a test house: the host's own book of them, looked at whenever the house's time has come
// to an instant.

import Dispatching
import EventSources
import Invocations

final class VirtualTimers {
  private let book: TimerBook

  init(
    _ declarations: [FunctionDeclaration], dispatcher: Dispatcher, clocks: VirtualClocks
  ) throws(TimerFault) {
    book = try TimerBook(declarations, recovered: [], clocks: clocks) {
      dispatcher.accept($0, advancing: $1, answered: $2)
    }
    book.recordNewMarks()
  }

  /// nil when no timer fires ever again.
  var next: WallTime? { book.nextInstant }

  var names: [String] { book.statuses.map(\.name) }

  /// True when something fired.
  func fireDue() -> Bool { book.look() }

  /// Outside of the schedule; nil when there is no such timer.
  func proposal(firing timer: String, id: String) -> Proposal? { book.manual(timer, id: id) }
}
