// Manifests before and after reading: texts with the names that the user knows them by, and the
// declarations with the places they came from.

package import Invocations

package struct ManifestSource: Sendable, Equatable {
  /// As shown to the user, such as `Manifests/charge.yaml`.
  package var path: String
  package var text: String

  package init(path: String, text: String) {
    self.path = path
    self.text = text
  }
}

package struct ManifestSet: Sendable, Equatable {
  /// In the order of the files, and within a file of the documents.
  package let declarations: [FunctionDeclaration]
  /// Where each function's name is written.
  package let locations: [String: ManifestLocation]
  /// Where the handler is written, for the functions that do not leave it to the default.
  let handlerLocations: [String: ManifestLocation]

  init(_ drafts: [FunctionDraft]) {
    declarations = drafts.map(\.declaration)
    locations = Dictionary(
      drafts.map { ($0.declaration.name, $0.location) }, uniquingKeysWith: { first, _ in first })
    handlerLocations = Dictionary(
      drafts.compactMap { draft in
        draft.handlerLocation.map { (draft.declaration.name, $0) }
      }, uniquingKeysWith: { first, _ in first })
  }
}

/// A function as far as it could be read: what was mistaken has its default, so that the checks
/// across functions can say all they know.
///
/// It becomes part of a set only when nothing is mistaken.
struct FunctionDraft {
  /// The name is empty where it was missing or mistaken.
  var declaration: FunctionDeclaration
  var location: ManifestLocation
  var handlerLocation: ManifestLocation?
  var deadLetterLocation: ManifestLocation?
  /// Where `batch` is given, at a trigger or beside them.
  var batchField: ManifestField?
  /// One for each trigger of the declaration, in its order.
  var triggerLocations: [ManifestLocation] = []
}
