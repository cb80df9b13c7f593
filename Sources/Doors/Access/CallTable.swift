// Every call of the control door, with the scope that it needs: what is not in this table is not there.
// A call cannot be written down without saying who may make it.

/// A path with the methods it takes.
struct CallForm: Sendable {
  enum Access: Sendable, Equatable {
    /// Supervisors and balancers, which hold no token.
    case anybody
    case holders(of: Scope)
  }

  /// A segment as it is, or nil for a name.
  private let segments: [String?]
  let path: String
  let access: [(method: String, access: Access)]

  init(_ path: String, _ access: KeyValuePairs<String, Access>) {
    self.path = path
    segments = path.split(separator: "/").map { $0.hasPrefix("{") ? nil : String($0) }
    self.access = access.map { ($0.key, $0.value) }
  }

  var methods: [String] { access.map(\.method) }

  /// HEAD is a GET whose body is not sent.
  func access(for method: String) -> Access? {
    let method = method == "HEAD" ? "GET" : method
    return access.first { $0.method == method }?.access
  }

  fileprivate var length: Int { segments.count }

  fileprivate func matches(_ path: [String]) -> Bool {
    zip(segments, path).allSatisfy { $0 == nil || $0 == $1 }
  }
}

extension CallForm.Access {
  static let read = holders(of: .read)
  static let ingest = holders(of: .ingest)
  static let operate = holders(of: .operate)
  static let deploy = holders(of: .deploy)
}

enum Call {
  /// A path in words comes before one with a name in the same place.
  static let all: [CallForm] = [
    CallForm("/healthz", ["GET": .anybody]),
    CallForm("/readyz", ["GET": .anybody]),
    CallForm("/metrics", ["GET": .read]),

    CallForm("/v1/events", ["POST": .ingest]),
    CallForm("/v1/queues/{queue}/messages", ["GET": .read, "POST": .ingest]),
    CallForm("/v1/functions/{function}/invoke", ["POST": .ingest]),

    CallForm("/v1/queues", ["GET": .read]),
    CallForm("/v1/queues/{queue}", ["GET": .read]),
    CallForm("/v1/functions", ["GET": .read]),
    CallForm("/v1/functions/{function}", ["GET": .read]),
    CallForm("/v1/timers", ["GET": .read]),
    CallForm("/v1/timers/{timer}", ["GET": .read]),
    CallForm("/v1/invocations", ["GET": .read]),
    CallForm("/v1/invocations/retry", ["POST": .operate]),
    CallForm("/v1/invocations/cancel", ["POST": .operate]),
    CallForm("/v1/invocations/{id}", ["GET": .read]),
    CallForm("/v1/invocations/{id}/why", ["GET": .read]),
    CallForm("/v1/invocations/{id}/chain", ["GET": .read]),
    CallForm("/v1/dead-letters", ["GET": .read]),
    CallForm("/v1/dead-letters/redrive", ["POST": .operate]),
    CallForm("/v1/dead-letters/purge", ["POST": .operate]),
    CallForm("/v1/dead-letters/{id}", ["GET": .read]),
    CallForm("/v1/errors", ["GET": .read]),
    CallForm("/v1/errors/{fingerprint}", ["GET": .read]),
    CallForm("/v1/actions", ["GET": .read]),
    CallForm("/v1/actions/{n}", ["GET": .read]),
    CallForm("/v1/stream", ["GET": .read]),
    CallForm("/v1/host", ["GET": .read]),
    CallForm("/v1/workers", ["GET": .read]),
    CallForm("/v1/store", ["GET": .read]),

    CallForm("/v1/queues/{queue}/pause", ["POST": .operate]),
    CallForm("/v1/queues/{queue}/resume", ["POST": .operate]),
    CallForm("/v1/queues/{queue}/purge", ["POST": .operate]),
    CallForm("/v1/functions/{function}/pause", ["POST": .operate]),
    CallForm("/v1/functions/{function}/resume", ["POST": .operate]),
    CallForm("/v1/timers/{timer}/fire", ["POST": .operate]),
    CallForm("/v1/invocations/{id}/retry", ["POST": .operate]),
    CallForm("/v1/invocations/{id}/cancel", ["POST": .operate]),
    CallForm("/v1/actions/{n}/abort", ["POST": .operate]),
    CallForm("/v1/backups", ["POST": .operate]),

    CallForm("/v1/releases", ["GET": .read, "POST": .deploy]),
    CallForm("/v1/releases/{n}", ["GET": .read]),
    CallForm("/v1/releases/{n}/activate", ["POST": .deploy]),
    CallForm("/v1/executables/{sha256}", ["GET": .deploy, "PUT": .deploy]),
  ]

  private static let byLength: [[CallForm]] = (0...lengthMax).map { length in
    all.filter { $0.length == length }
  }
  private static let lengthMax = 4

  static func form(for path: [String]) -> CallForm? {
    guard path.count <= lengthMax else { return nil }
    return byLength[path.count].first { $0.matches(path) }
  }

  /// Those that are left read their own.
  static func takesNoQuery(_ path: [String], method: String) -> Bool {
    guard path.first == "v1", let verb = path.last else { return false }
    guard method == "POST" else { return takesNoQuery(reading: path) }
    switch verb {
    case "pause", "resume", "fire", "releases", "backups": return true
    // Of one; of many they take filters.
    case "retry", "cancel": return path.count > 3
    case "purge": return path.dropFirst().first == "queues"
    case "abort": return true
    default: return false
    }
  }

  /// One of something, and all timers; lists have filters or at least pages.
  private static func takesNoQuery(reading path: [String]) -> Bool {
    switch (path.count > 1 ? path[1] : "", path.count) {
    case ("timers", 2...3), ("queues", 3), ("functions", 3), ("invocations", 3...4),
      ("releases", 3), ("dead-letters", 3), ("actions", 3), ("errors", 3), ("host", 2),
      ("workers", 2), ("store", 2):
      true
    default: false
    }
  }
}
