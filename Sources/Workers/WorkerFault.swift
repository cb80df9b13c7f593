// Why a release did not come up: said to whoever launched it. What goes wrong later is news.

package enum WorkerFault: Error, Equatable, Sendable, CustomStringConvertible {
  /// Names of secrets, each with the functions that ask for it.
  case missingSecrets([String: [String]])
  /// No process: the executable is missing, may not be run, or the machine has no room for it.
  case cannotStart(executable: String, reason: String)
  /// The process ended before it was ready; `lines` are its last words.
  case ended(executable: String, how: String, lines: [String])
  case saidNoHello(executable: String, within: Duration, lines: [String])
  /// It sent what the protocol does not allow, such as another version.
  case spokeNonsense(executable: String, reason: String, lines: [String])
  /// Another release was launched before this one was ready.
  /// The workers came up and do not hold what the manifests ask for.
  case objectedTo([String])
  case superseded
  case stopped

  /// Stable across releases.
  package var code: String {
    switch self {
    case .missingSecrets: "missing-secret"
    case .cannotStart: "worker-cannot-start"
    case .ended: "worker-ended"
    case .saidNoHello: "worker-silent"
    case .spokeNonsense: "worker-protocol"
    case .objectedTo: "missing-handler"
    case .superseded: "release-superseded"
    case .stopped: "host-stopping"
    }
  }

  package var description: String {
    switch self {
    case .missingSecrets(let secrets):
      WorkerFault.describe(secrets)
    case .cannotStart(let executable, let reason):
      "the worker \(executable) cannot be started: \(reason)"
    case .ended(let executable, let how, let lines):
      "the worker \(executable) ended before it was ready (\(how)); is it an Apus FunctionApp?"
        + WorkerFault.quote(lines)
    case .saidNoHello(let executable, let limit, let lines):
      "the worker \(executable) did not say hello within \(limit); it must be an Apus FunctionApp "
        + "that does nothing slow before its main starts" + WorkerFault.quote(lines)
    case .spokeNonsense(let executable, let reason, let lines):
      "the worker \(executable) broke the protocol: \(reason)" + WorkerFault.quote(lines)
    case .objectedTo(let mistakes):
      mistakes.joined(separator: "\n")
    case .superseded:
      "another release was launched before this one was ready"
    case .stopped:
      "the host is stopping"
    }
  }

  private static func describe(_ secrets: [String: [String]]) -> String {
    let list = secrets.sorted { $0.key < $1.key }
      .map { "\($0.key) (asked for by \($0.value.joined(separator: ", ")))" }
    return "missing secrets: \(list.joined(separator: "; ")); set them in the host's environment "
      + "or in secrets.env in its data directory"
  }

  /// The last words matter most; a whole backtrace does not fit a message.
  private static let quotedLinesMax = 20

  private static func quote(_ lines: [String]) -> String {
    guard !lines.isEmpty else { return "; it printed nothing" }
    return "; its last lines:" + lines.suffix(quotedLinesMax).map { "\n  \($0)" }.joined()
  }
}
