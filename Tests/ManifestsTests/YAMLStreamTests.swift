// YAML as text: syntax errors, keys written twice, aliases, and texts made to exhaust the reader.

import Invocations
import Testing

@testable import Manifests

struct YAMLStreamTests {
  @Test func `a syntax error hides nothing of the other documents`() {
    let result = read(
      "function: a\ntriggers: [{ queue: a }\n---\nfunction: b\ntriggers: [{ queue: b }]\ntimout: 1s"
    )
    #expect(
      mistakes(result) == [
        "a.yaml:3:1: not YAML: did not find expected ',' or ']' (while parsing a flow sequence)",
        "a.yaml:6:1: unknown key 'timout' (did you mean 'timeout'?)",
      ])
  }

  @Test(arguments: [
    ("retry:\n\tattempts: 3", "4:1: not YAML: a tab cannot indent; use spaces"),
    ("description: @daily", "3:14: not YAML: a value cannot begin with '@'; put it in quotes"),
    ("description: a\r@b", "4:1: not YAML: a value cannot begin with '@'; put it in quotes"),
    ("description: a\u{85}@b", "4:1: not YAML: a value cannot begin with '@'; put it in quotes"),
    ("description: */5 * * * *", "3:14: not YAML: a value that begins with '*' must be in quotes"),
    ("description: *nothing", "3:14: not YAML: found undefined alias"),
    ("description: \u{7}", "3:14: not YAML: control characters are not allowed (U+7)"),
    ("timeout: 1s: 2s", "3:12: not YAML: mapping values are not allowed in this context"),
    ("<<: { timeout: 1s }", "3:1: merge keys ('<<') are not read; write the keys out"),
    (
      "timeout: !!int 5s",
      "3:10: a tag ('tag:yaml.org,2002:int') says nothing in a manifest; remove it"
    ),
    ("? [a]\n: b", "3:3: a key must be plain text, not a list or a mapping"),
  ])
  func `what is not YAML is told with its place and a remedy`(lines: String, fault: String) {
    #expect(faults(lines) == [fault])
  }

  @Test func `keys written twice are all found, and the rest is read`() {
    #expect(
      faults(
        """
        timeout: 1s
        "timeout": 2s
        retry: { max: 1m, first: 1s, max: 2m, 'max': 3m }
        timeout: 3s
        environment:
          A: x
          A: y
        queueLimit: 0
        """) == [
          "4:1: duplicate key 'timeout' (first in line 3)",
          "5:30: duplicate key 'max' (first in line 5)",
          "5:39: duplicate key 'max' (first in line 5)",
          "6:1: duplicate key 'timeout' (first in line 3)",
          "9:3: duplicate key 'A' (first in line 8)",
          "10:13: 'queueLimit' must be 1…10000000; got 0",
        ])
  }

  @Test func `a key that is written twice in disguise is found too`() {
    let found = faults("\"time\\x6Fut\": 1s\ntimeout: 2s")
    #expect(found == ["3:1: duplicate key 'timeout'"])
  }

  @Test func `the search for keys written twice ends`() {
    let lines = (0...110).map { "  V\($0): a\n  V\($0): b" }
    let found = faults("environment:\n" + lines.joined(separator: "\n"))
    #expect(found.count == 1 && found[0].contains("duplicate key 'V"), "\(found)")
  }

  @Test func `an alias stands for its anchor`() throws {
    let environment = try declaration(with: "environment: { A: &x no, B: *x }").environment
    #expect(environment == ["A": "no", "B": "no"])
  }

  @Test func `an alias does not reach into another document`() {
    let result = read(
      """
      function: &name a
      triggers: [{ queue: a }]
      ---
      function: *name
      triggers: [{ queue: b }]
      """)
    #expect(mistakes(result) == ["a.yaml:4:11: not YAML: found undefined alias"])
  }

  @Test func `aliases that multiply are stopped by the count of values`() {
    var lines = ["  a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    for level in 1...9 {
      let ten = Array(repeating: "*a\(level - 1)", count: 10).joined(separator: ", ")
      lines.append("  a\(level): &a\(level) [\(ten)]")
    }
    let found = faults("environment:\n" + lines.joined(separator: "\n"))
    #expect(found.count == 1, "\(found)")
    #expect(found[0].contains("more than 10000 values in one document"))
  }

  @Test(arguments: [
    "  ? [*a, *a]\n  : x", "  ? - *a\n  : x", "  [*a]: x", "  {b: *a} : x", "  *a : x",
    "  x: {? *a : y}",
  ])
  func `aliases inside keys are refused before they can multiply`(lines: String) {
    #expect(
      faults("environment:\n  a: &a [x]\n\(lines)") == [
        "1:1: a document with aliases (*name) may only have plain text as keys"
      ])
  }

  private let tooDeep =
    "1:1: a document with aliases (*name) may have at most 200 brackets and 40 columns of "
    + "indentation"

  /// 98 values, each of which holds the one before it under as many levels as are allowed.
  @Test func `aliases do not add up to a depth that would overflow the stack`() {
    func lines(levels: Int) -> String {
      let values = (1...98).map { number in
        let levels = (1...levels).map { String(repeating: " ", count: 2 * $0) + "- k:" }
        return "  a\(number): &a\(number)\n\(levels.joined(separator: "\n")) *a\(number - 1)"
      }
      return "environment:\n  a0: &a0 x\n" + values.joined(separator: "\n")
    }
    #expect(faults(lines(levels: 19)) == ["21:35: nested more than 32 levels deep"])
    #expect(faults(lines(levels: 20)) == [tooDeep])
  }

  @Test func `aliases do not add up with brackets either`() {
    func lines(brackets: Int) -> String {
      let open = String(repeating: "[", count: brackets)
      let close = String(repeating: "]", count: brackets)
      return "environment: &a x\nsecrets: \(open)*a\(close)"
    }
    #expect(faults(lines(brackets: 199)) == [tooDeep])
    #expect(!faults(lines(brackets: 198)).contains(tooDeep))
  }

  @Test func `a document has a limit of aliases`() {
    let aliases = (1...100).map { _ in "*a" }
    let fits = faults("secrets: [&a A, \(aliases.joined(separator: ", "))]")
    #expect(!fits.contains { $0.contains("aliases") })
    #expect(
      faults("secrets: [&a A, \((aliases + ["*a"]).joined(separator: ", "))]") == [
        "1:1: more than 100 aliases (*name) in one document"
      ])
  }

  @Test func `a document has a limit of values`() {
    let items = Array(repeating: "x", count: 9_994)
    #expect(
      faults("secrets: [\(items.joined(separator: ","))]").contains { $0.contains("100 entries") })
    let found = faults("secrets: [\((items + ["x"]).joined(separator: ","))]")
    #expect(found.count == 1 && found[0].contains("more than 10000 values"), "\(found.prefix(3))")
  }

  @Test(arguments: ["[", "{a: ", "- ", "? "])
  func `deep nesting is refused, however deep`(opening: String) {
    for depth in [40, 900, 60_000] {
      let found = faults("environment:\n  \(String(repeating: opening, count: depth))")
      #expect(!found.isEmpty, "\(depth)")
    }
  }

  @Test func `nesting has a limit`() {
    func nested(_ depth: Int) -> [String] {
      let open = String(repeating: "[", count: depth)
      return faults("secrets: \(open)\(String(repeating: "]", count: depth))")
    }
    #expect(nested(32) == ["3:11: 'secrets': expected the name of a variable, got a list"])
    #expect(nested(33) == ["3:42: nested more than 32 levels deep"])
    #expect(nested(900) == ["3:42: nested more than 32 levels deep"])
  }

  @Test func `a file has a limit of bytes`() {
    let text = "function: a\ntriggers: [{ queue: a }]\n#"
    let fill = String(repeating: "x", count: 256 << 10)
    let fits = String((text + fill).prefix(256 << 10))
    #expect(mistakes(read(fits)).isEmpty)
    #expect(
      mistakes(read(fits + "x")) == ["a.yaml: a manifest file has at most 256KiB; split it"])
  }

  @Test func `line ends of Windows and a byte order mark change no place`() {
    let text = "\u{FEFF}function: a\r\ntriggers: [{ queue: a }]\r\n---\r\nfunktion: b\r\n"
    #expect(
      mistakes(read(text)) == [
        "a.yaml:4:1: 'triggers' is missing: a function needs at least one",
        "a.yaml:4:1: unknown key 'funktion' (did you mean 'function'?)",
      ])
  }

  @Test func `columns count characters and not bytes`() {
    #expect(
      faults("environment: { A: \"äöü€😀\", 2: x }") == [
        "3:28: a variable's name has letters, digits and _ and begins with no digit; got '2'"
      ])
  }

  @Test func `many documents in one file are read in one pass`() {
    let texts = ["---\n", "---\nx\n", "...\n"].map { String(repeating: $0, count: 10_000) }
    #expect(mistakes(read(texts[0])) == ["manifests: there is no function in any *.yaml here"])
    #expect(mistakes(read(texts[1])).count == 10_000)
    #expect(mistakes(read(texts[2])).count == 1)
  }

  @Test func `a directive belongs to the document behind it`() {
    let result = read(
      """
      %YAML 1.1
      ---
      function: a
      triggers: [{ queue: a }]
      ...
      # between
      %YAML 1.1
      ---
      function: b
      triggers: [{ queue: b }]
      """)
    #expect(mistakes(result).isEmpty)
  }

  /// Every text that is cut or changed anywhere is read to an end and each mistake has a place.
  @Test(arguments: 1...20)
  func `no mutilated text stops the reader`(seed: UInt64) {
    var chance = seed &* 0x9E37_79B9_7F4A_7C15
    func next(_ bound: Int) -> Int {
      chance = chance &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int(chance >> 33) % bound
    }
    let original = Array(
      function(with: "retry: { max: &a 1m, first: *a }\nenvironment:\n  A: 'x'\n  B: |\n    y").utf8
    )
    for _ in 0..<100 {
      var bytes = original
      for _ in 0...next(4) {
        let signs = Array("*&:-?[]{}'\"|>\n\t #%@!,~\\".utf8)
        bytes[next(bytes.count)] = signs[next(signs.count)]
      }
      for mistake in YAMLStream.read(text(bytes)).mistakes {
        #expect(mistake.line >= 1 && mistake.column >= 1)
      }
      _ = ManifestReader.read([text(bytes)], now: nil)
    }
  }

  private func text(_ bytes: [UInt8]) -> ManifestSource {
    ManifestSource(path: "a.yaml", text: String(decoding: bytes, as: UTF8.self))
  }
}
