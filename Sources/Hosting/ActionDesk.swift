// What operators do, on record: single deeds are noted, bulk actions run here one step after the other
// and go on after a restart where they stood.

import Dispatching
import Doors
import EventLoop
import EventSources
import Invocations
import Records

@LoopActor
final class ActionDesk {
  /// Bulk actions that run at once.
  static let openMax = 16

  private unowned let host: Host
  private var lastNumber: Int
  private var runs: [Int: ActionRun] = [:]
  private let recovered: [OperatorAction]
  private var eventIDs = UUIDv7Generator()

  init(_ recovered: [OperatorAction], _ lastNumber: Int, of host: Host) {
    self.host = host
    self.lastNumber = lastNumber
    self.recovered = recovered
  }

  /// When workers are up and the doors open.
  func resume() {
    for action in recovered {
      do throws(ActionFault) {
        let filter = try ActionFilter.read(action.filter)
        begin(try ActionRun(action, filter, on: host, eventID: eventID), told: nil)
      } catch {
        var failed = action
        failed.state = .failed
        failed.note = "\(error.reason)"
        failed.endedAt = host.clocks.wall
        host.dispatcher.note(failed)
      }
    }
  }

  /// Before the record closes: what has not ended goes on at the next start.
  func stop() {
    for run in Array(runs.values) { run.suspend() }
    runs = [:]
  }

  // MARK: Many

  /// `told` when it has ended; of one with a pace when it is known how many there are.
  func begin(
    _ wish: ActionWish, told: @escaping @LoopActor (OperatorAction) -> Void
  ) throws(ActionFault) {
    guard runs.count < Self.openMax else {
      throw ActionFault(
        code: "too-many-actions",
        reason: "\(Self.openMax) actions run at once; wait for one, or abort one", isPassing: true)
    }
    let now = host.clocks.wall
    var action = OperatorAction(
      number: lastNumber + 1, verb: wish.verb, subject: wish.subject, by: wish.by, at: now,
      filter: wish.fields, ids: wish.ids, options: wish.options)
    // What is accepted from now on was not meant.
    action.cursor = InvocationID.first(at: now + .milliseconds(1))
    let run = try ActionRun(action, wish.filter, on: host, eventID: eventID)
    lastNumber += 1
    begin(run, told: told)
  }

  private func begin(_ run: ActionRun, told: (@LoopActor (OperatorAction) -> Void)?) {
    let number = run.action.number
    runs[number] = run
    run.begin(told: told) { [weak self] in self?.runs[number] = nil }
  }

  private func eventID() -> String { eventIDs.next(at: host.clocks.wall) }

  /// False where no such action runs.
  func abort(_ number: Int, by name: String) -> Bool {
    guard let run = runs[number], !run.action.state.isFinal else { return false }
    let deed = note(.abort, "action \(number)", by: name)
    run.abort(because: "aborted by \(name), action \(deed)")
    return true
  }

  /// As it is at this moment; nil of one that does not run.
  func action(_ number: Int) -> OperatorAction? { runs[number]?.action }

  // MARK: One

  /// The latest ones, which may still come to nothing.
  private var latest: [Int: OperatorAction] = [:]

  /// A deed that is done when it is asked for.
  @discardableResult
  func note(_ verb: OperatorAction.Verb, _ subject: String, by name: String) -> Int {
    lastNumber += 1
    var action = OperatorAction(
      number: lastNumber, verb: verb, subject: subject, by: name, at: host.clocks.wall,
      state: .done)
    action.selected = 1
    action.done = 1
    action.endedAt = action.at
    host.dispatcher.note(action)
    latest[lastNumber] = action
    latest[lastNumber - Self.latestMax] = nil
    return lastNumber
  }

  private static let latestMax = 1_000

  func noteFailure(of number: Int, _ reason: String) {
    guard var action = latest.removeValue(forKey: number) else { return }
    action.state = .failed
    action.done = 0
    action.note = reason
    host.dispatcher.note(action)
  }
}
