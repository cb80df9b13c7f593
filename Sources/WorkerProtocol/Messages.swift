// What each payload says. Both sides use these values, so that a change of one is a change of both;
// `Hello.version` grows with every change here.

package struct NameValue: Sendable, Equatable {
  package var name: String
  package var value: String

  package init(name: String, value: String) {
    self.name = name
    self.value = value
  }
}

/// The worker's first frame.
package struct Hello: Sendable, Equatable {
  package static let version: UInt32 = 5

  package var version: UInt32
  package var buildID: String
  package var handlers: [Handler]

  package struct Handler: Sendable, Equatable {
    package enum Kind: UInt8, Sendable { case event, http, batch }

    package var name: String
    package var kind: Kind
    /// The Swift types, for people; nothing depends on them.
    package var input: String
    package var output: String

    package init(name: String, kind: Kind, input: String, output: String) {
      self.name = name
      self.kind = kind
      self.input = input
      self.output = output
    }
  }

  package init(version: UInt32 = Hello.version, buildID: String, handlers: [Handler]) {
    self.version = version
    self.buildID = buildID
    self.handlers = handlers
  }
}

/// Whether an event decodes to its handler's input.
package struct Probed: Sendable, Equatable {
  /// In the handler's words; nil where it decodes.
  package var fault: String?

  package init(fault: String?) { self.fault = fault }
}

/// One attempt to run.
///
/// Invocation and attempt number stand in the frame's head.
package struct Start: Sendable, Equatable {
  package var function: String
  package var handler: String
  package var attemptsMax: UInt16
  /// Failed attempts before this one; attempts given back do not count.
  package var failures: UInt16
  /// Until the deadline, from the moment the frame is written.
  package var remainingNanoseconds: UInt64
  package var idempotencyKey: String
  package var cause: Int64?
  package var event: EventFields
  package var call: Call?

  package struct EventFields: Sendable, Equatable {
    package var id: String
    package var source: String
    package var type: String
    package var subject: String?
    package var time: String
    package var dataContentType: String?
    package var dataSchema: String?
    package var extensions: [NameValue]
    package var data: [UInt8]

    package init(
      id: String, source: String, type: String, subject: String?, time: String,
      dataContentType: String?, dataSchema: String?, extensions: [NameValue], data: [UInt8]
    ) {
      self.id = id
      self.source = source
      self.type = type
      self.subject = subject
      self.time = time
      self.dataContentType = dataContentType
      self.dataSchema = dataSchema
      self.extensions = extensions
      self.data = data
    }
  }

  package struct Call: Sendable, Equatable {
    package var method: String
    package var path: String
    package var query: String?
    package var parameters: [NameValue]
    package var headers: [NameValue]

    package init(
      method: String, path: String, query: String?, parameters: [NameValue], headers: [NameValue]
    ) {
      self.method = method
      self.path = path
      self.query = query
      self.parameters = parameters
      self.headers = headers
    }
  }

  package init(
    function: String, handler: String, attemptsMax: UInt16, failures: UInt16,
    remainingNanoseconds: UInt64, idempotencyKey: String, cause: Int64?, event: EventFields,
    call: Call?
  ) {
    self.function = function
    self.handler = handler
    self.attemptsMax = attemptsMax
    self.failures = failures
    self.remainingNanoseconds = remainingNanoseconds
    self.idempotencyKey = idempotencyKey
    self.cause = cause
    self.event = event
    self.call = call
  }
}

/// The end of an attempt that returned, with everything it emitted: one frame, so all or nothing.
package struct AttemptResult: Sendable, Equatable {
  package var value: Value
  package var emitted: [Emitted]
  /// CPU time of the attempt's own job slices.
  package var cpuMicroseconds: UInt64
  /// The most memory that the worker has held so far, whoever asked for it; 0 where it is not known.
  package var memoryBytes: UInt64

  package enum Value: Sendable, Equatable {
    case nothing
    case json([UInt8])
    case response(ResponseHead, body: [UInt8])
    /// Head and body went ahead in frames of their own.
    case streamed
  }

  package struct Emitted: Sendable, Equatable {
    package var queue: String
    package var type: String?
    package var subject: String?
    package var id: String?
    package var delayMilliseconds: Int64
    package var contentType: String
    package var data: [UInt8]

    package init(
      queue: String, type: String?, subject: String?, id: String?, delayMilliseconds: Int64,
      contentType: String, data: [UInt8]
    ) {
      self.queue = queue
      self.type = type
      self.subject = subject
      self.id = id
      self.delayMilliseconds = delayMilliseconds
      self.contentType = contentType
      self.data = data
    }
  }

  package init(
    value: Value, emitted: [Emitted], cpuMicroseconds: UInt64, memoryBytes: UInt64
  ) {
    self.value = value
    self.emitted = emitted
    self.cpuMicroseconds = cpuMicroseconds
    self.memoryBytes = memoryBytes
  }
}

package struct ResponseHead: Sendable, Equatable {
  package var status: UInt16
  package var headers: [NameValue]

  package init(status: UInt16, headers: [NameValue]) {
    self.status = status
    self.headers = headers
  }
}

/// The end of an attempt that threw, or that could not be run at all.
package struct AttemptFailure: Sendable, Equatable {
  package enum Kind: UInt8, Sendable, CaseIterable {
    case thrown, rejected, undecodable, missingHandler, cancelled
    /// Told to stop before a thread was free for it: the handler has not run.
    case notBegun
    /// One event of a batch whose handler returned without an answer for it.
    case unanswered
  }

  package var kind: Kind
  /// The Swift type of the error.
  package var type: String
  package var message: String
  package var retryAfterMilliseconds: Int64?
  package var cpuMicroseconds: UInt64
  /// As in a result.
  package var memoryBytes: UInt64

  package init(
    kind: Kind, type: String, message: String, retryAfterMilliseconds: Int64?,
    cpuMicroseconds: UInt64, memoryBytes: UInt64
  ) {
    self.kind = kind
    self.type = type
    self.message = message
    self.retryAfterMilliseconds = retryAfterMilliseconds
    self.cpuMicroseconds = cpuMicroseconds
    self.memoryBytes = memoryBytes
  }
}

/// One line of the invocation log.
package struct LogEntry: Sendable, Equatable {
  package enum Level: UInt8, Sendable, CaseIterable {
    case trace, debug, info, notice, warning, error, critical
    /// Printed by the handler; no levels, but where it went.
    case stdout, stderr
  }

  package var level: Level
  /// Milliseconds since 1970 by the worker's wall clock.
  package var time: Int64
  package var message: String
  package var metadata: [NameValue]

  package init(level: Level, time: Int64, message: String, metadata: [NameValue]) {
    self.level = level
    self.time = time
    self.message = message
    self.metadata = metadata
  }
}
