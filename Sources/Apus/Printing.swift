// What handlers print: each piece is given to the attempt whose code prints it, gathered there to whole
// lines, and logged. What no attempt printed goes where it always went.
import CCrash
import Glibc
import WorkerProtocol

enum Printing {
  private static let worker = Locked<Worker?>(nil)

  /// Once per process: there is one stdout.
  static func install(for worker: Worker) {
    Self.worker.withLock { $0 = worker }
    apus_printed_install { descriptor, bytes, count in
      guard let key = Printing.key, let worker = Printing.worker.withLock({ $0 }),
        let attempt = worker.attempt(key)
      else { return false }
      let level: LogEntry.Level = descriptor == STDERR_FILENO ? .stderr : .stdout
      return attempt.take(printed: UnsafeRawBufferPointer(start: bytes, count: count), level)
    }
  }

  /// Whose code this thread runs; the task knows better than the thread, as in a crash.
  private static var key: AttemptKey? {
    if let key = AttemptKey.running { return key }
    var invocation: Int64 = 0
    var number: UInt16 = 0
    guard apus_slice_current(&invocation, &number) else { return nil }
    return AttemptKey(invocation: invocation, number: number)
  }
}

extension Attempt {
  /// False when the attempt has its answer: its log is closed.
  ///
  /// The caller holds the lock of the stream, so this never waits for the host.
  func take(printed bytes: UnsafeRawBufferPointer, _ level: LogEntry.Level) -> Bool {
    let (isOpen, isFull) = state.withLock { (!$0.isFinished, $0.logLines > Self.logLinesMax) }
    guard isOpen, !isFull else { return isOpen }
    var rest = bytes[...]
    while !rest.isEmpty {
      // The lines are logged one by one: a huge text must not become as many frames at once.
      guard let line = state.withLock({ $0.printed.line(from: &rest, level) }) else { break }
      // At once: the process may be about to crash, and a pipe would have had it.
      log(level, line, gathers: false)
    }
    return true
  }
}

/// The beginnings of lines that an attempt has printed, for each of the two streams.
struct PrintedParts: Sendable {
  private var output: [UInt8] = []
  private var errors: [UInt8] = []

  /// Moves bytes over until a line has ended; nil when there are none left.
  ///
  /// A line past the limit comes in pieces, cut at a character.
  mutating func line(
    from rest: inout Slice<UnsafeRawBufferPointer>, _ level: LogEntry.Level
  ) -> String? {
    level == .stderr ? Self.line(from: &rest, &errors) : Self.line(from: &rest, &output)
  }

  /// What would be lost with the attempt.
  mutating func takeUnended() -> [(level: LogEntry.Level, text: String)] {
    guard !output.isEmpty || !errors.isEmpty else { return [] }
    defer { (output, errors) = ([], []) }
    return [(.stdout, output), (.stderr, errors)].compactMap { level, bytes in
      bytes.isEmpty ? nil : (level, String(decoding: bytes, as: UTF8.self))
    }
  }

  private static func line(
    from rest: inout Slice<UnsafeRawBufferPointer>, _ kept: inout [UInt8]
  ) -> String? {
    while let next = rest.first {
      guard kept.count < Attempt.logLineBytesMax || next == newline else { return piece(of: &kept) }
      let part = rest.prefix(Attempt.logLineBytesMax - kept.count + 1)
      if let end = part.firstIndex(of: newline) {
        kept += rest[..<end]
        rest = rest[(end + 1)...]
        defer { kept.removeAll(keepingCapacity: kept.count < 1024) }
        return String(decoding: kept, as: UTF8.self)
      }
      let fitting = part.prefix(Attempt.logLineBytesMax - kept.count)
      kept += fitting
      rest = rest.dropFirst(fitting.count)
    }
    return nil
  }

  private static let newline = UInt8(ascii: "\n")

  /// All of it but the beginning of a character at its end.
  private static func piece(of kept: inout [UInt8]) -> String {
    let begun = kept.suffix(4).lastIndex { $0 & 0xC0 != 0x80 } ?? kept.count
    let isWhole = begun == kept.count || kept[begun] & 0x80 == 0
    let next = isWhole ? [] : Array(kept[begun...])
    defer { kept = next }
    return String(decoding: kept.dropLast(next.count), as: UTF8.self)
  }
}
