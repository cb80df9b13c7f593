// Who may speak to the control door: a bearer of the token where one is set, under the door's own
// name, and no page of another origin. A browser's page on another site can reach a loopback
// address, so that Host and Origin are checked even without a token (DNS rebinding, CSRF).

import Digests
import HTTP

package struct DoorGuard: Sendable {
  private let token: String?
  private let names: Set<String>
  private let isUnixSocket: Bool
  /// Bound to every address of the machine, whose names nobody here knows.
  private let hasAnyName: Bool

  /// `hosts` are the names and addresses with port under which the door answers; nil for the Unix
  /// socket, which the file system guards, and where every name is its own: behind a token alone.
  package init(token: String?, hosts: [String]?, hasAnyName: Bool = false) {
    self.token = token
    names = Set((hosts ?? []).map { $0.lowercased() })
    isUnixSocket = hosts == nil
    self.hasAnyName = hasAnyName && token != nil
  }

  /// The names of a door bound to `host` and `port`; `others` are as the operator gave them, and
  /// those without a port stand for the one of their scheme as well.
  package static func names(host: String, port: UInt16, others: [String] = []) -> [String] {
    let bracketed = host.contains(":") ? "[\(host)]" : host
    let own = ["localhost", "127.0.0.1", "[::1]", isAny(host) ? "localhost" : bracketed]
    return own.flatMap { port == 80 ? [$0, "\($0):80"] : ["\($0):\(port)"] }
      + others.flatMap { [$0, "\($0):\(port)"] }
  }

  package static func isAny(_ host: String) -> Bool { host == "0.0.0.0" || host == "::" }

  func refusal(path: String, headers: HTTPFields) -> HTTPProblem? {
    if !isUnixSocket, let problem = foreignName(path, headers) { return problem }
    guard let token else { return nil }
    // Asked by supervisors and balancers that hold no token, under whatever address they know.
    if Self.isProbe(path) { return nil }
    guard let given = headers[first: "Authorization"], headers.all("Authorization").count == 1,
      given.lowercased().hasPrefix("bearer "),
      isEqualInConstantTime(given.dropFirst(7).drop { $0 == " " }.utf8, token.utf8)
    else {
      return HTTPProblem(
        status: 401, code: "unauthorized", title: "A token is needed",
        detail: "send 'Authorization: Bearer …' with the host's APUS_TOKEN",
        headers: HTTPFields([("WWW-Authenticate", "Bearer realm=\"apus\"")]))
    }
    return nil
  }

  private func foreignName(_ path: String, _ headers: HTTPFields) -> HTTPProblem? {
    if token != nil, Self.isProbe(path) { return nil }
    let host = headers[first: "Host"]?.lowercased() ?? ""
    guard names.contains(host) || hasAnyName else {
      return HTTPProblem(
        status: 403, code: "foreign-host", title: "Not this host's name",
        detail: "the Host header '\(host)' is not this door's; it answers to "
          + names.sorted().joined(separator: ", ")
          + "; where it has another name, start the host with --control-names")
    }
    guard let origin = headers[first: "Origin"]?.lowercased() else { return nil }
    // Under its own name by plain HTTP; with TLS in front of it, under the name that it was given.
    let own =
      names.contains { origin == "http://\($0)" }
      || origin == "https://\(host)" && (isBehindTLS(host) || hasAnyName)
      || origin == "http://\(host)" && hasAnyName
    guard own else {
      return HTTPProblem(
        status: 403, code: "foreign-origin", title: "Not from this origin",
        detail: "the Origin '\(origin)' is not this door's own")
    }
    return nil
  }

  /// A name without this door's port is a proxy's.
  private func isBehindTLS(_ host: String) -> Bool {
    names.contains(host) && !host.hasSuffix("]") && !host.contains(":")
  }

  private static func isProbe(_ path: String) -> Bool {
    path == "/healthz" || path == "/readyz"
  }
}
