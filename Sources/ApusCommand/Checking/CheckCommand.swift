// `apus check`: every mistake in the manifests, with no host running.

import ArgumentParser
import Manifests

struct CheckCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "check",
    abstract: "Finds every mistake in the manifests, with no host running.",
    discussion: """
      Mistakes go to stderr as file:line:column, and the exit code is 65.
      Example: apus check --manifests Manifests --worker .build/release/Shop
      """)

  @Option(help: ArgumentHelp("Where the manifests are (default: Manifests).", valueName: "dir"))
  var manifests: String?

  @Option(
    help: ArgumentHelp(
      "Also check that this executable has every handler.", valueName: "executable"))
  var worker: String?

  func run() throws {
    let settings = Settings(
      flags: manifests.map { [.manifests: $0] } ?? [:], environment: Environment.variables,
      file: try ConfigFile.find(named: nil))
    let directory = settings.text(.manifests)
    let set = try ManifestReader.read(directory: directory, now: TimeWords.now).get()
    if let worker {
      let mistakes = ManifestReader.check(set, handlers: try WorkerHandlers.list(of: worker))
      guard mistakes.isEmpty else { throw ManifestMistakes(mistakes) }
    }
    Terminal.show(DeclarationWords.lines(set.declarations, .output))
  }
}

struct SchemaCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "schema",
    abstract: "Prints a JSON Schema for editors.",
    discussion: "Example: apus schema manifest > manifest.schema.json",
    subcommands: [Manifest.self])

  struct Manifest: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "The schema of one manifest.",
      discussion: "Example: apus schema manifest > manifest.schema.json")

    func run() throws { Terminal.show(ManifestSchema.json) }
  }
}
