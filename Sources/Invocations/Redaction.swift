// Which values of a function's events and results are not to be shown. The store keeps them, since an
// event may have to run again; whoever shows one asks here first. What cannot be looked into is hidden
// whole.

package struct Redaction: Sendable, Equatable {
  package static let pathsMax = 32
  package static let mark = "[redacted]"
  /// Shorter values are hidden at their paths only, not wherever a text has them.
  package static let valueBytesMin = 4
  /// Values of one event that are looked for in texts.
  private static let valuesMax = 64
  /// Arrays in arrays; deeper ones are hidden whole.
  private static let depthMax = 64

  package struct Path: Sendable, Equatable {
    package enum Root: String, Sendable, CaseIterable { case data, result }

    package let source: String
    package let root: Root
    package let members: [String]

    /// `data.card.number`, `result.token`, or all of either; nil for anything else.
    package init?(_ source: String) {
      let parts = source.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
      guard !parts.contains(""), let root = parts.first.flatMap(Root.init) else { return nil }
      self.source = source
      self.root = root
      members = Array(parts.dropFirst())
    }
  }

  package let paths: [Path]

  /// nil where nothing is hidden.
  package init?(_ paths: [Path]) {
    guard !paths.isEmpty else { return nil }
    self.paths = paths
  }

  private func members(_ root: Path.Root) -> [ArraySlice<String>] {
    paths.filter { $0.root == root }.map { $0.members[...] }
  }

  /// Whether a value at this path would tell of a hidden one: it is the same, within it or around it.
  package func touches(_ path: EventPath) -> Bool {
    guard case .data(let asked) = path.root else { return false }
    return members(.data).contains { hidden in
      zip(hidden.filter(Self.isName), asked.filter(Self.isName)).allSatisfy { $0 == $1 }
    }
  }

  /// Indexes of arrays are no names: with or without them it is the same value.
  private static func isName(_ member: String) -> Bool {
    !member.utf8.allSatisfy { (48...57).contains($0) }
  }

  // MARK: Showing

  /// The event as it may be shown.
  package func shown(_ event: Event) -> Event {
    let hidden = members(.data)
    guard !hidden.isEmpty else { return event }
    var event = event
    var values: [String] = []
    if event.holdsJSON, let data = Self.hide(hidden, in: event.data, &values) {
      event.data = data
    } else if !event.data.isEmpty {
      event.data = Array(Self.mark.utf8)
      event.dataContentType = "text/plain"
    }
    return event
  }

  /// The result as it may be shown; `mask` hides what came from the event.
  package func shown(_ result: StoredResult, _ mask: TextMask?) -> StoredResult {
    var shown = result
    let hidden = members(.result)
    if !hidden.isEmpty, !result.body.isEmpty {
      var values: [String] = []
      shown.body = Self.hide(hidden, in: result.body, &values) ?? Self.markJSON
    }
    guard let mask else { return shown }
    let masked = mask.masked(shown.body)
    // A number that was hidden leaves no JSON behind.
    let isWell = masked == shown.body || !Self.isJSON(shown.body) || Self.isJSON(masked)
    shown.body = isWell ? masked : Self.markJSON
    for index in shown.headers.indices {
      shown.headers[index].value = mask.masked(shown.headers[index].value)
    }
    return shown
  }

  /// Hides the event's values in texts about it; nil where there is none to look for.
  package func mask(for event: Event) -> TextMask? {
    let hidden = members(.data)
    guard !hidden.isEmpty, event.holdsJSON else { return nil }
    var values: [String] = []
    guard Self.hide(hidden, in: event.data, &values) != nil else { return nil }
    return TextMask(values.map { ($0, Self.mark) }, bytesMin: Self.valueBytesMin)
  }

  // MARK: Finding

  private static let markJSON = Array("\"\(mark)\"".utf8)

  private static func isJSON(_ bytes: [UInt8]) -> Bool {
    (try? JSONScanner.validate(bytes)) != nil  // the question is only whether
  }

  /// `values` are those that were hidden; nil where the bytes are no JSON.
  private static func hide(
    _ paths: [ArraySlice<String>], in bytes: [UInt8], _ values: inout [String]
  ) -> [UInt8]? {
    guard isJSON(bytes) else { return nil }
    let text = bytes.drop { " \t\r\n".utf8.contains($0) }
    return try? hide(paths, in: text, depth: 0, &values)  // never on what was validated
  }

  private static func hide(
    _ paths: [ArraySlice<String>], in value: ArraySlice<UInt8>, depth: Int,
    _ values: inout [String]
  ) throws(JSONFault) -> [UInt8] {
    let kind = JSONSlice(value).kind
    if paths.contains(where: \.isEmpty) || depth > depthMax {
      try gather(value, depth: depth, &values)
      return markJSON
    }
    switch kind {
    case .object:
      return try rewrite(
        value, try JSONScanner.members(of: value).map { ($0.value.bytes, below($0.name, paths)) },
        depth: depth, &values)
    case .array:
      return try rewrite(
        value,
        try JSONScanner.elements(of: value).enumerated().map { index, element in
          // A name goes for each element: who hides a card's number means all cards.
          (element.bytes, below("\(index)", paths) + paths.filter { isName($0.first ?? "") })
        }, depth: depth, &values)
    case .string, .number, .boolean, .null: return Array(value)
    }
  }

  private static func below(
    _ name: String, _ paths: [ArraySlice<String>]
  ) -> [ArraySlice<String>] {
    paths.filter { $0.first == name }.map { $0.dropFirst() }
  }

  private static func rewrite(
    _ whole: ArraySlice<UInt8>, _ parts: [(ArraySlice<UInt8>, [ArraySlice<String>])], depth: Int,
    _ values: inout [String]
  ) throws(JSONFault) -> [UInt8] {
    var out: [UInt8] = []
    var copied = whole.startIndex
    for (part, paths) in parts where !paths.isEmpty {
      out += whole[copied..<part.startIndex]
      out += try hide(paths, in: part, depth: depth + 1, &values)
      copied = part.endIndex
    }
    return out + whole[copied...]
  }

  /// The texts and numbers in a value that is hidden.
  private static func gather(
    _ value: ArraySlice<UInt8>, depth: Int, _ values: inout [String]
  ) throws(JSONFault) {
    guard values.count < valuesMax, depth <= 2 * depthMax else { return }
    switch JSONSlice(value).kind {
    case .object:
      for member in try JSONScanner.members(of: value) {
        try gather(member.value.bytes, depth: depth + 1, &values)
      }
    case .array:
      for element in try JSONScanner.elements(of: value) {
        try gather(element.bytes, depth: depth + 1, &values)
      }
    case .string, .number:
      if let text = JSONSlice(value).text, !values.contains(text) { values.append(text) }
    case .boolean, .null: break
    }
  }
}
