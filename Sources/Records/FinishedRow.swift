// How an ending lies in the history: its last attempt is folded into the same row where the two
// say the same of the error, and stands in `attempts` where they differ.
import Invocations

struct FinishedRow {
  private let ending: Ending
  private let folded: AttemptRecord?
  /// The last attempt where it needs a row of its own.
  let separate: AttemptRecord?
  /// Of what it ended with.
  let fingerprint: Fingerprint?

  init(_ ending: Ending) {
    self.ending = ending
    let fits = ending.attempt?.error == ending.error
    folded = fits ? ending.attempt : nil
    separate = fits ? nil : ending.attempt
    fingerprint = ending.state == .dead ? ending.error.map { Fingerprint(of: $0) } : nil
  }

  /// Binds ?1 to ?24 of `SQL.finish` and `SQL.finishAtOnce`.
  func bind(to row: Statement) {
    row.add(ending.id.rawValue)
    row.add(ending.state.rawValue)
    row.add(ending.reason.map { Int64($0.rawValue) })
    row.add(ending.endedAt.milliseconds)
    row.add(ending.attempt.map { Int64($0.number) })
    row.add(ending.attempt?.outcome.isFailure == true ? 1 : 0)
    row.add(separate?.cpuMicroseconds ?? 0)
    bindAttempt(to: row)
    row.add(error: ending.error)
    bindResult(to: row)
    row.add(ending.replacedBy?.rawValue)
    row.add((ending.attempt?.release).map { Int64($0) })
    row.add(fingerprint?.rawValue)
    row.add((folded?.memoryBytes).flatMap { $0 == 0 ? nil : $0 })
  }

  private func bindAttempt(to row: Statement) {
    row.add(folded?.cpuMicroseconds ?? 0)
    row.add(ending.attempt?.startedAt.milliseconds)
    row.add(folded.flatMap { $0.endedAt == ending.endedAt ? nil : $0.endedAt.milliseconds })
    row.add(folded.map { Int64($0.outcome.rawValue) })
    row.add(folded.map { Int64($0.worker) })
    row.add(folded.map { Int64($0.boot) })
  }

  private func bindResult(to row: Statement) {
    row.add((ending.result?.status).map { Int64($0) })
    row.add(text: (ending.result?.headers).flatMap { StoredFields.text($0) })
    row.add(ending.result?.body)
    row.add((ending.result?.isWhole).map { $0 ? 1 : 0 })
  }
}

extension Ending {
  /// What it takes beside the event.
  var bytes: Int { (result?.body.count ?? 0) + (error?.message.utf8.count ?? 0) }
}

/// Keeps what handlers write within its bounds, at the border of a character.
enum LogBounds {
  private static let mark = " …(cut)"

  static func fit(_ line: LogLine) -> (message: String, metadata: [HTTPCall.Field]) {
    var room = StoreLimits.logMetadataBytesMax
    var metadata: [HTTPCall.Field] = []
    for field in line.metadata {
      room -= field.name.utf8.count + field.value.utf8.count
      guard room >= 0 else { break }
      metadata.append(field)
    }
    let messageMax = StoreLimits.logLineBytesMax - StoreLimits.logMetadataBytesMax
    return (cut(line.message, bytesMax: messageMax), metadata)
  }

  static func cut(_ text: String, bytesMax: Int) -> String {
    guard text.utf8.count > bytesMax else { return text }
    var end = text.utf8.index(text.startIndex, offsetBy: max(0, bytesMax - mark.utf8.count))
    while end > text.startIndex, String.Index(end, within: text) == nil {
      end = text.utf8.index(before: end)
    }
    return text[..<end] + mark
  }
}
