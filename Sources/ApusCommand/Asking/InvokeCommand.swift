// `apus invoke`: one function with this data, now, and its result.

import ArgumentParser
import HTTP

struct InvokeCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "invoke",
    abstract: "Runs a function with this data and prints its result.",
    discussion: """
      The run is recorded like any other. With --wait it gives up waiting after that many seconds \
      (exit code 75) while the function runs on.
      Example: apus invoke charge-payment '{"orderId":"o-1"}'
      """)

  /// A handler may take long; the host ends it at its timeout.
  private static let patience = Duration.seconds(24 * 3600)

  @Argument(help: "The function.") var function: String
  @Argument(help: "The data, or - for standard input.") var data: String = "null"
  @Flag(name: .customLong("async"), help: "Do not wait for the result.") var isAsynchronous = false
  @Option(help: ArgumentHelp("Wait at most so many seconds.", valueName: "seconds")) var wait: Int?
  @Option(help: ArgumentHelp("What the data is (default: application/json).", valueName: "type"))
  var contentType: String?
  @Option(help: ArgumentHelp("A repeat with the same key does not run again.", valueName: "key"))
  var idempotencyKey: String?
  @OptionGroup var asking: AskingOptions

  func validate() throws {
    guard wait == nil || !isAsynchronous else {
      throw ValidationError("--async and --wait exclude each other")
    }
  }

  func run() throws {
    let body =
      data == "-" ? try Terminal.readInput(bytesMax: SendCommand.bodyBytesMax) : Array(data.utf8)
    var headers = [("Content-Type", contentType ?? "application/json")]
    if isAsynchronous { headers.append(("Prefer", "respond-async")) }
    if let wait { headers.append(("Prefer", "wait=\(wait)")) }
    if let idempotencyKey { headers.append(("Idempotency-Key", idempotencyKey)) }
    let response = try asking.client(readTimeout: Self.patience).call(
      "POST", ["v1", "functions", function, "invoke"], headers: headers, body: body)
    try show(response)
  }

  private func show(_ response: HTTPClientResponse) throws {
    let isPending = response.headers[first: "Preference-Applied"] != nil
    if response.headers[first: "Idempotency-Replayed"] == "true" {
      let first = response.headers[first: "Apus-Invocation"] ?? "-"
      Terminal.complain("not run again: this is what \(first), with the same key, returned")
    }
    guard response.status == 202, isPending else { return Self.show(result: response.body) }
    let answer = Answer(response.body)
    let id = answer["invocation"] ?? "-"
    if isAsynchronous { return asking.show(answer) { _ in [id] } }
    throw CommandFault.tryLater("still running: apus invocations show \(id)")
  }

  private static func show(result: [UInt8]) {
    guard let last = result.last else { return }
    Terminal.show(bytes: last == 10 || !Terminal.isTerminal(1) ? result : result + [10])
  }
}
