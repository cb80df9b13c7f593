// One look at a host: four answers of the control door. What is shown a second comes from two looks,
// as the difference of counters that only ever grow.

struct TopLook: Sendable {
  /// Monotonic, in nanoseconds.
  var at: UInt64
  var host: Answer
  var functions: [Answer]
  var workers: [Answer]
  var store: Answer

  static func take(_ client: ControlClient) throws -> TopLook {
    let at = BenchClock.now
    return TopLook(
      at: at, host: try client.get(["v1", "host"]),
      functions: try client.get(["v1", "functions"]).list("items"),
      workers: try client.get(["v1", "workers"]).list("items"),
      store: try client.get(["v1", "store"]))
  }

  /// A host that was started anew has counted from 0 again.
  func isOfSameHost(as other: TopLook) -> Bool {
    host["boot"] == other.host["boot"] && host["pid"] == other.host["pid"]
  }
}

/// What happened between two looks; nothing where there is only one, or another host between.
struct TopRates: Sendable {
  /// Starts a second, by function.
  private(set) var started: [String: Double] = [:]
  /// Per cent of a core.
  private(set) var cpu: Double?
  /// The same, by process id.
  private(set) var workerCPU: [String: Double] = [:]
  private(set) var commits: Double?
  private(set) var fsyncs: Double?
  /// Invocations that ended, for each commit.
  private(set) var perCommit: Double?

  init(from before: TopLook?, to now: TopLook) {
    guard let before, before.isOfSameHost(as: now), now.at > before.at else { return }
    let seconds = Double(now.at - before.at) / 1e9
    started = Self.differences("name", "sinceStart.started", before.functions, now.functions)
      .mapValues { $0 / seconds }
    // A hundredth of a thousandth: milliseconds a second to per cent.
    workerCPU = Self.differences("pid", "cpuMs", before.workers, now.workers)
      .mapValues { $0 / seconds / 10 }
    cpu = Self.difference("cpuMs", before.host, now.host).map { $0 / seconds / 10 }
    let commits = Self.difference("commits", before.store, now.store)
    self.commits = commits.map { $0 / seconds }
    fsyncs = Self.difference("fsyncs", before.store, now.store).map { $0 / seconds }
    if let commits, commits > 0, let ended = Self.difference("ended", before.store, now.store) {
      perCommit = ended / commits
    }
  }

  private static func differences(
    _ name: String, _ path: String, _ before: [Answer], _ now: [Answer]
  ) -> [String: Double] {
    let known = Dictionary(
      before.compactMap { one in one[name].map { ($0, one) } }, uniquingKeysWith: { $1 })
    var found: [String: Double] = [:]
    for one in now {
      guard let name = one[name], let before = known[name] else { continue }
      found[name] = difference(path, before, one)
    }
    return found
  }

  private static func difference(_ path: String, _ before: Answer, _ now: Answer) -> Double? {
    guard let old = before[path].flatMap(Double.init), let new = now[path].flatMap(Double.init),
      new >= old
    else { return nil }
    return new - old
  }
}
