// What a responder answers with, and the one form every error takes. Framing fields are not a
// responder's business: HTTPResponseWriter sets them.

package struct HTTPResponse: Sendable {
  /// 200…599; anything else becomes a 500 that says so.
  package var status: Int
  /// Content-Length, Transfer-Encoding, Date and Keep-Alive are the server's and ignored here; of
  /// Connection only `close` is heeded.
  ///
  /// A Content-Length beside an empty body is kept for HEAD.
  package var headers: HTTPFields
  /// Dropped for HEAD, 204 and 304.
  package var body: [UInt8]

  package init(status: Int, headers: HTTPFields = HTTPFields(), body: [UInt8] = []) {
    self.status = status
    self.headers = headers
    self.body = body
  }

  package static func json(_ status: Int, _ body: [UInt8]) -> HTTPResponse {
    HTTPResponse(
      status: status, headers: HTTPFields([("Content-Type", "application/json")]), body: body)
  }

  package static func problem(_ problem: HTTPProblem) -> HTTPResponse {
    var headers = problem.headers
    headers.append("Content-Type", "application/problem+json")
    return HTTPResponse(status: problem.status, headers: headers, body: problem.json)
  }
}

/// An error as RFC 9457 has it.
package struct HTTPProblem: Sendable {
  package var status: Int
  /// Stable across releases, kebab-case.
  package var code: String
  package var title: String
  /// What is wrong with this very request, and what to do about it.
  package var detail: String
  /// Sent beside it, such as Allow or Retry-After.
  package var headers: HTTPFields

  package init(
    status: Int, code: String, title: String, detail: String, headers: HTTPFields = HTTPFields()
  ) {
    self.status = status
    self.code = code
    self.title = title
    self.detail = detail
    self.headers = headers
  }

  var json: [UInt8] {
    var text = #"{"type":"#
    text += quoted("urn:apus:problem:\(code)") + #","title":"# + quoted(title)
    text += #","status":\#(status),"detail":"# + quoted(detail)
    text += #","code":"# + quoted(code) + "}"
    return Array(text.utf8)
  }

  private func quoted(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": result += "\\\""
      case "\\": result += "\\\\"
      case "\n": result += "\\n"
      case "\u{0}"..<"\u{20}": result += "\\u00" + twoHexDigits(UInt8(scalar.value))
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result + "\""
  }

  private func twoHexDigits(_ byte: UInt8) -> String {
    (byte < 16 ? "0" : "") + String(byte, radix: 16)
  }
}
