// Who may speak to the control door: a bearer of the token where one is set, under the door's own
// name, and no page of another origin. A browser's page on another site can reach a loopback
// address, so that Host and Origin are checked even without a token (DNS rebinding, CSRF).

import HTTP

package struct DoorGuard: Sendable {
  private let token: String?
  private let names: Set<String>
  private let isUnixSocket: Bool

  /// `hosts` are the names and addresses with port under which the door answers; nil for the Unix
  /// socket, which the file system guards.
  package init(token: String?, hosts: [String]?) {
    self.token = token
    names = Set((hosts ?? []).map { $0.lowercased() })
    isUnixSocket = hosts == nil
  }

  /// The names of a door bound to `host` and `port`.
  package static func names(host: String, port: UInt16) -> [String] {
    let isAny = host == "0.0.0.0" || host == "::"
    let bracketed = host.contains(":") ? "[\(host)]" : host
    let own = ["localhost", "127.0.0.1", "[::1]", isAny ? "localhost" : bracketed]
    return own.flatMap { port == 80 ? [$0, "\($0):80"] : ["\($0):\(port)"] }
  }

  func refusal(of head: HTTPRequest) -> HTTPProblem? {
    if !isUnixSocket, let problem = foreignName(head) { return problem }
    guard let token else { return nil }
    // Liveness is asked by supervisors that hold no token; it tells nothing but that it answers.
    if head.path == "/healthz" { return nil }
    guard let given = head.headers[first: "Authorization"], given.lowercased().hasPrefix("bearer "),
      Self.isEqual(given.dropFirst(7), token)
    else {
      return HTTPProblem(
        status: 401, code: "unauthorized", title: "A token is needed",
        detail: "send 'Authorization: Bearer …' with the host's APUS_TOKEN",
        headers: HTTPFields([("WWW-Authenticate", "Bearer realm=\"apus\"")]))
    }
    return nil
  }

  private func foreignName(_ head: HTTPRequest) -> HTTPProblem? {
    let host = head.headers[first: "Host"]?.lowercased() ?? ""
    // With a token a door may stand behind any name; the token is what counts then.
    guard names.contains(host) || token != nil else {
      return HTTPProblem(
        status: 403, code: "foreign-host", title: "Not this host's name",
        detail: "the Host header '\(host)' is not this door's; it answers to "
          + names.sorted().joined(separator: ", "))
    }
    guard let origin = head.headers[first: "Origin"]?.lowercased() else { return nil }
    let own = names.contains { origin == "http://\($0)" || origin == "https://\($0)" }
    guard own else {
      return HTTPProblem(
        status: 403, code: "foreign-origin", title: "Not from this origin",
        detail: "the Origin '\(origin)' is not this door's own")
    }
    return nil
  }

  /// In a time that depends on the lengths alone.
  private static func isEqual(_ given: Substring, _ token: String) -> Bool {
    let left = Array(given.utf8)
    let right = Array(token.utf8)
    guard left.count == right.count else { return false }
    var difference: UInt8 = 0
    for index in left.indices { difference |= left[index] ^ right[index] }
    return difference == 0
  }
}
