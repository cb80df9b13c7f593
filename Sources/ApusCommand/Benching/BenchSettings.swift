// How the load and its host are to be, as the command line says it, with the defaults that scenarios
// share.

struct BenchSettings {
  var seconds = 5.0
  var connections: Int?
  /// Events or calls a second of an open loop; nil is a closed one.
  var rate: Double?
  /// Events in place of seconds, or what a scenario piles up first.
  var count: Int?
  /// Events in one request; nil is the scenario's own.
  var batch: Int?
  var durability = "disk"
  var workers = 1
  /// Handlers of queues take the bytes as they are.
  var isUndecoded = false

  /// Of `apus serve`.
  var hostArguments: [String] { ["--durability", durability, "--workers", "\(workers)"] }

  func connections(_ usual: Int) -> Int { connections ?? usual }

  /// `count` in as many requests as it takes, or else the time.
  func end(batch: Int) -> LoadEnd {
    count.map { LoadEnd(requests: ($0 + batch - 1) / batch) } ?? LoadEnd(seconds: seconds)
  }

  func pace(batch: Int) -> LoadPace {
    rate.map { .open(requestsPerSecond: $0 / Double(batch)) } ?? .closed
  }

  var extent: String {
    count.map { "\(BenchWords.count($0)) events" } ?? "\(BenchWords.digits(seconds)) s"
  }

  var paceWords: String {
    rate.map { "open loop at \(BenchWords.count(Int($0)))/s" } ?? "closed loop"
  }
}
