// What the loop has handed over and the writer has not taken yet. The loop appends and goes on;
// its bound is `RecordLimits.backlogMax`, which the doors keep by refusing.
import Invocations

/// The changes of one `append`.
struct ChangeGroup {
  /// The number of its last change.
  let last: UInt64
  var changes: [RecordChange]
}

final class Mailbox: Sendable {
  private struct State {
    var groups: [ChangeGroup] = []
    var last: UInt64 = 0
    /// Handed over and neither on disk nor refused, wherever they are.
    var backlog = 0
    var isClosing = false
  }

  private let state = Monitor(State())

  var backlog: Int { state.withLock { $0.backlog } }

  func append(_ changes: [RecordChange]) -> UInt64 {
    state.change { state in
      precondition(!state.isClosing, "changes were appended to a store that is closed")
      guard !changes.isEmpty else { return state.last }
      state.last += UInt64(changes.count)
      state.backlog += changes.count
      state.groups.append(ChangeGroup(last: state.last, changes: changes))
      return state.last
    }
  }

  /// No more will be appended; whoever waits in `take` comes back.
  func close() { state.change { $0.isClosing = true } }

  /// Everything that gathered.
  ///
  /// Waits while there is nothing, until `deadline`.
  func take(until deadline: UInt64?) -> (groups: [ChangeGroup], isClosing: Bool) {
    let arrived = state.wait(until: deadline) { state in
      guard !state.groups.isEmpty || state.isClosing else {
        return nil as (groups: [ChangeGroup], isClosing: Bool)?
      }
      return Self.takeAll(&state)
    }
    return arrived ?? state.withLock { Self.takeAll(&$0) }
  }

  private static func takeAll(
    _ state: inout State
  ) -> (groups: [ChangeGroup], isClosing: Bool) {
    let groups = state.groups
    state.groups = []
    return (groups, state.isClosing)
  }

  /// These changes are on disk or refused.
  func settle(_ changes: Int) { state.withLock { $0.backlog -= changes } }
}
