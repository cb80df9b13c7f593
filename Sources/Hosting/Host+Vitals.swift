// The host looks at itself: what the loop knows at once, and what has to be read, brought back to the
// loop and put together there.

import Dispatching
package import Doors
import EventLoop
import Glibc
import HTTP
package import Invocations
import Records
import Workers

extension Host: HouseVitals {
  package func host(
    then: @escaping @LoopActor (Result<HostStatus, InspectionFault>) -> Void
  ) {
    let pid = getpid()
    usage(of: [pid]) { [self] outcome in
      then(outcome.map { status(pid, $0[pid]) })
    }
  }

  private func status(_ pid: Int32, _ usage: WorkerUsage.Reading?) -> HostStatus {
    HostStatus(
      health: health, pid: pid, startedAt: began.wall,
      uptimeMilliseconds: Int64((SystemClocks().monotonic - began.monotonic) / 1_000_000),
      memoryBytes: usage?.memoryBytes ?? 0, memoryPeakBytes: usage?.memoryPeakBytes ?? 0,
      cpuMicroseconds: usage?.cpuMicroseconds ?? 0,
      workersStarted: bulletin.statistics.workersStarted,
      workersLost: bulletin.statistics.workersLost, doors: doors)
  }

  private var doors: [DoorStatus] {
    [
      DoorStatus(
        name: Door.function.rawValue, address: functionDoorAddress, asksForToken: nil,
        certificate: certificate(of: .function, settings.functionDoorFiles)),
      DoorStatus(
        name: Door.control.rawValue, address: controlDoorAddress,
        asksForToken: access.asksOverTCP,
        certificate: certificate(of: .control, settings.controlDoorFiles)),
    ]
  }

  private func certificate(of door: Door, _ files: TLSFiles?) -> CertificateStatus? {
    guard let files, let end = certificateEnds[door] else { return nil }
    return CertificateStatus(
      file: files.certificate, expiresAt: WallTime(milliseconds: Int64(end) * 1000),
      rejected: certificateFaults[door])
  }

  package func workers(
    then: @escaping @LoopActor (Result<[WorkerStatus], InspectionFault>) -> Void
  ) {
    let workers = pool.statuses
    usage(of: workers.map(\.pid)) { outcome in
      then(
        outcome.map { usage in
          workers.map { worker in
            var worker = worker
            if let reading = usage[worker.pid] {
              worker.memoryBytes = reading.memoryBytes
              worker.memoryPeakBytes = reading.memoryPeakBytes
              worker.cpuMicroseconds = reading.cpuMicroseconds
            }
            return worker
          }
        })
    }
  }

  private func usage(
    of pids: [Int32],
    then: @escaping @LoopActor (Result<[Int32: WorkerUsage.Reading], InspectionFault>) -> Void
  ) {
    let back = Handover { (usage: [Int32: WorkerUsage.Reading]) in then(.success(usage)) }
    guard !usageReader.read(pids, then: { back.give($0) }) else { return }
    then(
      .failure(
        InspectionFault(
          reason: "\(UsageReader.looksMax) looks at processes wait already; ask again in a moment"))
    )
  }

  package func store(
    then: @escaping @LoopActor (Result<StoreStatus, InspectionFault>) -> Void
  ) {
    let sized = Handover { [self] (health: Result<StoreHealth, RecordFault>) in
      let oldest = Handover { [self] (oldest: Result<OldestRecords, RecordFault>) in
        then(
          Result { () throws(RecordFault) in status(try health.get(), try oldest.get()) }
            .mapError(InspectionFault.init))
      }
      store.oldest { oldest.give($0) }
    }
    store.health { sized.give($0) }
  }

  package func backup(
    then: @escaping @LoopActor (Result<BackupNote, InspectionFault>) -> Void
  ) {
    let done = Handover { (outcome: Result<BackupReport, RecordFault>) in
      then(outcome.map(BackupNote.init).mapError(InspectionFault.init))
    }
    // A folder of its own: a caller from far away chooses no place on this machine.
    store.backup(named: "\(SystemClocks().wall.text).apus") { done.give($0) }
  }

  private func status(_ health: StoreHealth, _ oldest: OldestRecords) -> StoreStatus {
    var status = StoreStatus()
    status.fileBytes = health.fileBytes
    status.logBytes = health.logBytes
    status.pageBytes = health.pageBytes
    status.pages = health.pages
    status.freePages = health.freePages
    status.durability = settings.durability
    status.retention = settings.retention
    status.stalled = dispatcher.isStalled
    (status.ballastBytes, status.isBallastHeld) = store.ballast.status
    status.backlog = store.backlog
    let commits = store.commits
    status.commits = commits.commits
    status.fsyncs = commits.syncs
    for function in bulletin.statistics.functions.values {
      status.accepted += function.accepted
      status.ended += function.succeeded + function.dead + function.cancelled
    }
    status.oldest = oldest.accepted
    status.oldestUnfinished = oldest.unfinished
    status.deadLetters = oldest.deadLetters
    return status
  }
}

extension BackupNote {
  init(_ report: BackupReport) {
    self.init(
      file: report.path, takenAt: report.takenAt, schema: report.schema,
      invocations: report.invocations, unfinished: report.unfinished, bytes: report.bytes,
      executables: report.executables, missing: report.missing,
      sha256: report.digest?.hexadecimal)
  }
}
