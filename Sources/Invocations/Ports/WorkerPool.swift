// The port between the dispatcher and the worker processes. Calls return at once; what becomes of
// an attempt comes back as news on the loop.

package protocol WorkerPool: AnyObject {
  /// True when a healthy worker can take one more attempt of this function now.
  func hasRoom(for function: Shared<FunctionDeclaration>) -> Bool

  /// Sends the attempt to a worker and returns that worker's process id. Asked only after `hasRoom`.
  func start(_ assignment: Assignment) -> Int32

  /// Sends these attempts to one worker as one run of the handler; each ends with news of its own.
  ///
  /// All are of one function, within `BatchLimits`, and no invocation is there twice. Asked only
  /// after `hasRoom`: a batch may pass the limit of a worker that has room for one of it. Returns
  /// the process id of that worker. Suspects are taken out and run apart, each as a batch of one.
  func start(batch: [Assignment]) -> Int32

  /// Asks the handler to stop (Task cancellation). The attempt still ends with news of its own.
  ///
  /// One of a batch is only noted: its handler goes on for the others, and the attempt ends as
  /// cancelled unless it was done. The handler is told when all of the batch are cancelled.
  func cancel(_ attempt: AttemptName)

  /// The attempt ignored its cancellation: SIGKILL to the worker that runs it.
  ///
  /// One of a batch is left alone until all in flight of the batch are cancelled.
  func kill(_ attempt: AttemptName)

  /// The client of a streamed response reads slowly, or reads again.
  func pauseStream(_ attempt: AttemptName)
  func resumeStream(_ attempt: AttemptName)
}

/// What one batch may hold.
package enum BatchLimits {
  package static let sizeMax = 1000
  /// Data of all its events; an event that is larger by itself is a batch of one.
  package static let bytesMax = 8 << 20
}

/// The fence: an invocation and the number of the try.
package struct AttemptName: Hashable, Sendable {
  package var id: InvocationID
  package var attempt: Int

  package init(id: InvocationID, attempt: Int) {
    self.id = id
    self.attempt = attempt
  }
}

package struct Assignment: Sendable {
  package var name: AttemptName
  package var declared: Shared<FunctionDeclaration>
  package var attemptsMax: Int
  package var failures: Int
  package var accepted: Shared<Acceptance>
  /// From now to the deadline, in nanoseconds; the dispatcher keeps the deadline itself.
  package var remainingNanoseconds: UInt64

  package init(
    name: AttemptName, declared: Shared<FunctionDeclaration>, attemptsMax: Int, failures: Int,
    accepted: Shared<Acceptance>, remainingNanoseconds: UInt64
  ) {
    self.name = name
    self.declared = declared
    self.attemptsMax = attemptsMax
    self.failures = failures
    self.accepted = accepted
    self.remainingNanoseconds = remainingNanoseconds
  }

  package var function: FunctionDeclaration { declared.value }
  package var acceptance: Acceptance { accepted.value }
}

/// What a handler sent on; routed by the host, written with the success.
package struct EmittedEvent: Sendable, Equatable {
  package var queue: String
  package var type: String?
  package var subject: String?
  package var id: String?
  package var delay: Duration
  package var contentType: String
  package var data: [UInt8]

  package init(
    queue: String, type: String?, subject: String?, id: String?, delay: Duration,
    contentType: String, data: [UInt8]
  ) {
    self.queue = queue
    self.type = type
    self.subject = subject
    self.id = id
    self.delay = delay
    self.contentType = contentType
    self.data = data
  }
}

/// How an attempt ended, in the worker's words.
///
/// `memoryBytes` is the most that the worker has held so far; 0 where it is not known.
package enum AttemptAnswer: Sendable {
  case succeeded(
    HandlerValue, emitted: [EmittedEvent], cpuMicroseconds: Int64, memoryBytes: Int64 = 0)
  case failed(Failure, cpuMicroseconds: Int64, memoryBytes: Int64 = 0)
  /// Told to stop before its handler ran: there was no thread for it.
  case notBegun
  /// The handler stopped because it was cancelled.
  case cancelled(cpuMicroseconds: Int64, memoryBytes: Int64 = 0)
}

package enum HandlerValue: Sendable, Equatable {
  case nothing
  case json([UInt8])
  case response(status: Int, headers: [HTTPCall.Field], body: [UInt8])
  /// Head and body have gone to the client already.
  case streamed
}

package enum WorkerNews: Sendable {
  case answered(AttemptName, AttemptAnswer)
  /// The attempt has no process yet: it waits for its turn to run apart, and its time stands still.
  case waits(AttemptName)
  /// Its turn has come; its time begins.
  case begins(AttemptName, worker: Int32)
  case logged(LogLine)
  case streamBegan(AttemptName, status: Int, headers: [HTTPCall.Field])
  case streamed(AttemptName, [UInt8])
  /// A worker process ended with attempts in flight.
  case lost(LostWorker)
  /// Room where there was none: a worker came up, or came back.
  case roomAgain
  /// Workers that hold these functions do not start; they are tried again with growing pauses.
  case unhealthy(functions: [String], reason: String)
  case healthy(functions: [String])
  /// A worker started or ended; for the log and the counters.
  case workerStarted(pid: Int32, executable: String)
  case workerEnded(pid: Int32, how: String, expected: Bool)
}

package struct LostWorker: Sendable {
  package static let crashed = "crashed"
  package static let outOfMemory = "out-of-memory"

  package var pid: Int32
  /// `signal 4 (SIGILL)`, `exit status 1`.
  package var how: String
  /// The attempts that brought it down, when they could be named.
  package var culprits: [AttemptName]
  /// In flight beside them: given back.
  package var others: [AttemptName]
  /// What a crash said of itself, in one line.
  package var lastWords: String?
  /// True when the host itself killed it, for `culprits` that ignored their cancellation.
  package var wasKilledByHost: Bool
  /// Of the error of the culprits: `crashed`, or `out-of-memory`.
  package var code: String

  package init(
    pid: Int32, how: String, culprits: [AttemptName], others: [AttemptName],
    wasKilledByHost: Bool, lastWords: String? = nil, code: String = LostWorker.crashed
  ) {
    self.pid = pid
    self.lastWords = lastWords
    self.code = code
    self.how = how
    self.culprits = culprits
    self.others = others
    self.wasKilledByHost = wasKilledByHost
  }
}
