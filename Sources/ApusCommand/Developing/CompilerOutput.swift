// What `swift build` says, cut down to what one has to fix: each error once, with its place and its
// line of source. Warnings are shown only where there is no error.

struct CompilerOutput {
  struct Diagnostic: Hashable {
    enum Severity: String { case error, warning }

    var path: String
    var line: Int
    var column: Int
    var severity: Severity
    var message: String
  }

  /// More would scroll the first ones away.
  static let shownMax = 20
  static let lastLinesMax = 20

  private let lines: [Substring]
  let diagnostics: [Diagnostic]
  /// Errors of the build that have no place in a file.
  let placeless: [String]

  init(_ text: String) {
    lines = text.split(whereSeparator: \.isNewline)
    var seen: Set<Diagnostic> = []
    var found: [Diagnostic] = []
    var others: [String] = []
    for line in lines {
      if let diagnostic = Diagnostic(line) {
        if seen.insert(diagnostic).inserted { found.append(diagnostic) }
      } else if line.hasPrefix("error: "), line != "error: fatalError" {
        let message = String(line.dropFirst(7))
        if !others.contains(message) { others.append(message) }
      }
    }
    diagnostics = found
    placeless = others
  }

  /// `source` gives the text of a line of a file, for the quotation under an error.
  func lines(
    succeeded: Bool, _ ink: Ink, source: (String, Int) -> String? = SourceLine.read
  ) -> [String] {
    let errors = diagnostics.filter { $0.severity == .error }
    if !succeeded, errors.isEmpty {
      guard placeless.isEmpty else { return placeless.map { ink(.red, "error: ") + $0 } }
      return self.lines.suffix(Self.lastLinesMax).map(String.init)
    }
    let wanted = succeeded ? diagnostics : errors
    let shown = wanted.prefix(Self.shownMax).flatMap { Self.quote($0, ink, source) }
    let more = wanted.count - Self.shownMax
    return shown + (more > 0 ? ["… and \(more) more"] : [])
  }

  private static func quote(
    _ diagnostic: Diagnostic, _ ink: Ink, _ source: (String, Int) -> String?
  ) -> [String] {
    let place = "\(Files.shown(diagnostic.path)):\(diagnostic.line):\(diagnostic.column):"
    let colour = diagnostic.severity == .error ? Ink.Colour.red : .yellow
    let severity = ink(colour, "\(diagnostic.severity.rawValue):")
    let head = "\(ink(.bold, place)) \(severity) \(diagnostic.message)"
    guard let line = source(diagnostic.path, diagnostic.line) else { return [head] }
    // The compiler's columns count bytes of UTF-8; tabs stay tabs, so that the caret stands right.
    let before = line.utf8.prefix(max(0, diagnostic.column - 1))
    let room = String(decoding: Array(before), as: UTF8.self).map { $0 == "\t" ? "\t" : " " }
    return [head, "    \(line)", "    \(room.joined())\(ink(colour, "^"))"]
  }
}

extension CompilerOutput.Diagnostic {
  /// Reads `/path/File.swift:12:5: error: message`; nil for other lines.
  init?(_ line: Substring) {
    for severity in [Severity.error, .warning] {
      guard let mark = line.firstRange(of: ": \(severity.rawValue): ") else { continue }
      let place = line[..<mark.lowerBound].split(separator: ":", omittingEmptySubsequences: false)
      guard place.count >= 3, line.hasPrefix("/"), let row = Int(place[place.count - 2]),
        let column = Int(place[place.count - 1])
      else { return nil }
      self.init(
        path: place.dropLast(2).joined(separator: ":"), line: row, column: column,
        severity: severity, message: String(line[mark.upperBound...]))
      return
    }
    return nil
  }
}

enum SourceLine {
  static func read(_ path: String, _ number: Int) -> String? {
    // A file that is gone by now is not quoted.
    guard let bytes = try? Files.read(path, bytesMax: 8 << 20) else { return nil }
    let lines = bytes.split(separator: 10, maxSplits: number, omittingEmptySubsequences: false)
    guard number >= 1, lines.count >= number else { return nil }
    return String(decoding: lines[number - 1], as: UTF8.self)
  }
}
