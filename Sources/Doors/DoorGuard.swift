// Under which names the control door answers, and to pages of which origin. A browser's page on another
// site can reach a loopback address, so that Host and Origin are checked even where no token is asked
// for (DNS rebinding, CSRF). Who asks is DoorAccess's matter.

import HTTP

package struct DoorGuard: Sendable {
  let isUnixSocket: Bool
  private let names: Set<String>
  private let isSecure: Bool
  /// Bound to every address of the machine, whose names nobody here knows.
  private let hasAnyName: Bool

  /// `hosts` are the names and addresses with port under which the door answers; nil for the Unix
  /// socket, which the file system guards, and where every name is its own.
  ///
  /// `isSecure` where the door itself speaks TLS. A door with any name has to ask for tokens.
  package init(hosts: [String]?, hasAnyName: Bool = false, isSecure: Bool = false) {
    names = Set((hosts ?? []).map { $0.lowercased() })
    isUnixSocket = hosts == nil
    self.hasAnyName = hasAnyName
    self.isSecure = isSecure
  }

  /// The names of a door bound to `host` and `port`; `others` are as the operator gave them, and
  /// those without a port stand for the one of their scheme as well.
  package static func names(
    host: String, port: UInt16, others: [String] = [], isSecure: Bool = false
  ) -> [String] {
    let bracketed = host.contains(":") ? "[\(host)]" : host
    let own = ["localhost", "127.0.0.1", "[::1]", isAny(host) ? "localhost" : bracketed]
    let usual: UInt16 = isSecure ? 443 : 80
    return own.flatMap { port == usual ? [$0, "\($0):\(usual)"] : ["\($0):\(port)"] }
      + others.flatMap { [$0, "\($0):\(port)"] }
  }

  package static func isAny(_ host: String) -> Bool { host == "0.0.0.0" || host == "::" }

  /// `asksForToken` where every call has to show one: probes then come under any name.
  func refusal(path: String, headers: HTTPFields, asksForToken: Bool) -> HTTPProblem? {
    if isUnixSocket || (asksForToken && Self.isProbe(path)) { return nil }
    return foreignName(headers, hasAnyName: hasAnyName && asksForToken)
  }

  private func foreignName(_ headers: HTTPFields, hasAnyName: Bool) -> HTTPProblem? {
    let host = headers[first: "Host"]?.lowercased() ?? ""
    guard names.contains(host) || hasAnyName else {
      return HTTPProblem(
        status: 403, code: "foreign-host", title: "Not this host's name",
        detail: "the Host header '\(host)' is not this door's; it answers to "
          + names.sorted().joined(separator: ", ")
          + "; where it has another name, start the host with --control-names")
    }
    guard let origin = headers[first: "Origin"]?.lowercased() else { return nil }
    // Under its own name by its own scheme; with TLS in front of it, under the name that it was given.
    let scheme = isSecure ? "https" : "http"
    let own =
      names.contains { origin == "\(scheme)://\($0)" }
      || origin == "https://\(host)" && (isBehindTLS(host) || hasAnyName)
      || origin == "\(scheme)://\(host)" && hasAnyName
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
