// What a test sees of events, invocations and answers: plain values in the words of the record.

import Apus
import Invocations
import Schedules

extension TestHost {
  /// An event as it was accepted.
  public struct Event: Sendable {
    /// Unique within ``source``.
    public let id: String
    /// Where it came from, such as `/queues/payments`.
    public let source: String
    /// What kind of thing happened.
    public let type: String
    /// What it happened to.
    public let subject: String?
    /// The queue it came through, if it did.
    public let queue: String?
    /// The media type of the data.
    public let contentType: String?
    /// The extension attributes, such as `apuscause` or `apusdeadreason`.
    public let extensions: [String: String]
    /// The data as bytes.
    public let data: [UInt8]
    /// When it is due, RFC 3339.
    public let dueAt: String

    /// The data as text.
    public var text: String { String(decoding: data, as: UTF8.self) }

    /// Reads the data as JSON, as a handler's input is read.
    ///
    /// - Parameter type: What the data hold.
    /// - Returns: The value.
    /// - Throws: `UndecodableInput`.
    public func decode<Value: Decodable>(_ type: Value.Type = Value.self) throws -> Value {
      try JSON.decode(type, from: data, root: "data")
    }

    init(_ acceptance: Acceptance) {
      let event = acceptance.event
      id = event.id
      source = event.source
      type = event.type
      subject = event.subject
      queue = acceptance.queue
      contentType = event.dataContentType
      extensions = Dictionary(
        event.extensions.map { ($0.name, $0.value.text) }, uniquingKeysWith: { first, _ in first })
      data = event.data
      dueAt = shown(acceptance.dueAt)
    }
  }

  /// Which of a function's waiting events go first.
  public enum Priority: String, Sendable {
    /// Before the others.
    case high
    /// As most.
    case normal
    /// After the others.
    case low
  }

  /// The obligation to run one function for one event, and what became of it.
  public struct Invocation: Sendable, Identifiable {
    /// Where its life stands.
    public enum State: String, Sendable {
      /// Accepted, and due now or later.
      case queued
      /// An attempt is with a handler.
      case running
      /// Waits for its next attempt.
      case waiting
      /// Its outcome is unknown, and an operator decides.
      case held
      /// Ended well.
      case succeeded
      /// Ended as a dead letter.
      case dead
      /// Ended by an operator.
      case cancelled

      /// True when nothing more becomes of it.
      public var isFinal: Bool { self == .succeeded || self == .dead || self == .cancelled }
    }

    /// Why it is dead, or cancelled.
    public enum Reason: String, Sendable {
      /// No attempt is left.
      case exhausted
      /// Older than its `maxAge`.
      case expired
      /// The handler said never again.
      case rejected
      /// The input is not what the handler takes.
      case undecodable
      /// Its process crashed.
      case crashed
      /// The worker has no such handler.
      case missingHandler = "missing-handler"
      /// The event came through too many functions.
      case hops
      /// An operator ended it.
      case `operator`
      /// Cancelled, because a later event of the same value came within the quiet time.
      case replaced
    }

    /// The error of an attempt.
    public struct Failure: Sendable, Equatable {
      /// What kind of failure, such as `thrown` or `timed-out`.
      public let code: String
      /// The error's description.
      public let message: String
      /// The Swift type that was thrown.
      public let type: String

      init(_ error: ErrorRecord) {
        code = error.code
        message = error.message
        type = error.type
      }
    }

    /// One try.
    public struct Attempt: Sendable {
      /// Which try, from 1.
      public let number: Int
      /// How it ended, such as `succeeded`, `thrown` or `timed-out`.
      public let outcome: String
      /// Why it failed, if it did.
      public let error: Failure?
      /// When it began, RFC 3339.
      public let startedAt: String
      /// When it ended, RFC 3339.
      public let endedAt: String
    }

    /// One line of its log.
    public struct LogLine: Sendable {
      /// The attempt that wrote it.
      public let attempt: Int
      /// `trace` … `critical`.
      public let level: String
      /// What was written.
      public let message: String
      /// What was written beside it.
      public let metadata: [String: String]
    }

    /// 13 characters that sort by time.
    public let id: String
    /// The function's name in its manifest.
    public let function: String
    /// `queue:payments`, `http:POST /orders`, `timer:report-status/0`, `invoke`.
    public let trigger: String
    /// Where its life stands.
    public let state: State
    /// Why it is dead or cancelled, where there is a reason.
    public let reason: Reason?
    /// The event it runs for.
    public let event: Event
    /// Its attempts that have ended, oldest first.
    public let attempts: [Attempt]
    /// The error of the last attempt that failed, or of its end.
    public let error: Failure?
    /// Its log, oldest first.
    public let logs: [LogLine]
    /// The invocation that emitted its event.
    public let cause: String?
    /// The invocations of the events that it emitted.
    public let emitted: [String]
    /// How often its event came again and did not run again.
    public let duplicates: Int
    /// When it was accepted, RFC 3339.
    public let createdAt: String
    /// When its next attempt is due, RFC 3339.
    public let dueAt: String
    /// When it ended, RFC 3339.
    public let endedAt: String?
    private let body: [UInt8]?

    /// Reads what the handler returned.
    ///
    /// - Parameter type: What the handler returns.
    /// - Returns: The value, or nil where there is no result.
    /// - Throws: `UndecodableInput` when the result is something else.
    public func result<Value: Decodable>(as type: Value.Type = Value.self) throws -> Value? {
      try body.map { try JSON.decode(type, from: $0, root: "result") }
    }

    init(_ story: Ledger.Story) {
      let acceptance = story.acceptance
      id = "\(acceptance.id)"
      function = acceptance.function
      trigger = acceptance.trigger
      state = State(story.state)
      reason = story.reason.map(Reason.init)
      event = Event(acceptance)
      attempts = story.attempts.map(Attempt.init)
      error = story.error.map(Failure.init)
      logs = story.logs.map(LogLine.init)
      cause = acceptance.cause.map { "\($0)" }
      emitted = story.emitted.map { "\($0)" }
      duplicates = story.duplicates
      createdAt = shown(acceptance.createdAt)
      dueAt = shown(story.due)
      endedAt = story.endedAt.map(shown)
      body = story.result?.body
    }
  }

  /// The answer to a call.
  public struct Response: Sendable {
    /// The status.
    public let status: Int
    /// The body, whole; of a streamed one as much as came.
    public let body: [UInt8]
    /// False where the handler broke off a streamed body.
    public let isWhole: Bool
    private let fields: [(String, String)]

    /// The body as text.
    public var text: String { String(decoding: body, as: UTF8.self) }

    /// The value of the first header field of this name; case does not matter.
    public subscript(header: String) -> String? {
      fields.first { $0.0.lowercased() == header.lowercased() }?.1
    }

    /// Reads the body as JSON.
    ///
    /// - Parameter type: What the body holds.
    /// - Returns: The value.
    /// - Throws: `UndecodableInput`.
    public func decode<Value: Decodable>(_ type: Value.Type = Value.self) throws -> Value {
      try JSON.decode(type, from: body, root: "body")
    }

    init(status: Int, fields: [(String, String)], body: [UInt8], isWhole: Bool = true) {
      self.status = status
      self.fields = fields
      self.body = body
      self.isWhole = isWhole
    }
  }
}

extension TestHost.Invocation.State {
  init(_ word: StateWord) {
    switch word {
    case .queued: self = .queued
    case .running: self = .running
    case .waiting: self = .waiting
    case .held: self = .held
    case .succeeded: self = .succeeded
    case .dead: self = .dead
    case .cancelled: self = .cancelled
    }
  }
}

extension TestHost.Invocation.Reason {
  init(_ reason: DeathReason) {
    switch reason {
    case .exhausted: self = .exhausted
    case .expired: self = .expired
    case .rejected: self = .rejected
    case .undecodable: self = .undecodable
    case .crashed: self = .crashed
    case .missingHandler: self = .missingHandler
    case .hops: self = .hops
    case .operator: self = .operator
    case .replaced: self = .replaced
    }
  }
}

extension TestHost.Invocation.Attempt {
  init(_ attempt: AttemptRecord) {
    number = attempt.number
    outcome = attempt.outcome.word
    error = attempt.error.map(TestHost.Invocation.Failure.init)
    startedAt = shown(attempt.startedAt)
    endedAt = shown(attempt.endedAt)
  }
}

extension TestHost.Invocation.LogLine {
  init(_ line: LogLine) {
    attempt = line.attempt
    level = line.level
    message = line.message
    metadata = Dictionary(
      line.metadata.map { ($0.name, $0.value) }, uniquingKeysWith: { first, _ in first })
  }
}

private func shown(_ time: WallTime) -> String {
  CivilTime.formatRFC3339(milliseconds: time.milliseconds)
}
