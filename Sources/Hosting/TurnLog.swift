// The record log as the loop uses it: what one turn appends goes over together, so that the writer is
// woken once and commits it together.

import EventLoop
import Invocations
import Records

@LoopActor
final class TurnLog: @LoopActor RecordLog {
  private let store: RecordStore
  private var isPlanned = false
  private var awaited = 0
  /// A turn with many ends lets the writer begin before it is over.
  private static let earlyWake = 8

  init(_ store: RecordStore) { self.store = store }

  func append(_ changes: [RecordChange], _ terms: CommitTerms) -> UInt64 {
    if !isPlanned {
      isPlanned = true
      EventLoop.shared.afterTurn { [self] in
        isPlanned = false
        wake()
      }
    }
    let sequence = store.appendQuietly(changes, terms)
    if terms.isAwaited { awaited += 1 }
    if awaited >= Self.earlyWake { wake() }
    return sequence
  }

  private func wake() {
    awaited = 0
    store.wake()
  }

  var backlog: Int { store.backlog }

  func read(_ read: RecordRead) { store.read(read) }
}
