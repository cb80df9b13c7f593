// `apus actions`: what operators did, how far it has come, and the hand that stops it.

import ArgumentParser
import Glibc
import Invocations

struct ActionsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "actions",
    abstract: "Lists, shows, watches and aborts what operators do.",
    discussion: "Example: apus actions list",
    subcommands: [List.self, Show.self, Watch.self, Abort.self], defaultSubcommand: List.self)

  struct List: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Lists who did what, the newest first.", discussion: "Example: apus actions list")
    @OptionGroup var page: PageOptions
    @OptionGroup var asking: AskingOptions

    func run() throws {
      let answer = try asking.client().get(["v1", "actions"], page.query)
      asking.show(answer) { ActionsCommand.table(answer, $0) }
      InvocationsCommand.tellOfMore(answer, asking)
    }
  }

  struct Show: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Shows one action: who, when, what it selects, how far it has come.",
      discussion: "Example: apus actions show 12")
    @Argument(help: "The action's number.") var number: Int
    @OptionGroup var asking: AskingOptions

    func run() throws {
      let answer = try asking.client().get(["v1", "actions", "\(number)"])
      asking.show(answer) { ActionWords(answer).whole($0) }
    }
  }

  struct Watch: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Follows an action until it ends; to stop watching does not stop it.",
      discussion: "Example: apus actions watch 12")
    @Argument(help: "The action's number.") var number: Int
    @OptionGroup var asking: AskingOptions

    func run() throws {
      let client = try asking.client()
      var last: String?
      while true {
        let answer = try client.get(["v1", "actions", "\(number)"])
        let line = ActionWords(answer).progress(.current)
        if asking.json {
          Terminal.show(String(decoding: answer.bytes, as: UTF8.self))
        } else if line != last {
          Terminal.show(line)
        }
        last = line
        guard ["counting", "running"].contains(answer["state"]) else {
          if answer["state"] == "failed" { throw CommandFault.failed("") }
          return
        }
        sleep(1)
      }
    }
  }

  struct Abort: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Stops an action; what it has done stays done.",
      discussion: "Example: apus actions abort 12")
    @Argument(help: "The action's number.") var number: Int
    @OptionGroup var asking: AskingOptions

    func run() throws {
      let client = try asking.client()
      let answer = try client.post(["v1", "actions", "\(number)", "abort"])
      asking.show(answer) { _ in
        ["action \(number) stops; how far it came: apus actions show \(number)"]
      }
    }
  }

  static func table(_ answer: Answer, _ presentation: Presentation) -> [String] {
    var table = Table(
      ["ACTION", "WHEN", "WHO", "WHAT", "STATE", "DONE", "SELECTED", "REFUSED", "OF"],
      numbers: [0, 5, 6, 7])
    for action in answer.list("items") {
      let state = action["state"] ?? "-"
      table.add([
        Table.Cell(action["id"] ?? "-"), Table.Cell(presentation.ago(action.time("at"))),
        Table.Cell(action["by"] ?? "-"), Table.Cell(action["action"] ?? "-"),
        Table.Cell(state, ActionWords.colour(of: state)), Table.Cell(action["done"] ?? "-"),
        Table.Cell(action["selected"] ?? "-"), Table.Cell(action["refusedCount"] ?? "-"),
        Table.Cell(ActionWords(action).subject),
      ])
    }
    return presentation.lines(table, ifEmpty: "no actions")
  }
}

/// An action in words.
struct ActionWords {
  private let action: Answer

  init(_ action: Answer) { self.action = action }

  static func colour(of state: String) -> Ink.Colour? {
    switch state {
    case "done": .green
    case "counting", "running": .blue
    case "aborted": .yellow
    case "failed": .red
    default: nil
    }
  }

  var number: String { action["id"] ?? "-" }

  var isOver: Bool { !["counting", "running"].contains(action["state"]) }

  /// `redriven`, `purged`.
  private var participle: String {
    switch action["action"] {
    case "redrive": "redriven"
    case "purge": "purged"
    case "retry": "retried"
    case "cancel": "cancelled"
    case let other: other ?? "-"
    }
  }

  /// What it is about, and what it selects.
  var subject: String {
    let filter = action.members("filter").filter { $0.name != "where" }.map {
      "\($0.name)=\($0.text)"
    }
    let matches = action.texts("filter.where")
    let ids = action.texts("ids")
    let named = ids.isEmpty ? [] : [ids.count == 1 ? ids[0] : "\(ids.count) ids"]
    return ([action["subject"] ?? "-"] + filter + matches + named + changes).joined(separator: " ")
  }

  private var changes: [String] {
    action.members("set").map { "set \($0.name)=\($0.text)" }
      + [action["to"].map { "to \($0)" }, action["rate"].map { "at \($0)" }].compactMap(\.self)
  }

  /// One line: how far it has come.
  func progress(_ presentation: Presentation) -> String {
    let done = action.number("done") ?? 0
    let selected = action.number("selected") ?? 0
    let refused = action.number("refusedCount") ?? 0
    let state = action["state"] ?? "-"
    let parts = [
      "\(done) of \(selected) \(participle)", refused > 0 ? "\(refused) refused" : nil,
      isOver ? nil : left(done + refused, selected),
    ]
    return "action \(number)  " + presentation.ink(Self.colour(of: state), state) + "  "
      + parts.compactMap(\.self).joined(separator: ", ")
  }

  private func left(_ done: Int64, _ selected: Int64) -> String? {
    guard let rate = action["rate"], let interval = ActionPace.interval(rate), selected > done
    else { return nil }
    let milliseconds = (interval * Int(selected - done)).components
    let time = milliseconds.seconds * 1000 + milliseconds.attoseconds / 1_000_000_000_000_000
    return "about \(TimeWords.length(milliseconds: time)) to go at \(rate)"
  }

  /// What a command that began it says.
  func outcome(_ presentation: Presentation) -> [String] {
    let selected = action["selected"] ?? "0"
    if action.isTrue("dryRun") { return ["\(selected) would be \(participle)"] }
    let refused = action.list("refused").map {
      presentation.ink(.red, "\($0["id"] ?? "-"): \($0["reason"] ?? "-")")
    }
    guard isOver else {
      return [
        progress(presentation),
        "watch it: apus actions watch \(number)   stop it: apus actions abort \(number)",
      ] + refused
    }
    return ["\(action["done"] ?? "0") of \(selected) \(participle)"] + refused
  }

  func whole(_ presentation: Presentation) -> [String] {
    let state = action["state"] ?? "-"
    func instant(_ path: String) -> String? {
      action[path].map { "\($0) (\(presentation.ago(action.time(path))))" }
    }
    let fields = presentation.fields([
      ("action", presentation.ink(.bold, number)), ("what", action["action"]),
      ("of", subject), ("who", action["by"]), ("when", instant("at")),
      ("state", presentation.ink(Self.colour(of: state), state)),
      ("selected", action["selected"]), ("done", action["done"]),
      ("refused", action["refusedCount"].flatMap { $0 == "0" ? nil : $0 }),
      ("finished", instant("finishedAt")), ("note", action["note"]),
    ])
    let refused = action.list("refused").map {
      "  " + presentation.ink(.red, "\($0["id"] ?? "-"): \($0["reason"] ?? "-")")
    }
    return fields + (refused.isEmpty ? [] : ["", presentation.ink(.bold, "refused")] + refused)
  }
}
