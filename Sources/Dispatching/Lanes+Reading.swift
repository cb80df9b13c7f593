// What a lane left to the store comes back when its turn is near: few reads at a time, a few rows each.

import DequeModule
import Invocations

extension Lanes {
  func wantRead(_ lane: Lane) {
    guard lane.storeFrom != nil, !lane.isReading, !lane.isWanted, !lane.isStopped,
      lane.relaning.isEmpty
    else { return }
    let isLow = lane.entries.count < max(1, limits.laneEntriesMax / 4)
    guard isLow || rule.isOrdered && lane.storeIsAhead else { return }
    lane.isWanted = true
    wanted.append(lane)
  }

  /// The next read to ask for.
  func nextRead(function: String) -> RecordRead? {
    while readsUnderWay < limits.readsMax, let lane = wanted.popFirst() {
      lane.isWanted = false
      guard let from = lane.beginRead(), let to = lane.storeTo else { continue }
      readsUnderWay += 1
      let isTight = entryCount >= limits.entriesMax || bytes >= limits.bytesMax
      return .lane(
        function: function, lane: lane.key, from: from, dueBy: to.due,
        limit: isTight ? 1 : max(1, limits.laneEntriesMax / 2))
    }
    return nil
  }

  /// Rows of a lane; `take` says of each whether memory has it already or it is gone.
  func endRead(
    _ key: Int64, from: LinePlace, _ rows: [WaitingRecord], hasMore: Bool,
    take: (WaitingRecord, Bool) -> Work?
  ) {
    guard let lane = lanes[key], lane.readFrom == from else { return }
    readsUnderWay -= 1
    for row in lane.endRead(rows, hasMore: hasMore) {
      guard let work = take(row, lane.isGone(row.acceptance.id)) else { continue }
      if lane.holders.contains(work.id) { lane.insertFirst(work) } else { lane.insert(work) }
      count(1, work.payloadBytes)
    }
    wake(lane)
    tidy(lane)
  }

  func abandonRead(_ key: Int64, from: LinePlace) {
    guard let lane = lanes[key], lane.readFrom == from else { return }
    readsUnderWay -= 1
    lane.abandonRead()
    wantRead(lane)
    tidy(lane)
  }
}
