// `apus new NAME`: a package that builds, tests and runs with `apus dev` as it is. It writes a folder
// that was not there, whole or not at all, and changes nothing else.

import ArgumentParser

struct NewCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "new",
    abstract: "Makes a package with an HTTP function, a queue function, a timer and their test.",
    discussion: """
      The folder must not exist, or be empty; otherwise nothing is written and the exit code is 65.
      Example: apus new Orders
      """)

  @Argument(
    help: "The package's name, such as Orders or my-orders; the folder gets it too.")
  var name: String

  @Option(
    help: ArgumentHelp(
      "Where the new package finds Apus: a checkout's folder, or the URL of a repository "
        + "(default: the checkout that this apus was built from).", valueName: "path|url"))
  var apus: String?

  func run() throws {
    let name = try PackageName(name)
    let source = try ApusSource(given: apus)
    guard name.folder.lowercased() != source.identity else {
      throw CommandFault.badInput(
        "the package cannot have the name of the folder that Apus is in ('\(source.identity)'); "
          + "choose another")
    }
    try NewPackage(name: name, apus: source).write(to: name.folder)
    Terminal.show(
      """
      \(name.folder)/ is ready:

        cd \(name.folder)
        swift test       # the functions on virtual time, no host
        apus dev         # builds, runs, watches, and prints a line to try

      """)
  }
}
