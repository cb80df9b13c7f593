// The worker's words in the words of the house, and the other way round. Only translation: who may
// say what, and when, is the matter of `WorkerProcess`.
package import Invocations
import Schedules
package import WorkerProtocol

extension AttemptAnswer {
  package init(result payload: UnsafeRawBufferPointer) throws(FrameFault) {
    let result = try AttemptResult(reading: payload)
    self = .succeeded(
      HandlerValue(result.value), emitted: result.emitted.map(EmittedEvent.init),
      cpuMicroseconds: Int64(clamping: result.cpuMicroseconds),
      memoryBytes: Int64(clamping: result.memoryBytes))
  }

  /// `mask` hides secrets before the words are cut.
  package init(
    failure payload: UnsafeRawBufferPointer, _ mask: TextMask? = nil
  ) throws(FrameFault) {
    let failure = try AttemptFailure(reading: payload)
    let cpuMicroseconds = Int64(clamping: failure.cpuMicroseconds)
    let memoryBytes = Int64(clamping: failure.memoryBytes)
    let kind: Failure.Kind
    var code: String?
    switch failure.kind {
    case .thrown:
      kind = .thrown
      code = ErrorRecord.code(ofLibraryError: failure.type)
    case .unanswered:
      kind = .thrown
      code = "unanswered"
    case .rejected: kind = .rejected
    case .undecodable: kind = .undecodable
    case .missingHandler: kind = .missingHandler
    case .cancelled:
      self = .cancelled(cpuMicroseconds: cpuMicroseconds, memoryBytes: memoryBytes)
      return
    case .notBegun:
      self = .notBegun
      return
    }
    let error = ErrorRecord(
      code: code ?? kind.rawValue,
      message: cut(
        mask?.masked(failure.message) ?? failure.message, to: ErrorRecord.messageBytesMax),
      type: cut(mask?.masked(failure.type) ?? failure.type, to: ErrorRecord.messageBytesMax))
    let retryAfter = failure.retryAfterMilliseconds.map { Duration.milliseconds(max(0, $0)) }
    self = .failed(
      Failure(kind: kind, error: error, retryAfter: retryAfter), cpuMicroseconds: cpuMicroseconds,
      memoryBytes: memoryBytes)
  }
}

extension HandlerValue {
  fileprivate init(_ value: AttemptResult.Value) {
    switch value {
    case .nothing: self = .nothing
    case .json(let bytes): self = .json(bytes)
    case .response(let head, let body):
      self = .response(status: Int(head.status), headers: fields(head.headers), body: body)
    case .streamed: self = .streamed
    }
  }
}

extension EmittedEvent {
  fileprivate init(_ emitted: AttemptResult.Emitted) {
    self.init(
      queue: emitted.queue, type: emitted.type, subject: emitted.subject, id: emitted.id,
      delay: .milliseconds(max(0, emitted.delayMilliseconds)), contentType: emitted.contentType,
      data: emitted.data)
  }
}

package func fields(_ pairs: [NameValue]) -> [HTTPCall.Field] {
  pairs.map { HTTPCall.Field(name: $0.name, value: $0.value) }
}

extension LogEntry.Level {
  package var word: String {
    switch self {
    case .trace: "trace"
    case .debug: "debug"
    case .info: "info"
    case .notice: "notice"
    case .warning: "warning"
    case .error: "error"
    case .critical: "critical"
    case .stdout: "stdout"
    case .stderr: "stderr"
    }
  }
}

/// At most `bytesMax`, and whole characters.
func cut(_ text: String, to bytesMax: Int) -> String {
  guard text.utf8.count > bytesMax else { return text }
  let mark = " … (cut)"
  var end = text.utf8.index(text.startIndex, offsetBy: bytesMax - mark.utf8.count)
  while String.Index(end, within: text) == nil { end = text.utf8.index(before: end) }
  return text[..<end] + mark
}

extension WorkerRoster {
  init(_ hello: Hello) {
    self.init(
      handlers: hello.handlers.map {
        Handler(
          name: $0.name, kind: Kind($0.kind), input: $0.input, output: $0.output)
      }, buildID: hello.buildID)
  }
}

extension WorkerRoster.Kind {
  fileprivate init(_ kind: Hello.Handler.Kind) {
    self =
      switch kind {
      case .event: .event
      case .http: .http
      case .batch: .batch
      }
  }
}

// Field by field from the assignment, without copies of the values between: this runs for every
// attempt, and a copied event costs a dozen reference counts.
extension Start {
  package init(_ assignment: Assignment, remainingNanoseconds: UInt64) {
    self.init(
      function: assignment.declared.value.name, handler: assignment.declared.value.handler,
      attemptsMax: UInt16(clamping: assignment.attemptsMax),
      failures: UInt16(clamping: assignment.failures), remainingNanoseconds: remainingNanoseconds,
      idempotencyKey: assignment.accepted.value.key?.text
        ?? assignment.accepted.value.id.description,
      cause: assignment.accepted.value.cause?.rawValue,
      event: EventFields(
        assignment.accepted.value.event, acceptedAt: assignment.accepted.value.createdAt),
      call: assignment.accepted.value.call.map(Call.init))
  }
}

extension Start {
  init(probing acceptance: Acceptance, for function: FunctionDeclaration) {
    self.init(
      function: function.name, handler: function.handler, attemptsMax: 1, failures: 0,
      remainingNanoseconds: 0, idempotencyKey: "", cause: nil,
      event: EventFields(acceptance.event, acceptedAt: acceptance.createdAt),
      call: acceptance.call.map(Call.init))
  }
}

extension Start.EventFields {
  fileprivate init(_ event: Event, acceptedAt: WallTime) {
    self.init(
      id: event.id, source: event.source, type: event.type, subject: event.subject,
      time: event.time ?? CivilTime.formatRFC3339(milliseconds: acceptedAt.milliseconds),
      dataContentType: event.dataContentType,
      dataSchema: event.dataSchema,
      extensions: event.extensions.map { NameValue(name: $0.name, value: $0.value.text) },
      data: event.data)
  }
}

extension Start.Call {
  fileprivate init(_ call: HTTPCall) {
    self.init(
      method: call.method, path: call.path, query: call.query,
      parameters: call.parameters.map { NameValue(name: $0.name, value: $0.value) },
      headers: call.headers.map { NameValue(name: $0.name, value: $0.value) })
  }
}
