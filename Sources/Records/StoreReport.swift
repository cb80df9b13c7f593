// What is known of a store without walking through it: sizes, totals, what stands out. Plain values;
// what of it is wrong, and what to do, is for the one who reads it.
package import Invocations

package struct StoreReport: Sendable, Equatable {
  package var directory: String
  package var surroundings = StoreSurroundings()
  /// Why the file cannot be read as a store; what stands below is then as far as it was read.
  package var fault: RecordFault?
  /// nil where the file does not tell.
  package var schema: Int?
  package var schemaKnown = Schema.version
  package var pageBytes = 0
  package var pages = 0
  package var freePages = 0
  package var oldest: InvocationID?
  package var newest: InvocationID?
  package var boot = 0
  /// False also while a host works.
  package var stoppedCleanly = true
  /// The largest first.
  package var functions: [FunctionSpace] = []
  package var deadLetters = BoundedCount()
  /// By function.
  package var held: [HeldWork] = []
  /// Not all unfinished work was looked through for what is held.
  package var heldIsPartial = false
  package var paused: [Pause] = []

  package init(directory: String) { self.directory = directory }

  package var file: String { "\(directory)/apus.db" }

  package var isOlder: Bool { schema.map { $0 < schemaKnown } ?? false }

  /// Of what there is, how much will be used again before the file grows.
  package var freeShare: Double { pages > 0 ? Double(freePages) / Double(pages) : 0 }
}

/// A count that was given up at its limit.
package struct BoundedCount: Sendable, Equatable {
  package var count: Int
  /// There are more.
  package var isPartial: Bool

  package init(_ count: Int = 0, isPartial: Bool = false) {
    self.count = count
    self.isPartial = isPartial
  }
}

package struct HeldWork: Sendable, Equatable {
  package var function: String
  package var count: Int

  package init(function: String, count: Int) {
    self.function = function
    self.count = count
  }
}

package struct Pause: Sendable, Equatable {
  /// `function:NAME` or `queue:NAME`.
  package var subject: String
  package var since: WallTime

  package init(subject: String, since: WallTime) {
    self.subject = subject
    self.since = since
  }
}

/// What a function has in the store, as it was counted when it was written.
package struct FunctionSpace: Sendable, Equatable {
  package var name: String
  /// Events that were accepted and are still there.
  package var kept = 0
  package var succeeded = 0
  package var dead = 0
  package var cancelled = 0
  /// Of their data.
  package var eventBytes = 0
  /// Of results and errors' messages.
  package var resultBytes = 0

  package init(name: String) { self.name = name }

  package var ended: Int { succeeded + dead + cancelled }
  package var unfinished: Int { max(0, kept - ended) }

  /// Without keys, fields, attempts and log lines, which nobody counts by function.
  package var estimatedBytes: Int {
    eventBytes + resultBytes + kept * StoreLimits.acceptedRowBytes
      + ended * StoreLimits.finishedRowBytes
  }
}

/// What the store's pages are used for.
package struct StoreParts: Sendable, Equatable {
  package enum Kind: String, Sendable, CaseIterable {
    case events, results, attempts
    case logs = "log lines"
    case indexes
    case others = "other tables"
  }

  package struct Part: Sendable, Equatable {
    package var name: String
    package var kind: Kind
    package var bytes: Int

    package init(name: String, kind: Kind, bytes: Int) {
      self.name = name
      self.kind = kind
      self.bytes = bytes
    }
  }

  /// The largest first.
  package var parts: [Part]
  /// False where the time was over before all were read.
  package var isWhole: Bool

  package init(parts: [Part], isWhole: Bool = true) {
    self.parts = parts
    self.isWhole = isWhole
  }

  package func bytes(of kind: Kind) -> Int {
    parts.reduce(0) { $0 + ($1.kind == kind ? $1.bytes : 0) }
  }
}

/// What came of reading every page.
package enum StoreSoundness: Sendable, Equatable {
  case sound
  /// In SQLite's words.
  case damaged([String])
  /// Nothing was found until the time was over.
  case unfinished(Duration)
}

extension StoreLimits {
  /// Beside an event's data, and beside a result: what a row and its share of the indexes take.
  ///
  /// Measured, pages' unused bytes included; `StoreCheckupTests` measures it again.
  package static let acceptedRowBytes = 140
  package static let finishedRowBytes = 70
  /// Unfinished invocations looked through for held ones, and dead letters that are counted.
  package static let checkedRowsMax = 100_000
  /// Pauses that are told of.
  static let checkedPausesMax = 1_000
  /// Lines of damage.
  package static let damageLinesMax = 10
}
