// A path such as `data.order.id`, `subject`, `id` or `time`: it names one value of an event.

package struct EventPath: Sendable, Hashable, CustomStringConvertible {
  /// The path as the manifest has it.
  package let source: String
  package let root: Root

  package enum Root: Sendable, Hashable {
    case attribute(String)
    /// Member names from the top of the event's JSON data.
    case data([String])
  }

  package var description: String { source }

  /// nil when the text is no path: empty members, or characters no attribute name has.
  package init?(_ source: String) {
    let parts = source.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
    guard !parts.contains(""), let head = parts.first else { return nil }
    self.source = source
    if head == "data" {
      root = .data(Array(parts.dropFirst()))
    } else {
      guard parts.count == 1, head.utf8.allSatisfy(Self.isAttributeCharacter) else { return nil }
      root = .attribute(head)
    }
  }

  private static func isAttributeCharacter(_ byte: UInt8) -> Bool {
    (97...122).contains(byte) || (48...57).contains(byte)
  }

  /// The value's text: strings without their quotes, other JSON as written; nil where there is none
  /// or it is `null`.
  package func value(in event: Event) -> String? {
    switch root {
    case .attribute("id"): event.id
    case .attribute("source"): event.source
    case .attribute("type"): event.type
    case .attribute("subject"): event.subject
    case .attribute("time"): event.time
    case .attribute("datacontenttype"): event.dataContentType
    case .attribute("dataschema"): event.dataSchema
    case .attribute(let name): event[extension: name]
    case .data(let members):
      event.holdsJSON ? JSONScanner.text(at: members, in: event.data) : nil
    }
  }
}
