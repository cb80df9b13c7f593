// The host's end of a worker's socket, for tests: it writes frames as the host does and hands out
// what the worker says, in order.
import Apus
import Glibc
import WorkerProtocol

struct Said: Sendable {
  let head: FrameHead
  let payload: [UInt8]

  var log: LogEntry? {
    get throws {
      guard head.kind == .log else { return nil }
      return try payload.withUnsafeBytes { try LogEntry(reading: $0) }
    }
  }
}

/// How an attempt ended, and what it logged before.
struct Ending: Sendable {
  var invocation: Int64
  var log: [String] = []
  var head: ResponseHead?
  var body: [UInt8] = []
  var result: AttemptResult?
  var failure: AttemptFailure?

  var json: String? {
    if case .json(let bytes)? = result?.value {
      String(decoding: bytes, as: UTF8.self)
    } else {
      nil
    }
  }

  var response: (head: ResponseHead, body: String)? {
    guard case .response(let head, let body)? = result?.value else { return nil }
    return (head, String(decoding: body, as: UTF8.self))
  }
}

final class HostEnd: Sendable {
  private struct State: Sendable {
    var said: [Said] = []
    /// Taken from `said` and not handed out yet; the next one is the last.
    var ready: [Said] = []
    var isOver = false
    var listener: CheckedContinuation<Void, Never>?
  }

  let descriptor: Int32
  private let state = Locked(State())

  init(descriptor: Int32) { self.descriptor = descriptor }

  /// From here on the worker's frames are read; before, they fill the socket.
  func startReading() {
    let thread = Unmanaged.passRetained(self)
    var id = pthread_t()
    pthread_create(
      &id, nil,
      { argument in
        if let argument { Unmanaged<HostEnd>.fromOpaque(argument).takeRetainedValue().read() }
        return nil
      }, thread.toOpaque())
    pthread_detach(id)
  }

  private func read() {
    var reader = FrameReader()
    var buffer = [UInt8](repeating: 0, count: 64 << 10)
    while true {
      let count = recv(descriptor, &buffer, buffer.count, 0)
      guard count > 0 else { break }
      do {
        try buffer.prefix(count).withUnsafeBytes { bytes in
          try reader.read(bytes) { hear(Said(head: $0, payload: Array($1))) }
        }
      } catch {
        break
      }
    }
    let listener = state.withLock { state in
      state.isOver = true
      return state.listener.take()
    }
    listener?.resume()
  }

  private func hear(_ said: Said) {
    let listener = state.withLock { state in
      state.said.append(said)
      return state.listener.take()
    }
    listener?.resume()
  }

  /// All that has come since, at least one frame; nil at the end of the stream.
  func nextBatch() async -> [Said]? {
    while true {
      let (said, isOver) = state.withLock { state in
        defer { (state.said, state.ready) = ([], []) }
        return (state.ready.reversed() + state.said, state.isOver)
      }
      if !said.isEmpty { return said }
      if isOver { return nil }
      await withCheckedContinuation { continuation in
        let isReady = state.withLock { state in
          guard state.said.isEmpty, !state.isOver else { return true }
          state.listener = continuation
          return false
        }
        if isReady { continuation.resume() }
      }
    }
  }

  /// The next frame; nil at the end of the stream.
  func next() async -> Said? {
    if let said = state.withLock({ $0.ready.popLast() }) { return said }
    guard let batch = await nextBatch() else { return nil }
    return state.withLock { state in
      state.ready = batch.reversed()
      return state.ready.popLast()
    }
  }

  /// Everything up to the end of the stream.
  func rest() async -> [Said] {
    var said: [Said] = []
    while let batch = await nextBatch() { said += batch }
    return said
  }

  /// Reads on until the next attempt ends; frames of other kinds between are passed over.
  func ending() async throws -> Ending {
    var log: [String] = []
    var head: ResponseHead?
    var body: [UInt8] = []
    while let said = await next() {
      var ending = Ending(invocation: said.head.invocation, log: log, head: head, body: body)
      switch said.head.kind {
      case .log:
        if let entry = try said.log { log.append(entry.message) }
      case .responseHead: head = try said.payload.withUnsafeBytes { try ResponseHead(reading: $0) }
      case .responseBody: body += said.payload
      case .result:
        ending.result = try said.payload.withUnsafeBytes { try AttemptResult(reading: $0) }
        return ending
      case .failure:
        ending.failure = try said.payload.withUnsafeBytes { try AttemptFailure(reading: $0) }
        return ending
      default: break
      }
    }
    throw WorkerWentAway()
  }

  func hello() async throws -> Hello {
    guard let said = await next(), said.head.kind == .hello else { throw WorkerWentAway() }
    return try said.payload.withUnsafeBytes { try Hello(reading: $0) }
  }

  /// Reads on to the first log line with this message.
  func line(_ message: String) async throws {
    while let said = await next() {
      if try said.log?.message == message { return }
    }
    throw WorkerWentAway()
  }

  func send(_ kind: FrameKind, _ invocation: Int64 = 0, attempt: UInt16 = 1) {
    var writer = FrameWriter()
    writer.append(kind, attempt: attempt, invocation: invocation)
    write(writer.take())
  }

  func start(
    _ handler: String, _ invocation: Int64 = 1, attempt: UInt16 = 1, _ json: String = "null",
    call: Start.Call? = nil, failures: UInt16 = 0, extensions: [NameValue] = [],
    as kind: FrameKind = .start
  ) {
    write(
      startFrame(
        handler, invocation, attempt: attempt, json, call: call, failures: failures,
        extensions: extensions, as: kind))
  }

  /// Invocations are numbered from 1 on, in the order of their data.
  func startBatch(_ handler: String, from first: Int64 = 1, _ data: [String]) {
    let batch = StartBatch(
      items: data.enumerated().map { place, json in
        StartBatch.Item(
          invocation: first + Int64(place), attempt: 1, start: makeStart(handler, json))
      })
    var writer = FrameWriter()
    writer.append(.startBatch) { batch.write(to: &$0) }
    write(writer.take())
  }

  /// The next so many endings, by invocation.
  func endings(_ count: Int) async throws -> [Int64: Ending] {
    var endings: [Int64: Ending] = [:]
    while endings.count < count {
      let ending = try await ending()
      endings[ending.invocation] = ending
    }
    return endings
  }

  func startFrame(
    _ handler: String, _ invocation: Int64, attempt: UInt16 = 1, _ json: String = "null",
    call: Start.Call? = nil, failures: UInt16 = 0, extensions: [NameValue] = [],
    as kind: FrameKind = .start
  ) -> [UInt8] {
    let start = makeStart(handler, json, call: call, failures: failures, extensions: extensions)
    var writer = FrameWriter()
    writer.append(kind, attempt: attempt, invocation: invocation) { start.write(to: &$0) }
    return writer.take()
  }

  private func makeStart(
    _ handler: String, _ json: String, call: Start.Call? = nil, failures: UInt16 = 0,
    extensions: [NameValue] = []
  ) -> Start {
    Start(
      function: "a-function", handler: handler, attemptsMax: 3, failures: failures,
      remainingNanoseconds: 30_000_000_000, idempotencyKey: "key-1", cause: 33,
      event: .init(
        id: "e-1", source: "/queues/q", type: "apus.message", subject: "s",
        time: "2027-01-01T00:00:00.250Z", dataContentType: "application/json", dataSchema: nil,
        extensions: extensions, data: Array(json.utf8)), call: call)
  }

  /// Blocks while the worker reads slowly; it never does for long.
  func write(_ bytes: [UInt8]) {
    var rest = bytes[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes {
        Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
      }
      guard count > 0 else { return }
      rest = rest.dropFirst(count)
    }
  }

  func hangUp() { shutdown(descriptor, Int32(SHUT_RDWR)) }
}

struct WorkerWentAway: Error {}

func makeSocketPair() -> (host: Int32, worker: Int32) {
  var ends: [Int32] = [-1, -1]
  let status = socketpair(
    AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0, &ends)
  precondition(status == 0, "no pair of sockets (error \(errno))")
  return (ends[0], ends[1])
}

/// A worker inside the test's process.
///
/// Its descriptor stays open until the process ends: an attempt that
/// outlives its test must not write to a descriptor that means something else by then.
final class WorkerInProcess: Sendable {
  let host: HostEnd
  private let worker: Worker
  private let ends: AsyncStream<WorkerEnd>

  init(reads: Bool = true, @FunctionBuilder _ functions: () -> [any Function]) throws {
    let pair = makeSocketPair()
    let (ends, ended) = AsyncStream.makeStream(of: WorkerEnd.self)
    self.ends = ends
    host = HostEnd(descriptor: pair.host)
    worker = try Worker(functions: functions(), descriptor: pair.worker) { ended.yield($0) }
    if reads { host.startReading() }
    worker.start()
  }

  deinit { host.hangUp() }

  func end() async -> WorkerEnd? { await ends.first { _ in true } }
}

/// Opens once, for any number of tasks that wait.
final class Gate: Sendable {
  private let state = Locked((isOpen: false, waiting: [CheckedContinuation<Void, Never>]()))

  func open() {
    let waiting = state.withLock { state in
      state.isOpen = true
      defer { state.waiting = [] }
      return state.waiting
    }
    for continuation in waiting { continuation.resume() }
  }

  func wait() async {
    await withCheckedContinuation { continuation in
      let isOpen = state.withLock { state in
        if !state.isOpen { state.waiting.append(continuation) }
        return state.isOpen
      }
      if isOpen { continuation.resume() }
    }
  }
}
