// What the loop has handed over and the writer has not taken yet. The loop appends and goes on;
// its bound is `RecordLimits.backlogMax`, which the doors keep by refusing.
import Invocations

/// Transactions written since the store was opened, and those of them that were synced.
package struct CommitCounts: Sendable, Equatable {
  package var commits = 0
  package var syncs = 0
}

/// The changes of one `append`.
struct ChangeGroup {
  /// The number of its last change.
  let last: UInt64
  var changes: [RecordChange]
  let terms: CommitTerms
}

final class Mailbox: Sendable {
  private struct State {
    var groups: [ChangeGroup] = []
    var last: UInt64 = 0
    /// Handed over and neither on disk nor refused, wherever they are.
    var backlog = 0
    var isClosing = false
    /// Groups that somebody waits for.
    var awaited = 0
    /// Since when there is something here that nobody waits for.
    var unawaitedSince: UInt64?
    var commits = CommitCounts()
    var writer = Watch.away
  }

  private enum Watch {
    case away
    /// It waits, and looks again by itself before anything here is overdue.
    case watching
    /// It waits for longer than that, and has to be woken for anything.
    case asleep
  }

  private let state = Monitor(State())

  var backlog: Int { state.withLock { $0.backlog } }
  var isWriterAsleep: Bool { state.withLock { $0.writer == .asleep } }

  /// `wakes` false leaves it to a later `wake` to tell the writer.
  func append(_ changes: [RecordChange], _ terms: CommitTerms, wakes: Bool = true) -> UInt64 {
    let (last, isNews) = state.withLock { state -> (UInt64, Bool) in
      precondition(!state.isClosing, "changes were appended to a store that is closed")
      guard !changes.isEmpty else { return (state.last, false) }
      state.last += UInt64(changes.count)
      state.backlog += changes.count
      state.groups.append(ChangeGroup(last: state.last, changes: changes, terms: terms))
      if terms.isAwaited {
        state.awaited += 1
        return (state.last, true)
      }
      if state.unawaitedSince == nil { state.unawaitedSince = MonotonicTime.now }
      return (state.last, state.writer != .watching)
    }
    if wakes, isNews { state.change { _ in } }
    return last
  }

  /// Tells the writer what was appended without waking it.
  func wake() {
    let isNews = state.withLock { state in
      state.awaited > 0 || state.unawaitedSince != nil && state.writer != .watching
    }
    if isNews { state.change { _ in } }
  }

  /// No more will be appended; whoever waits in `take` comes back.
  func close() { state.change { $0.isClosing = true } }

  /// Everything that gathered.
  ///
  /// Waits until `deadline` while there is nothing, or nothing that anybody waits for and that has
  /// not waited its time.
  func take(until deadline: UInt64?) -> (groups: [ChangeGroup], isClosing: Bool) {
    // For a while after work more of it is likely: then what nobody waits for need not wake anybody.
    var watchUntil: UInt64? = MonotonicTime.now + StoreLimits.lingerNanoseconds
    while true {
      let bound = [deadline, watchUntil].compactMap(\.self).min()
      let soon = MonotonicTime.now + StoreLimits.lingerNanoseconds
      let isWatching = bound.map { $0 <= soon } ?? false
      let taken = state.wait(until: bound) { state -> (groups: [ChangeGroup], isClosing: Bool)? in
        if state.awaited > 0 || state.isClosing { return Self.takeAll(&state) }
        if let since = state.unawaitedSince {
          if since + StoreLimits.lingerNanoseconds <= MonotonicTime.now {
            return Self.takeAll(&state)
          }
          // Woken for it: from now on it is watched.
          if !isWatching { return ([], false) }
        }
        state.writer = isWatching ? .watching : .asleep
        return nil
      }
      if let taken, !taken.groups.isEmpty || taken.isClosing { return taken }
      let now = MonotonicTime.now
      let since = state.withLock { state in
        state.writer = .away
        return state.unawaitedSince
      }
      if let deadline, deadline <= now { return state.withLock { Self.takeAll(&$0) } }
      watchUntil = since.map { $0 + StoreLimits.lingerNanoseconds }
    }
  }

  /// The same without a wait.
  func takeNow() -> [ChangeGroup] { state.withLock { Self.takeGroups(&$0) } }

  private static func takeGroups(_ state: inout State) -> [ChangeGroup] {
    defer {
      state.groups = []
      state.awaited = 0
      state.unawaitedSince = nil
      state.writer = .away
    }
    return state.groups
  }

  private static func takeAll(
    _ state: inout State
  ) -> (groups: [ChangeGroup], isClosing: Bool) {
    (takeGroups(&state), state.isClosing)
  }

  /// What the writer has done so far.
  var commits: CommitCounts { state.withLock { $0.commits } }

  func count(isSynced: Bool) {
    state.withLock { state in
      state.commits.commits += 1
      if isSynced { state.commits.syncs += 1 }
    }
  }

  /// These changes are on disk or refused.
  func settle(_ changes: Int) { state.withLock { $0.backlog -= changes } }
}
