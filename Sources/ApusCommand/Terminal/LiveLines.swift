// The live log's words: one line when something starts, ends, fails, waits or dies, and a handler's
// own lines indented under it. Pure; who writes them where is not its matter.

import Invocations

struct LiveLines: Sendable {
  var ink: Ink
  /// Of the clocks on the wall, from UTC.
  var offsetSeconds: Int
  /// Of the longest function name, so that the columns stand still.
  var functionColumns = 0

  /// Nil for what the live log does not show.
  func text(_ moment: Moment) -> String? {
    switch moment.kind {
    case .accepted: nil
    case .started: invocation(moment, "▶", .blue, "")
    case .ended: ended(moment)
    case .attempt: goesOn(moment)
    case .log: log(moment)
    case .duplicate: invocation(moment, "=", .dim, "came again, does not run again")
    case .fenced: invocation(moment, "!", .yellow, "answer of an older attempt refused")
    case .workerStarted, .workerEnded, .unhealthy, .healthy, .missed, .dropped, .paused, .resumed,
      .storeStalled, .storeHealed, .webhooksRefused, .action:
      house(moment)
    }
  }

  // MARK: Invocations

  private func invocation(
    _ moment: Moment, _ symbol: String, _ colour: Ink.Colour, _ words: String
  ) -> String {
    let attempt = moment.attempt.map { "#\($0)" }
    let name = ink(.bold, moment.function.padded(to: functionColumns))
    let subject = joined([ink(.dim, moment.invocation), attempt], by: " ")
    let head = "\(ink(.dim, clock(moment))) \(ink(colour, symbol)) \(name)"
    return joined([head, subject, words.isEmpty ? nil : words])
  }

  private func ended(_ moment: Moment) -> String {
    let time = moment.runMilliseconds.map { TimeWords.length(milliseconds: $0) }
    switch moment.state {
    case "succeeded":
      let emitted = moment.emittedCount > 0 ? "emitted \(moment.emittedCount)" : nil
      return invocation(moment, "✓", .green, joined([time, emitted]))
    case "cancelled": return invocation(moment, "■", .yellow, joined([time, "cancelled"]))
    default:
      let why = ink(.red, "dead (\(moment.reason))") + message(moment)
      return invocation(moment, "✗", .red, joined([time, why]))
    }
  }

  private func goesOn(_ moment: Moment) -> String {
    let time = moment.runMilliseconds.map { TimeWords.length(milliseconds: $0) }
    switch moment.state {
    case "waiting":
      var pause = ""
      if let next = moment.next {
        let wait = max(0, next.milliseconds - moment.time.milliseconds)
        pause = "; again in \(TimeWords.length(milliseconds: wait))"
      }
      let words = ink(.yellow, moment.outcome) + message(moment) + pause
      return invocation(moment, "↻", .yellow, joined([time, words]))
    case "held":
      let words = ink(.yellow, "held") + message(moment) + "; retry or cancel it"
      return invocation(moment, "‖", .yellow, joined([time, words]))
    default:
      let words = "given back" + message(moment) + "; runs again"
      return invocation(moment, "↩", .yellow, joined([time, words]))
    }
  }

  private func message(_ moment: Moment) -> String {
    moment.errorMessage.map { ": \(Table.oneLine($0))" } ?? ""
  }

  private func joined(_ parts: [String?], by gap: String = "  ") -> String {
    parts.compactMap { $0 }.joined(separator: gap)
  }

  private func log(_ moment: Moment) -> String? {
    let lines = LogWords.lines(
      level: moment.level, message: moment.message,
      metadata: moment.metadata.map { ($0.name, $0.text) }, ink)
    guard !lines.isEmpty else { return nil }
    let head = "\(ink(.dim, clock(moment)))     \(ink(.dim, moment.invocation)) "
    let blank = String(repeating: " ", count: 12 + 5 + moment.invocation.count + 1)
    return lines.enumerated().map { index, line in (index == 0 ? head : blank) + line }
      .joined(separator: "\n")
  }

  // MARK: The house

  private func house(_ moment: Moment) -> String? {
    let worker = "worker \(moment.worker ?? 0)"
    let words: (String, Ink.Colour, String)? =
      switch moment.kind {
      case .workerStarted:
        ("●", .dim, "\(worker) started  \(ink(.dim, Files.shown(moment.subject)))")
      case .workerEnded where moment.isExpected:
        ("○", .dim, "\(worker) ended  \(ink(.dim, moment.subject))")
      case .workerEnded: ("✗", .red, "\(worker) ended: \(ink(.red, moment.subject))")
      case .unhealthy:
        ("✗", .red, "workers of \(moment.subject) do not start: \(moment.reason)")
      case .healthy: ("●", .green, "workers of \(moment.subject) start again")
      case .dropped:
        ("…", .yellow, "\(moment.count) lines are missing: this reader is too slow")
      case .missed:
        (
          "!", .yellow,
          "timer \(moment.subject): \(moment.count) instants missed (\(moment.reason))"
        )
      case .paused: ("‖", .yellow, "\(moment.subject) is paused")
      case .resumed: ("▶", .green, "\(moment.subject) is resumed")
      case .storeStalled: ("✗", .red, "the record cannot be written: \(moment.reason)")
      case .storeHealed: ("●", .green, "the record can be written again")
      case .webhooksRefused:
        ("!", .yellow, "\(moment.count) calls of \(moment.function) refused: \(moment.reason)")
      case .action:
        (
          "✎", .cyan,
          "\(moment.subject): \(moment.message) \(moment.state), \(moment.count) of \(moment.total)"
        )
      case .accepted, .duplicate, .started, .attempt, .ended, .log, .fenced: nil
      }
    return words.map { symbol, colour, text in
      "\(ink(.dim, clock(moment))) \(ink(colour, symbol)) \(text)"
    }
  }

  private func clock(_ moment: Moment) -> String {
    TimeWords.clock(moment.time, offsetSeconds: offsetSeconds)
  }
}
