// A child process run to its end with its output kept: the compiler, the package manager, a worker
// that lists its handlers. The caller's thread waits; the loop reads.

import EventLoop
import Glibc
import Hosting

struct ChildResult: Sendable {
  var exit: ChildExit
  /// Of a child that was ended because its time was over.
  var isOverdue: Bool
  var output: [UInt8]
  var errors: [UInt8]

  var ending: String {
    switch exit {
    case _ where isOverdue: "it took too long and was ended"
    case .status(let status): "exit status \(status)"
    case .signal(let number): "signal \(number)"
    }
  }
}

@LoopActor
final class ChildRun {
  /// Of each stream; what comes after is dropped.
  nonisolated static let bytesMax = 32 << 20
  /// A grandchild may hold a stream open for ever.
  private static let streamsTimeout = Duration.seconds(2)

  private static var live: [ObjectIdentifier: ChildRun] = [:]
  private static var isEnding = false

  private let done: @Sendable (Result<ChildResult, LoopFault>) -> Void
  private let line: (@Sendable (String) -> Void)?
  private var child: ChildProcess?
  private var timer: LoopTimer?
  private var exit: ChildExit?
  private var isOverdue = false
  private var output: [UInt8] = []
  private var errors: [UInt8] = []
  private var openStreams = 2
  private var unfinishedLine: [UInt8] = []

  /// Blocks, so it is not for the loop.
  ///
  /// `line` hears each line of standard output as it comes.
  nonisolated static func run(
    _ options: ChildProcess.Options, timeout: Duration? = nil,
    line: (@Sendable (String) -> Void)? = nil
  ) throws(CommandFault) -> ChildResult {
    let outcome = awaitLoop {
      (done: @escaping @Sendable (Result<ChildResult, LoopFault>) -> Void) in
      ChildRun(line: line, done: done).start(options, timeout)
    }
    do { return try outcome.get() } catch {
      throw .failed("'\(options.executable)' cannot be started: \(error)")
    }
  }

  /// Ends every child, and every one that would start from now on: the command is stopping.
  static func endAll() {
    isEnding = true
    for run in live.values { run.child?.signal(SIGTERM) }
  }

  private init(
    line: (@Sendable (String) -> Void)?,
    done: @escaping @Sendable (Result<ChildResult, LoopFault>) -> Void
  ) {
    self.line = line
    self.done = done
  }

  private func start(_ options: ChildProcess.Options, _ timeout: Duration?) {
    do throws(LoopFault) {
      let child = try ChildProcess.spawn(options) { self.ended($0) }
      self.child = child
      Self.live[ObjectIdentifier(self)] = self
      read(child.output) { self.take($0) }
      read(child.errors) { bytes in
        self.errors += bytes.prefix(Self.bytesMax - self.errors.count)
      }
      timer = LoopTimer { self.expire() }
      if let timeout { arm(timeout) }
      if Self.isEnding { child.signal(SIGTERM) }
    } catch { done(.failure(error)) }
  }

  private func read(
    _ stream: ByteStream, _ read: @escaping @LoopActor (UnsafeRawBufferPointer) -> Void
  ) {
    stream.onRead = read
    stream.onEnd = { [weak stream] _ in
      stream?.close()
      self.openStreams -= 1
      self.finishIfOver()
    }
    stream.startReading()
  }

  private func take(_ bytes: UnsafeRawBufferPointer) {
    output += bytes.prefix(Self.bytesMax - output.count)
    guard let line else { return }
    for byte in bytes {
      guard byte == 10 else {
        // Only a progress line is shown of it; the whole is in `output`.
        if unfinishedLine.count < 1000 { unfinishedLine.append(byte) }
        continue
      }
      line(String(decoding: unfinishedLine, as: UTF8.self))
      unfinishedLine = []
    }
  }

  private func arm(_ time: Duration) {
    let nanoseconds = UInt64(time / .nanoseconds(1))
    timer?.arm(atMonotonic: EventLoop.shared.now + nanoseconds)
  }

  private func expire() {
    guard exit == nil else { return finish() }
    isOverdue = true
    child?.signal(SIGKILL)
  }

  private func ended(_ exit: ChildExit) {
    self.exit = exit
    arm(Self.streamsTimeout)
    finishIfOver()
  }

  private func finishIfOver() {
    if exit != nil && openStreams == 0 { finish() }
  }

  private func finish() {
    guard let exit, let child else { return }
    self.child = nil
    timer?.close()
    for stream in [child.output, child.errors] { stream.close() }
    Self.live[ObjectIdentifier(self)] = nil
    done(
      .success(
        ChildResult(exit: exit, isOverdue: isOverdue, output: output, errors: errors)))
  }
}
