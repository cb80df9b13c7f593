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
    @Option(
      help: ArgumentHelp(
        "A column for this value of the events, such as data.orderId; may come again.",
        valueName: "path"))
    var show: [String] = []
    @Flag(name: .shortAndLong, help: "Go on with those that end or fail from now on.")
    var follow = false
    @OptionGroup var asking: AskingOptions

    func run() throws {
      try PagedListing(
        path: ["v1", "invocations"], filter: filter, page: page, columns: show, asking: asking,
        sentence: "no invocations"
      ).show()
      if follow { try ListFollowing(filter, asking).run() }
    }

    func validate() throws {
      guard follow, filter.until != nil || page.cursor != nil else { return }
      throw ValidationError("--follow goes on from now; --until and --cursor end before it")
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
      try Self.tell(try client.get(["v1", "invocations", id]), client, asking)
    }

    static func tell(_ story: Answer, _ client: ControlClient, _ asking: AskingOptions) throws {
      guard !asking.json, let id = story["id"] else { return asking.show(story) { _ in [] } }
      let isWaiting = ["queued", "waiting", "held"].contains(story["state"])
      let cause = isWaiting ? try client.get(["v1", "invocations", id, "why"]) : nil
      let chain = try client.get(["v1", "invocations", id, "chain"])
      asking.show(story) { InvocationStory(story, cause: cause, chain: chain).lines($0) }
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
      abstract: "Cancels what waits or runs, by id or by filter.",
      discussion: """
        Example: apus invocations cancel 06E3T8J9M0000
        Example: apus invocations cancel --where data.customerId=c-42 --dry-run
        """)
    @OptionGroup var selection: BulkSelection
    @OptionGroup var asking: AskingOptions

    func run() throws {
      guard let id = selection.onlyID else {
        return try selection.act(["v1", "invocations", "cancel"], [], asking)
      }
      let answer = try asking.client().post(["v1", "invocations", id, "cancel"])
      asking.show(answer) { _ in ["\(answer["invocation"] ?? id) is cancelled"] }
    }
  }

  struct Retry: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Runs what waits or is held now, or a dead or cancelled one again as a new one.",
      discussion: """
        By filter it is for those that wait or are held, unless --state says which.
        Example: apus invocations retry 06E3T8J9M0000
        Example: apus invocations retry --function charge-payment --state waiting
        """)
    @OptionGroup var selection: BulkSelection
    @OptionGroup var asking: AskingOptions

    func run() throws {
      guard let id = selection.onlyID else {
        return try selection.act(["v1", "invocations", "retry"], [], asking)
      }
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
    table(answer.list("items"), columns: [], presentation, ifEmpty: sentence)
  }

  static func table(
    _ items: [Answer], columns: [String], _ presentation: Presentation, ifEmpty sentence: String
  ) -> [String] {
    var table = Table(
      ["INVOCATION", "FUNCTION", "STATE", "TRY", "CREATED", "RUN"]
        + columns.map { $0.uppercased() } + ["ERROR"], numbers: [3, 5])
    for item in items { table.add(row(item, columns: columns, presentation)) }
    return presentation.lines(table, ifEmpty: sentence)
  }

  /// Those that count: an attempt that was given back counts for nothing.
  private static func tries(of item: Answer) -> Int64 {
    let attempt = item.number("attempt") ?? 0
    guard let failures = item.number("failures") else { return attempt }
    let isOneMore = ["running", "succeeded"].contains(item["state"])
    return min(attempt, failures + (isOneMore ? 1 : 0))
  }

  private static func state(of item: Answer) -> Table.Cell {
    let state = item["state"] ?? "-"
    let reason = item["reason"].map { " (\($0))" } ?? ""
    let isSettled = item["redrivenAs"] != nil || item["settledBy"] != nil
    let fate =
      isSettled ? (item["redrivenAs"] == nil ? ", thrown away" : ", sent again") : ""
    return Table.Cell(state + reason + fate, isSettled ? .dim : .of(state: state))
  }

  static func row(
    _ item: Answer, columns: [String] = [], _ presentation: Presentation
  ) -> [Table.Cell] {
    let values = columns.map { Table.Cell(item["event.\($0)"] ?? "-") }
    return [
      Table.Cell(item["id"] ?? "-"), Table.Cell(item["function"] ?? "-"), state(of: item),
      Table.Cell("\(tries(of: item))/\(item["attemptsMax"] ?? "-")"),
      Table.Cell(presentation.ago(item.time("createdAt"))),
      Table.Cell(TimeWords.length(milliseconds: item.number("runMs"))),
    ] + values + [Table.Cell(item["error.message"] ?? "", .dim)]
  }

  /// On stderr, so that the list stays a list.
  static func tellOfMore(_ answer: Answer, _ asking: AskingOptions) {
    guard !asking.json, let next = answer["next"] else { return }
    Terminal.complain("there are more: --cursor \(next)")
  }
}
