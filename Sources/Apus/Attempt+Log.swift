// The log of an attempt: lines become frames of their own, in the order they were written.
// Lines are the first thing to give way: they are cut, counted and dropped, never waited for.
import Glibc
import Logging
import WorkerProtocol

extension Attempt {
  static let logLinesMax = 10_000
  /// Message and metadata together.
  static let logLineBytesMax = 64 << 10

  /// `gathers` lets the line wait for others, for a millisecond at most, while threads are scarce.
  func log(
    _ level: LogEntry.Level, _ message: String, metadata: [NameValue] = [], gathers: Bool = true
  ) {
    let entry = LogEntry(
      level: level, time: wallMilliseconds(), message: message, metadata: metadata)
    let frames: [UInt8]? = state.withLock { state in
      guard !state.isFinished, state.logLines <= Self.logLinesMax else { return nil }
      state.logLines += 1
      guard state.logLines <= Self.logLinesMax else {
        return logFrame(
          note("more than \(Self.logLinesMax) log lines in one attempt; the rest is dropped"))
      }
      return logFrame(entry.bounded)
    }
    guard let frames, !channel.offer(frames, gathers: gathers) else { return }
    state.withLock { $0.droppedLogLines += 1 }
  }

  /// Ends the log: lines that never ended, and the count of dropped ones to leave right before the last
  /// frame.
  func closingLog() -> FrameWriter {
    for part in state.withLock({ $0.printed.takeUnended() }) { log(part.level, part.text) }
    let dropped = state.withLock { state in
      state.isFinished = true
      state.task = nil
      return state.droppedLogLines
    }
    var writer = FrameWriter()
    guard dropped > 0 else { return writer }
    let line = note("\(dropped) log lines dropped: the host reads them too slowly")
    writer.append(.log, attempt: key.number, invocation: key.invocation) { line.write(to: &$0) }
    return writer
  }

  private func note(_ message: String) -> LogEntry {
    LogEntry(level: .warning, time: wallMilliseconds(), message: message, metadata: [])
  }

  private func logFrame(_ entry: LogEntry) -> [UInt8] { frame(.log) { entry.write(to: &$0) } }

  private func wallMilliseconds() -> Int64 {
    var now = timespec()
    clock_gettime(CLOCK_REALTIME, &now)
    return Int64(now.tv_sec) * 1_000 + Int64(now.tv_nsec) / 1_000_000
  }
}

extension LogEntry {
  fileprivate var bounded: LogEntry {
    var entry = self
    entry.message = message.cut(toBytes: Attempt.logLineBytesMax)
    var room = Attempt.logLineBytesMax - entry.message.utf8.count
    entry.metadata = metadata.prefix { pair in
      room -= pair.name.utf8.count + pair.value.utf8.count
      return room >= 0
    }
    if entry.metadata.count < metadata.count {
      entry.metadata.append(
        NameValue(name: "cut", value: "\(metadata.count - entry.metadata.count) more"))
    }
    return entry
  }
}

/// What `Context.logger` writes to.
struct AttemptLogHandler: LogHandler {
  private static let levelAtStart =
    getenv("APUS_LOG_LEVEL").flatMap { Logger.Level(String(cString: $0)) } ?? .info

  let attempt: Attempt
  var logLevel = Self.levelAtStart
  var metadata: Logger.Metadata = [:]
  var metadataProvider: Logger.MetadataProvider?

  init(attempt: Attempt) { self.attempt = attempt }

  subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  func log(event: LogEvent) {
    var merged = metadata
    if let provided = metadataProvider?.get() { merged.merge(provided) { _, new in new } }
    if let given = event.metadata { merged.merge(given) { _, new in new } }
    if let error = event.error { merged["error"] = "\(error)" }
    let pairs = merged.sorted { $0.key < $1.key }
    attempt.log(
      LogEntry.Level(event.level), event.message.description,
      metadata: pairs.map { NameValue(name: $0.key, value: "\($0.value)") })
  }
}

extension LogEntry.Level {
  init(_ level: Logger.Level) {
    switch level {
    case .trace: self = .trace
    case .debug: self = .debug
    case .info: self = .info
    case .notice: self = .notice
    case .warning: self = .warning
    case .error: self = .error
    case .critical: self = .critical
    }
  }
}
