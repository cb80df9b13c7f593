// The keys that make one run of many events, `batch` and `debounce`, and what they do not go with.

import Invocations

extension FunctionReader {
  /// After the triggers, where `batch` may stand as well.
  mutating func readGathering(from fields: ManifestFields, into draft: inout FunctionDraft) {
    if let field = fields["batch"] { readBatch(field, into: &draft) }
    readDebounce(fields["debounce"], into: &draft.declaration)
    if let field = draft.batchField { checkBatch(field, draft.declaration) }
    if let field = fields["debounce"] { checkDebounce(field, draft.declaration) }
  }

  mutating func readBatch(_ field: ManifestField, into draft: inout FunctionDraft) {
    guard draft.batchField == nil else {
      note("'batch' is given twice; a function has one", at: field.keyLocation)
      return
    }
    draft.batchField = field
    guard let parts = mapping(field, known: ManifestKeys.batch) else { return }
    if parts.lacks("size") {
      note("'size' is missing in 'batch'; write one such as 100", at: parts.location)
    }
    let size = integer(parts["size"], in: ManifestLimits.batchSize)
    let window = duration(parts["window"], in: ManifestLimits.batchWindow)
    guard let size else { return }
    draft.declaration.batch = BatchRule(size: size, window: window ?? .milliseconds(100))
  }

  private mutating func readDebounce(
    _ field: ManifestField?, into declaration: inout FunctionDeclaration
  ) {
    guard let parts = mapping(field, known: ManifestKeys.debounce) else { return }
    if parts.lacks("for") {
      note("'for' is missing in 'debounce'; write a quiet time such as 5s", at: parts.location)
    }
    let per = path(parts["per"])
    let quiet = duration(parts["for"], in: ManifestLimits.quiet)
    let atMost = duration(parts["atMost"], in: ManifestLimits.atMost)
    guard let quiet else { return }
    if let atMost, atMost < quiet, let place = parts["atMost"] {
      let got = ManifestForms.text(atMost)
      note(
        "'atMost' must be at least 'for' (\(ManifestForms.text(quiet))); got \(got)",
        at: place.value.location)
    }
    declaration.debounce = DebounceRule(per: per, quiet: quiet, atMost: atMost)
  }

  /// Whose handlers get many events, and who waits for none of them.
  private mutating func checkBatch(_ field: ManifestField, _ declaration: FunctionDeclaration) {
    refuseCallers("batch", "queue", at: field, declaration) {
      if case .queue = $0 { true } else { false }
    }
    if declaration.order != nil || declaration.concurrency.per != nil {
      note(
        "'batch' does not go with 'order' and 'concurrency.per': its events run together",
        at: field.keyLocation)
    }
  }

  private mutating func checkDebounce(_ field: ManifestField, _ declaration: FunctionDeclaration) {
    refuseCallers("debounce", "queue and timer", at: field, declaration) {
      if case .http = $0 { false } else { true }
    }
    let limits = declaration.order ?? declaration.concurrency.per ?? declaration.rate?.per
    if limits != nil || declaration.batch != nil {
      note(
        "'debounce' does not go with 'order', 'batch', 'concurrency.per' and 'rate.per'",
        at: field.keyLocation)
    }
  }

  private mutating func refuseCallers(
    _ key: String, _ sources: String, at field: ManifestField, _ declaration: FunctionDeclaration,
    fits: (Trigger) -> Bool
  ) {
    guard !declaration.triggers.allSatisfy(fits) else { return }
    note("'\(key)' goes with \(sources) triggers only", at: field.keyLocation)
  }
}
