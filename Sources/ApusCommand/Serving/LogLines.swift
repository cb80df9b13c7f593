// The host's log in production: one line each on stderr, `time level message key=value …`, in time
// order and never in the way of the loop.

import Glibc
import Invocations
import Logging
import Schedules

struct LogLines: LogHandler {
  var metadata: Logger.Metadata = [:]
  var logLevel: Logger.Level
  private let output: LineWriter

  init(_ output: LineWriter, level: Logger.Level = .info) {
    self.output = output
    logLevel = level
  }

  /// Once in the life of the process.
  ///
  /// A level that does not exist is `info`.
  static func bootstrap(_ output: LineWriter, level: String?) {
    let level = level.flatMap { Logger.Level(rawValue: $0.lowercased()) } ?? .info
    LoggingSystem.bootstrap { _ in LogLines(output, level: level) }
  }

  subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  func log(event: LogEvent) {
    let time = TimeWords.now
    let all = metadata.merging(event.metadata ?? [:]) { _, own in own }
    let (level, message) = (event.level, event.message)
    output.write { Self.line(time, level, "\(message)", all) }
  }

  static func line(
    _ time: WallTime, _ level: Logger.Level, _ message: String, _ metadata: Logger.Metadata
  ) -> String {
    let pairs = metadata.sorted { $0.key < $1.key }.map { " \($0.key)=\(quoted("\($0.value)"))" }
    let instant = CivilTime.formatRFC3339(milliseconds: time.milliseconds)
    return "\(instant) \(level) \(Table.oneLine(message))\(pairs.joined())"
  }

  /// A value with a space, a quote or a line break in quotes, so that a line can be split again.
  private static func quoted(_ text: String) -> String {
    let isPlain = text.allSatisfy { !$0.isWhitespace && $0 != "\"" && $0 != "=" }
    guard !isPlain || text.isEmpty else { return text }
    var json = JSONWriter()
    json.value(text)
    return json.text
  }
}
