// `apus functions`: what is deployed, how it is doing, and the operator's hand on it.

import ArgumentParser

struct FunctionsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "functions",
    abstract: "Lists, shows, pauses and resumes functions.",
    discussion: "Example: apus functions pause charge-payment",
    subcommands: [List.self, Show.self, Pause.self, Resume.self], defaultSubcommand: List.self)

  struct List: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Lists the functions with their load.", discussion: "Example: apus functions list")
    @OptionGroup var asking: AskingOptions

    func run() throws {
      let answer = try asking.client().get(["v1", "functions"])
      asking.show(answer) { FunctionsCommand.table(answer, $0) }
    }
  }

  struct Show: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Shows one function: its triggers, limits and load.",
      discussion: "Example: apus functions show charge-payment")
    @Argument(help: "The function.") var name: String
    @OptionGroup var asking: AskingOptions

    func run() throws {
      let answer = try asking.client().get(["v1", "functions", name])
      asking.show(answer) { FunctionsCommand.whole(answer, $0) }
    }
  }

  struct Pause: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Starts nothing of a function any more; events are still accepted.",
      discussion: "Example: apus functions pause charge-payment")
    @Argument(help: "The function.") var name: String
    @OptionGroup var asking: AskingOptions

    func run() throws { try PauseCall.run(["v1", "functions", name, "pause"], asking) }
  }

  struct Resume: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Starts a paused function's invocations again.",
      discussion: "Example: apus functions resume charge-payment")
    @Argument(help: "The function.") var name: String
    @OptionGroup var asking: AskingOptions

    func run() throws { try PauseCall.run(["v1", "functions", name, "resume"], asking) }
  }
}

enum PauseCall {
  static func run(_ path: [String], _ asking: AskingOptions) throws {
    let answer = try asking.client().post(path)
    asking.show(answer) { _ in
      let subject = (answer["subject"] ?? "").replacing(":", with: " ")
      return ["\(subject) is \(answer.isTrue("paused") ? "paused" : "resumed")"]
    }
  }
}

extension FunctionsCommand {
  static func table(_ answer: Answer, _ presentation: Presentation) -> [String] {
    var table = Table(
      [
        "FUNCTION", "STATE", "WAITING", "RUNNING", "PER MINUTE", "OK*", "DIED*", "P50*", "P99*",
        "TRIGGERS",
      ],
      numbers: [2, 3, 4, 5, 6, 7, 8])
    for function in answer.list("items") {
      let state = function["state"] ?? "-"
      let dead = function["sinceStart.dead"] ?? "-"
      table.add([
        Table.Cell(function["name"] ?? "-"), Table.Cell(state, .of(state: state)),
        Table.Cell(function["waiting"] ?? "-"), Table.Cell(function["running"] ?? "-"),
        Table.Cell(function["lastMinute.started"] ?? "-"),
        Table.Cell(function["sinceStart.succeeded"] ?? "-"),
        Table.Cell(dead, dead == "0" ? nil : .red),
        Table.Cell(TimeWords.length(milliseconds: function.number("sinceStart.runP50Ms"))),
        Table.Cell(TimeWords.length(milliseconds: function.number("sinceStart.runP99Ms"))),
        Table.Cell(function.texts("triggers").joined(separator: ", ")),
      ])
    }
    let lines = presentation.lines(table, ifEmpty: "no functions")
    return table.isEmpty ? lines : lines + [presentation.ink(.dim, "* since the host started")]
  }

  private static func rate(of function: Answer) -> String? {
    guard let count = function["rate.count"] else { return nil }
    let period = TimeWords.length(milliseconds: function.number("rate.periodMs"))
    let per = function["rate.per"].map { " for each \($0)" } ?? ""
    return "\(count) in \(period), \(function["rate.burst"] ?? "-") at once\(per)"
  }

  static func whole(_ function: Answer, _ presentation: Presentation) -> [String] {
    let state = function["state"] ?? "-"
    let paused = function.time("pausedSince").map { ", since \(presentation.ago($0))" } ?? ""
    func length(_ path: String) -> String {
      TimeWords.length(milliseconds: function.number(path))
    }
    let description = function["description"] ?? ""
    let retry =
      "\(function["retry.attempts"] ?? "-") attempts, first after \(length("retry.firstMs")), "
      + "× \(function["retry.factor"] ?? "-") up to \(length("retry.maxMs")), "
      + "jitter \(function["retry.jitter"] ?? "-"), for \(length("retry.maxAgeMs"))"
    let counts = ["succeeded", "dead", "retried"].map { word in
      "\(function["sinceStart.\(word)"] ?? "0") \(word)"
    }
    let minute = ["accepted", "started", "succeeded", "failed"].map { word in
      "\(function["lastMinute.\(word)"] ?? "0") \(word)"
    }
    let secrets = function.texts("secrets").joined(separator: ", ")
    let fields = function.texts("fields").joined(separator: ", ")
    return presentation.fields([
      ("function", presentation.ink(.bold, function["name"] ?? "-")),
      ("description", description.isEmpty ? nil : description),
      ("handler", function["handler"]),
      ("state", presentation.ink(.of(state: state), state) + paused),
      ("problem", function["problem"].map { presentation.ink(.red, $0) }),
      ("triggers", function.texts("triggers").joined(separator: "\n            ")),
      ("waiting", function["waiting"].map { "\($0) of at most \(function["queueLimit"] ?? "-")" }),
      ("running", function["running"].map { "\($0) of at most \(function["concurrency"] ?? "-")" }),
      ("rate", rate(of: function)),
      ("order", function["order"]),
      ("fields", fields.isEmpty ? nil : fields),
      ("timeout", length("timeoutMs")),
      ("retry", retry),
      ("dead letter", function["deadLetter"].map { "to queue \($0)" } ?? "kept in the record"),
      ("payload", function["payloadLimit"].map { "at most \($0) bytes" }),
      ("durability", function["durability"]),
      ("secrets", secrets.isEmpty ? nil : secrets),
      ("last minute", minute.joined(separator: ", ")),
      ("since start", counts.joined(separator: ", ")),
      ("run time", "p50 \(length("sinceStart.runP50Ms")), p99 \(length("sinceStart.runP99Ms"))"),
    ])
  }
}
