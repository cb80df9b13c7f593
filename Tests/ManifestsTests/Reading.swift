// How the tests of this room write manifests and look at what became of them.

import Invocations

@testable import Manifests

let firstOfJanuary2026 = WallTime(milliseconds: 1_767_225_600_000)

func read(
  _ texts: String..., now: WallTime? = firstOfJanuary2026
) -> Result<ManifestSet, ManifestMistakes> {
  let names = ["a.yaml", "b.yaml", "c.yaml", "d.yaml"]
  let sources = zip(names, texts).map { ManifestSource(path: $0, text: $1) }
  return ManifestReader.read(sources, now: now)
}

func mistakes(_ result: Result<ManifestSet, ManifestMistakes>) -> [String] {
  switch result {
  case .success: []
  case .failure(let mistakes): mistakes.list.map(\.description)
  }
}

/// A function with these lines behind its name and trigger: they begin in line 3 of `a.yaml`.
func function(with lines: String) -> String {
  "function: charge-payment\ntriggers: [{ queue: payments }]\n\(lines)\n"
}

func declaration(with lines: String) throws -> FunctionDeclaration {
  try read(function(with: lines)).get().declarations[0]
}

/// What is wrong with these lines, without the file's name.
func faults(_ lines: String, now: WallTime? = firstOfJanuary2026) -> [String] {
  mistakes(read(function(with: lines), now: now)).map { String($0.dropFirst("a.yaml:".count)) }
}

/// What is wrong with a function that has only this trigger, in line 2, column 13 on.
func triggerFaults(_ trigger: String, now: WallTime? = firstOfJanuary2026) -> [String] {
  let text = "function: f\ntriggers: [ \(trigger) ]\n"
  return mistakes(read(text, now: now)).map { String($0.dropFirst("a.yaml:".count)) }
}

func triggers(_ triggers: String) throws -> [Trigger] {
  try read("function: f\ntriggers:\n\(triggers)\n").get().declarations[0].triggers
}
