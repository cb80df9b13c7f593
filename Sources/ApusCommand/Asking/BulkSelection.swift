// Which of many: by ids, by filters, or every one, and then that has to be said.

import ArgumentParser
import Invocations

struct BulkSelection: ParsableArguments {
  @Argument(help: "Ids of invocations; none where filters select.") var ids: [String] = []
  @OptionGroup var filter: FilterOptions
  @Flag(help: "Every one there is.") var all = false
  @Flag(help: "Count what would be done, and do nothing.") var dryRun = false
  @Option(
    help: ArgumentHelp(
      "How fast, such as 10/s or 100/min (default: at once).", valueName: "count/period"))
  var rate: String?

  func validate() throws {
    let ways = [!ids.isEmpty, !filter.isEmpty, all].count { $0 }
    guard ways <= 1 else {
      throw ValidationError("ids, filters and --all exclude each other")
    }
    guard ways == 1 else {
      throw ValidationError("name them by their ids or by filters, or say --all")
    }
    if let id = ids.first(where: { InvocationID($0) == nil }) {
      throw ValidationError("'\(id)' is not the id of an invocation: 13 characters, as listed")
    }
  }

  /// Of one invocation that is done at once, and told in its own words.
  var onlyID: String? { ids.count == 1 && !dryRun && rate == nil ? ids[0] : nil }

  func act(
    _ path: [String], _ options: [(String, String?)], _ asking: AskingOptions
  ) throws {
    let flags: [(String, String?)] = [
      ("all", all ? "true" : nil), ("dryRun", dryRun ? "true" : nil), ("rate", rate),
    ]
    let answer = try asking.client(readTimeout: .seconds(3600)).post(
      path, filter.query + flags + options,
      headers: [("Content-Type", "application/json")], body: body)
    asking.show(answer) { ActionWords(answer).outcome($0) }
    // Said already, line by line.
    if answer.number("refusedCount") ?? 0 > 0 { throw CommandFault.failed("") }
  }

  private var body: [UInt8] {
    guard !ids.isEmpty else { return [] }
    var json = JSONWriter()
    json.object { $0.field("ids", ids.compactMap { InvocationID($0)?.description }) }
    return json.bytes
  }
}
