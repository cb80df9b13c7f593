// What a bench can do, by the names on the command line.

import ArgumentParser

enum BenchScenario: String, CaseIterable, ExpressibleByArgument {
  case queue, http, latency, timer, backlog, fanout, history
  case retryStorm = "retry-storm"
  case mixed, recovery

  /// What runs when nothing is named.
  static let usual: [BenchScenario] = [.queue, .http, .latency]

  func run(_ run: BenchRun) throws -> BenchReport {
    switch self {
    case .queue: try run.queue()
    case .http: try run.http()
    case .latency: try run.latency()
    case .timer: try run.timer()
    case .backlog: try run.backlog()
    case .fanout: try run.fanout()
    case .history: try run.history()
    case .retryStorm: try run.retryStorm()
    case .mixed: try run.mixed()
    case .recovery: try run.recovery()
    }
  }
}
