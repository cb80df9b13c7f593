import Foundation
import Testing

@testable import Manifests

/// `Docs/Manifest.md` says what the reader does.
struct ReferenceTests {
  private static func text() throws -> String {
    let checkout = URL(filePath: #filePath).deletingLastPathComponent()
      .deletingLastPathComponent().deletingLastPathComponent()
    return try String(contentsOf: checkout.appending(path: "Docs/Manifest.md"), encoding: .utf8)
  }

  @Test func `every example is a manifest`() throws {
    let examples = try Self.text().components(separatedBy: "```yaml\n").dropFirst().map {
      $0.components(separatedBy: "```")[0]
    }
    #expect(examples.count > 15)
    for example in examples { #expect(mistakes(read(example)) == [], "\(example)") }
  }

  @Test func `every mistake is told in the words of the table`() throws {
    let table = try #require(try Self.text().components(separatedBy: "\n## Mistakes\n").last)
    var rows = 0
    for row in table.split(separator: "\n") where row.hasPrefix("| `") {
      let cells = row.split(separator: "`").map(String.init)
      try #require(cells.count == 5, "\(row)")
      let head = "function: charge-payment\n"
      let triggers = cells[1].hasPrefix("triggers") ? "" : "triggers: [{ queue: payments }]\n"
      let said = mistakes(read("\(head)\(triggers)\(cells[1])\n"))
      #expect(said.contains { $0.hasSuffix(cells[3]) }, "\(row): \(said)")
      rows += 1
    }
    #expect(rows > 20)
  }

  @Test func `every key is in the table and in an example`() throws {
    let text = try Self.text()
    for key in ManifestKeys.function {
      #expect(text.contains("[`\(key)") || text.contains("`\(key)`]("), "\(key)")
    }
    let parts =
      ManifestKeys.timer + ManifestKeys.verify + ManifestKeys.concurrency + ManifestKeys.rate
      + ManifestKeys.batch
      + ManifestKeys.debounce + ManifestKeys.retry + ManifestKeys.idempotency
      + ManifestKeys.limits
    for part in parts { #expect(text.contains("\(part):"), "\(part)") }
  }
}
