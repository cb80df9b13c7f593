// Attempts that a worker runs as one run of a handler: what holds for all of them when one is
// cancelled, is overdue or crashes. Their answers are taken one by one, as of any attempt.
import EventLoop
package import Invocations
package import WorkerProtocol

/// One batch in one worker, shared by its attempts that are in flight.
@LoopActor
final class BatchInFlight {
  /// In flight.
  private(set) var names: Set<AttemptName>
  private let order: [AttemptName]
  private var cancelled: Set<AttemptName> = []

  init(_ names: [AttemptName]) {
    self.names = Set(names)
    order = names
  }

  /// The batch's own lines are in its log.
  var first: AttemptName? { order.first(where: names.contains) }

  func cancel(_ name: AttemptName) { cancelled.insert(name) }

  /// All that are in flight: then the handler has been told to stop.
  var isCancelled: Bool { cancelled.count == names.count }

  func leave(_ name: AttemptName) {
    names.remove(name)
    cancelled.remove(name)
  }
}

extension WorkerProcess {
  func leaveBatch(_ name: AttemptName) -> BatchInFlight? {
    let batch = batches.removeValue(forKey: name)
    batch?.leave(name)
    return batch
  }

  /// Set when nothing but one batch is in flight, or was just now: it is in the log of one of it.
  var onlyPrinterOfBatch: AttemptName? {
    guard let batch = onlyBatch else { return nil }
    if lately.runs == 0 { return batch.first }
    return lately.runs == 1 && lately.batch === batch ? lately.name : nil
  }

  /// Set when all that is in flight is one batch.
  var onlyBatch: BatchInFlight? {
    guard let batch = batches.first?.value, batch.names.count == inFlight.count else { return nil }
    return batch
  }

  /// Asks the handler to stop; the worker itself waits until all of a batch are asked.
  func cancel(_ name: AttemptName) {
    batches[name]?.cancel(name)
    send(.cancel, name)
  }

  /// The attempt ignored its cancellation.
  ///
  /// A handler that runs for others too, which nobody has cancelled, has ignored nothing.
  func killOverdue(_ name: AttemptName) {
    guard batches[name]?.isCancelled != false else { return }
    kill(.overdue([name]))
  }

  /// Each batch once.
  var batchesInFlight: [Set<AttemptName>] {
    var seen: Set<ObjectIdentifier> = []
    return batches.values.filter { seen.insert(ObjectIdentifier($0)).inserted }.map(\.names)
  }
}

extension StartBatch {
  package init(_ batch: [Assignment]) {
    self.init(
      items: batch.map { assignment in
        guard let attempt = UInt16(exactly: assignment.name.attempt) else {
          preconditionFailure("an attempt number that does not fit a frame")
        }
        return Item(
          invocation: assignment.name.id.rawValue, attempt: attempt,
          start: Start(assignment, remainingNanoseconds: assignment.remainingNanoseconds))
      })
  }
}
