// The worker's side of the conversation with the host: one thread reads frames and answers what can
// be answered at once, so that a blocked handler delays neither `ping` nor `cancel`. Attempts run
// elsewhere.
import Glibc
import WorkerProtocol

/// Why a worker ends.
package enum WorkerEnd: Sendable, Equatable {
  /// The host closed its end or died: whatever runs is no longer wanted.
  case hostGone
  /// All that was asked has been answered and sent.
  case drained
  /// The host sent something that is no frame of this protocol.
  case fault(String)
}

package final class Worker: Sendable {
  /// The host has limits of its own, far below; this one keeps a mistake there from using all memory.
  package static let attemptsMax = 65_536

  private struct State: Sendable {
    var running: [AttemptKey: Attempt] = [:]
    /// The batch of each attempt that is in one.
    var batches: [AttemptKey: Batch] = [:]
    var isDraining = false
  }

  private let handlers: [String: RegisteredHandler]
  private let buildID: String
  private let channel: WorkerChannel
  private let wakeUp: WakeUp
  private let state = Locked(State())
  private let ended: @Sendable (WorkerEnd) -> Void

  /// `begun` is told the invocation right before its handler is called.
  ///
  /// `ended` may be called more than once, from any thread; the first call counts.
  package convenience init(
    functions: [any Function], descriptor: Int32,
    begun: (@Sendable (Int64) -> Void)? = nil, ended: @escaping @Sendable (WorkerEnd) -> Void
  ) throws {
    var table = try RegisteredHandler.table(of: functions)
    if let begun { table = table.mapValues { $0.witnessed(begun) } }
    self.init(
      handlers: table, buildID: "", descriptor: descriptor, sharesWithCrashHandler: false,
      ended: ended)
  }

  init(
    handlers: [String: RegisteredHandler], buildID: String, descriptor: Int32,
    sharesWithCrashHandler: Bool, ended: @escaping @Sendable (WorkerEnd) -> Void
  ) {
    let wakeUp = WakeUp()
    self.handlers = handlers
    self.buildID = buildID
    self.wakeUp = wakeUp
    self.ended = ended
    channel = WorkerChannel(
      descriptor: descriptor, sharesWithCrashHandler: sharesWithCrashHandler,
      wakeReader: { wakeUp.signal() }, broken: { ended(.hostGone) })
  }

  /// Says hello and starts the reading thread, which ends when the socket does.
  package func start() {
    let hello = Hello(
      buildID: buildID,
      handlers: handlers.values.map(\.description).sorted { $0.name < $1.name })
    var writer = FrameWriter()
    writer.append(.hello) { hello.write(to: &$0) }
    channel.post(writer.take())
    startThread { self.readUntilEnd() }
  }

  private func readUntilEnd() {
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 64 << 10, alignment: 16)
    defer { buffer.deallocate() }
    var reader = FrameReader()
    do {
      while let bytes = receive(into: buffer) {
        try reader.read(bytes) { try take($0, $1) }
      }
      ended(.hostGone)
    } catch {
      ended(.fault("\(error)"))
    }
  }

  /// The next bytes, or nil at the end of the stream.
  private func receive(into buffer: UnsafeMutableRawBufferPointer) -> UnsafeRawBufferPointer? {
    while true {
      let count = recv(
        channel.descriptor, buffer.baseAddress, buffer.count, Int32(MSG_DONTWAIT))
      if count > 0 { return UnsafeRawBufferPointer(rebasing: buffer[..<count]) }
      guard count < 0, errno == EAGAIN || errno == EINTR else { return nil }
      waitForSocket()
    }
  }

  /// Until there is something to read, or room for what the socket did not take before.
  private func waitForSocket() {
    let watches = HandlerPool.shared.hasQueuedWork
    channel.watch(watches)
    let writes = channel.isBlocked
    var polled = [
      pollfd(
        fd: channel.descriptor, events: Int16(POLLIN) | (writes ? Int16(POLLOUT) : 0), revents: 0),
      pollfd(fd: wakeUp.readEnd, events: Int16(POLLIN), revents: 0),
    ]
    // An error of poll (a signal) shows again in the next turn.
    let count = poll(&polled, 2, watches ? 1 : -1)
    if count == 0 { return channel.flushGathered() }
    if polled[1].revents != 0 { wakeUp.clear() }
    if polled[0].revents & Int16(POLLOUT) != 0 { channel.continueBlockedFlush() }
  }

  private func take(_ head: FrameHead, _ payload: UnsafeRawBufferPointer) throws {
    let key = AttemptKey(invocation: head.invocation, number: head.attempt)
    switch head.kind {
    case .start: begin(try Start(reading: payload), key)
    case .startBatch: begin(try StartBatch(reading: payload))
    case .cancel: cancel(key)
    case .pause: attempt(key)?.pause()
    case .resume: attempt(key)?.resume()
    case .ping: post(.health, key) { _ in }
    case .probe: probe(try Start(reading: payload), key)
    case .drain: drain()
    case .hello, .result, .failure, .log, .health, .crashed, .responseHead, .responseBody,
      .probed:
      throw FrameFault.unknownKind(head.kind.rawValue)
    }
  }

  func attempt(_ key: AttemptKey) -> Attempt? { state.withLock { $0.running[key] } }

  /// The slices of a batch have the name of its first event, which may have been answered before.
  func attemptThatRuns(for key: AttemptKey) -> Attempt? {
    state.withLock { state in
      if let attempt = state.running[key] { return attempt }
      return state.batches.values.first { $0.item(key) != nil }?.first
    }
  }

  private func cancel(_ key: AttemptKey) {
    guard let batch = state.withLock({ $0.batches[key] }) else {
      attempt(key)?.cancel()
      return
    }
    if batch.cancel(key) { forget(key) }
  }

  private func begin(_ start: Start, _ key: AttemptKey) {
    guard let handler = handlers[start.handler] else { return refuse(start, key) }
    let attempt = Attempt(key: key, start: start, channel: channel)
    let (isNew, isFull) = state.withLock { state in
      // What comes after `drain` the host hands to another worker, and a repeated frame is no work.
      guard !state.isDraining, state.running[key] == nil else { return (false, false) }
      guard state.running.count < Self.attemptsMax else { return (false, true) }
      state.running[key] = attempt
      return (true, false)
    }
    if isNew { attempt.begin(with: handler) { self.forget(key) } }
    if isFull { failFull(key) }
  }

  private func begin(_ frame: StartBatch) {
    let name = frame.items[0].start.handler
    guard let handler = handlers[name] else {
      for item in frame.items { refuse(item.start, item.key) }
      return
    }
    guard let body = handler.batch else {
      for item in frame.items {
        fail(
          item.key, .missingHandler, "MissingHandler",
          "the handler '\(name)' takes one event at a time: make it a BatchFunction, "
            + "or remove 'batch' from the manifest")
      }
      return
    }
    let attempts = frame.items.map { Attempt(key: $0.key, start: $0.start, channel: channel) }
    if let batch = take(attempts) { batch.begin(with: body) { self.forget($0) } }
  }

  /// Nil when there is nothing to run, as in `begin` of one attempt.
  private func take(_ attempts: [Attempt]) -> Batch? {
    let (batch, isFull): (Batch?, Bool) = state.withLock { state in
      guard !state.isDraining else { return (nil, false) }
      let fresh = attempts.filter { state.running[$0.key] == nil }
      guard !fresh.isEmpty else { return (nil, false) }
      guard state.running.count + fresh.count <= Self.attemptsMax else { return (nil, true) }
      let batch = Batch(fresh)
      for attempt in fresh {
        state.running[attempt.key] = attempt
        state.batches[attempt.key] = batch
      }
      return (batch, false)
    }
    if isFull { for attempt in attempts { failFull(attempt.key) } }
    return batch
  }

  private func failFull(_ key: AttemptKey) {
    fail(key, .thrown, "WorkerFull", "this worker runs \(Self.attemptsMax) attempts already")
  }

  /// A decoder is code of the user's: it may take its time, and the reader thread has none.
  private func probe(_ start: Start, _ key: AttemptKey) {
    guard let handler = handlers[start.handler] else {
      return answer(key, Probed(fault: "the worker has no handler '\(start.handler)'"))
    }
    let delivery = Delivery(
      event: EventAttributes(start.event), data: start.event.data,
      call: start.call.map(HTTPCallFields.init))
    startThread {
      do {
        try handler.decode(delivery)
        self.answer(key, Probed(fault: nil))
      } catch {
        self.answer(key, Probed(fault: "\(error)"))
      }
    }
  }

  private func answer(_ key: AttemptKey, _ probed: Probed) {
    post(.probed, key) { probed.write(to: &$0) }
  }

  private func refuse(_ start: Start, _ key: AttemptKey) {
    let names = handlers.keys.sorted().joined(separator: ", ")
    fail(
      key, .missingHandler, "MissingHandler",
      "the worker has no handler '\(start.handler)'; it has: \(names)")
  }

  private func fail(
    _ key: AttemptKey, _ kind: AttemptFailure.Kind, _ type: String, _ message: String
  ) {
    let failure = AttemptFailure(
      kind: kind, type: type, message: message, retryAfterMilliseconds: nil, cpuMicroseconds: 0,
      memoryBytes: 0)
    post(.failure, key) { failure.write(to: &$0) }
  }

  private func post(
    _ kind: FrameKind, _ key: AttemptKey, _ payload: (inout FrameWriter) -> Void
  ) {
    var writer = FrameWriter()
    writer.append(kind, attempt: key.number, invocation: key.invocation, payload)
    channel.post(writer.take())
  }

  private func forget(_ key: AttemptKey) {
    let isLast = state.withLock { state in
      state.running[key] = nil
      if !state.batches.isEmpty { state.batches[key] = nil }
      return state.isDraining && state.running.isEmpty
    }
    if isLast { endWhenFlushed() }
  }

  private func drain() {
    let isIdle = state.withLock { state in
      state.isDraining = true
      return state.running.isEmpty
    }
    if isIdle { endWhenFlushed() }
  }

  private func endWhenFlushed() {
    channel.whenFlushed { [ended] in ended(.drained) }
  }
}

extension StartBatch.Item {
  fileprivate var key: AttemptKey { AttemptKey(invocation: invocation, number: attempt) }
}

/// A pair of sockets that ends the reader thread's wait.
private final class WakeUp: Sendable {
  let readEnd: Int32
  private let writeEnd: Int32

  init() {
    var ends: [Int32] = [-1, -1]
    let type = SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue
    let status = socketpair(AF_UNIX, Int32(type), 0, &ends)
    precondition(status == 0, "the system refuses a pair of sockets (error \(errno))")
    readEnd = ends[0]
    writeEnd = ends[1]
  }

  deinit {
    close(readEnd)
    close(writeEnd)
  }

  /// A full socket wakes as well as a fresh byte does.
  func signal() {
    var byte: UInt8 = 1
    _ = write(writeEnd, &byte, 1)
  }

  func clear() {
    withUnsafeTemporaryAllocation(byteCount: 64, alignment: 1) { bytes in
      while read(readEnd, bytes.baseAddress, bytes.count) == bytes.count {}
    }
  }
}
