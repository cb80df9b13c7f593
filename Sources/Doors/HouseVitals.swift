// What the control door tells of the host itself: its process, its workers, its store.

package import EventLoop
package import Invocations

/// The part of the house that looks at itself; what has to be read is read off the loop.
@LoopActor
package protocol HouseVitals: AnyObject {
  func host(then: @escaping @LoopActor (Result<HostStatus, InspectionFault>) -> Void)
  func workers(then: @escaping @LoopActor (Result<[WorkerStatus], InspectionFault>) -> Void)
  func store(then: @escaping @LoopActor (Result<StoreStatus, InspectionFault>) -> Void)
  /// Writes what the host has open, wherever its name has gone, into a new file of the host's choice.
  func backup(then: @escaping @LoopActor (Result<BackupNote, InspectionFault>) -> Void)
}

/// A backup that the host has written.
package struct BackupNote: Sendable {
  package var file: String
  package var takenAt: WallTime
  package var schema: Int
  package var invocations: Int
  package var unfinished: Int
  package var bytes: Int
  package var executables: [String]
  /// Of releases that it names, and that were not there to be copied.
  package var missing: [String]
  /// Of the file; it stands beside it too.
  package var sha256: String?

  package init(
    file: String, takenAt: WallTime, schema: Int, invocations: Int, unfinished: Int, bytes: Int,
    executables: [String], missing: [String], sha256: String?
  ) {
    self.file = file
    self.takenAt = takenAt
    self.schema = schema
    self.invocations = invocations
    self.unfinished = unfinished
    self.bytes = bytes
    self.executables = executables
    self.missing = missing
    self.sha256 = sha256
  }
}

package struct HostStatus: Sendable {
  package var health: HouseHealth
  package var pid: Int32
  package var startedAt: WallTime
  package var uptimeMilliseconds: Int64
  package var memoryBytes: Int64
  package var memoryPeakBytes: Int64
  package var cpuMicroseconds: Int64
  /// Since the host started.
  package var workersStarted: Int
  package var workersLost: Int
  package var doors: [DoorStatus]

  package init(
    health: HouseHealth, pid: Int32, startedAt: WallTime, uptimeMilliseconds: Int64,
    memoryBytes: Int64, memoryPeakBytes: Int64, cpuMicroseconds: Int64, workersStarted: Int,
    workersLost: Int, doors: [DoorStatus]
  ) {
    self.health = health
    self.pid = pid
    self.startedAt = startedAt
    self.uptimeMilliseconds = uptimeMilliseconds
    self.memoryBytes = memoryBytes
    self.memoryPeakBytes = memoryPeakBytes
    self.cpuMicroseconds = cpuMicroseconds
    self.workersStarted = workersStarted
    self.workersLost = workersLost
    self.doors = doors
  }
}

/// A door that is open to the network.
package struct DoorStatus: Sendable {
  package var name: String
  package var address: String
  /// Nil where nobody is ever asked.
  package var asksForToken: Bool?
  /// Nil without TLS.
  package var certificate: CertificateStatus?

  package init(
    name: String, address: String, asksForToken: Bool?, certificate: CertificateStatus?
  ) {
    self.name = name
    self.address = address
    self.asksForToken = asksForToken
    self.certificate = certificate
  }
}

package struct CertificateStatus: Sendable {
  package var file: String
  /// Of the one that is served.
  package var expiresAt: WallTime
  /// Why files that came later are not served.
  package var rejected: String?

  package init(file: String, expiresAt: WallTime, rejected: String?) {
    self.file = file
    self.expiresAt = expiresAt
    self.rejected = rejected
  }
}

package struct StoreStatus: Sendable {
  package var fileBytes = 0
  /// Of the write-ahead log.
  package var logBytes = 0
  package var pageBytes = 0
  package var pages = 0
  package var freePages = 0
  package var durability = Durability.disk
  /// Of functions whose manifests say nothing else.
  package var retention = Retention.standard
  /// What is to be kept free for a full disk, and whether it is.
  package var ballastBytes = 0
  package var isBallastHeld = false
  /// Why nothing can be written now; nil when it can.
  package var stalled: String?
  /// Changes not yet on disk.
  package var backlog = 0
  // Since the host started.
  package var commits = 0
  package var fsyncs = 0
  package var accepted = 0
  package var ended = 0
  package var oldest: InvocationID?
  package var oldestUnfinished: InvocationID?
  /// Those that nobody has dealt with.
  package var deadLetters = 0

  package init() {}
}
