// Which executable of a package holds the handlers, from what the package says of itself. Where
// that is not plain, the user is asked; nothing is guessed.

struct ProductChoice {
  struct Candidate: Equatable {
    var name: String
    /// Where its target's sources are, relative to the package.
    var path: String
    var dependsOnApus: Bool
  }

  let candidates: [Candidate]

  /// `dump` is what `swift package dump-package` prints.
  init(_ dump: Answer) {
    let targets = dump.list("targets")
    var candidates: [Candidate] = []
    var covered: Set<String> = []
    for product in dump.list("products") where product.raw("type.executable") != nil {
      let members = product.texts("targets")
      covered.formUnion(members)
      let own = targets.first { $0["type"] == "executable" && members.contains($0["name"] ?? "") }
      if let name = product["name"], let own { candidates.append(Candidate(name, own)) }
    }
    // An executable target without a product of its own gets one of its name.
    for target in targets where target["type"] == "executable" {
      guard let name = target["name"], !covered.contains(name) else { continue }
      candidates.append(Candidate(name, target))
    }
    self.candidates = candidates
  }

  func choose() throws(CommandFault) -> Candidate {
    if let only = candidates.first, candidates.count == 1 { return only }
    let inFolder = candidates.filter { $0.path == "Functions" || $0.path.hasPrefix("Functions/") }
    let wanted =
      inFolder.isEmpty ? candidates.filter { $0.dependsOnApus && $0.name != "apus" } : inFolder
    if let only = wanted.first, wanted.count == 1 { return only }
    let names = (wanted.isEmpty ? candidates : wanted).map(\.name).joined(separator: ", ")
    throw .badInput(
      names.isEmpty
        ? "the package has no executable: add an executableTarget with a FunctionApp to it"
        : "the package has several executables; name the one with the handlers: --product, one of "
          + names)
  }

  func candidate(named name: String) -> Candidate? { candidates.first { $0.name == name } }
}

extension ProductChoice.Candidate {
  init(_ name: String, _ target: Answer) {
    self.name = name
    path = target["path"] ?? "Sources/\(target["name"] ?? name)"
    // `byName`, `target` and `product` each name what is depended on first.
    dependsOnApus = target.list("dependencies").contains { dependency in
      ["byName", "target", "product"].contains { dependency["\($0).0"] == "Apus" }
    }
  }
}
