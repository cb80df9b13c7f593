// The way in: a directory or texts become a set of declarations, or all mistakes at once. Nothing
// is deployed from a set that has one.

package import Invocations

package enum ManifestReader {
  /// Every `*.yaml` and `*.yml` of `directory`, not of the directories in it.
  ///
  /// `now` decides whether an `at` that is not to be made up for has passed and so can never fire;
  /// a host that starts again with what was deployed before leaves it out with nil.
  package static func read(
    directory: String, now: WallTime?
  ) -> Result<ManifestSet, ManifestMistakes> {
    let (sources, mistakes) = ManifestDirectory.sources(in: directory)
    return read(sources, of: directory, now: now, besides: mistakes)
  }

  package static func read(
    _ sources: [ManifestSource], now: WallTime?
  ) -> Result<ManifestSet, ManifestMistakes> {
    read(sources, of: "manifests", now: now, besides: [])
  }

  /// The same for texts that came from elsewhere, or from a release.
  package static func read(
    texts: [ManifestText], now: WallTime?
  ) -> Result<ManifestSet, ManifestMistakes> {
    let sources = texts.map { ManifestSource(path: $0.path, text: $0.text) }
    return read(sources, of: "manifests", now: now, besides: [])
  }

  /// The files of `directory` as they are written, to be sent or kept.
  package static func texts(
    in directory: String
  ) -> Result<[ManifestText], ManifestMistakes> {
    let (sources, mistakes) = ManifestDirectory.sources(in: directory)
    guard mistakes.isEmpty else { return .failure(ManifestMistakes(mistakes)) }
    return .success(sources.map { ManifestText(path: $0.path, text: $0.text) })
  }

  private static func read(
    _ sources: [ManifestSource], of origin: String, now: WallTime?,
    besides unreadable: [ManifestMistake]
  ) -> Result<ManifestSet, ManifestMistakes> {
    var reader = FunctionReader(now: now)
    var mistakes = unreadable
    var drafts: [FunctionDraft] = []
    for source in sources.prefix(ManifestLimits.filesMax) {
      let (documents, notYAML) = YAMLStream.read(source)
      drafts += documents.compactMap { reader.read($0) }
      mistakes += notYAML
    }
    mistakes += reader.mistakes + SetCheck.mistakes(in: drafts)
    mistakes += countMistakes(files: sources.count, functions: drafts.count, of: origin)
    if mistakes.isEmpty, drafts.isEmpty {
      mistakes = [ManifestMistake(file: origin, message: "there is no function in any *.yaml here")]
    }
    return mistakes.isEmpty ? .success(ManifestSet(drafts)) : .failure(ManifestMistakes(mistakes))
  }

  private static func countMistakes(
    files: Int, functions: Int, of origin: String
  ) -> [ManifestMistake] {
    let limits = [
      ("manifest files", files, ManifestLimits.filesMax),
      ("functions", functions, ManifestLimits.functionsMax),
    ]
    return limits.filter { $0.1 > $0.2 }.map { what, _, limit in
      ManifestMistake(file: origin, message: "there are more than \(limit) \(what)")
    }
  }

  /// The functions whose handler is not among those that the worker announced.
  package static func check(_ set: ManifestSet, handlers: [HeldHandler]) -> [ManifestMistake] {
    let known = Dictionary(handlers.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
    let mistakes = set.declarations.compactMap { declaration -> ManifestMistake? in
      guard let fault = Self.fault(of: declaration, known) else { return nil }
      let place =
        set.handlerLocations[declaration.name] ?? set.locations[declaration.name]
        ?? ManifestLocation(file: declaration.name)
      return ManifestMistake(at: place, fault)
    }
    return ManifestMistakes(mistakes).list
  }

  private static func fault(
    of declaration: FunctionDeclaration, _ known: [String: HeldHandler]
  ) -> String? {
    let name = declaration.handler
    guard let handler = known[name] else { return missing(name, handlers: Array(known.keys)) }
    // The other way round each event is a batch of one.
    guard declaration.batch != nil, !handler.takesBatches else { return nil }
    return
      "handler '\(name)' takes one event at a time: make it a BatchFunction, or remove 'batch' "
      + "from the manifest"
  }

  private static func missing(_ handler: String, handlers: [String]) -> String {
    let shown = handlers.sorted().prefix(20).joined(separator: ", ")
    let more = handlers.count > 20 ? " and \(handlers.count - 20) more" : ""
    let list = handlers.isEmpty ? "none" : shown + more
    let suggestion = Suggestion.nearest(to: handler, among: handlers.sorted())
    let hint = suggestion.map { "; did you mean '\($0)'?" } ?? ""
    return "handler '\(handler)' is not in the worker (it has: \(list)\(hint))"
  }
}
