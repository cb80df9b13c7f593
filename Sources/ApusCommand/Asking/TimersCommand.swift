// `apus timers`: when what fires next, and firing it by hand.

import ArgumentParser

struct TimersCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "timers",
    abstract: "Lists, shows and fires timers.",
    discussion: """
      A timer is named after its function and its place among the triggers, from 0.
      Example: apus timers fire report-status/0
      """,
    subcommands: [List.self, Show.self, Fire.self], defaultSubcommand: List.self)

  struct List: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Lists the timers with their next and last instants.",
      discussion: "Example: apus timers list")
    @OptionGroup var asking: AskingOptions

    func run() throws {
      let answer = try asking.client().get(["v1", "timers"])
      asking.show(answer) { TimersCommand.table(answer.list("items"), $0) }
    }
  }

  struct Show: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Shows one timer, what became of its instants, and those it missed.",
      discussion: "Example: apus timers show report-status/0")
    @Argument(help: "The timer.") var name: String
    @OptionGroup var asking: AskingOptions

    func run() throws {
      let answer = try asking.client().get(["v1", "timers", name])
      asking.show(answer) { TimersCommand.whole(answer, $0) }
    }
  }

  struct Fire: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Fires a timer now, beside its schedule.",
      discussion: "Example: apus timers fire report-status/0")
    @Argument(help: "The timer.") var name: String
    @OptionGroup var asking: AskingOptions

    func run() throws {
      let answer = try asking.client().post(["v1", "timers", name, "fire"])
      asking.show(answer) { SendCommand.lines(answer, $0) }
    }
  }

  static func table(_ timers: [Answer], _ presentation: Presentation) -> [String] {
    var table = Table(["TIMER", "FUNCTION", "NEXT", "LAST", "ENDED", "RULE"])
    for timer in timers {
      let state = timer.list("firings").first?["state"] ?? "-"
      table.add([
        Table.Cell(timer["name"] ?? "-"), Table.Cell(timer["function"] ?? "-"),
        Table.Cell(presentation.ago(timer.time("next"))),
        Table.Cell(presentation.ago(timer.time("last"))), Table.Cell(state, .of(state: state)),
        Table.Cell(timer["rule"] ?? "-"),
      ])
    }
    return presentation.lines(table, ifEmpty: "no timers")
  }

  static func whole(_ answer: Answer, _ presentation: Presentation) -> [String] {
    func instant(_ path: String) -> String? {
      answer[path].map { "\($0) (\(presentation.ago(answer.time(path))))" }
    }
    let fields = presentation.fields([
      ("timer", answer["timer.name"].map { presentation.ink(.bold, $0) }),
      ("function", answer["timer.function"]), ("rule", answer["timer.rule"]),
      ("next", instant("timer.next")),
      ("then", answer.texts("timer.upcoming").dropFirst().joined(separator: "\n          ")),
      ("last", instant("timer.last")),
    ])
    let firings = answer.list("timer.firings")
    let fired =
      firings.isEmpty
      ? []
      : ["", presentation.ink(.dim, "fired")]
        + firings.map { one in
          let state = one["state"] ?? "-"
          return "  \(one["instant"] ?? "-")  \(one["invocation"] ?? "-")  "
            + presentation.ink(.of(state: state), state)
        }
    let missed = answer.list("missed")
    guard !missed.isEmpty else { return fields + fired }
    return fields + fired + ["", presentation.ink(.dim, "missed")]
      + missed.map { one in
        let count = one["count"] ?? "1"
        let more = count == "1" ? "" : ", \(count) instants up to then"
        return "  \(one["instant"] ?? "-")  \(one["reason"] ?? "-")\(more)"
      }
  }
}
