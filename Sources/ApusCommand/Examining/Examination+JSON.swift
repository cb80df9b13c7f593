// An examination for programs: numbers as they are, nothing rounded, what is not known as null.

import Doors
import Invocations
import Records

extension Examination {
  var json: String {
    var json = JSONWriter()
    json.object { json in
      json.field("time", now.text)
      writeStore(to: &json)
      json.array("functions") { json in
        for function in report.functions { write(function, to: &json) }
      }
      writeParts(to: &json)
      json.field("soundness", soundness.map(Self.word))
      json.array("findings") { json in
        for finding in findings {
          json.object { json in
            json.field("severity", finding.severity.rawValue)
            json.field("code", finding.code)
            json.field("message", finding.message)
            json.field("remedy", finding.remedy)
          }
        }
      }
    }
    return json.text
  }

  private func writeStore(to json: inout JSONWriter) {
    let around = report.surroundings
    json.object("store") { json in
      json.field("directory", report.directory)
      json.field("schema", report.schema)
      json.field("fileBytes", around.fileBytes)
      json.field("logBytes", around.logBytes)
      json.field("pageBytes", report.pageBytes)
      json.field("pages", report.pages)
      json.field("freePages", report.freePages)
      json.field("diskBytes", around.diskBytes)
      json.field("diskFreeBytes", around.diskFreeBytes)
      json.field("oldestId", report.oldest.map { "\($0)" })
      json.field("oldestAt", report.oldest?.time.text)
      json.field("newestId", report.newest.map { "\($0)" })
      json.field("newestAt", report.newest?.time.text)
      json.field("hostPid", around.hostPid)
      json.field("boot", report.boot)
      // Of a host that works nobody knows yet.
      json.field("stoppedCleanly", around.hostPid == nil ? report.stoppedCleanly : nil)
      json.field("deadLetters", report.deadLetters.count)
      json.field("held", report.held.reduce(0) { $0 + $1.count })
    }
  }

  private func write(_ function: FunctionSpace, to json: inout JSONWriter) {
    json.object { json in
      json.field("name", function.name)
      json.field("kept", function.kept)
      json.field("unfinished", function.unfinished)
      json.field("succeeded", function.succeeded)
      json.field("dead", function.dead)
      json.field("cancelled", function.cancelled)
      json.field("eventBytes", function.eventBytes)
      json.field("resultBytes", function.resultBytes)
      json.field("estimatedBytes", function.estimatedBytes)
      let answer = host.answers?.functions.first { $0["name"] == function.name }
      json.field("keep", raw: answer?.raw("keep") ?? Array("null".utf8))
    }
  }

  private func writeParts(to json: inout JSONWriter) {
    guard case .read(let parts) = parts else {
      return json.field("parts", raw: Array("null".utf8))
    }
    json.object("parts") { json in
      json.field("whole", parts.isWhole)
      json.field("freeBytes", freeBytes)
      json.array("items") { json in
        for part in parts.parts {
          json.object { json in
            json.field("name", part.name)
            json.field("kind", part.kind.rawValue)
            json.field("bytes", part.bytes)
          }
        }
      }
    }
  }

  private static func word(_ soundness: StoreSoundness) -> String {
    switch soundness {
    case .sound: "sound"
    case .damaged: "damaged"
    case .unfinished: "unfinished"
    }
  }
}
