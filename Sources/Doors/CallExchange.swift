// One HTTP exchange that waits for an invocation: the bridge between what the dispatcher tells and
// what the client reads. It answers once, whatever comes first.

import EventLoop
package import HTTP
package import Invocations
import Schedules

/// The dispatcher speaks on the loop, so that the listener's calls are on the loop as well.
@LoopActor
final class CallExchange: @LoopActor CallListener {
  /// Unsent bytes past which the handler is told to pause, and below which it goes on.
  private static let pauseAbove = 1 << 20

  private let exchange: HTTPExchange
  private unowned let house: any House
  /// How a finished invocation is told; the function door and `invoke` differ.
  private let answer: Answer
  private var invocation: InvocationID?
  private var streaming: AttemptName?
  private var isPaused = false
  private var waitTimer: LoopTimer?

  enum Answer {
    /// The handler's own response, or its value as 200.
    case response
    /// The same, with the state of the invocation in headers.
    case invocation
  }

  init(_ exchange: HTTPExchange, house: any House, answer: Answer) {
    self.exchange = exchange
    self.house = house
    self.answer = answer
    exchange.onClientGone = { [weak self] in self?.clientLeft() }
  }

  /// `Prefer: wait=N`: after that the client gets 202 and asks later.
  func waitAtMost(_ limit: Duration) {
    let timer = LoopTimer { [weak self] in self?.respondLater() }
    timer.arm(atMonotonic: EventLoop.shared.now + limit.nanoseconds)
    waitTimer = timer
  }

  // MARK: What the dispatcher tells

  func callBegan(_ id: InvocationID) { invocation = id }

  func streamBegan(_ attempt: AttemptName, status: Int, headers: [HTTPCall.Field]) {
    guard !exchange.isAnswered else { return }
    streaming = attempt
    exchange.onDrained = { [weak self] in self?.drained() }
    exchange.startStream(status: status, headers: fields(headers))
  }

  func streamed(_ attempt: AttemptName, _ bytes: [UInt8]) {
    guard streaming == attempt else { return }
    exchange.send(bytes)
    guard exchange.unsentBytes > Self.pauseAbove, !isPaused else { return }
    isPaused = true
    house.pauseStream(attempt)
  }

  private func drained() {
    guard isPaused, let streaming else { return }
    isPaused = false
    house.resumeStream(streaming)
  }

  func streamBroke() {
    guard streaming != nil else { return }
    streaming = nil
    exchange.abort()
    leave()
  }

  func callEnded(_ outcome: CallOutcome) {
    defer { leave() }
    if streaming != nil { return endStream(outcome) }
    guard !exchange.isAnswered else { return }
    var response = CallResponse.make(outcome)
    if answer == .invocation, let state = outcome.state {
      response.headers.append("Apus-State", "\(state)")
    }
    exchange.respond(response)
  }

  private func endStream(_ outcome: CallOutcome) {
    if case .ended(let ending) = outcome, ending.state == .succeeded {
      exchange.endStream()
    } else {
      exchange.abort()
    }
  }

  // MARK: Answers

  private func fields(_ headers: [HTTPCall.Field]) -> HTTPFields {
    var fields = HTTPFields(headers.map { ($0.name, $0.value) })
    if let invocation { fields.append("Apus-Invocation", "\(invocation)") }
    return fields
  }

  private func respondLater() {
    guard !exchange.isAnswered, let invocation else { return }
    let address = answer == .response ? house.controlDoorAddress : ""
    exchange.respond(.accepted(invocation, preference: "wait", at: address))
    leave()
  }

  /// It keeps listening: a client that closed only its side still gets the answer, and the answer
  /// is what frees the connection.
  ///
  /// The handler must not stay paused for nobody.
  private func clientLeft() {
    guard let streaming, isPaused else { return }
    isPaused = false
    house.resumeStream(streaming)
  }

  private func leave() {
    waitTimer?.close()
    waitTimer = nil
    if let invocation { house.abandon(invocation, self) }
  }
}

extension HTTPResponse {
  /// 202 for a caller that does not wait; the invocation is asked for at the control door, which a
  /// caller of the function door has to be told.
  static func accepted(
    _ id: InvocationID, preference: String, at address: String = ""
  ) -> HTTPResponse {
    var json = JSONWriter()
    json.object { $0.field("invocation", "\(id)") }
    var response = HTTPResponse.json(202, json.bytes)
    response.headers.append("Location", "\(address)/v1/invocations/\(id)")
    response.headers.append("Apus-Invocation", "\(id)")
    response.headers.append("Preference-Applied", preference)
    return response
  }
}

/// What a finished invocation looks like to the one who called it.
package enum CallResponse {
  package static func make(_ outcome: CallOutcome) -> HTTPResponse {
    switch outcome {
    case .refused(let refusal): return .problem(HTTPProblem(refusal))
    case .ended(let ending):
      var response = make(ending.state, ending.reason, ending.result, ending.error)
      response.headers.append("Apus-Invocation", "\(ending.id)")
      return response
    case .replayed(let replay?, _):
      var response = make(replay.state, replay.reason, replay.result, replay.error)
      response.headers.append("Apus-Invocation", "\(replay.id)")
      response.headers.append("Idempotency-Replayed", "true")
      return response
    case .held(let id):
      return .problem(
        HTTPProblem(
          status: 500, code: "held", title: "The outcome is unknown",
          detail: "the handler of invocation \(id) crashed; an operator decides whether it runs "
            + "again"))
    case .replayed(nil, let id):
      return .problem(
        HTTPProblem(
          status: 409, code: "result-not-kept", title: "The stored result is gone",
          detail: "invocation \(id) had this key; its result is no longer in the store"))
    }
  }

  private static func make(
    _ state: StateWord, _ reason: DeathReason?, _ result: StoredResult?, _ error: ErrorRecord?
  ) -> HTTPResponse {
    switch state {
    case .succeeded: success(result)
    case .cancelled:
      .problem(
        HTTPProblem(
          status: 503, code: "cancelled", title: "The invocation was cancelled",
          detail: "an operator cancelled it before it ended"))
    case .queued, .running, .waiting, .held, .dead: failure(reason, error)
    }
  }

  private static func success(_ result: StoredResult?) -> HTTPResponse {
    guard let result else { return HTTPResponse(status: 204) }
    guard result.isWhole else {
      return .problem(
        HTTPProblem(
          status: 409, code: "result-not-kept", title: "The response was streamed",
          detail: "streamed responses are not stored; the call succeeded and does not run again"))
    }
    if result.headers.isEmpty, result.status == 200 { return .json(200, result.body) }
    return HTTPResponse(
      status: result.status, headers: HTTPFields(result.headers.map { ($0.name, $0.value) }),
      body: result.body)
  }

  private static func failure(_ reason: DeathReason?, _ error: ErrorRecord?) -> HTTPResponse {
    let message = error?.message ?? "no error was recorded"
    switch reason {
    case .undecodable:
      return .problem(
        HTTPProblem(
          status: 400, code: "undecodable", title: "The body does not fit the function",
          detail: message))
    case .rejected:
      return .problem(
        HTTPProblem(
          status: 422, code: "rejected", title: "The function rejected the request",
          detail: message))
    case .missingHandler:
      return .problem(
        HTTPProblem(
          status: 503, code: "missing-handler", title: "No handler", detail: message))
    default:
      let isLate = error?.code == "timed-out"
      return .problem(
        HTTPProblem(
          status: isLate ? 504 : 500, code: error?.code ?? "failed",
          title: isLate ? "The function did not end in time" : "The function failed",
          detail: message))
    }
  }
}

extension CallOutcome {
  /// nil where no invocation ended.
  fileprivate var state: StateWord? {
    switch self {
    case .ended(let ending): ending.state
    case .replayed(let replay, _): replay?.state
    case .refused, .held: nil
    }
  }
}
