// A worker that behaves as its handlers' names say, well or badly. One thread, blocking reads on
// descriptor 3, one write for what each read brought. It knows the frames and nothing of Apus.
import Glibc
import WorkerProtocol

/// How the process behaves as a whole: `SCRIPT` in its environment.
enum Script: String {
  case wellBehaved = ""
  case silent
  case wrongVersion = "wrong-version"
  case nonsenseFirst = "nonsense-first"
  case dies
  /// Dies before its hello as long as the file named by `SCRIPT_FILE` exists.
  case diesWhileFileExists = "dies-while-file-exists"
  case ignoresDrain = "ignores-drain"
}

@main
struct ScriptedWorker {
  private static let channel: Int32 = 3

  private var script = Script.wellBehaved
  private var reader = FrameReader()
  private var outgoing = FrameWriter()
  private var isDraining = false
  /// In flight: by `wait`, ended by `release` or its cancellation; by `hang`, never.
  private var waiting: [FrameHead] = []
  private var hanging = 0
  /// Streams that were paused and end when they are resumed.
  private var streams: [FrameHead] = []

  static func main() {
    var worker = ScriptedWorker()
    worker.script = Script(rawValue: environment("SCRIPT") ?? "") ?? .wellBehaved
    worker.begin()
    worker.serve()
  }

  private mutating func begin() {
    switch script {
    case .silent: sleepForEver()
    case .nonsenseFirst: write("not a frame, but a sentence of some length")
    case .dies: die()
    case .diesWhileFileExists where access(environment("SCRIPT_FILE") ?? "", F_OK) == 0: die()
    default: break
    }
    let version = script == .wrongVersion ? Hello.version + 1 : Hello.version
    let hello = Hello(
      version: version, buildID: "scripted",
      handlers: [.init(name: "echo", kind: .event, input: "RawData", output: "RawData")])
    outgoing.append(.hello) { hello.write(to: &$0) }
    flush()
  }

  private func die() -> Never {
    say(2, "cannot open the shop: no key\n")
    exit(7)
  }

  private mutating func serve() {
    let slab = UnsafeMutableRawBufferPointer.allocate(byteCount: 65_536, alignment: 16)
    while true {
      let count = read(ScriptedWorker.channel, slab.baseAddress, slab.count)
      if count <= 0 { exit(0) }
      var frames: [(FrameHead, [UInt8])] = []
      let bytes = UnsafeRawBufferPointer(rebasing: slab[..<count])
      // The host's frames are right; if not, the test shall see it.
      do { try reader.read(bytes) { frames.append(($0, Array($1))) } } catch { exit(99) }
      for (head, payload) in frames { take(head, payload) }
      flush()
      if isDraining && waiting.isEmpty && streams.isEmpty && hanging == 0 { exit(0) }
    }
  }

  private mutating func take(_ head: FrameHead, _ payload: [UInt8]) {
    switch head.kind {
    case .start:
      let start = payload.withUnsafeBytes { try? Start(reading: $0) }  // nil ends the test's worker
      guard let start else { exit(98) }
      run(start, head)
    case .startBatch:
      let batch = payload.withUnsafeBytes { try? StartBatch(reading: $0) }  // as above
      guard let batch else { exit(97) }
      run(batch)
    case .cancel: cancel(head)
    case .drain: isDraining = script != .ignoresDrain
    case .ping: outgoing.append(.health)
    case .resume: resume(head)
    default: break
    }
  }

  private mutating func cancel(_ head: FrameHead) {
    guard let place = waiting.firstIndex(where: { $0.invocation == head.invocation }) else {
      return
    }
    fail(waiting.remove(at: place), .cancelled, "cancelled")
  }

  private mutating func resume(_ head: FrameHead) {
    guard let place = streams.firstIndex(where: { $0.invocation == head.invocation }) else {
      return
    }
    let stream = streams.remove(at: place)
    body(stream, "after the pause")
    answer(stream, .streamed)
  }

  // MARK: handlers

  private mutating func run(_ start: Start, _ head: FrameHead) {
    switch start.handler {
    case "echo": answer(head, .json(start.event.data))
    case "wait": waiting.append(head)
    case "release":
      for other in waiting { answer(other, .nothing) }
      waiting = []
      answer(head, .nothing)
    case "hang": hanging += 1
    case "fail": fail(head, .init(rawValue: start.event.data[0]) ?? .thrown, "as told", after: 1500)
    case "emit": emit(start, head)
    case "tell": tell(start, head)
    case "environment": answer(head, .json(Array(environmentLines().utf8)))
    case "descriptors": answer(head, .json(Array(openDescriptors().utf8)))
    case "stream", "stream-without-head": stream(start, head)
    default: misbehave(start, head)
    }
  }

  /// One by one, but for handlers that tell how the batch came.
  private mutating func run(_ batch: StartBatch) {
    for item in batch.items {
      let head = FrameHead(kind: .start, attempt: item.attempt, invocation: item.invocation)
      if item.start.handler == "count" {
        answer(head, .json(Array("\(batch.items.count)".utf8)))
      } else {
        run(item.start, head)
      }
    }
  }

  private mutating func misbehave(_ start: Start, _ head: FrameHead) {
    switch start.handler {
    case "trap":
      announceCrash(head)
      fatalError("the scripted trap")
    case "trap-without-name":
      kill(getpid(), SIGKILL)
    case "exit": exit(3)
    case "exit-with-child":
      // The child holds the streams open, until the test ends it.
      say(1, "\(spawnSleeper())\n")
      exit(3)
    case "stop":
      kill(getpid(), SIGSTOP)
    case "print":
      say(1, "printed \(start.event.id)\n")
      say(2, "complained \(start.event.id)\nand ended without a newline")
      answer(head, .nothing)
    case "flood":
      let line = String(repeating: "x", count: 99) + "\n"
      for _ in 0..<20 { say(1, String(repeating: line, count: 1000)) }
      answer(head, .nothing)
    case "twice":
      answer(head, .nothing)
      answer(head, .nothing)
    case "stranger":
      answer(FrameHead(kind: .result, attempt: 9, invocation: 4711), .nothing)
      log(FrameHead(kind: .log, attempt: 9, invocation: 4711), "from nowhere")
      answer(head, .nothing)
    case "older":
      for other in [head.attempt - 1, head.attempt + 1] {
        answer(FrameHead(kind: .result, attempt: other, invocation: head.invocation), .nothing)
      }
      answer(head, .json(Array("\(head.attempt)".utf8)))
    case "for-another":
      answer(FrameHead(kind: .result, attempt: 1, invocation: 1), .nothing)
      answer(head, .nothing)
    case "huge":
      // The head of a frame of a gibibyte, which nobody may ask the host to hold.
      withUnsafeBytes(of: UInt32(1 << 30).littleEndian) { send(ScriptedWorker.channel, $0) }
      let rest = [UInt8](repeating: 0, count: 1 << 20)
      rest.withUnsafeBytes { send(ScriptedWorker.channel, $0) }
    case "nonsense": write("not a frame, but a sentence of some length")
    case "host-frame":
      outgoing.append(.drain)
    case "close-channel":
      close(ScriptedWorker.channel)
      sleepForEver()
    default: fail(head, .missingHandler, "no handler \(start.handler)")
    }
  }

  private mutating func emit(_ start: Start, _ head: FrameHead) {
    let emitted = AttemptResult.Emitted(
      queue: "receipts", type: "paid", subject: "42", id: nil, delayMilliseconds: 1500,
      contentType: "application/json", data: start.event.data)
    answer(head, .nothing, emitted: [emitted])
  }

  /// Answers with what the frame said.
  private mutating func tell(_ start: Start, _ head: FrameHead) {
    log(head, "running")
    let words = [
      start.function, "\(head.attempt)", "\(start.attemptsMax)", "\(start.failures)",
      start.idempotencyKey, "\(start.cause ?? 0)", start.event.id, start.event.time,
      start.event.extensions.map { "\($0.name)=\($0.value)" }.joined(),
      start.call.map { "\($0.method) \($0.path)" } ?? "", "\(start.remainingNanoseconds > 0)",
    ]
    answer(head, .json(Array(words.joined(separator: "|").utf8)))
  }

  private mutating func stream(_ start: Start, _ head: FrameHead) {
    if start.handler == "stream" {
      let response = ResponseHead(
        status: 200, headers: [NameValue(name: "content-type", value: "text/plain")])
      outgoing.append(.responseHead, attempt: head.attempt, invocation: head.invocation) {
        response.write(to: &$0)
      }
    }
    body(head, "before the pause")
    streams.append(head)
  }

  // MARK: frames

  private mutating func answer(
    _ head: FrameHead, _ value: AttemptResult.Value, emitted: [AttemptResult.Emitted] = []
  ) {
    let result = AttemptResult(value: value, emitted: emitted, cpuMicroseconds: 12, memoryBytes: 34)
    outgoing.append(.result, attempt: head.attempt, invocation: head.invocation) {
      result.write(to: &$0)
    }
  }

  private mutating func fail(
    _ head: FrameHead, _ kind: AttemptFailure.Kind, _ message: String, after: Int64? = nil
  ) {
    let failure = AttemptFailure(
      kind: kind, type: "ScriptedError", message: message, retryAfterMilliseconds: after,
      cpuMicroseconds: 12, memoryBytes: 34)
    outgoing.append(.failure, attempt: head.attempt, invocation: head.invocation) {
      failure.write(to: &$0)
    }
  }

  private mutating func log(_ head: FrameHead, _ message: String) {
    let entry = LogEntry(
      level: .notice, time: 1_700_000_000_000, message: message,
      metadata: [NameValue(name: "order", value: "42")])
    outgoing.append(.log, attempt: head.attempt, invocation: head.invocation) {
      entry.write(to: &$0)
    }
  }

  private mutating func body(_ head: FrameHead, _ text: String) {
    outgoing.append(
      .responseBody, attempt: head.attempt, invocation: head.invocation,
      bytes: Array(text.utf8)[...])
  }

  private mutating func announceCrash(_ head: FrameHead) {
    outgoing.append(.crashed, attempt: head.attempt, invocation: head.invocation)
    flush()
  }

  private mutating func flush() {
    let bytes = outgoing.take()
    bytes.withUnsafeBytes { send(ScriptedWorker.channel, $0) }
  }

  private func write(_ text: String) {
    Array(text.utf8).withUnsafeBytes { send(ScriptedWorker.channel, $0) }
  }
}
