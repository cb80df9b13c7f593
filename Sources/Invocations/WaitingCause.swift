// What an unfinished invocation waits for: the first obstacle, in the order in which the dispatcher
// meets them. CONTRACT §5, `GET /v1/invocations/{id}/why`.

package struct WaitingCause: Sendable, Equatable {
  package enum Obstacle: Sendable, Equatable {
    case ended
    case running
    case held
    case undeclared
    case stopping
    case storeStalled(reason: String)
    case queuePaused(String)
    case functionPaused(since: WallTime)
    case delay
    case backoff
    case quietTime
    /// An earlier one of its value has begun and not ended.
    case order(value: String)
    /// As many of its value run as may.
    case valueFull(value: String, limit: Int)
    case rate(value: String?)
    case functionFull(limit: Int)
    case batch(size: Int)
    /// Why its workers do not start, where they do not.
    case noWorker(reason: String?)
    /// Nothing but those before it.
    case line
  }

  package var obstacle: Obstacle
  /// When time alone takes the obstacle away.
  package var until: WallTime?
  /// Those in the way, at most `byMax`, and how many there are.
  package var by: [InvocationID]
  package var byCount: Int

  package static let byMax = 16

  package init(_ obstacle: Obstacle, until: WallTime? = nil, by: [InvocationID] = []) {
    self.obstacle = obstacle
    self.until = until
    self.by = Array(by.sorted().prefix(Self.byMax))
    byCount = by.count
  }

  /// Stable, for programs.
  package var code: String {
    switch obstacle {
    case .ended: "ended"
    case .running: "running"
    case .held: "held"
    case .undeclared: "undeclared"
    case .stopping: "stopping"
    case .storeStalled: "store-unavailable"
    case .queuePaused: "queue-paused"
    case .functionPaused: "function-paused"
    case .delay: "delay"
    case .backoff: "backoff"
    case .quietTime: "quiet-time"
    case .order: "order"
    case .valueFull: "value-full"
    case .rate: "rate"
    case .functionFull: "function-full"
    case .batch: "batch"
    case .noWorker: "no-worker"
    case .line: "line"
    }
  }
}
