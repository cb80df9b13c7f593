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
    @Option(
      help: ArgumentHelp(
        "A column for this value of the events, such as data.orderId; may come again.",
        valueName: "path"))
    var show: [String] = []
    @OptionGroup var page: PageOptions
    @OptionGroup var asking: AskingOptions

    func run() throws {
      try PagedListing(
        path: ["v1", "dead-letters"], filter: filter, page: page, columns: show, asking: asking,
        sentence: "no dead letters"
      ).show()
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
      try InvocationsCommand.Show.tell(answer, client, asking)
    }
  }

  struct Redrive: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Sends dead letters again, each as a new invocation that names the old one.",
      discussion: """
        With --set the new event is a mended one that names the old event.
        Example: apus dead-letters redrive --fingerprint AAG3ZD5YWC --set data.card=tok_2 --rate 10/s
        """)
    @OptionGroup var selection: BulkSelection
    @Option(
      help: ArgumentHelp(
        "Sets a member of the event's data: JSON, or else text; may come again.",
        valueName: "path=value"))
    var set: [String] = []
    @Option(help: ArgumentHelp("To another function than their own.", valueName: "function"))
    var to: String?
    @OptionGroup var asking: AskingOptions

    func run() throws {
      try selection.act(
        ["v1", "dead-letters", "redrive"], set.map { ("set", $0) } + [("to", to)], asking)
    }
  }

  struct Purge: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Throws dead letters away; they stay in the list of invocations.",
      discussion: "Example: apus dead-letters purge --reason rejected --until 7d")
    @OptionGroup var selection: BulkSelection
    @OptionGroup var asking: AskingOptions

    func run() throws { try selection.act(["v1", "dead-letters", "purge"], [], asking) }
  }
}
