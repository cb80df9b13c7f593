// The handlers in an executable, as it says itself with --list-handlers.

import EventLoop
import Invocations
import Workers

enum WorkerHandlers {
  private static let timeout = Duration.seconds(10)

  static func list(of executable: String) throws(CommandFault) -> [HeldHandler] {
    // Without a slash it would be looked up in PATH.
    let path = executable.contains("/") ? executable : "./\(executable)"
    let options = ChildProcess.Options(
      executable: path, arguments: ["--list-handlers"],
      environment: WorkerSettings().passedThrough)
    let result = try ChildRun.run(options, timeout: timeout)
    let answer = Answer(result.output)
    guard result.exit == .status(0), answer.raw("handlers") != nil else {
      let words = String(decoding: result.errors.suffix(2000), as: UTF8.self)
      throw .badInput(
        "\(executable) does not list its handlers (\(result.ending)); is it an Apus FunctionApp?"
          + (words.isEmpty ? "" : "\n\(words)"))
    }
    return answer.list("handlers").compactMap { handler in
      handler["name"].map { HeldHandler($0, takesBatches: handler["kind"] == "batch") }
    }
  }
}
