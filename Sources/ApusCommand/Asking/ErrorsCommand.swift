// `apus errors`: what goes wrong, each cause once, with how often, since which release, and what to do
// about it.

import ArgumentParser
import Invocations

struct ErrorsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "errors",
    abstract: "Lists what failed, grouped by cause, and shows one cause.",
    discussion: """
      A cause is named by its fingerprint: of the error's code, type and message, without the numbers \
      and ids in it.
      Example: apus errors --open
      """,
    subcommands: [List.self, Show.self], defaultSubcommand: List.self)

  struct List: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Lists the causes: those with dead letters first, then the latest.",
      discussion: "Example: apus errors list --open --function charge-payment")
    @Option(help: ArgumentHelp("Only of this function.", valueName: "name")) var function: String?
    @Option(
      help: ArgumentHelp(
        "Only seen since then: a time, or a time back from now such as 2h.", valueName: "time"))
    var since: String?
    @Option(help: ArgumentHelp("Only with this in the message or type.", valueName: "text"))
    var text: String?
    @Flag(help: "Only those with dead letters that nobody has dealt with.") var open = false
    @Option(help: ArgumentHelp("At most so many (default: 50).", valueName: "n")) var limit: Int?
    @OptionGroup var asking: AskingOptions

    func run() throws {
      let answer = try asking.client().get(
        ["v1", "errors"],
        [
          ("function", function), ("since", since), ("text", text),
          ("open", open ? "true" : nil), ("limit", limit.map(String.init)),
        ])
      asking.show(answer) { ErrorsCommand.table(answer, $0) }
    }
  }

  struct Show: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Shows one cause, and the commands that deal with exactly it.",
      discussion: "Example: apus errors show AAG3ZD5YWC")
    @Argument(help: "The fingerprint.") var fingerprint: String
    @OptionGroup var asking: AskingOptions

    func run() throws {
      let answer = try asking.client().get(["v1", "errors", fingerprint])
      asking.show(answer) { ErrorsCommand.whole(answer, $0) }
    }
  }

  static func table(_ answer: Answer, _ presentation: Presentation) -> [String] {
    // The words tell the causes apart; on a narrow terminal the rest makes room.
    let isNarrow = presentation.columnsMax.map { $0 < narrow } ?? false
    let titles =
      isNarrow
      ? ["FINGERPRINT", "DEAD", "RELEASE", "LAST", "ERROR"]
      : [
        "FINGERPRINT", "DEAD", "RETRYING", "FAILED", "FIRST", "IN RELEASE", "LAST", "FUNCTIONS",
        "ERROR",
      ]
    var table = Table(titles, numbers: isNarrow ? [1, 2] : [1, 2, 3, 5])
    let groups = answer.list("items")
    for group in groups {
      let dead = group["deadLetters"] ?? "0"
      let name = Table.Cell(group["fingerprint"] ?? "-")
      let open = Table.Cell(dead, dead == "0" ? nil : .red)
      guard !isNarrow else {
        table.add([
          name, open, Table.Cell(group["firstRelease"] ?? "-"),
          Table.Cell(presentation.ago(group.time("lastAt"))), Table.Cell(error(of: group)),
        ])
        continue
      }
      table.add([
        name, open,
        Table.Cell(group["retrying"] ?? "0"), Table.Cell(group["failures"] ?? "0"),
        Table.Cell(presentation.ago(group.time("firstAt"))),
        Table.Cell(group["firstRelease"] ?? "-"),
        Table.Cell(presentation.ago(group.time("lastAt"))), Table.Cell(functions(of: group)),
        Table.Cell(error(of: group)),
      ])
    }
    let lines = presentation.lines(table, ifEmpty: "no errors")
    guard let first = groups.first(where: { $0["deadLetters"] != "0" }) else { return lines }
    let hint =
      "redrive one cause: apus dead-letters redrive --fingerprint \(first["fingerprint"] ?? "-")"
      + " --dry-run"
    return lines + [presentation.ink(.dim, hint)]
  }

  private static let narrow = 120

  private static func functions(of group: Answer) -> String {
    let names = group.list("functions").compactMap { $0["name"] }
    return names.count <= 2
      ? names.joined(separator: ", ")
      : "\(names[0]), \(names[1]) and \(names.count - 2) more"
  }

  private static func error(of group: Answer) -> String {
    let type = group["type"].flatMap { $0.isEmpty ? nil : $0 } ?? group["code"] ?? "-"
    return "\(type): \(group["message"] ?? "")"
  }

  static func whole(_ group: Answer, _ presentation: Presentation) -> [String] {
    func seen(_ time: String, _ release: String, _ invocation: String) -> String {
      let number = group[release].map { ", release \($0)" } ?? ""
      return "\(presentation.ago(group.time(time))) (\(group[time] ?? "-"))\(number), "
        + "\(group[invocation] ?? "-")"
    }
    let fingerprint = group["fingerprint"] ?? "-"
    let functions = group.list("functions").map {
      "\($0["name"] ?? "-") (\($0["failures"] ?? "0"))"
    }
    let message = (group["message"] ?? "").split(whereSeparator: \.isNewline).map(String.init)
    let fields = presentation.fields([
      ("fingerprint", presentation.ink(.bold, fingerprint)),
      ("type", group["type"].flatMap { $0.isEmpty ? nil : $0 }), ("code", group["code"]),
      ("failed attempts", group["failures"]),
      ("dead letters", group["deadLetters"]),
      ("retrying", group["retrying"]),
      ("first seen", seen("firstAt", "firstRelease", "firstInvocation")),
      ("last seen", seen("lastAt", "lastRelease", "lastInvocation")),
      ("functions", functions.joined(separator: ", ")),
    ])
    let commands = [
      "apus dead-letters list --fingerprint \(fingerprint)",
      "apus dead-letters redrive --fingerprint \(fingerprint) --dry-run",
      "apus invocations list --fingerprint \(fingerprint)",
    ]
    return fields + ["", presentation.ink(.bold, "the latest")]
      + message.map { "  " + presentation.ink(.red, $0) }
      + ["", presentation.ink(.bold, "commands")] + commands.map { "  \($0)" }
  }
}
