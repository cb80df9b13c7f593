// How an attempt ends: what it returned or threw becomes the last frame, and what it emitted is in
// that frame or nowhere.
import Glibc
import WorkerProtocol

struct EmitFault: Error, CustomStringConvertible {
  let description: String
}

/// Past a limit of this library, which no manifest can raise; the host knows the type by its name.
struct TooManyEmits: Error, CustomStringConvertible {
  let description: String
}

struct ResultTooLarge: Error, CustomStringConvertible {
  let bytes: Int

  var description: String {
    "result too large: the result and what was emitted are \(bytes) bytes; "
      + "one attempt may hand over \(Attempt.resultBytesMax)"
  }
}

extension Attempt {
  /// Of an error's description; an error that describes a whole document is cut.
  private static var messageBytesMax: Int { 64 << 10 }

  func emit(
    queue: String, type: String?, subject: String?, id: String?, delay: Duration,
    _ encode: () throws -> (contentType: String, bytes: [UInt8])
  ) {
    let encoded = Swift.Result { try encode() }
    state.withLock { state in
      guard !state.isFinished, state.emitFault == nil else { return }
      switch encoded {
      case .failure(let error):
        state.emitFault = EmitFault(description: "the event for queue '\(queue)': \(error)")
      case .success(let value):
        let event = AttemptResult.Emitted(
          queue: queue, type: type, subject: subject, id: id,
          delayMilliseconds: delay.wholeMilliseconds, contentType: value.contentType,
          data: value.bytes)
        state.collect(event)
      }
    }
  }

  func resultFrames(for answer: Answer) async throws -> [UInt8] {
    try checkEmitted()
    let value: AttemptResult.Value
    switch answer.value {
    case .nothing: value = .nothing
    case .json(let bytes): value = .json(bytes)
    case .response(let response): value = try await send(response)
    }
    return try finish(with: value)
  }

  /// The body may emit too, so the check is made again when it has ended.
  private func checkEmitted() throws {
    if let fault = state.withLock({ $0.emitFault }) { throw fault }
  }

  private func send(_ response: HTTPResponse) async throws -> AttemptResult.Value {
    let head = try response.head()
    switch response.body {
    case .bytes(let bytes): return .response(head, body: bytes)
    case .encoded(let encode): return .response(head, body: try encode())
    case .stream(let body):
      await channel.send(frame(.responseHead) { head.write(to: &$0) })
      try await body(ResponseWriter(self))
      return .streamed
    }
  }

  private func finish(with value: AttemptResult.Value) throws -> [UInt8] {
    try checkEmitted()
    let (emitted, emittedBytes) = state.withLock { ($0.emitted, $0.emittedBytes) }
    let bytes = value.byteCount + emittedBytes
    guard bytes <= Self.resultBytesMax else { throw ResultTooLarge(bytes: bytes) }
    // Read first: what the reading costs is the attempt's own.
    let memoryBytes = ProcessMemory.highWaterBytes
    let result = AttemptResult(
      value: value, emitted: emitted, cpuMicroseconds: cpuMicroseconds, memoryBytes: memoryBytes)
    var writer = closingLog()
    let fits = writer.append(.result, attempt: key.number, invocation: key.invocation) {
      result.write(to: &$0)
    }
    guard fits else { throw ResultTooLarge(bytes: bytes) }
    return writer.take()
  }

  func failureFrames(for error: any Error) -> [UInt8] {
    let failure = failure(for: error)
    var writer = closingLog()
    writer.append(.failure, attempt: key.number, invocation: key.invocation) {
      failure.write(to: &$0)
    }
    return writer.take()
  }

  private func failure(for error: any Error) -> AttemptFailure {
    let memoryBytes = ProcessMemory.highWaterBytes
    var failure = AttemptFailure(
      kind: .thrown, type: "\(type(of: error))", message: "", retryAfterMilliseconds: nil,
      cpuMicroseconds: cpuMicroseconds, memoryBytes: memoryBytes)
    switch error {
    case let retry as Retry:
      failure.message = retry.reason
      failure.retryAfterMilliseconds = retry.after.wholeMilliseconds
    case let reject as Reject:
      failure.kind = .rejected
      failure.message = reject.reason
    case let undecodable as UndecodableInput:
      failure.kind = .undecodable
      failure.message = undecodable.description
    case let unanswered as UnansweredEvent:
      failure.kind = .unanswered
      failure.message = unanswered.description
    case is CancellationError where state.withLock({ $0.isCancelled }):
      failure.kind = .cancelled
      failure.message = "cancelled"
    case let decoding as DecodingError: failure.message = decoding.sentence(root: "data")
    default: failure.message = "\(error)"
    }
    failure.message = failure.message.cut(toBytes: Self.messageBytesMax)
    return failure
  }

  func frame(_ kind: FrameKind, _ payload: (inout FrameWriter) -> Void) -> [UInt8] {
    var writer = FrameWriter()
    writer.append(kind, attempt: key.number, invocation: key.invocation, payload)
    return writer.take()
  }
}

extension Attempt.State {
  fileprivate mutating func collect(_ event: AttemptResult.Emitted) {
    guard emitted.count < Attempt.emittedMax else {
      emitFault = TooManyEmits(
        description: "one attempt may emit \(Attempt.emittedMax) events; this one emits more")
      return
    }
    emittedBytes += event.byteCount
    guard emittedBytes <= Attempt.resultBytesMax else {
      emitFault = TooManyEmits(
        description: "one attempt may emit \(Attempt.resultBytesMax) bytes; this one emits more")
      emitted = []
      return
    }
    emitted.append(event)
  }
}

extension AttemptResult.Emitted {
  fileprivate var byteCount: Int {
    let texts = [queue, type ?? "", subject ?? "", id ?? "", contentType]
    return data.count + texts.reduce(64) { $0 + $1.utf8.count }
  }
}

extension AttemptResult.Value {
  fileprivate var byteCount: Int {
    switch self {
    case .nothing, .streamed: 0
    case .json(let bytes): bytes.count
    case .response(let head, let body):
      head.headers.reduce(body.count) { $0 + $1.name.utf8.count + $1.value.utf8.count + 8 }
    }
  }
}

extension Duration {
  /// Never negative, rounded up: a delay is not shortened.
  var wholeMilliseconds: Int64 {
    let (seconds, attoseconds) = components
    let (whole, overflow) = seconds.multipliedReportingOverflow(by: 1_000)
    guard !overflow else { return seconds < 0 ? 0 : .max }
    let (sum, sumOverflow) = whole.addingReportingOverflow(
      (attoseconds + 999_999_999_999_999) / 1_000_000_000_000_000)
    return sumOverflow ? .max : max(0, sum)
  }
}

extension String {
  /// Cut at a character, with a mark, when it is longer in UTF-8.
  func cut(toBytes bytesMax: Int) -> String {
    guard utf8.count > bytesMax else { return self }
    let mark = " … (cut)"
    let end = utf8.index(startIndex, offsetBy: bytesMax - mark.utf8.count)
    return String(self[..<index(roundingDown: end)]) + mark
  }

  private func index(roundingDown position: Index) -> Index {
    var position = position
    while position > startIndex, position.samePosition(in: unicodeScalars) == nil {
      position = utf8.index(before: position)
    }
    return position
  }
}
