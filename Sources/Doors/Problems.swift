// Every error that a door can answer with, as a problem with a stable code. The words name what is
// wrong and what to do.

import EventSources
package import HTTP
package import Invocations

extension HTTPResponse {
  /// `OPTIONS *` asks what the server can do at all (RFC 9110 §9.3.7).
  static let optionsOfServer = HTTPResponse(
    status: 204,
    headers: HTTPFields([("Allow", "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS")]))
}

extension HTTPProblem {
  package static func unknownQueue(_ name: String, known: [String]) -> HTTPProblem {
    let has = known.isEmpty ? "there are no queues" : "there are \(known.joined(separator: ", "))"
    return HTTPProblem(
      status: 404, code: "unknown-queue", title: "No such queue",
      detail: "no function has the trigger 'queue: \(name)'; \(has)")
  }

  static func notFound(_ what: String) -> HTTPProblem {
    HTTPProblem(
      status: 404, code: "not-found", title: "Not found",
      detail: "\(what) is not here; Docs/Calls.md lists the calls of the control door")
  }

  static func unknown(_ kind: String, _ name: String) -> HTTPProblem {
    HTTPProblem(
      status: 404, code: "unknown-\(kind)", title: "No such \(kind)",
      detail: "there is no \(kind) '\(name)'")
  }

  static func badRequest(_ code: String, _ detail: String) -> HTTPProblem {
    HTTPProblem(status: 400, code: code, title: "Bad request", detail: detail)
  }

  static func methodNotAllowed(_ allow: [String]) -> HTTPProblem {
    // HEAD is answered wherever GET is.
    let allow = allow.contains("GET") && !allow.contains("HEAD") ? allow + ["HEAD"] : allow
    let allowed = allow.joined(separator: ", ")
    return HTTPProblem(
      status: 405, code: "method-not-allowed", title: "Method not allowed",
      detail: "this path takes \(allowed)", headers: HTTPFields([("Allow", allowed)]))
  }

  static func inspection(_ fault: InspectionFault) -> HTTPProblem {
    HTTPProblem(
      status: 503, code: "record-unreadable", title: "The record cannot be read now",
      detail: fault.reason, headers: HTTPFields([("Retry-After", "1")]))
  }

  static func conflict(_ code: String, _ detail: String) -> HTTPProblem {
    HTTPProblem(status: 409, code: code, title: "Not in this state", detail: detail)
  }

  init(_ fault: WebhookFault, _ scheme: WebhookPolicy.Scheme) {
    self.init(
      status: 401, code: fault.code.rawValue, title: "The signature is not good",
      detail: fault.detail,
      headers: HTTPFields([("WWW-Authenticate", "Webhook scheme=\"\(scheme.rawValue)\"")]))
  }

  package init(_ refusal: Refusal) {
    switch refusal {
    case .unknownFunction(let name):
      self = .unknown("function", name)
    case .queueFull(let function, let limit):
      self.init(
        status: 429, code: "queue-full", title: "Too much is waiting",
        detail: "function '\(function)' has its queueLimit of \(limit) accepted and unfinished "
          + "invocations; send again later, or raise queueLimit",
        headers: HTTPFields([("Retry-After", "1")]))
    case .payloadTooLarge(let function, let bytes, let max):
      self.init(
        status: 413, code: "payload-too-large", title: "The event is too large",
        detail: "function '\(function)' takes events of \(max) bytes; got \(bytes). "
          + "Raise payloadLimit in its manifest, or send a reference")
    case .busy:
      self.init(
        status: 503, code: "busy", title: "The record is behind",
        detail: "more events are on their way to disk than the host may hold; send again",
        headers: HTTPFields([("Retry-After", "1")]))
    case .storeStalled(let reason):
      self.init(
        status: 503, code: "store-unavailable", title: "The record cannot be written",
        detail: "nothing of this request was accepted: \(reason)",
        headers: HTTPFields([("Retry-After", "5")]))
    case .draining:
      self.init(
        status: 503, code: "stopping", title: "The host is stopping",
        detail: "nothing of this request was accepted; send it to the host that comes next",
        headers: HTTPFields([("Retry-After", "5")]))
    case .keysFull:
      self.init(
        status: 429, code: "keys-full", title: "Too many idempotency keys are kept",
        detail: "keys are kept for the time of idempotency.keep; send again when older ones expire",
        headers: HTTPFields([("Retry-After", "60")]))
    case .alreadyRedriven(let id):
      self = .conflict("already-redriven", "dead letter \(id) was sent again a moment ago")
    case .keyReused(let id):
      self.init(
        status: 422, code: "idempotency-key-reused", title: "The key came with another body",
        detail: "this Idempotency-Key was used for invocation \(id) with a different request body",
        headers: HTTPFields([("Apus-Invocation", "\(id)")]))
    case .keyRunning(let id):
      self.init(
        status: 409, code: "idempotency-key-running", title: "The first call still runs",
        detail: "invocation \(id) has this Idempotency-Key and is not finished; ask again later",
        headers: HTTPFields([("Apus-Invocation", "\(id)"), ("Retry-After", "1")]))
    case .tooManyJoined(let id, let limit):
      self.init(
        status: 429, code: "too-many-joined", title: "Too many callers wait for one answer",
        detail: "\(limit) callers share the answer of invocation \(id) already; ask again later",
        headers: HTTPFields([("Apus-Invocation", "\(id)"), ("Retry-After", "1")]))
    case .keyMissing(let function, let path):
      self.init(
        status: 400, code: "idempotency-key-missing", title: "The idempotency key is missing",
        detail: "function '\(function)' needs a value at '\(path)' as its key; the event has none")
    case .functionPaused(let name):
      self.init(
        status: 503, code: "function-paused", title: "The function is paused",
        detail: "an operator paused '\(name)'; call again when it is resumed, or send "
          + "'Prefer: respond-async'",
        headers: HTTPFields([("Retry-After", "5")]))
    case .orderedFunction(let name):
      self.init(
        status: 400, code: "ordered-function", title: "An ordered function has no priorities",
        detail: "the manifest of '\(name)' says 'order'; send the event without a priority")
    }
  }
}
