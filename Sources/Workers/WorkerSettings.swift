// What the pool is told: its limits, its times and where secrets come from; and what it tells of
// itself. Values only.
package import EventLoop
package import Invocations

import Glibc

package struct WorkerSettings: Sendable {
  /// Secrets with less are not looked for in what handlers say: they would be found everywhere.
  static let secretBytesMin = 8

  /// Processes for each group of functions.
  package var workersPerGroup = 1
  /// In flight in one worker; at the limit it has no room.
  package var attemptsInFlightMax = 1024
  /// Written to a worker and not yet taken by its socket; above the limit it has no room.
  package var unsentBytesMax = 4 << 20
  /// From the start of a process to its first frame.
  package var helloTimeout = Duration.seconds(10)
  /// How long a worker of an older release may finish what it runs, at least: the longest timeout
  /// of its functions counts where it is longer.
  package var drainTimeout = Duration.seconds(30)
  /// From an attempt's own deadline to the end of whoever ignores it.
  package var drainMargin = Duration.seconds(30)
  /// Releases that still end their work beside the live one; the oldest beyond is given
  /// `drainTimeout` and no more.
  package var retiredReleasesMax = 8
  package var pingInterval = Duration.seconds(5)
  /// From an unanswered ping to SIGKILL.
  package var pingTimeout = Duration.seconds(15)
  /// How long a worker that said it crashes may print its backtrace.
  package var crashTimeout = Duration.seconds(10)
  /// How long the streams of a dead worker are read, when a grandchild holds them open.
  package var outputTimeout = Duration.seconds(3)
  /// Invocations remembered as suspects, the oldest are forgotten first.
  ///
  /// See `Suspects`.
  package var suspectsMax = 4096
  /// Between two looks at what the workers hold of memory.
  package var memoryInterval = Duration.milliseconds(500)
  package var usageReader = UsageReader()
  package var confinement = Confinement.ofWorkers
  /// Also bounds what a worker may ask for; a sanitizer reserves far more than it uses.
  package var boundsData = !WorkerSettings.isSanitized
  package var workingDirectory: String?
  /// Variables of the host that every worker gets.
  package var passedThrough = WorkerSettings.passedThroughNames.reduce(into: [:]) { found, name in
    found[name] = getenv(name).map { String(cString: $0) }
  }
  /// The value of `SWIFT_BACKTRACE`, unless a manifest sets its own.
  package var swiftBacktrace = WorkerSettings.quickBacktrace
  /// Called when a release is launched.
  package var secret: @Sendable (String) -> String?

  package init(secret: @escaping @Sendable (String) -> String? = { _ in nil }) {
    self.secret = secret
  }

  private static let isSanitized =
    dlsym(nil, "__tsan_init") != nil || dlsym(nil, "__asan_init") != nil

  package static let passedThroughNames = [
    "PATH", "HOME", "LANG", "TZ", "TMPDIR", "APUS_LOG_LEVEL",
  ]

  /// The crashed thread only, without registers and images: 8 ms in place of 23 ms.
  package static let quickBacktrace =
    "enable=yes,color=no,interactive=no,threads=crashed,images=none,registers=none,"
    + "symbolicate=fast,output-to=stderr"
}

extension Confinement {
  /// What every worker has.
  package static let ofWorkers = {
    var confinement = Confinement()
    confinement.endsWithParent = true
    confinement.hasNoNewPrivileges = true
    confinement.coreBytesMax = 0
    confinement.descriptorsMax = 4_096
    return confinement
  }()
}

/// An executable and the functions that it shall run.
package struct WorkerRelease: Sendable {
  package var executable: String
  package var arguments: [String]
  package var functions: [FunctionDeclaration]
  package var number: Int
  /// As it stands on record; nil where releases are not kept.
  package var recorded: Int?

  package init(
    executable: String, arguments: [String] = [], functions: [FunctionDeclaration], number: Int,
    recorded: Int? = nil
  ) {
    self.recorded = recorded
    self.executable = executable
    self.arguments = arguments
    self.functions = functions
    self.number = number
  }
}

/// What the workers of a release said they hold.
///
/// Empty for a release without functions.
package struct WorkerRoster: Sendable, Equatable {
  package enum Kind: String, Sendable { case event, http, batch }

  package struct Handler: Sendable, Equatable {
    package var name: String
    package var kind: Kind
    /// The Swift types, for people.
    package var input: String
    package var output: String

    package init(name: String, kind: Kind, input: String, output: String) {
      self.name = name
      self.kind = kind
      self.input = input
      self.output = output
    }
  }

  package var handlers: [Handler]
  package var buildID: String

  package var held: [HeldHandler] {
    handlers.map { HeldHandler($0.name, takesBatches: $0.kind == .batch) }
  }

  package init(handlers: [Handler] = [], buildID: String = "") {
    self.handlers = handlers
    self.buildID = buildID
  }
}

package struct WorkerStatistics: Sendable, Equatable {
  package enum State: String, Sendable {
    case starting, ready, draining
    /// Takes nothing more: it crashes, was killed, or is gone and its last words are being read.
    case leaving
  }

  package var pid: Int32
  package var release: Int
  /// The functions whose attempts it runs.
  package var functions: [String]
  /// It runs suspects, those of one half at a time.
  package var isIsolation: Bool
  package var state: State
  package var inFlight: Int
  package var answered: Int
  /// Frames about attempts that it does not have.
  package var ignoredFrames: Int
  package var startedAt: WallTime
  package var handlers: Int
}

func wallTimeNow() -> WallTime {
  var time = timespec()
  clock_gettime(CLOCK_REALTIME, &time)
  return WallTime(milliseconds: Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000)
}
