// How the host itself is doing: its process, its workers, its store.

import EventLoop
import HTTP
import Invocations

extension ControlDoor {
  func host(_ exchange: HTTPExchange) {
    house.host { [weak self] in self?.respond(exchange, $0) { json, status in json.host(status) } }
  }

  func workers(_ exchange: HTTPExchange) {
    house.workers { [weak self] in
      self?.respond(exchange, $0) { json, workers in
        json.object { json in
          json.array("items") { json in for worker in workers { json.worker(worker) } }
          json.field("next", nil as String?)
        }
      }
    }
  }

  func store(_ exchange: HTTPExchange) {
    house.store { [weak self] in
      self?.respond(exchange, $0) { json, status in json.store(status) }
    }
  }

  func backup(_ exchange: HTTPExchange) {
    house.backup { [weak self] in
      self?.respond(exchange, $0) { json, note in json.backup(note) }
    }
  }

  private func respond<Value>(
    _ exchange: HTTPExchange, _ outcome: Result<Value, InspectionFault>,
    _ write: (inout JSONWriter, Value) -> Void
  ) {
    switch outcome {
    case .success(let value): respond(exchange) { write(&$0, value) }
    case .failure(let fault): exchange.respond(.problem(.inspection(fault)))
    }
  }
}

extension JSONWriter {
  fileprivate mutating func host(_ status: HostStatus) {
    object { json in
      json.field("version", status.health.version)
      json.field("boot", status.health.bootNumber)
      json.field("pid", status.pid)
      json.field("startedAt", status.startedAt)
      json.field("uptimeMs", status.uptimeMilliseconds)
      json.field("ready", status.health.obstacles.isEmpty)
      json.array("obstacles") { json in
        for obstacle in status.health.obstacles { json.value(obstacle) }
      }
      json.usage(status.memoryBytes, status.memoryPeakBytes, status.cpuMicroseconds)
      json.field("workersStarted", status.workersStarted)
      json.field("workersLost", status.workersLost)
      json.array("doors") { json in for door in status.doors { json.door(door) } }
    }
  }

  private mutating func door(_ status: DoorStatus) {
    object { json in
      json.field("door", status.name)
      json.field("address", status.address)
      if let asks = status.asksForToken { json.field("asksForToken", asks) }
      guard let certificate = status.certificate else { return }
      json.object("certificate") { json in
        json.field("file", certificate.file)
        json.field("expiresAt", certificate.expiresAt)
        json.field("rejected", certificate.rejected)
      }
    }
  }

  fileprivate mutating func backup(_ note: BackupNote) {
    object { json in
      json.field("file", note.file)
      json.field("takenAt", note.takenAt)
      json.field("schema", note.schema)
      json.field("invocations", note.invocations)
      json.field("unfinished", note.unfinished)
      json.field("bytes", note.bytes)
      json.array("executables") { json in for hash in note.executables { json.value(hash) } }
      json.array("missing") { json in for hash in note.missing { json.value(hash) } }
      json.field("sha256", note.sha256)
    }
  }

  fileprivate mutating func worker(_ status: WorkerStatus) {
    object { json in
      json.field("pid", status.pid)
      json.field("executable", status.executable)
      json.field("release", status.release)
      json.array("functions") { json in for name in status.functions { json.value(name) } }
      json.field("state", status.state)
      json.field("startedAt", status.startedAt)
      json.field("inFlight", status.inFlight)
      json.field("attempts", status.attempts)
      json.usage(status.memoryBytes, status.memoryPeakBytes, status.cpuMicroseconds)
      json.field("memoryLimit", status.memoryBytesMax)
    }
  }

  private mutating func usage(_ memory: Int64, _ peak: Int64, _ cpu: Int64) {
    field("memoryBytes", memory)
    field("memoryPeakBytes", peak)
    field("cpuMs", Double(cpu) / 1000)
  }

  fileprivate mutating func store(_ status: StoreStatus) {
    object { json in
      json.field("fileBytes", status.fileBytes)
      json.field("logBytes", status.logBytes)
      json.field("pageBytes", status.pageBytes)
      json.field("pages", status.pages)
      json.field("freePages", status.freePages)
      json.field("durability", status.durability.rawValue)
      json.object("keep") { json in
        json.field("succeededMs", status.retention.succeeded?.milliseconds)
        json.field("deadMs", status.retention.dead?.milliseconds)
      }
      json.object("ballast") { json in
        json.field("bytes", status.ballastBytes)
        json.field("held", status.isBallastHeld)
      }
      json.field("stalled", status.stalled)
      json.field("backlog", status.backlog)
      json.field("commits", status.commits)
      json.field("fsyncs", status.fsyncs)
      json.field("accepted", status.accepted)
      json.field("ended", status.ended)
      json.field(
        "invocationsPerCommit",
        status.commits > 0 ? Double(status.ended * 100 / status.commits) / 100 : nil)
      json.field("oldestId", status.oldest.map { "\($0)" })
      json.field("oldestAt", status.oldest?.time)
      json.field("oldestUnfinishedId", status.oldestUnfinished.map { "\($0)" })
      json.field("oldestUnfinishedAt", status.oldestUnfinished?.time)
      json.field("deadLetters", status.deadLetters)
    }
  }
}
