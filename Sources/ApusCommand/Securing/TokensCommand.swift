// `apus tokens`: makes, lists and revokes the tokens of the control door, in the file of the data
// directory. It asks no host, so that the first token can be made before the host starts; one that
// runs takes up a change within a second.

import ArgumentParser
import Doors
import Invocations

struct TokensCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "tokens",
    abstract: "Makes, lists and revokes tokens of the control door.",
    discussion: """
      A token opens the calls of its scopes: ingest (events, messages, invoke), read (everything \
      there is to see), operate (pause, retry, cancel, redrive, purge, fire, backup), deploy \
      (releases). APUS_TOKEN opens all of them.
      Example: apus tokens create nightly-ci --scope ingest,read --expires 90d
      """,
    subcommands: [Create.self, List.self, Revoke.self])

  struct Place: ParsableArguments {
    @Option(help: ArgumentHelp("The host's own directory (default: .apus).", valueName: "dir"))
    var data: String?

    func file() throws(CommandFault) -> TokenFile {
      let directory = try AskingOptions.directory(data)
      guard Files.isDirectory(directory) else {
        throw .badInput(
          "there is no directory '\(directory)': name the host's with --data DIR, or make it with "
            + "mkdir -m 700 \(directory)")
      }
      return TokenFile(dataDirectory: directory)
    }
  }

  struct Create: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Makes a token and prints it, this once.",
      discussion: """
        The token is the only line on standard output; what is kept of it is a digest.
        Example: (umask 077; apus tokens create nightly-ci --scope ingest,read > ci.token)
        """)
    @Argument(help: "Whose it is; on record with whatever is done with it.") var name: String
    @Option(
      help: ArgumentHelp(
        "What it opens, with commas: ingest, read, operate, deploy.", valueName: "scopes"))
    var scope: String
    @Option(
      help: ArgumentHelp(
        "How long it opens anything, such as 12h or 90d (default: for ever).", valueName: "duration"
      ))
    var expires: String?
    @OptionGroup var place: Place

    func run() throws {
      let now = TimeWords.now
      let scopes = try Self.scopes(scope)
      let until = try expires.map { now + (try Self.duration($0)) }
      let text = try place.file().change { book throws(TokenFault) in
        try book.create(name, scopes, at: now, until: until)
      }
      Terminal.show(text.text)
      Terminal.complain(
        "\(name) (\(text.id)) may \(scopes.sorted().map(\.rawValue).joined(separator: ", "))"
          + (until.map { " until \(TimeWords.instant($0))" } ?? "")
          + ". It is shown this once: keep it where nobody else reads.")
    }

    static func scopes(_ text: String) throws(CommandFault) -> Set<Scope> {
      var scopes: Set<Scope> = []
      for word in text.split(separator: ",") {
        guard let scope = Scope(rawValue: String(ConfigFile.trimmed(word))) else {
          let words = Scope.allCases.map(\.rawValue).joined(separator: ", ")
          throw .usage("there is no scope '\(word)'; there are \(words)")
        }
        scopes.insert(scope)
      }
      return scopes
    }

    static func duration(_ text: String) throws(CommandFault) -> Duration {
      guard let duration = TimeWords.duration(text), (.seconds(1)...Settings.keepMax) ~= duration
      else { throw .usage("--expires must be a duration such as 12h or 90d, at most 3650d") }
      return duration
    }
  }

  struct List: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Lists the tokens, without what opens anything.",
      discussion: "Example: apus tokens list --all")
    @Flag(help: "Revoked ones too.") var all = false
    @Flag(help: "Print it in JSON.") var json = false
    @OptionGroup var place: Place

    func run() throws {
      let file = try place.file()
      let uses = TokenUses.read(file).times
      let tokens = try file.read().tokens.filter { all || $0.revokedAt == nil }
      if json { return Terminal.show(TokensCommand.json(tokens, uses)) }
      let shown = Presentation.current
      Terminal.show(
        shown.lines(TokensCommand.table(tokens, uses, shown), ifEmpty: "there are no tokens"))
    }
  }

  struct Revoke: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Revokes a token; a host that runs refuses it within a second.",
      discussion: "Example: apus tokens revoke nightly-ci")
    @Argument(help: "Its id, such as apus_k3f9x2m4, or its name.") var token: String
    @OptionGroup var place: Place

    func run() throws {
      let revoked = try place.file().change { book throws(TokenFault) in
        try book.revoke(token, at: TimeWords.now)
      }
      Terminal.show("\(revoked.title) is revoked")
    }
  }
}

// MARK: - Shown

extension TokensCommand {
  static func table(
    _ tokens: [Token], _ uses: [String: WallTime], _ shown: Presentation
  ) -> Table {
    var table = Table(["ID", "NAME", "SCOPES", "STATE", "CREATED", "EXPIRES", "LAST USED"])
    for token in tokens {
      table.add([
        Table.Cell(token.id), Table.Cell(token.name), Table.Cell(scopes(of: token)),
        Table.Cell(state(of: token, at: shown.now)), Table.Cell(shown.ago(token.createdAt)),
        Table.Cell(token.expiresAt.map { shown.ago($0) } ?? "never"),
        Table.Cell(uses[token.id].map { shown.ago($0) } ?? "never"),
      ])
    }
    return table
  }

  static func json(_ tokens: [Token], _ uses: [String: WallTime]) -> String {
    var json = JSONWriter()
    json.object { json in
      json.array("items") { json in
        for token in tokens {
          json.object { json in
            json.field("id", token.id)
            json.field("name", token.name)
            json.field("scopes", token.scopes.sorted().map(\.rawValue))
            json.field("state", state(of: token, at: TimeWords.now))
            json.field("createdAt", TimeWords.instant(token.createdAt))
            json.field("expiresAt", token.expiresAt.map(TimeWords.instant))
            json.field("revokedAt", token.revokedAt.map(TimeWords.instant))
            json.field("lastUsedAt", uses[token.id].map(TimeWords.instant))
          }
        }
      }
      json.field("next", nil as String?)
    }
    return String(decoding: json.bytes, as: UTF8.self)
  }

  private static func scopes(of token: Token) -> String {
    token.scopes.sorted().map(\.rawValue).joined(separator: ",")
  }

  private static func state(of token: Token, at now: WallTime) -> String {
    if token.revokedAt != nil { return "revoked" }
    return token.isLive(at: now) ? "live" : "expired"
  }
}
