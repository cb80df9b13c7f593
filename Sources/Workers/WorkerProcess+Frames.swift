// What a worker says, frame by frame. A frame about an attempt that it does not have is counted and
// dropped; one that breaks the protocol throws, and the worker is done for.
import Invocations
import WorkerProtocol

/// Beside `FrameFault`: frames that are well formed and out of place.
enum SpeechFault: Error, CustomStringConvertible {
  case beforeHello(FrameKind)
  case secondHello
  case onlyForWorkers(FrameKind)
  case streamOutOfOrder(FrameKind)

  var description: String {
    switch self {
    case .beforeHello(let kind): "a \(kind) frame before its hello"
    case .secondHello: "a second hello"
    case .onlyForWorkers(let kind): "a \(kind) frame, which only the host sends"
    case .streamOutOfOrder(let kind): "a \(kind) frame out of the order of a streamed response"
    }
  }
}

extension WorkerProcess {
  func take(_ head: FrameHead, _ payload: UnsafeRawBufferPointer) throws {
    let name = AttemptName(
      id: InvocationID(rawValue: head.invocation), attempt: Int(head.attempt))
    switch head.kind {
    case .hello: try takeHello(payload)
    case _ where !wasReady && phase == .starting: throw SpeechFault.beforeHello(head.kind)
    case .result, .failure: try takeAnswer(head.kind, name, payload)
    case .log: try takeLog(name, payload)
    case .health: tookPing()
    case .crashed: beginCrash(of: name)
    case .responseHead: try takeResponseHead(name, payload)
    case .responseBody: try takeResponseBody(name, payload)
    case .probed:
      var probed = try Probed(reading: payload)
      probed.fault = probed.fault.map { group.mask?.masked($0) ?? $0 }
      takeProbed(head.invocation, probed)
    case .start, .startBatch, .cancel, .drain, .ping, .pause, .resume, .probe:
      throw SpeechFault.onlyForWorkers(head.kind)
    }
  }

  private func takeHello(_ payload: UnsafeRawBufferPointer) throws {
    let hello = try Hello(reading: payload)
    guard !wasReady else { throw SpeechFault.secondHello }
    // Killed or gone in the meantime.
    guard phase == .starting else { return }
    becomeReady(WorkerRoster(hello))
    group.becameReady(self)
  }

  private func takeAnswer(
    _ kind: FrameKind, _ name: AttemptName, _ payload: UnsafeRawBufferPointer
  ) throws {
    guard let place = inFlight.index(forKey: name) else { return ignore() }
    let answer =
      try kind == .result
      ? AttemptAnswer(result: payload) : AttemptAnswer(failure: payload, group.mask)
    let limits = inFlight.values[place].limits
    if case .succeeded(let value, _, _, _) = answer,
      (value == .streamed) != inFlight.values[place].isStreaming
    {
      throw SpeechFault.streamOutOfOrder(kind)
    }
    finishFlight(at: place)
    pool.answered(name, answer.held(to: limits), by: self)
  }

  private func takeLog(_ name: AttemptName, _ payload: UnsafeRawBufferPointer) throws {
    let entry = try LogEntry(reading: payload)
    guard inFlight[name] != nil else { return ignore() }
    var metadata = fields(entry.metadata)
    var message = entry.message
    if let mask = group.mask {
      message = mask.masked(message)
      for index in metadata.indices { metadata[index].value = mask.masked(metadata[index].value) }
    }
    log(
      name, level: entry.level.word, message, at: WallTime(milliseconds: entry.time), metadata)
  }

  private func takeResponseHead(_ name: AttemptName, _ payload: UnsafeRawBufferPointer) throws {
    let head = try ResponseHead(reading: payload)
    guard let flight = inFlight[name] else { return ignore() }
    guard !flight.isStreaming else { throw SpeechFault.streamOutOfOrder(.responseHead) }
    inFlight[name]?.isStreaming = true
    pool.news(.streamBegan(name, status: Int(head.status), headers: fields(head.headers)))
  }

  private func takeResponseBody(_ name: AttemptName, _ payload: UnsafeRawBufferPointer) throws {
    guard let flight = inFlight[name] else { return ignore() }
    guard flight.isStreaming else { throw SpeechFault.streamOutOfOrder(.responseBody) }
    pool.news(.streamed(name, Array(payload)))
  }

  private func ignore() {
    ignoredFrames += 1
    // Once: a worker that repeats itself must not fill the log.
    if ignoredFrames == 1 {
      pool.printed?(pid, "apus: ignored a frame about an attempt that this worker does not have")
    }
  }
}
