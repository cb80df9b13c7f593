// Who may speak to the control door.

import HTTP
import Testing

@testable import Doors

struct DoorGuardTests {
  private let names = DoorGuard.names(host: "127.0.0.1", port: 7070)

  private func status(
    _ guards: DoorGuard, _ headers: [(String, String)], path: String = "/v1/functions"
  ) -> Int? {
    guards.refusal(path: path, headers: HTTPFields(headers))?.status
  }

  @Test(arguments: [nil, "s3cret"])
  func `a foreign name is refused, with a token as well`(token: String?) {
    let guards = DoorGuard(token: token, hosts: names)
    let bearer = ("Authorization", "Bearer s3cret")
    #expect(status(guards, [("Host", "evil.example"), bearer]) == 403)
    #expect(status(guards, [("Host", "127.0.0.1:7070"), bearer]) == nil)
    #expect(status(guards, [("Host", "LocalHost:7070"), bearer]) == nil)
  }

  @Test func `a door on every address has any name, behind its token`() {
    let all = DoorGuard.names(host: "0.0.0.0", port: 7070)
    let bearer = ("Authorization", "Bearer s3cret")
    let guards = DoorGuard(token: "s3cret", hosts: all, hasAnyName: true)
    #expect(status(guards, [("Host", "apus.example"), bearer]) == nil)
    #expect(status(guards, [("Host", "apus.example")]) == 401)
    let host = ("Host", "apus.example:7070")
    for own in ["http://apus.example:7070", "https://apus.example:7070"] {
      #expect(status(guards, [host, bearer, ("Origin", own)]) == nil, "\(own)")
    }
    #expect(status(guards, [host, bearer, ("Origin", "http://evil.example")]) == 403)
    let open = DoorGuard(token: nil, hosts: all, hasAnyName: true)
    #expect(status(open, [("Host", "apus.example")]) == 403)
  }

  @Test func `names that the operator gave are the door's own`() {
    let given = DoorGuard.names(host: "127.0.0.1", port: 7070, others: ["apus.example"])
    let guards = DoorGuard(token: nil, hosts: given)
    #expect(status(guards, [("Host", "apus.example")]) == nil)
    let proxied = [("Host", "apus.example"), ("Origin", "https://apus.example")]
    #expect(status(guards, proxied) == nil)
  }

  @Test func `another scheme, port or name is another origin`() {
    let guards = DoorGuard(token: nil, hosts: names)
    let own = ("Host", "127.0.0.1:7070")
    #expect(status(guards, [own, ("Origin", "http://127.0.0.1:7070")]) == nil)
    for origin in [
      "https://127.0.0.1:7070", "http://127.0.0.1:8080", "http://evil.example", "null",
    ] {
      #expect(status(guards, [own, ("Origin", origin)]) == 403, "\(origin)")
    }
  }

  @Test func `probes need no token, and a token's scheme may be followed by spaces`() {
    let guards = DoorGuard(token: "s3cret", hosts: names)
    #expect(status(guards, [("Host", "10.0.0.7")], path: "/healthz") == nil)
    #expect(status(guards, [("Host", "10.0.0.7")], path: "/readyz") == nil)
    #expect(status(guards, [("Host", "127.0.0.1:7070")], path: "/metrics") == 401)
    let host = ("Host", "127.0.0.1:7070")
    for given in ["Bearer s3cret", "bearer  s3cret", "BEARER s3cret"] {
      #expect(status(guards, [host, ("Authorization", given)]) == nil, "\(given)")
    }
    let twice = [("Authorization", "Bearer s3cret"), ("Authorization", "Bearer wrong")]
    #expect(status(guards, [host] + twice) == 401)
    for given in ["Bearer s3cre", "s3cret", "Basic s3cret"] {
      #expect(status(guards, [host, ("Authorization", given)]) == 401, "\(given)")
    }
  }
}
