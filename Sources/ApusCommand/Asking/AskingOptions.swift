// What every command that asks a host takes: where the host is, and how its answer is shown.

import ArgumentParser
import Glibc
import HTTP
import Invocations

struct AskingOptions: ParsableArguments {
  @Option(help: ArgumentHelp("The control door, such as http://127.0.0.1:7070.", valueName: "url"))
  var host: String?

  @Option(
    help: ArgumentHelp(
      "The host's directory, where doors.json tells its address (default: .apus).",
      valueName: "dir"))
  var data: String?

  @Option(
    help: ArgumentHelp(
      "A file that holds the token, and nothing else (default: APUS_TOKEN).", valueName: "file"))
  var tokenFile: String?

  @Option(
    help: ArgumentHelp(
      "Authorities in PEM that an https control door is believed by (default: APUS_CA, or else "
        + "the system's).", valueName: "file"))
  var ca: String?

  @Flag(help: "Print the host's answer as it is, in JSON.")
  var json = false

  func client(readTimeout: Duration = .seconds(60)) throws(CommandFault) -> ControlClient {
    ControlClient(
      try place(), token: try token(),
      trust: ca.map { .authorities(path: $0) } ?? Environment.trust,
      readTimeout: readTimeout)
  }

  private func token() throws(CommandFault) -> String? {
    guard let tokenFile else { return Environment.token }
    let text: String
    do throws(Files.Fault) {
      text = String(decoding: try Files.read(tokenFile), as: UTF8.self)
    } catch {
      throw .badInput("\(tokenFile): the token cannot be read: \(error.reason)")
    }
    let token = text.drop(while: \.isWhitespace).prefix { !$0.isWhitespace }
    guard !token.isEmpty else { throw .badInput("\(tokenFile): holds no token") }
    // As of a door's key: a group may hold those who may read it.
    if let mode = Files.status(tokenFile)?.st_mode, mode & S_IFMT == S_IFREG, mode & 0o007 != 0 {
      Terminal.complain(
        "warning: \(tokenFile) holds a token and others may read it (mode 0"
          + String(mode & 0o777, radix: 8) + "); run: chmod 600 \(tokenFile)")
    }
    return String(token)
  }

  func place() throws(CommandFault) -> HostPlace {
    let environment = Environment.variables
    if let url = host ?? environment["APUS_HOST"].flatMap({ $0.isEmpty ? nil : $0 }) {
      return try HostPlace.find(host: url, dataDirectory: "")
    }
    return try HostPlace.find(host: nil, dataDirectory: try Self.directory(data))
  }

  /// `data` is the flag's; else the settings tell.
  static func directory(_ data: String?) throws(CommandFault) -> String {
    if let data { return data }
    let environment = Environment.variables
    let path = environment["APUS_CONFIG"].flatMap { $0.isEmpty ? nil : $0 }
    let settings = Settings(
      flags: [:], environment: environment, file: try ConfigFile.find(named: path))
    return settings.text(.data)
  }

  /// As it came with --json, else in the words of `lines`.
  func show(_ answer: Answer, _ lines: (Presentation) -> [String]) {
    guard !json else { return Terminal.show(String(decoding: answer.bytes, as: UTF8.self)) }
    Terminal.show(lines(.current))
  }
}

/// What rendering depends on beside the answer; tests bring their own.
struct Presentation {
  var ink: Ink
  var now: WallTime
  var columnsMax: Int?

  static var current: Presentation {
    Presentation(ink: .output, now: TimeWords.now, columnsMax: Terminal.columns(of: STDOUT_FILENO))
  }

  func ago(_ time: WallTime?) -> String { TimeWords.relative(time, to: now) }

  /// The table, or a sentence in the place of an empty one.
  func lines(_ table: Table, ifEmpty sentence: String) -> [String] {
    table.isEmpty ? [sentence] : table.lines(ink, columnsMax: columnsMax)
  }

  /// `name   value` lines, aligned; those without a value are left out.
  func fields(_ fields: [(String, String?)]) -> [String] {
    let shown = fields.compactMap { name, value in value.map { (name, $0) } }
    let width = shown.map(\.0.count).max() ?? 0
    return shown.map { name, value in
      ink(.dim, name + String(repeating: " ", count: width - name.count)) + "  " + value
    }
  }
}

/// What a stream and a listing can both be asked for.
///
/// The host knows what it means.
struct SelectionOptions: ParsableArguments {
  @Option(help: ArgumentHelp("Only of this function.", valueName: "name")) var function: String?
  @Option(
    help: ArgumentHelp(
      "Only in this state, or these, with commas: queued, running, waiting, held, succeeded, dead, "
        + "cancelled.", valueName: "states"))
  var state: String?
  @Option(
    help: ArgumentHelp(
      "Only ended for this reason: exhausted, expired, rejected, undecodable, crashed, "
        + "missing-handler, hops, operator, replaced.", valueName: "reason"))
  var reason: String?
  @Option(help: ArgumentHelp("Only from this queue.", valueName: "name")) var queue: String?
  @Option(help: ArgumentHelp("Only with this idempotency key.", valueName: "key")) var key: String?
  @Option(
    help: ArgumentHelp(
      "Only with this in an error or a log line; upper or lower case.", valueName: "text"))
  var text: String?
  @Option(
    help: ArgumentHelp(
      "Only with this in the event's data, which is looked for event by event.", valueName: "text"))
  var event: String?
  @Option(
    name: .customLong("where"),
    help: ArgumentHelp(
      "Only with this value in the event, such as data.orderId=ord-9182; may come again. At once "
        + "where the manifest has the path among its 'fields'.", valueName: "path=value"))
  var matches: [String] = []
  @Option(
    help: ArgumentHelp(
      "Only that failed of this error, as `apus errors` names it.",
      valueName: "fingerprint"))
  var fingerprint: String?

  var query: [(String, String?)] {
    [
      ("function", function), ("state", state), ("reason", reason), ("queue", queue), ("key", key),
      ("text", text), ("event", event), ("fingerprint", fingerprint),
    ] + matches.map { ("where", $0) }
  }
}

struct FilterOptions: ParsableArguments {
  @OptionGroup var selection: SelectionOptions
  @Option(
    help: ArgumentHelp(
      "Only since then: a time, or a time back from now such as 2h.", valueName: "time"))
  var since: String?
  @Option(help: ArgumentHelp("Only until then.", valueName: "time")) var until: String?
  @Option(help: ArgumentHelp("Only whose latest attempt this release ran.", valueName: "number"))
  var release: Int?

  var query: [(String, String?)] {
    selection.query + [
      ("since", since), ("until", until), ("release", release.map(String.init)),
    ]
  }

  var isEmpty: Bool { query.allSatisfy { $0.1 == nil } }
}

struct PageOptions: ParsableArguments {
  @Option(help: ArgumentHelp("At most so many (default: 50).", valueName: "n")) var limit: Int?
  @Option(help: ArgumentHelp("Go on after a page, as it said at its end.", valueName: "cursor"))
  var cursor: String?

  var query: [(String, String?)] { [("limit", limit.map(String.init)), ("cursor", cursor)] }
}
