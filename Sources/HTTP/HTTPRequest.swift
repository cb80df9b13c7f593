// What a responder sees of a request, and what it must answer. A request reaches a responder only
// when its framing was unambiguous; its path is still percent-encoded and its body uninterpreted.

package import EventLoop

package struct HTTPRequest: Sendable {
  package let method: String
  /// The target as it stood in the request line.
  package let target: String
  /// Still percent-encoded, without query; "*" for OPTIONS of the whole server.
  package let path: String
  /// Still percent-encoded, without the "?"; nil when the target has no "?".
  package let query: String?
  package let headers: HTTPFields
  /// Empty while `HTTPResponder.admit` is asked, whole when `handle` is called.
  package internal(set) var body: [UInt8] = []
  package let isKeepAlive: Bool
  /// 0 or 1: HTTP/1.0 clients understand neither chunks nor interim answers.
  package let minorVersion: Int
  /// Address and port of the client; nil on a Unix socket.
  package internal(set) var peer: String?
}

package enum HTTPAdmission {
  case accept(bodyBytesMax: Int)
  case refuse(HTTPResponse)
}

@LoopActor
package protocol HTTPResponder: AnyObject {
  /// Asked once the head is there and before any of the body is read, hence before a client that
  /// expects 100-continue is told to send it.
  func admit(_ head: HTTPRequest) -> HTTPAdmission

  /// Called with the whole body. The exchange must be answered once, now or later, on the loop; the
  /// connection waits for it without a time limit of its own.
  func handle(_ exchange: HTTPExchange)
}
