// The record log as the loop uses it: what one turn appends goes over together, so that the writer is
// woken once and commits it together.

import EventLoop
import Invocations
import Records

@LoopActor
final class TurnLog: @preconcurrency RecordLog {
  private let store: RecordStore
  private var isPlanned = false

  init(_ store: RecordStore) { self.store = store }

  func append(_ changes: [RecordChange], _ terms: CommitTerms) -> UInt64 {
    if !isPlanned {
      isPlanned = true
      EventLoop.shared.afterTurn { [self] in
        isPlanned = false
        store.wake()
      }
    }
    return store.appendQuietly(changes, terms)
  }

  var backlog: Int { store.backlog }

  func read(_ read: RecordRead) { store.read(read) }
}
