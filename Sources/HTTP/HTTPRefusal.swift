// Every reason for which the server itself turns a request away, with its status and stable code.
// Reasons of responders (no route, no token, full) are theirs.

package enum HTTPRefusal: Error, Equatable {
  case malformed(String)
  case badTarget(String)
  case badHost(String)
  case ambiguousFraming(String)
  case requestLineTooLong(max: Int)
  case headersTooLong(max: Int)
  case tooManyHeaders(max: Int)
  case bodyTooLarge(max: Int)
  case headTimedOut
  case bodyTimedOut
  case unknownExpectation(String)
  case unknownMethod
  case unknownTransferCoding(String)
  case unsupportedVersion
  case tooManyConnections(max: Int)
  case tooManyArrivingBytes(max: Int)
  case badResponse(String)
  case plainRequest

  var problem: HTTPProblem {
    HTTPProblem(
      status: form.status, code: form.code, title: form.title, detail: detail, headers: headers)
  }

  private var form: (status: Int, code: String, title: String) {
    switch self {
    case .malformed: (400, "malformed-request", "Malformed request")
    case .badTarget: (400, "bad-target", "Bad request target")
    case .badHost: (400, "bad-host", "Bad Host")
    case .ambiguousFraming: (400, "ambiguous-framing", "Ambiguous message framing")
    case .requestLineTooLong: (414, "request-line-too-long", "Request line too long")
    case .headersTooLong: (431, "headers-too-long", "Header fields too long")
    case .tooManyHeaders: (431, "too-many-headers", "Too many header fields")
    case .bodyTooLarge: (413, "body-too-large", "Body too large")
    case .headTimedOut: (408, "head-timed-out", "Request head took too long")
    case .bodyTimedOut: (408, "body-timed-out", "Request body took too long")
    case .unknownExpectation: (417, "unknown-expectation", "Unknown expectation")
    case .unknownMethod: (501, "unknown-method", "Unknown method")
    case .unknownTransferCoding: (501, "unknown-transfer-coding", "Unknown transfer coding")
    case .unsupportedVersion: (505, "unsupported-version", "HTTP version not supported")
    case .tooManyConnections: (503, "too-many-connections", "Too many connections")
    case .tooManyArrivingBytes: (503, "too-many-arriving-bytes", "Too much is arriving")
    case .plainRequest: (400, "tls-needed", "TLS is needed")
    case .badResponse: (500, "bad-response", "The response could not be sent")
    }
  }

  private var detail: String {
    switch self {
    case .malformed(let what), .badTarget(let what), .badHost(let what),
      .ambiguousFraming(let what), .badResponse(let what):
      what
    case .requestLineTooLong(let max): "the request line may have \(max) bytes; shorten the target"
    case .headersTooLong(let max): "all header fields together may have \(max) bytes"
    case .tooManyHeaders(let max): "a request may have \(max) header fields"
    case .bodyTooLarge(let max): "this body may have \(max) bytes"
    case .headTimedOut: "the head of the request did not arrive in time; send it at once"
    case .bodyTimedOut: "the body of the request stopped arriving; send it without pauses"
    case .unknownExpectation(let what): "only 'Expect: 100-continue' is known; got '\(what)'"
    case .unknownMethod: "this method is not known here"
    case .unknownTransferCoding(let what): "only 'chunked' is known; got '\(what)'"
    case .unsupportedVersion: "this server speaks HTTP/1.1 and HTTP/1.0"
    case .plainRequest: "this door speaks https only; ask for the same address with https://"
    case .tooManyConnections(let max): "\(max) connections are open already; try again later"
    case .tooManyArrivingBytes(let max):
      "\(max) bytes of other bodies are arriving already; try again later"
    }
  }

  private var headers: HTTPFields {
    switch self {
    case .tooManyConnections, .tooManyArrivingBytes: HTTPFields([("Retry-After", "1")])
    default: HTTPFields()
    }
  }
}
