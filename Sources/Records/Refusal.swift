// What is given up when nothing can be written: acceptances, which their senders can repeat, with
// all that was said of them since. Ends, pauses and the like are kept; nobody can repeat them.
import Invocations

struct Refusal {
  /// Refused while this lasts; later changes about them are dropped as well.
  ///
  /// Two generations: who goes on sending into a full store must not fill the memory, and what the
  /// loop still says of a refused invocation comes soon after.
  private var ids: Set<Int64> = []
  private var olderIDs: Set<Int64> = []
  private var keptLogs = 0

  struct Outcome {
    var kept: [ChangeGroup] = []
    var refused: [InvocationID] = []
    var droppedChanges = 0
  }

  mutating func sift(_ groups: [ChangeGroup]) -> Outcome {
    var outcome = Outcome()
    for group in groups {
      if isRefusable(group) {
        for change in group.changes { refuse(change, &outcome) }
        outcome.droppedChanges += group.changes.count
      } else {
        keep(group, &outcome)
      }
    }
    return outcome
  }

  /// A group is all or nothing: it goes whole when it has an acceptance, unless it also ends or
  /// continues work that is on disk.
  private func isRefusable(_ group: ChangeGroup) -> Bool {
    var accepted: Set<Int64> = []
    for change in group.changes {
      switch change {
      case .accepted(let acceptance): accepted.insert(acceptance.value.id.rawValue)
      case .ended(let ending) where !isGone(ending.value.id, accepted): return false
      case .goOn(let attempt, _, _, _, _) where !isGone(attempt.invocation, accepted):
        return false
      default: break
      }
    }
    return !accepted.isEmpty
  }

  private func isGone(_ id: InvocationID, _ accepted: Set<Int64>) -> Bool {
    accepted.contains(id.rawValue) || isRefused(id)
  }

  private mutating func keep(_ group: ChangeGroup, _ outcome: inout Outcome) {
    var kept = group
    kept.changes.removeAll { change in
      let isDropped = isAboutRefused(change) || isLogTooMany(change)
      if isDropped { refuse(change, &outcome) }
      return isDropped
    }
    outcome.droppedChanges += group.changes.count - kept.changes.count
    if !kept.changes.isEmpty { outcome.kept.append(kept) }
  }

  private mutating func refuse(_ change: RecordChange, _ outcome: inout Outcome) {
    switch change {
    case .accepted(let acceptance): refuse(acceptance.value.id, &outcome)
    case .ended(let ending):
      for emitted in ending.value.emitted { refuse(emitted.id, &outcome) }
    default: break
    }
  }

  private mutating func refuse(_ id: InvocationID, _ outcome: inout Outcome) {
    if ids.count >= StoreLimits.refusedIDsMax {
      olderIDs = ids
      ids = []
    }
    ids.insert(id.rawValue)
    outcome.refused.append(id)
  }

  private func isAboutRefused(_ change: RecordChange) -> Bool {
    guard let id = change.subject else { return false }
    return isRefused(id)
  }

  private func isRefused(_ id: InvocationID) -> Bool {
    ids.contains(id.rawValue) || olderIDs.contains(id.rawValue)
  }

  private mutating func isLogTooMany(_ change: RecordChange) -> Bool {
    guard case .log = change else { return false }
    keptLogs += 1
    return keptLogs > StoreLimits.stalledLogsMax
  }
}

extension RecordChange {
  /// The invocation without which the change means nothing.
  fileprivate var subject: InvocationID? {
    switch self {
    case .accepted(let acceptance): acceptance.value.id
    case .start(let start): start.id
    case .goOn(let attempt, _, _, _, _): attempt.invocation
    case .ended(let ending): ending.value.id
    case .log(let line): line.invocation
    case .release(let id, _), .relane(let id, _): id
    case .duplicate(let id), .redriven(_, as: let id, by: _): id
    case .timer, .pause, .purged, .deployed, .activated, .action, .declared: nil
    }
  }
}
