// `apus deploy`, `apus releases` and `apus rollback`: what is live on a running host, changed from
// outside. The host checks and decides; this reads files, sends them and shows the plan.

import ArgumentParser
import Glibc
import Invocations
import Manifests

struct DeployCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "deploy",
    abstract: "Makes manifests, and a worker where one is given, live on a running host.",
    discussion: """
      Everything is checked as a whole and shown as a plan; then new attempts go to the new \
      workers, and what runs ends where it runs. Without --worker the live executable stays.
      Example: apus deploy --worker .build/release/Shop --dry-run
      """)

  @Option(help: ArgumentHelp("Where the manifests are (default: Manifests).", valueName: "dir"))
  var manifests: String?
  @Option(help: ArgumentHelp("An executable with the handlers.", valueName: "executable"))
  var worker: String?
  @OptionGroup var way: DeployingOptions
  @OptionGroup var asking: AskingOptions

  func run() throws {
    let settings = Settings(
      flags: manifests.map { [.manifests: $0] } ?? [:], environment: Environment.variables,
      file: try ConfigFile.find(named: nil))
    let texts = try ManifestReader.texts(in: settings.text(.manifests)).get()
    // Mistakes are told before anything is sent, in the words of `apus check`.
    _ = try ManifestReader.read(texts: texts, now: nil).get()
    let client = try asking.client(readTimeout: DeployingOptions.patience)
    let hash = try worker.map { try ExecutableUpload(of: $0).send(to: client) }
    var json = JSONWriter()
    json.object { json in
      json.object("manifests") { json in for one in texts { json.field(one.path, one.text) } }
      json.field("executable", ifPresent: hash)
      way.write(to: &json)
    }
    let answer = try client.post(
      ["v1", "releases"], headers: [("Content-Type", "application/json")], body: json.bytes)
    asking.show(answer) { PlanWords(answer, $0).lines }
  }
}

struct RollbackCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "rollback",
    abstract: "Makes an earlier release live again: its manifests and its worker.",
    discussion: "Example: apus rollback 4 --dry-run")

  @Argument(help: ArgumentHelp("The number of the release.", valueName: "n")) var number: Int
  @OptionGroup var way: DeployingOptions
  @OptionGroup var asking: AskingOptions

  func run() throws {
    var json = JSONWriter()
    json.object { way.write(to: &$0) }
    let client = try asking.client(readTimeout: DeployingOptions.patience)
    let answer = try client.post(
      ["v1", "releases", "\(number)", "activate"],
      headers: [("Content-Type", "application/json")], body: json.bytes)
    asking.show(answer) { PlanWords(answer, $0).lines }
  }
}

struct ReleasesCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "releases", abstract: "Lists what was deployed, newest first.",
    discussion: "Example: apus releases --limit 5")

  @OptionGroup var page: PageOptions
  @OptionGroup var asking: AskingOptions

  func run() throws {
    let answer = try asking.client().get(["v1", "releases"], page.query)
    asking.show(answer) { Self.table(answer, $0) }
  }

  static func table(_ answer: Answer, _ presentation: Presentation) -> [String] {
    var table = Table(
      ["RELEASE", "STATE", "MADE", "WENT LIVE", "FUNCTIONS", "WORKER", "ORIGIN", "BY"],
      numbers: [0, 4])
    for release in answer.list("items") {
      let isLive = release.isTrue("live")
      table.add([
        Table.Cell(release["number"] ?? "-", isLive ? .bold : nil),
        Table.Cell(isLive ? "live" : "-", isLive ? .green : .dim),
        Table.Cell(presentation.ago(release.time("createdAt"))),
        Table.Cell(presentation.ago(release.time("activatedAt"))),
        Table.Cell(release["functions"] ?? "-"),
        Table.Cell(String((release["executable"] ?? "-").prefix(12)), .dim),
        Table.Cell(release["origin"] ?? "-"), Table.Cell(release["by"] ?? "-"),
      ])
    }
    let more = answer["next"].map { ["more: --cursor \($0)"] } ?? []
    return presentation.lines(table, ifEmpty: "no releases: this host is `apus dev`") + more
  }
}

struct DeployingOptions: ParsableArguments {
  /// A host copies, starts and asks workers before it answers.
  static let patience = Duration.seconds(180)

  @Flag(help: "Check everything and show the plan, and change nothing.")
  var dryRun = false
  @Flag(help: "Deploy although waiting events no longer decode; they will end dead.")
  var force = false

  func write(to json: inout JSONWriter) {
    json.field("dryRun", dryRun)
    json.field("force", force)
    json.field("by", Operator.name)
  }
}
