// Every bound of this room in one place, and the few things a test injects.
package import Invocations

import Glibc

package enum StoreLimits {
  /// More in one commit would make the others wait longer for theirs.
  package static let changesPerCommitMax = 1_024
  package static let bytesPerCommitMax = 16 << 20
  /// How long what nobody waits for may stay unwritten while nothing else is committed.
  static let lingerNanoseconds: UInt64 = 10_000_000
  /// How long a start may stay unwritten while other things are committed: most attempts end sooner, and
  /// then the end says all of it.
  package static let startHeldNanoseconds: UInt64 = 50_000_000

  /// A disk that has done nothing for so long is told of.
  package static let standstillMax = Duration.seconds(5)
  static let stallPauseFirst: UInt64 = 50_000_000
  static let stallPauseMax: UInt64 = 1_000_000_000
  /// Log lines kept in memory while nothing can be written; later ones are dropped.
  package static let stalledLogsMax = 10_000
  static let refusedIDsMax = 50_000

  /// One log line on disk, its metadata included.
  package static let logLineBytesMax = 64 << 10
  static let logMetadataBytesMax = 16 << 10

  /// Words that clients choose stop earlier, so that manifests always find room.
  static let clientNamesMax = 90_000
  static let namesMax = 100_000
  static let nameBytesMax = 256

  /// Kept for each timer, and a few times `timerPruneEvery` more until the next pruning.
  package static let timerHistoryMax = 1_000
  static let timerPruneEvery = 64

  /// Pages of the write-ahead log at which it is copied into the file: when idle, under load, and
  /// at whatever cost (64 MiB).
  static let checkpointIdlePages = 1_000
  static let checkpointLoadedPages = 4_000
  static let checkpointForcedPages = 16_384

  /// From one look at whether the files are where they were to the next.
  static let lookNanoseconds: UInt64 = 2_000_000_000
  /// Free beside the ballast before it is made: else the next commit would give it up again.
  static let ballastHeadroomBytes = 8 << 20
  package static let ballastBytes = 32 << 20
  package static let ballastBytesMax = 64 << 30

  /// Pages that a copy takes in one step, then it looks whether it is to end (4 MiB).
  static let pagesPerCopyStep: Int32 = 1_024
  /// What may be written while a backup keeps the log from starting over.
  package static let backupLogBytesMax = 2 << 30
  static let executablePartBytes = 4 << 20
  /// A restored store of so many pages is written once more, without gaps (256 MiB).
  static let tidiedPagesMax: Int64 = 65_536

  static let keysPerPruning = 4_000
  /// Ended invocations looked at in one step: a commit waits a few milliseconds for it at most.
  static let endedPerPruning = 100

  /// Lines of errors by fingerprint; past it those go that were not seen for longest.
  package static let errorLinesMax = 20_000
  static let errorExampleBytesMax = 2_048
  /// Rows after which a segment of fields is full: small enough to stay in memory, large enough that
  /// a long history has few.
  package static let segmentRowsMax = 16_384
  /// Segments of one size that become one of the next, up to the third.
  package static let segmentsPerMerge = 16
  static let segmentLevelMax = 2
  /// Rows that one step merges or removes, and that are read of each source at a time.
  static let mergedRowsPerStep = 2_000
  static let mergedRowsRead = 512
  static let actionPruneEvery = 100

  /// Rows of releases, and of activations.
  package static let releasesMax = 1_000

  /// Requests of operators that wait for a reader.
  package static let inspectionsMax = 256
  static let inspectionThreads = 2
  /// Requests of the dispatcher that wait for its reader.
  package static let lineRequestsMax = 10_000
  /// A page ends early rather than hold more than this.
  static let pageBytesMax = 16 << 20
  /// History looked at for one page of a listing; then it ends with `next` set.
  package static let scannedRowsMax = 50_000
  static let scanNanosecondsMax: UInt64 = 200_000_000
  /// Ids for an action in one page.
  package static let selectedIDsMax = 1_000
  /// Ranges of an index that one listing walks side by side, and pairs of trigger and function that
  /// are looked through for them.
  static let strandsMax = 64
  static let triggersMax = 10_000
  package static let shownLogsMax = 10_000
  package static let shownEmittedMax = 1_000
}

extension Durability {
  var synchronous: String {
    switch self {
    case .disk: "FULL"
    case .os: "NORMAL"
    case .memory: "OFF"
    }
  }
}

package struct RecordTuning: Sendable {
  package var now: @Sendable () -> WallTime
  /// Nanoseconds, for pauses.
  package var monotonic: @Sendable () -> UInt64
  /// The file's largest size in pages, asked before each commit; nil leaves it to the disk.
  package var pagesMax: (@Sendable () -> Int)?
  package var retention: Retention
  /// Given up when the disk is full; 0 for none.
  package var ballastBytes = 0
  /// Before an older store is changed.
  package var copiesBeforeUpgrade = true
  /// Nanoseconds for which a start waits for the end of its attempt.
  package var startHeld = StoreLimits.startHeldNanoseconds
  /// The directory is locked and its store known to be ours; called once, before it is taken up.
  package var opened: @Sendable () -> Void = {}
  /// What an opening is at, where that may take long.
  package var told: @Sendable (String) -> Void = { _ in }

  package init(
    now: @escaping @Sendable () -> WallTime = MonotonicTime.wall,
    monotonic: @escaping @Sendable () -> UInt64 = { MonotonicTime.now },
    pagesMax: (@Sendable () -> Int)? = nil, retention: Retention = .forever
  ) {
    self.now = now
    self.monotonic = monotonic
    self.retention = retention
    self.pagesMax = pagesMax
  }
}

package enum MonotonicTime {
  package static var now: UInt64 { nanoseconds(of: CLOCK_MONOTONIC) }

  @Sendable package static func wall() -> WallTime {
    WallTime(milliseconds: Int64(nanoseconds(of: CLOCK_REALTIME) / 1_000_000))
  }

  private static func nanoseconds(of clock: clockid_t) -> UInt64 {
    var time = timespec()
    clock_gettime(clock, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
  }
}
