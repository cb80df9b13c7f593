// What a source asks of the dispatcher, and every answer it can get.

/// An event that a function should run for: not yet an obligation.
package struct Proposal {
  package var function: String
  package var trigger: String
  package var queue: String?
  package var event: Event
  package var call: HTTPCall?
  /// The call as the store may keep it: without credentials.
  package var storedCall: HTTPCall?
  package var key: ProposedKey?
  package var dueAt: WallTime?
  package var cause: InvocationID?
  package var redriveOf: InvocationID?
  package var hops: Int
  package var priority: Priority?

  package init(
    function: String, trigger: String, queue: String? = nil, event: Event, call: HTTPCall? = nil,
    storedCall: HTTPCall? = nil, key: ProposedKey? = nil, dueAt: WallTime? = nil,
    cause: InvocationID? = nil,
    redriveOf: InvocationID? = nil, hops: Int = 0, priority: Priority? = nil
  ) {
    self.function = function
    self.trigger = trigger
    self.queue = queue
    self.event = event
    self.call = call
    self.storedCall = storedCall
    self.key = key
    self.dueAt = dueAt
    self.cause = cause
    self.redriveOf = redriveOf
    self.hops = hops
    self.priority = priority
  }
}

/// The key under which the event must run once.
///
/// `body` is given where one key with two bodies is a mistake of the sender (HTTP), and nil where
/// the key alone decides.
package struct ProposedKey {
  package var text: String
  package var body: [UInt8]?

  package init(text: String, body: [UInt8]? = nil) {
    self.text = text
    self.body = body
  }
}

package struct Accepted: Sendable, Equatable {
  package var event: String
  package var invocation: InvocationID
  package var isDuplicate: Bool

  package init(event: String, invocation: InvocationID, isDuplicate: Bool) {
    self.event = event
    self.invocation = invocation
    self.isDuplicate = isDuplicate
  }
}

/// Why nothing was accepted.
///
/// Nothing of a refused request is kept.
package enum Refusal: Error, Sendable, Equatable {
  case unknownFunction(String)
  case queueFull(function: String, limit: Int)
  case payloadTooLarge(function: String, bytes: Int, bytesMax: Int)
  /// The store's mailbox is full: come again in a moment.
  case busy
  case storeStalled(reason: String)
  case draining
  case keysFull
  /// 422: the key came before with another body.
  case keyReused(InvocationID)
  /// 409: the first call with this key still runs.
  case keyRunning(InvocationID)
  /// As many callers share the first call's answer as may.
  case tooManyJoined(InvocationID, limit: Int)
  /// Its manifest asks for a key at a path where the event has none.
  case keyMissing(function: String, path: String)
  /// Nobody can wait for the answer of a function that is paused.
  case functionPaused(String)
  /// An ordered function has one order; a sender cannot ask for another.
  case orderedFunction(String)
  /// The dead letter was sent again a moment ago.
  case alreadyRedriven(InvocationID)
}

/// How a call ended, told when that is on disk.
package enum CallOutcome: Sendable {
  case ended(Ending)
  /// The key was known and its call finished: what was stored then. nil when it is no longer kept.
  case replayed(Replay?, of: InvocationID)
  case refused(Refusal)
  /// Its handler crashed and its manifest leaves it to an operator what becomes of it.
  case held(InvocationID)
}

/// Someone who waits for the answer of an invocation: an HTTP exchange, a command.
package protocol CallListener: AnyObject {
  func callBegan(_ id: InvocationID)
  func streamBegan(_ attempt: AttemptName, status: Int, headers: [HTTPCall.Field])
  func streamed(_ attempt: AttemptName, _ bytes: [UInt8])
  /// The attempt that streamed did not end well; what was sent cannot be taken back.
  func streamBroke()
  func callEnded(_ outcome: CallOutcome)
}
