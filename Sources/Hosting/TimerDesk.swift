// The timers of the live release on the loop: one loop timer for the book's next look.

import Dispatching
import EventLoop
import EventSources
import Invocations

@LoopActor
final class TimerDesk {
  private let book: TimerBook
  private let dispatcher: Dispatcher
  private let clocks: any Clocks
  private var timer: LoopTimer?
  private var manualIDs = UUIDv7Generator()

  init(
    _ declarations: [FunctionDeclaration], recovered: [TimerAdvance], dispatcher: Dispatcher,
    clocks: any Clocks, observer: any Observer
  ) throws(TimerFault) {
    self.dispatcher = dispatcher
    self.clocks = clocks
    book = try TimerBook(declarations, recovered: recovered, clocks: clocks) {
      dispatcher.accept($0, advancing: $1, answered: $2)
    }
    book.missed = { observer.saw(.missed(timer: $0, $1)) }
    book.tookBack = { [weak self] in LoopActor.assumeIsolated { self?.arm() } }
  }

  var statuses: [TimerSource.Status] { book.statuses }

  func upcoming(_ name: String, count: Int) -> [WallTime] { book.upcoming(name, count: count) }

  func start() {
    timer = LoopTimer { [weak self] in self?.look() }
    book.recordNewMarks()
    look()
  }

  func stop() {
    timer?.close()
    timer = nil
  }

  func redeclare(_ declarations: [FunctionDeclaration]) throws(TimerFault) {
    try book.redeclare(declarations)
    // Before the start there is nothing to wait for; the start records what is new.
    guard timer != nil else { return }
    book.recordNewMarks()
    arm()
  }

  /// Outside of the schedule; false when there is no such timer.
  func fire(_ name: String, then: @escaping (Result<[Accepted], Refusal>) -> Void) -> Bool {
    guard let proposal = book.manual(name, id: manualIDs.next(at: clocks.wall)) else {
      return false
    }
    dispatcher.accept([proposal], answered: then)
    return true
  }

  private func look() {
    book.look()
    arm()
  }

  private func arm() { timer?.arm(atMonotonic: book.nextWake) }
}
