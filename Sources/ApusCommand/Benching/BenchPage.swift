// What all scenarios of a page have in common: the machine, the disk, the payload, the build.

import Invocations

struct BenchPage {
  let machine: BenchMachine
  let settings: BenchSettings
  let folder: String

  #if DEBUG
    static let build = "debug"
  #else
    static let build = "release"
  #endif

  func head(_ presentation: Presentation) -> [String] {
    let syncs = machine.syncsPerSecond.map {
      "\(BenchWords.count(Int($0))) fdatasync/s of 4 KiB in place, at \(folder)"
    }
    let workers = "\(settings.workers) worker process\(settings.workers == 1 ? "" : "es")"
    let build =
      Self.build == "release"
      ? "release" : presentation.ink(.yellow, "debug: several times slower than a release")
    return presentation.fields([
      (
        "machine",
        "\(machine.cores) cores, \(BenchWords.bytes(machine.memoryBytes)), Linux \(machine.kernel)"
      ),
      ("disk", syncs ?? "its syncs could not be measured, at \(folder)"),
      (
        "payload",
        "\(BenchPayload.bytes) bytes of JSON\(settings.isUndecoded ? ", not decoded" : "")"
      ),
      ("durability", "\(settings.durability), \(workers)"),
      ("build", build),
    ])
  }

  func json(_ reports: [BenchReport]) -> String {
    var json = JSONWriter()
    json.object { json in
      json.field("version", ApusCommand.version)
      json.field("build", Self.build)
      json.object("machine") { json in
        json.field("cores", machine.cores)
        json.field("memoryBytes", machine.memoryBytes)
        json.field("kernel", machine.kernel)
        json.field("fdatasyncPerSecond", machine.syncsPerSecond)
      }
      json.field("payloadBytes", BenchPayload.bytes)
      json.field("decoded", !settings.isUndecoded)
      json.field("durability", settings.durability)
      json.field("workers", settings.workers)
      json.array("scenarios") { json in for report in reports { report.write(to: &json) } }
    }
    return json.text
  }
}
