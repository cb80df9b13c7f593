// Any text as a manifest: declarations that keep every limit and that the router and the schedules
// take, or mistakes that each have a place in the text.

import Invocations
@testable import Manifests
@testable import Routing
import Schedules

func fuzzManifest(_ bytes: [UInt8]) throws {
  let source = ManifestSource(path: "fuzz.yaml", text: String(decoding: bytes, as: UTF8.self))
  let now = WallTime(milliseconds: 1_800_000_000_000)
  let result = ManifestReader.read([source], now: now)
  try hold(result == ManifestReader.read([source], now: now), "the same text reads differently")
  switch result {
  case .success(let set):
    for declaration in set.declarations { try check(declaration) }
    _ = try Router(set.declarations)
  case .failure(let mistakes): try check(mistakes, in: source.text)
  }
}

private func check(_ mistakes: ManifestMistakes, in text: String) throws {
  let lines = text.unicodeScalars.count {
    ["\n", "\r", "\u{85}", "\u{2028}", "\u{2029}"].contains($0)
  }
  try hold(!mistakes.list.isEmpty, "a failure without a mistake")
  for mistake in mistakes.list {
    try hold((0...lines + 2).contains(mistake.line), "\(mistake) is behind the text")
    try hold((mistake.line == 0) == (mistake.column == 0), "\(mistake) has half a place")
    try hold(mistake.column >= 0, "\(mistake) is before its line")
    try hold(!mistake.message.isEmpty, "a mistake without words")
    try hold(
      !mistake.message.contains { $0.isNewline }, "a mistake of several lines: \(mistake)")
  }
}

private func check(_ declaration: FunctionDeclaration) throws {
  let name = declaration.name
  try hold(ManifestForms.isName(name), "a function is called '\(name)'")
  try hold(ManifestForms.isHandler(declaration.handler), "\(name): handler")
  try hold(ManifestLimits.triggers.contains(declaration.triggers.count), "\(name): triggers")
  try hold(ManifestLimits.timeout.contains(declaration.timeout), "\(name): timeout")
  try hold(ManifestLimits.queueLimit.contains(declaration.queueLimit), "\(name): queueLimit")
  try hold(ManifestLimits.payloadBytes.contains(declaration.payloadBytesMax), "\(name): payload")
  try hold(declaration.concurrency.limit > 0, "\(name): concurrency")
  for trigger in declaration.triggers {
    switch trigger {
    case .queue(let queue): try hold(ManifestForms.isName(queue), "\(name): queue '\(queue)'")
    case .http: break
    case .timer(let timer): try check(timer, of: name)
    }
  }
}

private func check(_ timer: TimerTrigger, of name: String) throws {
  guard case .cron(let expression, let timezone) = timer.rule else { return }
  let cron = try CronExpression(parsing: expression)
  _ = try TimeZoneRules.named(timezone)
  try hold(cron.canFire, "\(name): '\(expression)' never fires")
}
