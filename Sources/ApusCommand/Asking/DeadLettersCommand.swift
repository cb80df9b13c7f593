// `apus dead-letters`: what nobody could handle, sent again or thrown away.

import ArgumentParser
import Invocations

struct DeadLettersCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "dead-letters",
    abstract: "Lists, shows, redrives and purges dead letters.",
    discussion: "Example: apus dead-letters redrive --function charge-payment --reason exhausted",
    subcommands: [List.self, Show.self, Redrive.self, Purge.self], defaultSubcommand: List.self)

  struct List: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Lists dead letters, the newest first.",
      discussion: "Example: apus dead-letters list --since 1d")
    @OptionGroup var filter: FilterOptions
    @OptionGroup var page: PageOptions
    @OptionGroup var asking: AskingOptions

    func run() throws {
      let answer = try asking.client().get(["v1", "dead-letters"], filter.query + page.query)
      asking.show(answer) { InvocationsCommand.table(answer, $0, ifEmpty: "no dead letters") }
      InvocationsCommand.tellOfMore(answer, asking)
    }
  }

  struct Show: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Tells the whole story of a dead letter.",
      discussion: "Example: apus dead-letters show 06E3T8J9M0000")
    @Argument(help: "The invocation's id.") var id: String
    @OptionGroup var asking: AskingOptions

    func run() throws {
      let client = try asking.client()
      let answer = try client.get(["v1", "dead-letters", id])
      asking.show(answer) { presentation in
        let relatives = InvocationsCommand.Show.relatives(of: answer, client)
        return InvocationStory(answer, relatives).lines(presentation)
      }
    }
  }

  struct Redrive: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Sends dead letters again, each as a new invocation that names the old one.",
      discussion: "Example: apus dead-letters redrive --queue payments --rate 10/s")
    @OptionGroup var selection: DeadLetterSelection
    @Option(
      help: ArgumentHelp(
        "How fast they may run again, such as 10/s or 100/min (default: at once).",
        valueName: "count/period"))
    var rate: String?
    @OptionGroup var asking: AskingOptions

    func run() throws { try selection.act("redrive", [("rate", rate)], asking) }
  }

  struct Purge: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Throws dead letters away; they stay in the list of invocations.",
      discussion: "Example: apus dead-letters purge --reason rejected --until 7d")
    @OptionGroup var selection: DeadLetterSelection
    @OptionGroup var asking: AskingOptions

    func run() throws { try selection.act("purge", [], asking) }
  }
}

/// Which dead letters: by ids, by filters, or every one, and then that has to be said.
struct DeadLetterSelection: ParsableArguments {
  @Argument(help: "Ids of dead letters; none where filters select.") var ids: [String] = []
  @OptionGroup var filter: FilterOptions
  @Flag(help: "Every dead letter there is.") var all = false
  @Flag(help: "Count what would be done, and do nothing.") var dryRun = false

  func validate() throws {
    let ways = [!ids.isEmpty, !filter.isEmpty, all].count { $0 }
    guard ways <= 1 else {
      throw ValidationError("ids, filters and --all exclude each other")
    }
    guard ways == 1 else {
      throw ValidationError("name dead letters by their ids or by filters, or say --all")
    }
    if let id = ids.first(where: { InvocationID($0) == nil }) {
      throw ValidationError("'\(id)' is not the id of an invocation: 13 characters, as listed")
    }
  }

  func act(
    _ verb: String, _ options: [(String, String?)], _ asking: AskingOptions
  ) throws {
    let flags = [("all", all ? "true" : nil), ("dryRun", dryRun ? "true" : nil)] + options
    let answer = try asking.client(readTimeout: .seconds(3600)).post(
      ["v1", "dead-letters", verb], filter.query + flags,
      headers: [("Content-Type", "application/json")], body: body)
    asking.show(answer) { Self.lines(answer, $0) }
    let refused = answer.list("refused").count
    // Said already, line by line.
    if refused > 0 { throw CommandFault.failed("") }
  }

  private var body: [UInt8] {
    guard !ids.isEmpty else { return [] }
    var json = JSONWriter()
    json.object { $0.field("ids", ids.compactMap { InvocationID($0)?.description }) }
    return json.bytes
  }

  static func lines(_ answer: Answer, _ presentation: Presentation) -> [String] {
    let selected = answer["selected"] ?? "0"
    let done = answer["done"] ?? "0"
    let verb = answer["action"] == "purge" ? "purged" : "redriven"
    let sentence =
      answer.isTrue("dryRun")
      ? "\(selected) would be \(verb)" : "\(done) of \(selected) \(verb)"
    return [sentence]
      + answer.list("refused").map {
        presentation.ink(.red, "\($0["id"] ?? "-"): \($0["reason"] ?? "-")")
      }
  }
}
