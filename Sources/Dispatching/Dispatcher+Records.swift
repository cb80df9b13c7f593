// What the record log says: how far the disk is, rows of a line, stored answers, and trouble.

import DequeModule
package import Invocations

extension Dispatcher {
  package func hear(_ news: RecordNews) {
    defer { settle() }
    switch news {
    case .durable(let sequence): reached(sequence)
    case .waiting(let function, let after, let rows, let hasMore):
      guard let desk = desks[function] else { return }
      let usable = desk.line.endRefill(after: after, rows: rows, hasMore: hasMore)
      enterLine(usable, at: desk)
      touched.append(desk)
    case .replay(let token, let replay):
      guard let listener = replays.removeValue(forKey: token) else { return }
      let id = replay?.id ?? InvocationID(rawValue: 0)
      listener.callEnded(.replayed(replay, of: id))
    case .stalled(let reason, let refused): stall(reason, refused)
    case .healed:
      stalledReason = nil
      observer.saw(.storeHealed)
      pump()
    case .readFailed(_, let function, let token):
      if let desk = function.flatMap({ desks[$0] }) {
        desk.line.abandonRefill()
        desk.refillNotBefore =
          clocks.monotonic.addingReportingOverflow(Self.refillPause.nanoseconds).partialValue
      }
      if let listener = token.flatMap({ replays.removeValue(forKey: $0) }) {
        listener.callEnded(.refused(.busy))
      }
    }
  }

  /// Everything up to `sequence` is on disk: acknowledgements go out, and the work enters its line.
  private func reached(_ sequence: UInt64) {
    onDisk = max(onDisk, sequence)
    while let first = waitingForDisk.first, first.sequence <= sequence {
      waitingForDisk.removeFirst()
      for work in first.entering where !work.wasRefused && !work.invocation.isFinal {
        enterLine(work)
        touch(work)
      }
      first.told?()
    }
  }

  /// The disk refuses.
  ///
  /// What it refused is taken back; what was promised before is kept by the log.
  private func stall(_ reason: String, _ refused: [InvocationID]) {
    if stalledReason == nil { observer.saw(.storeStalled(reason: reason)) }
    stalledReason = reason
    for id in refused { takeBack(id) }
    answerRefused()
  }

  private func takeBack(_ id: InvocationID) {
    let wasLeaving = leaving[id] != nil
    guard let work = leaving.removeValue(forKey: id) ?? live.removeValue(forKey: id),
      !work.wasRefused
    else { return }
    work.wasRefused = true
    for child in work.children { takeBack(child.id) }
    if !wasLeaving { desks[work.acceptance.function]?.unfinished -= 1 }
    if let key = work.acceptance.key { keys.forget(key.digest, of: id) }
    for listener in listeners.removeValue(forKey: id) ?? [] {
      listener.callEnded(.refused(.storeStalled(reason: stalledReason ?? "")))
    }
  }

  /// Nobody waits for a disk that has refused already.
  private func answerRefused() {
    let isRefused = { (waiting: WaitingForDisk) in
      !waiting.entering.isEmpty && waiting.entering.allSatisfy(\.wasRefused)
    }
    let refused = waitingForDisk.filter(isRefused)
    waitingForDisk.removeAll(where: isRefused)
    // Only now: who is told may ask for the next thing at once.
    for waiting in refused { waiting.told?() }
  }

  /// Before rows are asked for again after a read that failed.
  static let refillPause = Duration.seconds(1)
}
