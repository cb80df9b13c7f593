// Calls to functions that wait for the answer: over a route, as a client does, and by hand.

import Apus
import Dispatching
import Doors
import EventSources
import HTTP
import Invocations
import Routing

extension TestHost {
  /// Calls an HTTP function, as a client of the function door does, and waits for its answer.
  ///
  /// Only as much happens as the answer needs; what the call caused runs on in ``settle()``. Where the
  /// answer needs time to pass (an HTTP function with retries), time passes. `Prefer` is not heeded,
  /// and no signature of a webhook is asked for.
  ///
  /// - Parameters:
  ///   - method: The method.
  ///   - target: The path, and a query after a `?`.
  ///   - headers: Header fields, `Idempotency-Key` among them.
  ///   - value: The body, as JSON.
  ///   - passesDeadline: The handler is meant to run past its timeout; see ``passDeadline(of:)``.
  /// - Returns: The answer; a refusal is an answer too.
  /// - Throws: As ``settle()``.
  public func call(
    _ method: String, _ target: String, headers: [String: String] = [:],
    json value: some Encodable, passesDeadline: Bool = false
  ) async throws -> Response {
    var headers = headers
    if !headers.keys.contains(where: { $0.lowercased() == "content-type" }) {
      headers["Content-Type"] = "application/json"
    }
    return try await call(
      method, target, headers: headers, body: try JSON.encode(value),
      passesDeadline: passesDeadline)
  }

  /// Calls an HTTP function with a body of any kind, or none; all else as for a value.
  ///
  /// - Parameters:
  ///   - method: The method.
  ///   - target: The path, and a query after a `?`.
  ///   - headers: Header fields.
  ///   - body: The body.
  ///   - passesDeadline: The handler is meant to run past its timeout; see ``passDeadline(of:)``.
  /// - Returns: The answer; a refusal is an answer too.
  /// - Throws: As ``settle()``.
  public func call(
    _ method: String, _ target: String, headers: [String: String] = [:], body: [UInt8] = [],
    passesDeadline: Bool = false
  ) async throws -> Response {
    let parts = target.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
    let fields = headers.sorted { $0.key < $1.key }.map { HTTPCall.Field(name: $0, value: $1) }
    let call = RoutedCall.read(
      method: method, path: String(parts.first ?? "/"),
      query: parts.count > 1 ? String(parts[1]) : nil, fields: fields, body: body, router: router,
      id: ids.next(at: clocks.wall), checking: .nobody)
    switch call {
    case .answer(let response), .unsigned(_, let response, _):
      return Response(
        status: response.status, fields: response.headers.entries, body: response.body)
    case .proposal(let proposal):
      let waiter = try await answer(to: proposal, passesDeadline: passesDeadline)
      return try waiter.response(withBody: method != "HEAD")
    }
  }

  /// Runs a function by hand, as `apus invoke` does, and waits for its end.
  ///
  /// - Parameters:
  ///   - function: The function's name in its manifest.
  ///   - value: The event's data, as JSON.
  ///   - passesDeadline: The handler is meant to run past its timeout; see ``passDeadline(of:)``.
  /// - Returns: What became of it.
  /// - Throws: ``TestFault/unknown(_:)`` when there is no such function.
  public func invoke(
    _ function: String, _ value: some Encodable, passesDeadline: Bool = false
  ) async throws -> Invocation {
    guard let declaration = dispatcher.function(named: function) else {
      let known = dispatcher.declarations.map(\.name).sorted().joined(separator: ", ")
      throw TestFault.unknown("there is no function '\(function)'; there are: \(known)")
    }
    let ingest = try ingest(
      try JSON.encode(value), from: "/invoke/\(function)", for: declaration,
      contentType: "application/json")
    guard let event = ingest.events.first else { throw TestFault.noAnswer("no event was made") }
    let proposal = Proposal(function: function, trigger: "invoke", event: event)
    let waiter = try await answer(to: proposal, passesDeadline: passesDeadline)
    if case .refused(let refusal) = waiter.outcome { throw TestFault(HTTPProblem(refusal)) }
    return try invocation(waiter.id)
  }

  private func answer(to proposal: Proposal, passesDeadline: Bool) async throws -> CallWaiter {
    let waiter = CallWaiter()
    let before = workers.started
    dispatcher.call(proposal, listener: waiter)
    if passesDeadline {
      try await step(leaving: proposal.function) { waiter.outcome != nil }
      if waiter.outcome == nil { try await passDeadline(of: proposal.function) }
    }
    var instants = 0
    while true {
      try await step(until: { waiter.outcome != nil })
      if waiter.outcome != nil { return waiter }
      instants += 1
      guard let next = nextInstant else {
        throw TestFault.noAnswer("the call to '\(proposal.function)' waits and nothing is due")
      }
      guard instants <= limits.instants else {
        throw TestFault.tooMuch(
          "the call to '\(proposal.function)' waits through \(limits.instants) instants "
            + "(\(busiest(since: before)))")
      }
      clocks.move(toMonotonic: next)
    }
  }
}

/// The client of a call: it remembers what it was told.
private final class CallWaiter: CallListener {
  private(set) var id: InvocationID?
  private(set) var outcome: CallOutcome?
  private var stream: (status: Int, headers: [HTTPCall.Field])?
  private var streamed: [UInt8] = []
  private var isBroken = false

  func callBegan(_ id: InvocationID) { self.id = id }

  func streamBegan(_ attempt: AttemptName, status: Int, headers: [HTTPCall.Field]) {
    stream = (status, headers)
  }

  func streamed(_ attempt: AttemptName, _ bytes: [UInt8]) { streamed += bytes }
  func streamBroke() { isBroken = true }
  func callEnded(_ outcome: CallOutcome) { self.outcome = outcome }

  func response(withBody: Bool) throws(TestFault) -> TestHost.Response {
    guard let outcome else { throw .noAnswer("the call has no answer") }
    if let stream {
      var isWhole = !isBroken
      if case .ended(let ending) = outcome, ending.state != .succeeded { isWhole = false }
      let fields = stream.headers.map { ($0.name, $0.value) }
      let invocation = id.map { [("Apus-Invocation", "\($0)")] } ?? []
      return TestHost.Response(
        status: stream.status, fields: fields + invocation, body: withBody ? streamed : [],
        isWhole: isWhole)
    }
    let answer = CallResponse.make(outcome)
    return TestHost.Response(
      status: answer.status, fields: answer.headers.entries, body: withBody ? answer.body : [])
  }
}
