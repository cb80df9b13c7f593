// Who brought a worker down, from what is known when it is gone. Pure.
import EventLoop
import Invocations

import Glibc

/// The host's own reasons to end a worker.
enum HostEnding: Equatable {
  /// Attempts ignored their cancellation.
  case overdue(Set<AttemptName>)
  case silent
  case drainTimeout
  case saidNoHello
  /// Its release was given up, or the host stops.
  case dismissed
  /// It sent what it must not.
  ///
  /// Which handler wrote that is unknown, as with a crash.
  case broken(String)
  /// It held more memory than it may.
  ///
  /// A worker that is not fresh has run others before, and may hold what is theirs.
  case outOfMemory(MemoryExcess, isFresh: Bool)
}

struct Verdict: Equatable {
  var culprits: [AttemptName] = []
  var others: [AttemptName] = []
  /// To be run apart, in halves, when they run again: others of whom one may be the culprit.
  ///
  /// A batch with mates is all suspects and no culprit: it ran in one run of the handler, and nobody
  /// can say which event it was until each has run alone.
  var suspects: [AttemptName] = []
  /// Of the suspects those whose batch crashed: the last words of the worker are theirs.
  var crashedTogether: [AttemptName] = []
  var wasKilledByHost = false

  /// `crashed` are the attempts that the worker's signal handler named; whatever holds for one of a
  /// batch holds for all of it.
  init(
    inFlight: some Sequence<AttemptName>, batches: [Set<AttemptName>] = [],
    crashed: Set<AttemptName>, ending: HostEnding?
  ) {
    let inFlight = inFlight.sorted { ($0.id, $0.attempt) < ($1.id, $1.attempt) }
    func withMates(_ names: Set<AttemptName>) -> Set<AttemptName> {
      batches.reduce(names) { $1.isDisjoint(with: names) ? $0 : $0.union($1) }
    }
    func blame(_ isCulprit: (AttemptName) -> Bool) {
      culprits = inFlight.filter(isCulprit)
      others = inFlight.filter { !isCulprit($0) }
    }
    /// Those of a batch with mates must show which of them it was; it costs none of them an attempt.
    func suspectBatches() {
      let mates = culprits.filter { name in batches.contains { $0.count > 1 && $0.contains(name) } }
      culprits.removeAll(where: mates.contains)
      others = inFlight.filter { !culprits.contains($0) }
      suspects += mates
      crashedTogether = mates
    }
    switch ending {
    case _ where inFlight.contains(where: crashed.contains):
      blame(withMates(crashed).contains)
      suspectBatches()
    case .overdue(let names):
      wasKilledByHost = true
      blame(withMates(names).contains)
    case .silent, .drainTimeout, .saidNoHello, .dismissed:
      others = inFlight
    case .outOfMemory(_, isFresh: false):
      others = inFlight
      suspects = inFlight
    case .broken, .outOfMemory, nil:
      let isOneRun = inFlight.count == 1 || batches.contains { $0.count == inFlight.count }
      blame { _ in isOneRun }
      suspects = others
      suspectBatches()
    }
  }
}

/// Such as `signal 4 (SIGILL)` or `exit status 1`.
func describe(_ exit: ChildExit, _ ending: HostEnding?) -> String {
  let how =
    switch exit {
    case .status(let status): "exit status \(status)"
    case .signal(let number): "signal \(number)" + (signalNames[number].map { " (\($0))" } ?? "")
    }
  let reason =
    switch ending {
    case .overdue: ": killed, as a handler ignored its deadline"
    case .silent: ": killed, as it did not answer pings"
    case .drainTimeout: ": killed, as it did not finish in time"
    case .saidNoHello: ": killed, as it did not say hello"
    case .dismissed: ": killed, as it was not needed any more"
    case .broken(let words): ": killed, as it sent \(words)"
    case .outOfMemory(let excess, _): ": killed, as \(excess.words)"
    case nil: ""
    }
  return how + reason
}

private let signalNames: [Int32: String] = [
  SIGHUP: "SIGHUP", SIGINT: "SIGINT", SIGQUIT: "SIGQUIT", SIGILL: "SIGILL", SIGTRAP: "SIGTRAP",
  SIGABRT: "SIGABRT", SIGBUS: "SIGBUS", SIGFPE: "SIGFPE", SIGKILL: "SIGKILL", SIGSEGV: "SIGSEGV",
  SIGPIPE: "SIGPIPE", SIGALRM: "SIGALRM", SIGTERM: "SIGTERM", SIGXCPU: "SIGXCPU",
  SIGXFSZ: "SIGXFSZ", SIGSYS: "SIGSYS",
]
