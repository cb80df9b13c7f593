// `apus invocations`: the record of what ran, runs and will run.

import ArgumentParser
import Invocations

struct InvocationsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "invocations",
    abstract: "Lists, shows, follows, cancels and retries invocations.",
    discussion: "Example: apus invocations list --state dead --since 2h",
    subcommands: [
      List.self, Show.self, Why.self, Tail.self, Cancel.self, Retry.self,
    ], defaultSubcommand: List.self)

  struct List: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Lists invocations, the newest first.",
      discussion: "Example: apus invocations list --function charge-payment --state dead,waiting")
    @OptionGroup var filter: FilterOptions
    @OptionGroup var page: PageOptions
    @OptionGroup var asking: AskingOptions

    func run() throws {
      let answer = try asking.client().get(["v1", "invocations"], filter.query + page.query)
      asking.show(answer) { InvocationsCommand.table(answer, $0, ifEmpty: "no invocations") }
      InvocationsCommand.tellOfMore(answer, asking)
    }
  }

  struct Show: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Tells the whole story of an invocation.",
      discussion: "Example: apus invocations show 06E3T8J9M0000")
    @Argument(help: "The invocation's id.") var id: String
    @OptionGroup var asking: AskingOptions

    func run() throws {
      let client = try asking.client()
      let answer = try client.get(["v1", "invocations", id])
      asking.show(answer) { presentation in
        InvocationStory(answer, Self.relatives(of: answer, client)).lines(presentation)
      }
    }

    /// What caused it and what it emitted, a look-up each.
    static let relativesMax = 20

    static func relatives(of answer: Answer, _ client: ControlClient) -> [String: Answer] {
      let ids = [answer["cause"]].compactMap { $0 } + answer.texts("emitted")
      var found: [String: Answer] = [:]
      for id in ids.prefix(relativesMax) {
        // One that is no longer kept is shown by its id alone.
        found[id] = try? client.get(["v1", "invocations", id])
      }
      return found
    }
  }

  struct Why: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Says in a sentence why an invocation is in the state it is in.",
      discussion: "Example: apus invocations why 06E3T8J9M0000")
    @Argument(help: "The invocation's id.") var id: String
    @OptionGroup var asking: AskingOptions

    func run() throws {
      let client = try asking.client()
      let answer = try client.get(["v1", "invocations", id])
      let isWaiting = ["queued", "waiting", "held"].contains(answer["state"] ?? "")
      let cause = isWaiting ? try client.get(["v1", "invocations", id, "why"]) : nil
      asking.show(cause ?? answer) { presentation in
        [Reasoning(answer, cause: cause).sentence(presentation)]
      }
    }
  }

  struct Cancel: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Cancels an invocation that waits or runs.",
      discussion: "Example: apus invocations cancel 06E3T8J9M0000")
    @Argument(help: "The invocation's id.") var id: String
    @OptionGroup var asking: AskingOptions

    func run() throws {
      let answer = try asking.client().post(["v1", "invocations", id, "cancel"])
      asking.show(answer) { _ in ["\(answer["invocation"] ?? id) is cancelled"] }
    }
  }

  struct Retry: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Runs a waiting invocation now, or a dead or cancelled one again as a new one.",
      discussion: "Example: apus invocations retry 06E3T8J9M0000")
    @Argument(help: "The invocation's id.") var id: String
    @OptionGroup var asking: AskingOptions

    func run() throws {
      let answer = try asking.client().post(["v1", "invocations", id, "retry"])
      asking.show(answer) { _ in
        if let again = answer.list("items").first?["invocation"] {
          return ["sent again as \(again)"]
        }
        return ["\(answer["invocation"] ?? id) runs now"]
      }
    }
  }
}

extension InvocationsCommand {
  static func table(
    _ answer: Answer, _ presentation: Presentation, ifEmpty sentence: String
  ) -> [String] {
    var table = Table(
      ["INVOCATION", "FUNCTION", "STATE", "TRY", "CREATED", "RUN", "ERROR"], numbers: [3, 5])
    for item in answer.list("items") {
      table.add([
        Table.Cell(item["id"] ?? "-"), Table.Cell(item["function"] ?? "-"), state(of: item),
        Table.Cell("\(item["attempt"] ?? "0")/\(item["attemptsMax"] ?? "-")"),
        Table.Cell(presentation.ago(item.time("createdAt"))),
        Table.Cell(TimeWords.length(milliseconds: item.number("runMs"))),
        Table.Cell(item["error.message"] ?? "", .dim),
      ])
    }
    return presentation.lines(table, ifEmpty: sentence)
  }

  private static func state(of item: Answer) -> Table.Cell {
    let state = item["state"] ?? "-"
    return Table.Cell(state + (item["reason"].map { " (\($0))" } ?? ""), .of(state: state))
  }

  /// On stderr, so that the list stays a list.
  static func tellOfMore(_ answer: Answer, _ asking: AskingOptions) {
    guard !asking.json, let next = answer["next"] else { return }
    Terminal.complain("there are more: --cursor \(next)")
  }
}
