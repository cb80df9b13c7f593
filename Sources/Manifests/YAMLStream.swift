// The one file that knows the YAML library: text in, values with places out. What the library
// refuses becomes a mistake with its place; keys written twice, which would stop it, do not.

import Yams

enum YAMLStream {
  /// The documents of one file, empty ones left out, and what is wrong with it as YAML.
  static func read(_ source: ManifestSource) -> (
    documents: [YAMLValue], mistakes: [ManifestMistake]
  ) {
    guard source.text.utf8.count <= ManifestLimits.fileBytesMax else {
      return ([], [.tooLarge(source.path)])
    }
    let text = source.text.hasPrefix("\u{FEFF}") ? String(source.text.dropFirst()) : source.text
    var documents: [YAMLValue] = []
    var mistakes: [ManifestMistake] = []
    for segment in YAMLSegment.segments(of: text) {
      var document = YAMLDocument(file: source.path, segment: segment)
      documents += document.values()
      mistakes += document.mistakes
    }
    return (documents, mistakes)
  }
}

extension ManifestMistake {
  static func tooLarge(_ file: String) -> Self {
    let limit = ManifestForms.sizeText(ManifestLimits.fileBytesMax)
    return Self(file: file, message: "a manifest file has at most \(limit); split it")
  }
}

private struct YAMLDocument {
  let file: String
  let segment: YAMLSegment
  private(set) var mistakes: [ManifestMistake] = []
  private var nodesLeft = ManifestLimits.nodesMax
  /// Keys that stand twice in a mapping are renamed in a copy of the text, for the library refuses
  /// the whole document otherwise: the stand-in, and the key as written.
  private var standIns: [String: String] = [:]
  /// Nodes know their anchors only while the parser lives.
  private var parser: Parser?

  init(file: String, segment: YAMLSegment) {
    self.file = file
    self.segment = segment
  }

  mutating func values() -> [YAMLValue] {
    do throws(ManifestMistake) {
      if let fault = YAMLAliasGuard.fault(in: segment.text) {
        throw mistake(nil, fault)
      }
      var values: [YAMLValue] = []
      for node in try compose() where !isEmpty(node) { values.append(try value(of: node)) }
      return values
    } catch {
      mistakes.append(error)
      return []
    }
  }

  private mutating func compose() throws(ManifestMistake) -> [Node] {
    var text = segment.text
    while true {
      do {
        // Without its rules the resolver leaves every scalar a text and costs nothing.
        let parser = try Parser(yaml: text, resolver: .basic, encoding: .utf8)
        var nodes: [Node] = []
        while let node = try parser.nextRoot() { nodes.append(node) }
        self.parser = parser
        return nodes
      } catch YamlError.duplicatedKeysInMapping(let keys, let context) {
        text = try renaming(keys.first ?? "", at: context.mark, in: text)
      } catch let error as YamlError {
        throw YAMLFault(error).mistake(in: file, linesBefore: segment.linesBefore)
      } catch {
        throw mistake(nil, "not YAML: \(error)")
      }
    }
  }

  /// Puts as many private-use characters in the place of a key, so that no column moves.
  private mutating func renaming(
    _ key: String, at mark: Mark, in text: String
  ) throws(ManifestMistake) -> String {
    var scalars = Array(text.unicodeScalars)
    let letters = Array(key.unicodeScalars)
    guard standIns.count < ManifestLimits.duplicateKeysMax, !letters.isEmpty,
      let start = Self.start(of: letters, at: mark, in: scalars),
      let standIn = Unicode.Scalar(0xE000 + UInt32(standIns.count))
    else { throw mistake(mark, "duplicate key \(ManifestForms.quoted(key))") }
    let name = String(String.UnicodeScalarView(repeatElement(standIn, count: letters.count)))
    standIns[name] = key
    scalars.replaceSubrange(start..<start + letters.count, with: name.unicodeScalars)
    return String(String.UnicodeScalarView(scalars))
  }

  /// nil when the key is not written there as it is read, as with escapes or an anchor before it.
  private static func start(
    of key: [Unicode.Scalar], at mark: Mark, in scalars: [Unicode.Scalar]
  ) -> Int? {
    var index = 0
    for _ in 1..<max(1, mark.line) {
      guard let end = scalars[index...].firstIndex(of: "\n") else { return nil }
      index = end + 1
    }
    index += mark.column - 1
    guard index < scalars.count else { return nil }
    if scalars[index] == "\"" || scalars[index] == "'" { index += 1 }
    return scalars[index...].starts(with: key) ? index : nil
  }

  private func isEmpty(_ node: Node) -> Bool {
    guard case .scalar(let scalar) = node else { return false }
    return scalar.string.isEmpty && scalar.style == .plain
  }
}

extension YAMLDocument {
  private mutating func value(of node: Node, depth: Int = 0) throws(ManifestMistake) -> YAMLValue {
    try count(node, depth: depth)
    switch node {
    case .scalar(let scalar):
      refuseTag(scalar.tag, at: scalar.mark, unless: "str")
      return text(of: scalar)
    case .sequence(let sequence):
      refuseTag(sequence.tag, at: sequence.mark, unless: "seq")
      var items: [YAMLValue] = []
      for item in sequence { items.append(try value(of: item, depth: depth + 1)) }
      return YAMLValue(content: .list(items), location: location(sequence.mark))
    case .mapping(let mapping):
      refuseTag(mapping.tag, at: mapping.mark, unless: "map")
      let entries = try entries(of: mapping, depth: depth)
      return YAMLValue(content: .mapping(entries), location: location(mapping.mark))
    case .alias(let alias):
      throw mistake(alias.mark, "an alias to nothing")
    }
  }

  /// The first of several equal keys counts; the others are mistakes.
  private mutating func entries(
    of mapping: Node.Mapping, depth: Int
  ) throws(ManifestMistake) -> [YAMLEntry] {
    var entries: [YAMLEntry] = []
    var firstLines: [String: Int] = [:]
    for (key, node) in mapping {
      guard case .scalar(let scalar) = key else {
        mistakes.append(mistake(key.mark, "a key must be plain text, not a list or a mapping"))
        continue
      }
      let name = standIns[scalar.string] ?? scalar.string
      let place = location(scalar.mark)
      let value = try value(of: node, depth: depth + 1)
      if let line = firstLines[name] {
        let message = "duplicate key \(ManifestForms.quoted(name)) (first in line \(line))"
        mistakes.append(ManifestMistake(at: place, message))
      } else {
        firstLines[name] = place.line
        entries.append(YAMLEntry(key: name, keyLocation: place, value: value))
      }
    }
    return entries
  }

  private func text(of scalar: Node.Scalar) -> YAMLValue {
    let place = location(scalar.mark)
    var textPlace: ManifestLocation? = place
    switch scalar.style {
    case .singleQuoted, .doubleQuoted: textPlace?.column += 1
    case .literal, .folded: textPlace = nil
    case .any, .plain: break
    }
    if scalar.anchor != nil { textPlace = nil }
    return YAMLValue(
      content: .text(scalar.string, isQuoted: scalar.style != .plain), location: place,
      textLocation: textPlace)
  }

  private mutating func count(_ node: Node, depth: Int) throws(ManifestMistake) {
    nodesLeft -= 1
    guard nodesLeft >= 0 else {
      let limit = ManifestLimits.nodesMax
      throw mistake(
        node.mark, "more than \(limit) values in one document, aliases counted at each use")
    }
    guard depth <= ManifestLimits.depthMax else {
      throw mistake(node.mark, "nested more than \(ManifestLimits.depthMax) levels deep")
    }
  }

  private mutating func refuseTag(_ tag: Tag, at mark: Mark?, unless kind: String) {
    let name = tag.description
    guard !name.isEmpty, name != "tag:yaml.org,2002:\(kind)" else { return }
    mistakes.append(mistake(mark, "a tag ('\(name)') says nothing in a manifest; remove it"))
  }

  private func mistake(_ mark: Mark?, _ message: String) -> ManifestMistake {
    ManifestMistake(at: location(mark), message)
  }

  private func location(_ mark: Mark?) -> ManifestLocation {
    ManifestLocation(
      file: file, line: segment.linesBefore + (mark?.line ?? 1), column: mark?.column ?? 1)
  }
}
