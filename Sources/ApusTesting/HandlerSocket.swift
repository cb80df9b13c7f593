// The handlers of a test: the real worker of the handler library at the far end of a pair of sockets,
// in the test's own process. What it says is heard by a thread and put into the inbox, translated as
// the host translates it.

import Apus
import Glibc
import Invocations
import WorkerProtocol
import Workers

final class HandlerSocket: Sendable {
  private let descriptor: Descriptor
  private let inbox: Inbox
  private let worker: Worker
  /// Invocations whose handler has been called.
  private let begun: Begun

  init(_ functions: [any Function], inbox: Inbox) throws(TestFault) {
    var ends: [Int32] = [-1, -1]
    let type = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue)
    guard socketpair(AF_UNIX, type, 0, &ends) == 0 else {
      throw .worker("the system refuses a pair of sockets: \(String(cString: strerror(errno)))")
    }
    descriptor = Descriptor(ends[0])
    // Closed when the worker is gone: an attempt that outlives its test must not write to a
    // descriptor that means something else by then.
    let far = Descriptor(ends[1])
    let begun = Begun(inbox: inbox)
    self.begun = begun
    self.inbox = inbox
    do {
      worker = try Worker(
        functions: functions, descriptor: far.number,
        begun: { begun.note(InvocationID(rawValue: $0)) }
      ) { end in
        withExtendedLifetime(far) {}
        if case .fault(let reason) = end { inbox.workerBroke(reason) }
      }
    } catch { throw .functions("\(error)") }
    worker.start()
    startThread { self.readUntilEnd() }
  }

  /// Ends both threads; attempts that still run say what they say to nobody.
  func hangUp() { shutdown(descriptor.number, Int32(SHUT_RDWR)) }

  // MARK: To the handlers

  func start(_ assignment: Assignment) {
    begun.forget(assignment.name.id)
    let start = Start(assignment, remainingNanoseconds: assignment.remainingNanoseconds)
    send(.start, assignment.name) { start.write(to: &$0) }
  }

  /// As one run of the handler; in halves where it is larger than a frame.
  func start(batch: ArraySlice<Assignment>) {
    guard batch.count > 1 else { return batch.forEach(start) }
    let frame = StartBatch(Array(batch))
    var writer = FrameWriter()
    guard writer.append(.startBatch, { frame.write(to: &$0) }) else {
      let half = batch.startIndex + batch.count / 2
      start(batch: batch[..<half])
      return start(batch: batch[half...])
    }
    for assignment in batch { begun.forget(assignment.name.id) }
    write(writer.take())
  }

  func cancel(_ attempt: AttemptName) { send(.cancel, attempt) { _ in } }

  func hasBegun(_ attempt: AttemptName) -> Bool { begun.contains(attempt.id) }

  private func send(
    _ kind: FrameKind, _ attempt: AttemptName, _ payload: (inout FrameWriter) -> Void
  ) {
    var writer = FrameWriter()
    writer.append(
      kind, attempt: UInt16(clamping: attempt.attempt), invocation: attempt.id.rawValue, payload)
    write(writer.take())
  }

  /// Blocks while the worker's thread reads, which nothing holds up.
  private func write(_ frames: [UInt8]) {
    var rest = frames[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes {
        Glibc.send(descriptor.number, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
      }
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { return inbox.workerBroke("the worker hung up") }
      rest = rest.dropFirst(count)
    }
  }

  // MARK: From the handlers

  private func readUntilEnd() {
    var reader = FrameReader()
    var buffer = [UInt8](repeating: 0, count: 64 << 10)
    while true {
      let count = recv(descriptor.number, &buffer, buffer.count, 0)
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { return }
      do {
        try buffer.withUnsafeBytes { bytes in
          try reader.read(UnsafeRawBufferPointer(rebasing: bytes[..<count])) { try hear($0, $1) }
        }
      } catch { return inbox.workerBroke("\(error)") }
    }
  }

  private func hear(_ head: FrameHead, _ payload: UnsafeRawBufferPointer) throws {
    let name = AttemptName(
      id: InvocationID(rawValue: head.invocation), attempt: Int(head.attempt))
    switch head.kind {
    case .hello, .health: break
    case .result: inbox.post(.answered(name, try AttemptAnswer(result: payload)))
    case .failure: inbox.post(.answered(name, try AttemptAnswer(failure: payload)))
    case .log:
      let entry = try LogEntry(reading: payload)
      inbox.post(
        .logged(
          LogLine(
            invocation: name.id, attempt: name.attempt, time: WallTime(milliseconds: entry.time),
            level: entry.level.word, message: entry.message, metadata: fields(entry.metadata))))
    case .responseHead:
      let head = try ResponseHead(reading: payload)
      inbox.post(.streamBegan(name, status: Int(head.status), headers: fields(head.headers)))
    case .responseBody: inbox.post(.streamed(name, Array(payload)))
    case .crashed, .probed, .probe, .start, .startBatch, .cancel, .drain, .ping, .pause, .resume:
      inbox.workerBroke("an unexpected \(head.kind) frame")
    }
  }
}

/// Closes what it stands for when nobody needs it any more.
private final class Descriptor: Sendable {
  let number: Int32

  init(_ number: Int32) { self.number = number }

  deinit { close(number) }
}

/// Which handlers have been called: one that was told to stop before that is given back, so a test
/// of a deadline waits for it.
private final class Begun: Sendable {
  private let invocations = Locked<Set<InvocationID>>([])
  private let inbox: Inbox

  init(inbox: Inbox) { self.inbox = inbox }

  func note(_ invocation: InvocationID) {
    invocations.withLock { _ = $0.insert(invocation) }
    inbox.nudge()
  }

  func forget(_ id: InvocationID) { invocations.withLock { _ = $0.remove(id) } }

  func contains(_ id: InvocationID) -> Bool {
    invocations.withLock { $0.contains(id) }
  }
}
