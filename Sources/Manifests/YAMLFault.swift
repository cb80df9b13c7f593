// What the YAML library says of a text it cannot parse, in words with a remedy where the cause is
// one that people often meet.

import Yams

struct YAMLFault {
  private var line = 1
  private var column = 1
  private var message: String

  init(_ error: YamlError) {
    switch error {
    case .scanner(let context, let problem, let mark, let yaml),
      .parser(let context, let problem, let mark, let yaml),
      .composer(let context, let problem, let mark, let yaml):
      // The mark of an alias without a name is behind its asterisk, that of its context before.
      let place = context.flatMap { Self.isAlias($0) ? $0.mark : nil } ?? mark
      (line, column) = (place.line, place.column)
      message = Self.message(problem, context: context, at: mark, in: yaml)
    case .reader(let problem, let offset, let value, let yaml):
      (line, column) = Self.place(ofCharacter: offset ?? 0, in: yaml)
      let character = value > 0 ? " (U+\(String(value, radix: 16, uppercase: true)))" : ""
      message = "not YAML: \(problem)\(character)"
    default:
      message = "not YAML: \(error)"
    }
  }

  func mistake(in file: String, linesBefore: Int) -> ManifestMistake {
    ManifestMistake(file: file, line: linesBefore + line, column: column, message: message)
  }

  private static func message(
    _ problem: String, context: YamlError.Context?, at mark: Mark, in yaml: String
  ) -> String {
    let character = scalar(at: mark, in: yaml)
    if character == "\t" { return "not YAML: a tab cannot indent; use spaces" }
    if problem.contains("nesting") { return "not YAML: nested too deeply" }
    if problem.contains("cannot start any token"), let character {
      return "not YAML: a value cannot begin with '\(character)'; put it in quotes"
    }
    if let context, isAlias(context) {
      return "not YAML: a value that begins with '*' must be in quotes"
    }
    return "not YAML: \(problem)\(context.map { " (\($0.text))" } ?? "")"
  }

  private static func isAlias(_ context: YamlError.Context) -> Bool {
    context.text.contains("alias")
  }

  private static func scalar(at mark: Mark, in yaml: String) -> Unicode.Scalar? {
    var place = (line: 1, column: 1)
    var previous: Unicode.Scalar = " "
    for scalar in yaml.unicodeScalars {
      defer { previous = scalar }
      if scalar == "\n", previous == "\r" { continue }
      if place == (mark.line, mark.column) { return scalar }
      place =
        lineBreaks.contains(scalar) ? (place.line + 1, 1) : (place.line, place.column + 1)
    }
    return nil
  }

  /// As the library counts lines.
  private static let lineBreaks: [Unicode.Scalar] = ["\n", "\r", "\u{85}", "\u{2028}", "\u{2029}"]

  private static func place(ofCharacter offset: Int, in yaml: String) -> (line: Int, column: Int) {
    var place = (line: 1, column: 1)
    for scalar in String(yaml.prefix(offset)).unicodeScalars {
      place = scalar == "\n" ? (place.line + 1, 1) : (place.line, place.column + 1)
    }
    return place
  }
}
