// Reads one document into a declaration, key by key in the order of the contract. Every key is
// looked at whatever is wrong with the others; a mistaken one keeps its default.

import Invocations

struct FunctionReader {
  private(set) var mistakes: [ManifestMistake] = []
  /// To tell an `at` that has passed; nil leaves the question out.
  private let now: WallTime?

  init(now: WallTime?) { self.now = now }

  /// nil when the document is no mapping, so that nothing can be said of a function.
  mutating func read(_ document: YAMLValue) -> FunctionDraft? {
    guard case .mapping = document.content else {
      let message = "a manifest is a mapping that begins with 'function:', not \(document.shown)"
      note(message, at: document.location)
      return nil
    }
    let fields = fields(of: document, path: "", known: ManifestKeys.function)
    var draft = FunctionDraft(
      declaration: FunctionDeclaration(name: "", handler: "", triggers: []),
      location: fields["function"]?.value.location ?? document.location)
    readIdentity(from: fields, into: &draft)
    readTriggers(from: fields, into: &draft)
    readStarting(from: fields, into: &draft.declaration)
    readFailing(from: fields, into: &draft)
    readGathering(from: fields, into: &draft)
    readProcess(from: fields, into: &draft.declaration)
    readRecord(from: fields, into: &draft.declaration)
    return draft
  }

  mutating func note(_ message: String, at location: ManifestLocation) {
    mistakes.append(ManifestMistake(at: location, message))
  }

  func hasPassed(_ instant: WallTime) -> Bool { now.map { instant <= $0 } ?? false }
}

/// The keys of one mapping.
struct ManifestFields {
  var location: ManifestLocation
  var byName: [String: ManifestField] = [:]
  /// The keys that unknown ones were taken for; to call those missing would say it twice.
  var suggested: Set<String> = []

  /// None of the keys is there, not even mistyped.
  func lacks(_ names: String...) -> Bool {
    names.allSatisfy { byName[$0] == nil && !suggested.contains($0) }
  }

  subscript(name: String) -> ManifestField? { byName[name] }
}

struct ManifestField {
  var name: String
  /// From the top of the document, such as `retry.attempts`.
  var path: String
  var keyLocation: ManifestLocation
  var value: YAMLValue
}

extension FunctionReader {
  /// Tells of unknown keys; `path` is that of the mapping, empty at the top.
  mutating func fields(of value: YAMLValue, path: String, known: [String]) -> ManifestFields {
    var fields = ManifestFields(location: value.location)
    guard case .mapping(let entries) = value.content else { return fields }
    for entry in entries {
      guard known.contains(entry.key) else {
        note(unknown(entry.key, path: path, known: known), at: entry.keyLocation)
        if let meant = Suggestion.nearest(to: entry.key, among: known) {
          fields.suggested.insert(meant)
        }
        continue
      }
      let field = ManifestField(
        name: entry.key, path: path.isEmpty ? entry.key : "\(path).\(entry.key)",
        keyLocation: entry.keyLocation, value: entry.value)
      fields.byName[entry.key] = field
    }
    return fields
  }

  private func unknown(_ key: String, path: String, known: [String]) -> String {
    if key == "<<" { return "merge keys ('<<') are not read; write the keys out" }
    let place = path.isEmpty ? "" : " in '\(path)'"
    let suggestion = Suggestion.text(for: key, among: known)
    let remedy = suggestion.isEmpty ? "; the keys are \(known.joined(separator: ", "))" : suggestion
    return "unknown key \(ManifestForms.quoted(key))\(place)\(remedy)"
  }

  private mutating func readIdentity(from fields: ManifestFields, into draft: inout FunctionDraft) {
    if fields.lacks("function") {
      note("'function' is missing: every document names one function", at: fields.location)
    }
    if let name = name(fields["function"], "a function's name") { draft.declaration.name = name }
    draft.declaration.handler = ManifestForms.upperCamelCase(draft.declaration.name)
    if let handler = text(fields["handler"], "the name of a handler such as ChargePayment") {
      draft.handlerLocation = fields["handler"]?.value.location
      draft.declaration.handler = handler
      if !ManifestForms.isHandler(handler) {
        fault(
          fields["handler"],
          "must be the name of a handler such as ChargePayment, at most "
            + "\(ManifestLimits.handlerBytes.upperBound) letters, digits, _ and .")
      }
    }
    if draft.handlerLocation == nil, !draft.declaration.name.isEmpty,
      !ManifestForms.isHandler(draft.declaration.handler)
    {
      fault(
        fields["function"],
        "begins with a digit, which no Swift type does: write 'handler: …' beside it")
    }
    if let summary = text(fields["description"], "text") {
      draft.declaration.summary = summary
      let limit = ManifestLimits.summaryBytes.upperBound
      if summary.utf8.count > limit {
        fault(fields["description"], "must be at most \(limit) bytes", got: "\(summary.utf8.count)")
      }
    }
  }
}
