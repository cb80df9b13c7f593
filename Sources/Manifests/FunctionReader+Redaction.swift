// The key `redact`, and the keys that would tell what it hides.

import Invocations

extension FunctionReader {
  mutating func readRedaction(
    from fields: ManifestFields, into declaration: inout FunctionDeclaration
  ) {
    guard let field = fields["redact"] else { return }
    declaration.redact = Redaction(redactedPaths(field))
    guard let redaction = declaration.redact else { return }
    if let path = declaration.fields.first(where: redaction.touches) {
      note(
        "'fields' names \(path), which 'redact' hides: what can be looked up can be guessed",
        at: fields["fields"]?.value.location ?? field.value.location)
    }
    if let path = declaration.idempotency.key, redaction.touches(path) {
      note(
        "'idempotency.key' is \(path), which 'redact' hides: keys are stored and shown",
        at: fields["idempotency"]?.value.location ?? field.value.location)
    }
  }

  private mutating func redactedPaths(_ field: ManifestField) -> [Redaction.Path] {
    guard case .list(let items) = field.value.content else {
      expected("a list of paths such as [data.card.number, result.token]", field)
      return []
    }
    guard allows(items.count, of: field, in: ManifestLimits.redact) else { return [] }
    var paths: [Redaction.Path] = []
    for item in items {
      var entry = field
      entry.value = item
      let form = "a path of data or result such as data.card.number"
      guard let text = text(entry, form) else { continue }
      guard ManifestLimits.pathBytes.contains(text.utf8.count), let path = Redaction.Path(text)
      else {
        expected(form, entry)
        continue
      }
      if paths.contains(path) { note("'\(path.source)' is listed twice", at: item.location) }
      paths.append(path)
    }
    return paths
  }
}
