// `apus send`: events into a queue. It returns when the host has them on disk.

import ArgumentParser
import HTTP

struct SendCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "send",
    abstract: "Sends an event, or many, to a queue.",
    discussion: """
      It returns when the host has everything on disk. An id that was sent before is a duplicate \
      and does not run again.
      Example: apus send inventory '{"orderId":"o-1"}' --id o-1
      Example: apus send inventory - --ndjson < orders.ndjson
      """)

  /// What a control door takes in one request.
  static let bodyBytesMax = 64 << 20
  /// More accepted events are counted, not listed.
  static let listedMax = 20

  @Argument(help: "The queue.") var queue: String
  @Argument(help: "The event's data, or - for standard input.") var data: String
  @Option(help: "The event's id; the same id is accepted once.") var id: String?
  @Option(help: "The event's type.") var type: String?
  @Option(help: "The event's subject.") var subject: String?
  @Option(
    help: ArgumentHelp("Not before this time has passed, such as 30s.", valueName: "duration"))
  var delay: String?
  @Option(
    help: ArgumentHelp("Not before this time, such as 2027-01-01T00:00:00Z.", valueName: "time"))
  var at: String?
  @Option(
    help: ArgumentHelp(
      "Before or after the others of its function (default: the function's).",
      valueName: "high|normal|low"))
  var priority: String?
  @Flag(help: "Each line of the data is the data of one event.") var ndjson = false
  @Option(help: ArgumentHelp("What the data is (default: application/json).", valueName: "type"))
  var contentType: String?
  @OptionGroup var asking: AskingOptions

  func validate() throws {
    guard !ndjson || contentType == nil else {
      throw ValidationError("--ndjson and --content-type exclude each other")
    }
  }

  func run() throws {
    let body =
      data == "-" ? try Terminal.readInput(bytesMax: Self.bodyBytesMax) : Array(data.utf8)
    let type = contentType ?? (ndjson ? "application/x-ndjson" : "application/json")
    let answer = try asking.client().post(
      ["v1", "queues", queue, "messages"],
      [
        ("id", id), ("type", self.type), ("subject", subject), ("delay", delay), ("at", at),
        ("priority", priority),
      ],
      headers: [("Content-Type", type)], body: body)
    asking.show(answer) { Self.lines(answer, $0) }
  }

  static func lines(_ answer: Answer, _ presentation: Presentation) -> [String] {
    let items = answer.list("items")
    guard items.count <= listedMax else {
      let duplicates = items.count { $0.isTrue("duplicate") }
      return ["\(items.count - duplicates) accepted, \(duplicates) duplicates"]
    }
    return items.map { item in
      let word =
        item.isTrue("duplicate")
        ? presentation.ink(.yellow, "duplicate") : presentation.ink(.green, "accepted")
      return "\(word)  \(item["invocation"] ?? "-")  event \(item["event"] ?? "-")"
    }
  }
}
