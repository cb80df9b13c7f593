// A document as the reader of functions sees it: texts, lists and mappings, each with its place.
// No scalar has a type here; what `no` or `010` means is decided by the key that has it.

struct YAMLValue {
  enum Content {
    case text(String, isQuoted: Bool)
    case list([YAMLValue])
    case mapping([YAMLEntry])
  }

  var content: Content
  var location: ManifestLocation
  /// Where the text itself begins, inside its quotes; nil where it is not written as it is read.
  var textLocation: ManifestLocation?

  /// Nothing is written behind the colon, or one of YAML's words for it.
  var isNothing: Bool {
    guard case .text(let text, isQuoted: false) = content else { return false }
    return ["", "~", "null", "Null", "NULL"].contains(text)
  }

  /// For messages: what was found in place of what was expected.
  var shown: String {
    switch content {
    case .text(let text, _): isNothing ? "nothing" : ManifestForms.quoted(text)
    case .list: "a list"
    case .mapping: "a mapping"
    }
  }
}

struct YAMLEntry {
  var key: String
  var keyLocation: ManifestLocation
  var value: YAMLValue
}
