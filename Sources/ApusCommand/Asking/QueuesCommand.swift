// `apus queues`: what waits, and the operator's hand on it.

import ArgumentParser

struct QueuesCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "queues",
    abstract: "Lists, shows, pauses, resumes and empties queues.",
    discussion: "Example: apus queues messages payments",
    subcommands: [
      List.self, Show.self, Messages.self, Pause.self, Resume.self, Purge.self,
    ], defaultSubcommand: List.self)

  struct List: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Lists the queues with their load.", discussion: "Example: apus queues list")
    @OptionGroup var asking: AskingOptions

    func run() throws {
      let answer = try asking.client().get(["v1", "queues"])
      asking.show(answer) { QueuesCommand.table(answer.list("items"), $0) }
    }
  }

  struct Show: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Shows one queue.", discussion: "Example: apus queues show payments")
    @Argument(help: "The queue.") var name: String
    @OptionGroup var asking: AskingOptions

    func run() throws {
      let answer = try asking.client().get(["v1", "queues", name])
      asking.show(answer) { presentation in
        presentation.fields([
          ("queue", answer["name"].map { presentation.ink(.bold, $0) }),
          ("function", answer["function"]),
          ("state", answer.isTrue("paused") ? presentation.ink(.yellow, "paused") : "active"),
          ("waiting", answer["waiting"]), ("running", answer["running"]),
          ("held", answer["held"].flatMap { $0 == "0" ? nil : $0 }),
          ("oldest", answer.time("oldestAt").map { presentation.ago($0) }),
        ])
      }
    }
  }

  struct Messages: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Lists what waits or runs of a queue, and takes nothing out.",
      discussion: "Example: apus queues messages payments --limit 10")
    @Argument(help: "The queue.") var name: String
    @OptionGroup var page: PageOptions
    @OptionGroup var asking: AskingOptions

    func run() throws {
      let answer = try asking.client().get(["v1", "queues", name, "messages"], page.query)
      asking.show(answer) { InvocationsCommand.table(answer, $0, ifEmpty: "nothing waits") }
      InvocationsCommand.tellOfMore(answer, asking)
    }
  }

  struct Pause: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Starts nothing from a queue any more; events are still accepted.",
      discussion: "Example: apus queues pause payments")
    @Argument(help: "The queue.") var name: String
    @OptionGroup var asking: AskingOptions

    func run() throws { try PauseCall.run(["v1", "queues", name, "pause"], asking) }
  }

  struct Resume: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Starts a paused queue's invocations again.",
      discussion: "Example: apus queues resume payments")
    @Argument(help: "The queue.") var name: String
    @OptionGroup var asking: AskingOptions

    func run() throws { try PauseCall.run(["v1", "queues", name, "resume"], asking) }
  }

  struct Purge: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Cancels everything that waits in a queue; what runs is left to end.",
      discussion: "Example: apus queues purge payments")
    @Argument(help: "The queue.") var name: String
    @OptionGroup var asking: AskingOptions

    func run() throws {
      let answer = try asking.client().post(["v1", "queues", name, "purge"])
      asking.show(answer) { _ in ["\(answer["cancelled"] ?? "0") cancelled"] }
    }
  }

  static func table(_ queues: [Answer], _ presentation: Presentation) -> [String] {
    var table = Table(
      ["QUEUE", "STATE", "WAITING", "RUNNING", "OLDEST", "FUNCTION"], numbers: [2, 3])
    for queue in queues {
      let state = queue.isTrue("paused") ? "paused" : "active"
      table.add([
        Table.Cell(queue["name"] ?? "-"), Table.Cell(state, .of(state: state)),
        Table.Cell(queue["waiting"] ?? "-"), Table.Cell(queue["running"] ?? "-"),
        Table.Cell(presentation.ago(queue.time("oldestAt"))),
        Table.Cell(queue["function"] ?? "-"),
      ])
    }
    return presentation.lines(table, ifEmpty: "no queues")
  }
}
