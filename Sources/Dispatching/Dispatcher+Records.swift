// What the record log says: how far the disk is, rows of a line, stored answers, and trouble.

import DequeModule
package import Invocations

extension Dispatcher {
  package func hear(_ news: RecordNews) {
    defer { settle() }
    switch news {
    case .durable(let sequence): reached(sequence)
    case .rows(let read, let rows, let hasMore): heard(rows, of: read, hasMore)
    case .replay(let token, let replay):
      guard let listener = replays.removeValue(forKey: token) else { return }
      let id = replay?.id ?? InvocationID(rawValue: 0)
      listener.callEnded(.replayed(replay, of: id))
    case .stalled(let reason, let refused): stall(reason, refused)
    case .healed:
      stalledReason = nil
      observer.saw(.storeHealed)
      pump()
    case .readFailed(let read, _): failed(read)
    }
  }

  private func heard(_ rows: [WaitingRecord], of read: RecordRead, _ hasMore: Bool) {
    switch read {
    case .waiting(let function, let priority, let after, _):
      guard let desk = desks[function] else { return }
      let usable = desk.lines[priority].endRefill(after: after, rows: rows, hasMore: hasMore)
      enterLine(usable, priority, at: desk)
      touched.append(desk)
    case .lane(let function, let lane, let from, _, _):
      guard let desk = desks[function] else { return }
      desk.lanes?.endRead(lane, from: from, rows, hasMore: hasMore) { row, isGone in
        let id = row.acceptance.id
        guard live[id] == nil, leaving[id] == nil, !isGone else { return nil }
        let work = Work(row)
        live[id] = work
        return work
      }
      touched.append(desk)
    case .begun(let function, _, let limit):
      guard let desk = desks[function] else { return }
      guard endBegunRead(desk), desk.begun == .beingRead else { return }
      for row in rows
      where leaving[row.acceptance.id] == nil
        && !desk.goneWhileReadingBegun.contains(row.acceptance.id)
      {
        desk.lanes?.noteBegun(live[row.acceptance.id] ?? Work(row))
      }
      if hasMore, let last = rows.last {
        desk.begunReadsUnderWay += 1
        log.read(.begun(function: function, after: last.acceptance.id, limit: limit))
      } else {
        desk.begun = .known
        touched.append(desk)
      }
    case .replay: break
    }
  }

  /// False when it was asked before the function's order became another.
  private func endBegunRead(_ desk: FunctionDesk) -> Bool {
    desk.begunReadsUnderWay -= 1
    guard desk.begunReadsToPass > 0 else { return true }
    desk.begunReadsToPass -= 1
    return false
  }

  private func failed(_ read: RecordRead) {
    switch read {
    case .waiting(let function, let priority, _, _):
      desks[function]?.lines[priority].abandonRefill()
      putOffReads(of: function)
    case .lane(let function, let lane, let from, _, _):
      desks[function]?.lanes?.abandonRead(lane, from: from)
      putOffReads(of: function)
    case .begun(let function, _, _):
      // From the beginning: noting twice does no harm.
      if let desk = desks[function], endBegunRead(desk), desk.begun == .beingRead {
        desk.begun = .unknown
      }
      putOffReads(of: function)
    case .replay(_, let token):
      replays.removeValue(forKey: token)?.callEnded(.refused(.busy))
    }
  }

  private func putOffReads(of function: String) {
    desks[function]?.readNotBefore =
      clocks.monotonic.addingReportingOverflow(Self.refillPause.nanoseconds).partialValue
  }

  /// Everything up to `sequence` is on disk: acknowledgements go out, and the work enters its line.
  private func reached(_ sequence: UInt64) {
    onDisk = max(onDisk, sequence)
    logBacklog.reached(sequence)
    while let next = waitingForDisk.first?.sequence, next <= sequence {
      let first = waitingForDisk.removeFirst()
      for work in first.entering where !work.wasRefused && !work.invocation.isFinal {
        work.isEntering = false
        enterLine(work)
        touch(work)
      }
      tell(first)
    }
    if waitsForDisk, diskKeepsUp() { pump() }
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
    if !wasLeaving, let desk = desk(of: work) {
      desk.unfinished -= 1
      restoreFormer(of: work, at: desk)
    }
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
    for waiting in refused { tell(waiting) }
  }

  private func tell(_ waiting: WaitingForDisk) {
    switch waiting.then {
    case .nothing: break
    case .acknowledge(let items, let originals, let answered):
      answered(Self.answer(items, waiting.entering, originals))
    case .leave(let work, let ending, let callers): left(work, ending, callers)
    case .tell(let told): told()
    }
  }

  /// Before rows are asked for again after a read that failed.
  static let refillPause = Duration.seconds(1)
}
