// `apus dev`: builds, runs, watches, and swaps what changed. The main thread builds and launches;
// the loop runs the host and hears of changes.

import ArgumentParser
import Glibc

struct DevCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "dev",
    abstract: "Builds and runs the functions here, and again when something changes.",
    discussion: """
      Builds the package's executable with the handlers, starts the host, watches Functions/ and \
      Manifests/, swaps the workers when something changed, and shows what happens. What was \
      accepted before is still there after a restart.
      Example: apus dev
      """)

  @Option(help: ArgumentHelp("The Swift package (default: .).", valueName: "dir"))
  var package: String?

  @Option(
    help: ArgumentHelp(
      "The executable product with the handlers, where there is more than one.", valueName: "name"))
  var product: String?

  @Option(
    help: ArgumentHelp("How to build (default: debug).", valueName: "debug|release"))
  var configuration: String?

  @OptionGroup var host: HostOptions

  func run() throws {
    let settings = try host.settings([
      .package: package, .product: product, .configuration: configuration,
    ])
    guard !host.printConfig else {
      let names = Settings.Name.allCases.filter { $0 != .worker }
      let token = Environment.variables[Environment.tokenVariable]
      return Terminal.show(settings.table(of: names, token: token).lines(.output))
    }
    let output = LineWriter(to: STDOUT_FILENO)
    output.begin()
    defer { output.finish() }
    try DevSession(settings, output).run()
  }
}
