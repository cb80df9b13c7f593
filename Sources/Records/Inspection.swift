// The questions operators ask of the store, and the two threads that answer them. `then` is called
// on such a thread; only a refusal (`busy`, `closed`) comes at once, on the caller's.
package import Invocations

/// Unfinished work of one function, and its dead letters that nobody has dealt with.
package struct FunctionCounts: Sendable, Equatable {
  package var queued = 0
  package var running = 0
  package var waiting = 0
  package var held = 0
  package var deadLetters = 0
  package var oldestDue: WallTime?

  package init() {}

  mutating func add(_ count: Int, state: StateWord, oldestDue due: WallTime) {
    switch state {
    case .queued: queued += count
    case .running: running += count
    case .waiting: waiting += count
    case .held: held += count
    case .succeeded, .dead, .cancelled: return
    }
    oldestDue = min(oldestDue ?? due, due)
  }
}

/// Unfinished work that came through one queue.
package struct QueueLoad: Sendable, Equatable {
  package var unfinished: Int
  package var held: Int
  package var oldest: InvocationID

  package init(unfinished: Int, held: Int, oldest: InvocationID) {
    self.unfinished = unfinished
    self.held = held
    self.oldest = oldest
  }
}

/// The size of the store on disk.
package struct StoreHealth: Sendable, Equatable {
  package var fileBytes: Int
  package var logBytes: Int
  package var pages: Int
  package var freePages: Int
  package var pageBytes: Int
}

extension RecordStore {
  package typealias Answer<Value> = @Sendable (Result<Value, RecordFault>) -> Void

  /// Newest first.
  ///
  /// A page may hold fewer than `limit` and still have a `next`: each looks at a bounded part of
  /// the history.
  package func list(_ filter: InvocationFilter, then: @escaping Answer<Page<InvocationRecord>>) {
    inspect(then) { inspector throws(SQLiteFailure) in try inspector.list(filter, among: .all) }
  }

  /// Dead, and neither redriven nor purged; newest first.
  package func listDeadLetters(
    _ filter: InvocationFilter, then: @escaping Answer<Page<InvocationRecord>>
  ) {
    inspect(then) { inspector throws(SQLiteFailure) in
      try inspector.list(filter, among: .deadLetters)
    }
  }

  /// The whole story, with attempts, log lines and what it emitted; nil where the id is unknown.
  package func show(_ id: InvocationID, then: @escaping Answer<InvocationRecord?>) {
    inspect(then) { inspector throws(SQLiteFailure) in try inspector.show(id) }
  }

  package func counts(then: @escaping Answer<[String: FunctionCounts]>) {
    inspect(then) { inspector throws(SQLiteFailure) in try inspector.counts() }
  }

  /// By the name of the queue; one without unfinished work is not among them.
  package func queueLoads(then: @escaping Answer<[String: QueueLoad]>) {
    inspect(then) { inspector throws(SQLiteFailure) in try inspector.queueLoads() }
  }

  /// Instants that did not fire, newest first.
  package func missedInstants(
    timer: String, limit: Int, then: @escaping Answer<[MissedInstant]>
  ) {
    inspect(then) { inspector throws(SQLiteFailure) in
      try inspector.missed(timer: timer, limit: limit)
    }
  }

  /// Invocations that each of the timers made, newest first.
  package func firings(
    timers: [String], limit: Int, then: @escaping Answer<[String: [InvocationRecord]]>
  ) {
    inspect(then) { inspector throws(SQLiteFailure) in
      var found: [String: [InvocationRecord]] = [:]
      for timer in timers { found[timer] = try inspector.firings(timer: timer, limit: limit) }
      return found
    }
  }

  package func health(then: @escaping Answer<StoreHealth>) {
    inspect(then) { inspector throws(SQLiteFailure) in try inspector.health() }
  }

  func inspect<Value>(
    _ then: @escaping Answer<Value>,
    _ question: @escaping @Sendable (Inspector) throws(SQLiteFailure) -> Value
  ) {
    ask(refused: { then(.failure($0)) }) { inspector in
      do throws(SQLiteFailure) {
        then(
          .success(
            try inspector.connection.use { () throws(SQLiteFailure) in
              try question(inspector)
            }))
      } catch {
        then(.failure(error.fault(at: inspector.connection.path)))
      }
    }
  }
}

/// Questions that wait for an inspection thread.
final class InspectionRequests: Sendable {
  struct Request: Sendable {
    let ask: @Sendable (Inspector) -> Void
    let refuse: @Sendable (RecordFault) -> Void
  }

  private struct State {
    var requests: [Request] = []
    var isClosed = false
  }

  private let state = Monitor(State())

  /// nil when the request was taken.
  func add(_ request: Request) -> RecordFault? {
    state.change { state in
      guard !state.isClosed else { return .closed }
      guard state.requests.count < StoreLimits.inspectionsMax else {
        return .busy(requestsMax: StoreLimits.inspectionsMax)
      }
      state.requests.append(request)
      return nil
    }
  }

  /// Waits; nil when closed.
  func next() -> Request? {
    state.wait(until: nil) { state -> Request?? in
      if state.isClosed { return .some(nil) }
      return state.requests.isEmpty ? nil : .some(state.requests.removeFirst())
    } ?? nil
  }

  /// Answers everything that still waits with `closed`.
  func close() {
    let left = state.change(wakingAll: true) { state in
      state.isClosed = true
      let left = state.requests
      state.requests = []
      return left
    }
    for request in left { request.refuse(.closed) }
  }
}
