// What a handler knows of the attempt it runs in, and the one thing it may ask for: to emit. A thin
// view of `Attempt`; it keeps nothing of its own and may be copied and sent anywhere.
public import Logging
import WorkerProtocol

/// The attempt that a function runs in.
public struct Context: Sendable {
  let attemptState: Attempt

  init(_ attempt: Attempt) { attemptState = attempt }

  private var start: Start { attemptState.start }

  /// The invocation, as 13 characters that sort by time; all of its attempts share it.
  public var invocationID: String { Self.text(of: attemptState.key.invocation) }

  /// The function's name in its manifest, such as `charge-payment`.
  public var function: String { start.function }

  /// Which try this is, from 1.
  ///
  /// Tries that were cut short through no fault of this function do not count.
  public var attempt: Int { Int(start.failures) + 1 }

  /// How many attempts the manifest allows.
  public var attemptsMax: Int { Int(start.attemptsMax) }

  /// True when a failure now would be the last: the invocation would end dead.
  public var isLastAttempt: Bool { attempt >= attemptsMax }

  /// The event without its data.
  public var event: EventAttributes { attemptState.delivery.event }

  /// When the task is cancelled.
  public var deadline: ContinuousClock.Instant { attemptState.deadline }

  /// What is left until the deadline; never negative.
  public var timeLeft: Duration { max(.zero, ContinuousClock.now.duration(to: deadline)) }

  /// A key that is the same in every attempt and in every duplicate of this event.
  ///
  /// Hand it to each outside service that takes one, so that a repeated attempt has no second effect.
  public var idempotencyKey: String { start.idempotencyKey }

  /// The W3C trace context of the event, to be passed on to the services that this function calls.
  public var traceparent: String? { event[extension: "traceparent"] }

  /// The invocation that emitted this event, if a function did.
  public var cause: String? { start.cause.map(Self.text(of:)) }

  /// A logger whose lines land in the log of this invocation.
  ///
  /// Its level is `info`, or what `APUS_LOG_LEVEL` says in the worker's environment. A line is cut at
  /// 64 KiB, and an attempt keeps its first 10,000 lines.
  public var logger: Logger {
    Logger(label: start.function) { _ in AttemptLogHandler(attempt: attemptState) }
  }

  private static let alphabet = Array("0123456789ABCDEFGHJKMNPQRSTVWXYZ".utf8)

  /// Crockford's base32, as every door of the host shows it.
  static func text(of invocation: Int64) -> String {
    String(unsafeUninitializedCapacity: 13) { characters in
      var rest = UInt64(bitPattern: invocation)
      for place in stride(from: 12, through: 0, by: -1) {
        characters[place] = alphabet[Int(rest & 31)]
        rest >>= 5
      }
      return 13
    }
  }
}

extension Context {
  /// Sends an event to a queue, if and when this attempt succeeds.
  ///
  /// Nothing leaves at once: what was emitted is stored in the same step as the success, all of it
  /// or nothing, once. An attempt that throws, crashes or is cut short has emitted nothing.
  /// One attempt may emit 1,000 events and 15 MiB together with its result; past that, and when a
  /// value cannot be encoded, the attempt fails at its end.
  ///
  /// - Parameters:
  ///   - queue: The queue that gets the event.
  ///   - value: The event's data, stored as JSON.
  ///   - type: The event's type; `apus.message` unless given.
  ///   - subject: What the event is about.
  ///   - id: The event's id, if the receiver is to recognise it; a new one unless given.
  ///   - delay: How long the event waits before it is due.
  public func emit(
    queue: String, _ value: some Encodable, type: String? = nil, subject: String? = nil,
    id: String? = nil, delay: Duration = .zero
  ) {
    attemptState.emit(queue: queue, type: type, subject: subject, id: id, delay: delay) {
      ("application/json", try JSON.encode(value))
    }
  }

  /// Sends an event whose data are bytes of any media type; all else as for a value.
  ///
  /// - Parameters:
  ///   - queue: The queue that gets the event.
  ///   - bytes: The event's data.
  ///   - contentType: The media type of the bytes.
  ///   - type: The event's type; `apus.message` unless given.
  ///   - subject: What the event is about.
  ///   - id: The event's id, if the receiver is to recognise it; a new one unless given.
  ///   - delay: How long the event waits before it is due.
  public func emit(
    queue: String, bytes: [UInt8], contentType: String, type: String? = nil,
    subject: String? = nil, id: String? = nil, delay: Duration = .zero
  ) {
    attemptState.emit(queue: queue, type: type, subject: subject, id: id, delay: delay) {
      (contentType, bytes)
    }
  }
}
