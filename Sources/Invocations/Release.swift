// A release: one deployed set of manifests and worker executable, numbered, kept, revertible. And
// what is said of the way from one to the next: what was asked, the plan, the answer. Values only;
// `Releases` makes the plan, `Hosting` carries it out, `Records` keeps what became of it.

/// One manifest as it was written.
package struct ManifestText: Sendable, Equatable {
  /// As the user knows it, such as `Manifests/charge.yaml`.
  package var path: String
  package var text: String

  package init(path: String, text: String) {
    self.path = path
    self.text = text
  }
}

package struct ReleaseRecord: Sendable, Equatable {
  package enum Origin: String, Sendable {
    /// The files that `apus serve` found when it started.
    case start
    case deploy
  }

  package var number: Int
  package var createdAt: WallTime
  package var by: String
  package var origin: Origin
  /// Empty in listings.
  package var manifests: [ManifestText]
  package var functions: Int
  /// SHA-256 of the executable, in hexadecimal: its name on the shelf.
  package var executable: String
  package var executableBytes: Int

  package init(
    number: Int, createdAt: WallTime, by: String, origin: Origin, manifests: [ManifestText],
    functions: Int, executable: String, executableBytes: Int
  ) {
    self.number = number
    self.createdAt = createdAt
    self.by = by
    self.origin = origin
    self.manifests = manifests
    self.functions = functions
    self.executable = executable
    self.executableBytes = executableBytes
  }
}

/// A release went live.
///
/// The last activation says which release is live.
package struct Activation: Sendable, Equatable {
  package var release: Int
  package var at: WallTime
  package var by: String

  package init(release: Int, at: WallTime, by: String) {
    self.release = release
    self.at = at
    self.by = by
  }
}

/// A line of the listing.
package struct ReleaseLine: Sendable, Equatable {
  package var record: ReleaseRecord
  /// When it last went live.
  package var activatedAt: WallTime?
  package var isLive: Bool

  package init(record: ReleaseRecord, activatedAt: WallTime?, isLive: Bool) {
    self.record = record
    self.activatedAt = activatedAt
    self.isLive = isLive
  }
}

/// What a start has to know of the releases before it.
package struct ReleaseBook: Sendable, Equatable {
  /// 0 where there is none yet.
  package var lastNumber: Int
  package var live: ReleaseRecord?
  /// The newest one that was made of the files at a start.
  package var lastStart: ReleaseRecord?

  package init(
    lastNumber: Int = 0, live: ReleaseRecord? = nil, lastStart: ReleaseRecord? = nil
  ) {
    self.lastNumber = lastNumber
    self.live = live
    self.lastStart = lastStart
  }
}

// MARK: - Plan

/// What a deployment would change, function by function and key by key.
package struct ReleasePlan: Sendable, Equatable {
  package enum Action: String, Sendable { case create, change, remove }
  package enum Subject: String, Sendable { case function, worker }

  /// In the words of the manifest; nil where there is no such value before, or after.
  package struct Change: Sendable, Equatable {
    package var key: String
    package var old: String?
    package var new: String?

    package init(_ key: String, old: String?, new: String?) {
      self.key = key
      self.old = old
      self.new = new
    }
  }

  package struct Step: Sendable, Equatable {
    package var action: Action
    package var subject: Subject
    package var name: String
    package var changes: [Change]
    /// What it means for work that is under way.
    package var notes: [String]

    package init(
      _ action: Action, _ subject: Subject, _ name: String, changes: [Change] = [],
      notes: [String] = []
    ) {
      self.action = action
      self.subject = subject
      self.name = name
      self.changes = changes
      self.notes = notes
    }
  }

  package var steps: [Step]

  package init(steps: [Step] = []) { self.steps = steps }

  package var isEmpty: Bool { steps.isEmpty }
}

/// What is under way when a plan is made.
package struct LiveWork: Sendable, Equatable {
  package struct Function: Sendable, Equatable {
    package var waiting: Int
    package var running: Int
    package var deadLetters: Int

    package init(waiting: Int = 0, running: Int = 0, deadLetters: Int = 0) {
      self.waiting = waiting
      self.running = running
      self.deadLetters = deadLetters
    }
  }

  package var functions: [String: Function]
  /// Waiting, by function and then by the queue it came through; without a queue under "".
  package var queues: [String: [String: Int]]
  /// The next instant of each timer, by its name `function/place`.
  package var timers: [String: String]

  package init(
    functions: [String: Function] = [:], queues: [String: [String: Int]] = [:],
    timers: [String: String] = [:]
  ) {
    self.functions = functions
    self.queues = queues
    self.timers = timers
  }
}

// MARK: - Asked and answered

package struct Deployment: Sendable, Equatable {
  package enum Content: Sendable, Equatable {
    /// `executable` is nil for the one that is live.
    case manifests([ManifestText], executable: String?)
    /// A release that was made before.
    case release(Int)
  }

  package var content: Content
  package var isDryRun: Bool
  /// Events that no longer decode do not stop it.
  package var isForced: Bool
  package var by: String

  package init(_ content: Content, isDryRun: Bool, isForced: Bool, by: String) {
    self.content = content
    self.isDryRun = isDryRun
    self.isForced = isForced
    self.by = by
  }
}

package struct DeploymentReport: Sendable, Equatable {
  /// The release that is live now; in a dry run the number that it would get.
  package var number: Int
  package var isChanged: Bool
  package var isDryRun: Bool
  package var plan: ReleasePlan
  package var warnings: [String]

  package init(
    number: Int, isChanged: Bool, isDryRun: Bool, plan: ReleasePlan, warnings: [String] = []
  ) {
    self.number = number
    self.isChanged = isChanged
    self.isDryRun = isDryRun
    self.plan = plan
    self.warnings = warnings
  }
}

/// Why nothing was deployed.
///
/// What was live goes on as it was.
package enum DeploymentRefusal: Error, Sendable, Equatable {
  case mistakes([String])
  case tooLarge(bytesMax: Int)
  case missingHandlers([String])
  case undecodable([String])
  case unknownExecutable(String)
  case executableGone(release: Int)
  case unknownRelease(Int)
  /// The workers did not come up; the code is theirs.
  case workers(code: String, reason: String)
  case busy
  /// `apus dev`: the files themselves are live.
  case filesAreLive
  case storeStalled(reason: String)
  case unreadable(reason: String)
  case stopping
}

/// How much of an executable is on the shelf.
package struct ShelvedExecutable: Sendable, Equatable {
  package var hash: String
  package var bytes: Int
  package var isWhole: Bool

  package init(hash: String, bytes: Int, isWhole: Bool) {
    self.hash = hash
    self.bytes = bytes
    self.isWhole = isWhole
  }
}

/// A piece of an executable on its way to the shelf.
package struct ExecutablePart: Sendable {
  package static let bytesMax = 8 << 20

  package var hash: String
  package var offset: Int
  /// Of the whole.
  package var size: Int
  package var bytes: [UInt8]

  package init(hash: String, offset: Int, size: Int, bytes: [UInt8]) {
    self.hash = hash
    self.offset = offset
    self.size = size
    self.bytes = bytes
  }
}

package enum ShelfFault: Error, Equatable, Sendable {
  /// The part does not go on where the last one ended.
  case wrongOffset(have: Int)
  case wrongHash(given: String, real: String)
  case tooLarge(bytesMax: Int)
  case busy
  case system(path: String, reason: String)
}
