// What `apus tokens` takes and how it shows what there is.

import Doors
import Invocations
import Testing

@testable import ApusCommand

struct TokensTests {
  @Test func `scopes are words with commas, and a misspelt one is refused`() throws {
    #expect(try TokensCommand.Create.scopes("read, ingest,read") == [.read, .ingest])
    #expect(try TokensCommand.Create.scopes("") == [])
    #expect(
      throws: CommandFault.usage(
        "there is no scope 'write'; there are ingest, read, operate, deploy")
    ) { try TokensCommand.Create.scopes("read,write") }
  }

  @Test func `a token lives a second to ten years, or for ever`() throws {
    #expect(try TokensCommand.Create.duration("90d") == .seconds(90 * 86_400))
    #expect(try TokensCommand.Create.duration("3650d") == .seconds(3_650 * 86_400))
    for bad in ["0s", "999ms", "3651d", "soon", "-1d", ""] {
      #expect(throws: CommandFault.self, "\(bad)") { try TokensCommand.Create.duration(bad) }
    }
  }

  @Test func `a list has names, scopes and times, and nothing that opens a door`() throws {
    let now = WallTime(milliseconds: 1_800_000_000_000)
    var book = TokenBook()
    let text = try book.create(
      "ci", [.read, .ingest], at: now + .seconds(-3_600), until: now + .seconds(86_400 * 3))
    _ = try book.create("old", [.deploy], at: now + .seconds(-7_200), until: now + .seconds(-60))
    let shown = Presentation(ink: Ink(isColoured: false), now: now, columnsMax: nil)
    let uses = [text.id: now + .seconds(-120)]
    let lines = TokensCommand.table(book.tokens, uses, shown).lines(Ink(isColoured: false))
    #expect(lines.count == 3)
    let words = lines[1].split(separator: "  ").map { String(ConfigFile.trimmed($0)) }
    #expect(words == [text.id, "ci", "ingest,read", "live", "1h ago", "in 3d", "2m ago"])
    #expect(lines[2].contains("expired") && lines[2].contains("never"))
    let json = TokensCommand.json(book.tokens, uses)
    #expect(json.contains(#""lastUsedAt":"2027-01-15T07:58:00.000Z""#))
    for secret in [String(text.text.suffix(43)), "sha256"] {
      #expect(!json.contains(secret) && !lines.joined().contains(secret))
    }
  }
}
