// Builds the users' package with `swift build` and says where the executable is. It knows when a
// build brought nothing new.

import EventLoop
import Glibc

struct PackageBuild {
  enum Outcome: Equatable {
    /// The built executable, and lines worth showing (warnings).
    case built(path: String, lines: [String])
    case failed(lines: [String])
    /// The command is stopping.
    case stopped
  }

  let directory: String
  let product: String
  let configuration: String
  /// Where changes call for a build.
  let sourceDirectories: [String]
  private let binaries: String

  /// Asks the package what it is; that takes a second or two.
  init(_ settings: Settings) throws(CommandFault) {
    directory = settings.text(.package)
    configuration = settings.text(.configuration)
    guard ["debug", "release"].contains(configuration) else {
      throw .badInput("'configuration' must be debug or release; got '\(configuration)'")
    }
    guard Files.status(Files.join(directory, "Package.swift")) != nil else {
      throw .badInput(
        "there is no Package.swift in '\(directory)': run apus dev where it is, or name the place "
          + "with --package")
    }
    let choice = try Self.describe(directory)
    if let name = settings[.product]?.text {
      guard choice.candidate(named: name) != nil else {
        let names = choice.candidates.map(\.name).joined(separator: ", ")
        throw .badInput("the package has no executable '\(name)'; it has \(names)")
      }
      product = name
    } else {
      product = try choice.choose().name
    }
    var folders = ["Functions"]
    if let path = choice.candidate(named: product)?.path, !path.hasPrefix("Functions/") {
      folders.append(path)
    }
    let directory = directory
    sourceDirectories = folders.map { Files.join(directory, $0) }
    binaries = try Self.binaries(directory, configuration)
  }

  private static func describe(_ directory: String) throws(CommandFault) -> ProductChoice {
    let arguments = ["package", "--package-path", directory, "dump-package"]
    return ProductChoice(Answer(try swift(arguments, "the package cannot be read").output))
  }

  private static func binaries(
    _ directory: String, _ configuration: String
  ) throws(CommandFault) -> String {
    let arguments = [
      "build", "--package-path", directory, "--configuration", configuration, "--show-bin-path",
    ]
    let result = try swift(arguments, "the package's build folder is not known")
    return String(
      ConfigFile.trimmed(
        String(decoding: result.output, as: UTF8.self)
          .split(separator: "\n").last ?? ""))
  }

  private static func swift(
    _ arguments: [String], _ failure: String
  ) throws(CommandFault) -> ChildResult {
    let result = try ChildRun.run(
      ChildProcess.Options(
        executable: "swift", arguments: arguments, environment: Environment.forTools))
    guard result.exit == .status(0) else {
      let text = String(decoding: result.errors + result.output, as: UTF8.self)
      let lines = CompilerOutput(text).lines(succeeded: false, .errors)
      throw .badInput("\(failure) (\(result.ending)):\n\(lines.joined(separator: "\n"))")
    }
    return result
  }

  /// `progress` hears what is being compiled, a line at a time.
  func run(progress: @escaping @Sendable (String) -> Void, ink: Ink) throws(CommandFault) -> Outcome
  {
    let result = try ChildRun.run(
      ChildProcess.Options(
        executable: "swift",
        arguments: [
          "build", "--package-path", directory, "--product", product, "--configuration",
          configuration,
        ], environment: Environment.forTools), line: progress)
    if result.exit == .signal(SIGTERM) { return .stopped }
    let text = String(decoding: result.output + [10] + result.errors, as: UTF8.self)
    let succeeded = result.exit == .status(0)
    let lines = CompilerOutput(text).lines(succeeded: succeeded, ink)
    return succeeded ? .built(path: "\(binaries)/\(product)", lines: lines) : .failed(lines: lines)
  }
}
