// One method for each kind of value. Each returns nil when the key is absent or when its value is
// mistaken, after noting why; so a caller only ever writes what was given and is right.

import Invocations

extension FunctionReader {
  /// The message names the key, what it must be, and what it was.
  mutating func fault(_ field: ManifestField?, _ rule: String, got: String? = nil) {
    guard let field else { return }
    note(
      "'\(field.name)' \(rule); got \(got ?? field.value.shown)", at: field.value.location)
  }

  mutating func expected(_ what: String, _ field: ManifestField) {
    note(
      "'\(field.name)': expected \(what), got \(field.value.shown)", at: field.value.location)
  }

  /// Any scalar that is not nothing: `no`, `on` and `12` are texts here.
  mutating func text(_ field: ManifestField?, _ what: String) -> String? {
    guard let field else { return nil }
    guard case .text(let text, _) = field.value.content, !field.value.isNothing else {
      expected(what, field)
      return nil
    }
    return text
  }

  mutating func name(_ field: ManifestField?, _ what: String) -> String? {
    guard let text = text(field, what) else { return nil }
    guard ManifestForms.isName(text) else {
      let limits = ManifestLimits.nameBytes
      fault(
        field,
        "must be \(limits.lowerBound)…\(limits.upperBound) of a–z, 0–9 and single hyphens between")
      return nil
    }
    return text
  }

  mutating func integer(_ field: ManifestField?, in range: ClosedRange<Int>) -> Int? {
    guard let field else { return nil }
    guard case .text(let text, isQuoted: false) = field.value.content,
      let number = ManifestForms.integer(text)
    else {
      expected("a whole number", field)
      return nil
    }
    guard range.contains(number) else {
      fault(field, "must be \(range.lowerBound)…\(range.upperBound)", got: text)
      return nil
    }
    return number
  }

  mutating func decimal(_ field: ManifestField?, in range: ClosedRange<Double>) -> Double? {
    guard let field else { return nil }
    guard case .text(let text, isQuoted: false) = field.value.content,
      let number = ManifestForms.decimal(text)
    else {
      expected("a number such as 2 or 1.5", field)
      return nil
    }
    guard range.contains(number) else {
      fault(field, "must be \(Int(range.lowerBound))…\(Int(range.upperBound))", got: text)
      return nil
    }
    return number
  }

  mutating func boolean(_ field: ManifestField?) -> Bool? {
    guard let field else { return nil }
    guard case .text(let text, isQuoted: false) = field.value.content,
      let truth = ["true": true, "false": false][text]
    else {
      expected("true or false", field)
      return nil
    }
    return truth
  }

  mutating func duration(
    _ field: ManifestField?, in range: ClosedRange<Duration>
  ) -> Duration? {
    let form = "a duration such as 30s (a whole number and ms, s, m, h or d)"
    guard let field, let text = text(field, form) else { return nil }
    guard let duration = ManifestForms.duration(text) else {
      expected(form, field)
      return nil
    }
    guard range.contains(duration) else {
      let limits = [range.lowerBound, range.upperBound].map(ManifestForms.text)
      fault(field, "must be \(limits.joined(separator: "…"))", got: text)
      return nil
    }
    return duration
  }

  mutating func size(_ field: ManifestField?, in range: ClosedRange<Int>) -> Int? {
    let form = "a size such as 64KiB (a whole number and B, KiB, MiB, GiB or TiB)"
    guard let field, let text = text(field, form) else { return nil }
    guard let bytes = ManifestForms.size(text) else {
      expected(form, field)
      return nil
    }
    guard range.contains(bytes) else {
      let limits = [range.lowerBound, range.upperBound].map(ManifestForms.sizeText)
      fault(field, "must be \(limits.joined(separator: "…"))", got: text)
      return nil
    }
    return bytes
  }

  mutating func path(_ field: ManifestField?) -> EventPath? {
    let form = "a path such as data.order.id, subject or id"
    guard let field, let text = text(field, form) else { return nil }
    guard ManifestLimits.pathBytes.contains(text.utf8.count), let path = EventPath(text) else {
      expected(form, field)
      return nil
    }
    return path
  }

  /// One word of several.
  mutating func choice(_ field: ManifestField?, of words: [String]) -> String? {
    let alternatives = ManifestForms.alternatives(words)
    guard let field, let text = text(field, alternatives) else { return nil }
    guard words.contains(text) else {
      let suggestion = Suggestion.text(for: text, among: words)
      fault(field, "must be \(alternatives)", got: field.value.shown + suggestion)
      return nil
    }
    return text
  }

  /// The keys of a mapping, nil when it is something else.
  mutating func mapping(_ field: ManifestField?, known: [String]) -> ManifestFields? {
    guard let field else { return nil }
    guard case .mapping = field.value.content else {
      expected("a mapping of \(known.joined(separator: ", "))", field)
      return nil
    }
    return fields(of: field.value, path: field.path, known: known)
  }
}
