// Under which names the control door answers.

import HTTP
import Testing

@testable import Doors

struct DoorGuardTests {
  private let names = DoorGuard.names(host: "127.0.0.1", port: 7070)

  private func status(
    _ guards: DoorGuard, _ headers: [(String, String)], path: String = "/v1/functions",
    asksForToken: Bool = false
  ) -> Int? {
    guards.refusal(path: path, headers: HTTPFields(headers), asksForToken: asksForToken)?.status
  }

  @Test(arguments: [false, true])
  func `a foreign name is refused, with a token as well`(asksForToken: Bool) {
    let guards = DoorGuard(hosts: names)
    for (name, expected) in [
      ("evil.example", 403), ("127.0.0.1:7070", nil), ("LocalHost:7070", nil),
    ] as [(String, Int?)] {
      #expect(status(guards, [("Host", name)], asksForToken: asksForToken) == expected)
    }
  }

  @Test func `a door on every address has any name, where it asks for a token`() {
    let all = DoorGuard.names(host: "0.0.0.0", port: 7070)
    let guards = DoorGuard(hosts: all, hasAnyName: true)
    let host = ("Host", "apus.example:7070")
    #expect(status(guards, [host]) == 403)
    #expect(status(guards, [host], asksForToken: true) == nil)
    for own in ["http://apus.example:7070", "https://apus.example:7070"] {
      #expect(status(guards, [host, ("Origin", own)], asksForToken: true) == nil, "\(own)")
    }
    let evil = [host, ("Origin", "http://evil.example")]
    #expect(status(guards, evil, asksForToken: true) == 403)
  }

  @Test func `names that the operator gave are the door's own`() {
    let given = DoorGuard.names(host: "127.0.0.1", port: 7070, others: ["apus.example"])
    let guards = DoorGuard(hosts: given)
    #expect(status(guards, [("Host", "apus.example")]) == nil)
    let proxied = [("Host", "apus.example"), ("Origin", "https://apus.example")]
    #expect(status(guards, proxied) == nil)
  }

  @Test func `another scheme, port or name is another origin`() {
    let guards = DoorGuard(hosts: names)
    let own = ("Host", "127.0.0.1:7070")
    #expect(status(guards, [own, ("Origin", "http://127.0.0.1:7070")]) == nil)
    for origin in [
      "https://127.0.0.1:7070", "http://127.0.0.1:8080", "http://evil.example", "null",
    ] {
      #expect(status(guards, [own, ("Origin", origin)]) == 403, "\(origin)")
    }
  }

  @Test func `a door that speaks TLS has https for its scheme`() {
    let own = DoorGuard.names(host: "127.0.0.1", port: 443, isSecure: true)
    #expect(own.contains("localhost") && !names.contains("localhost"))
    let guards = DoorGuard(hosts: names, isSecure: true)
    let host = ("Host", "127.0.0.1:7070")
    #expect(status(guards, [host, ("Origin", "https://127.0.0.1:7070")]) == nil)
    #expect(status(guards, [host, ("Origin", "http://127.0.0.1:7070")]) == 403)
  }

  @Test func `probes come under any name where a token is asked for`() {
    let guards = DoorGuard(hosts: names)
    for path in ["/healthz", "/readyz"] {
      let asked = [("Host", "10.0.0.7")]
      #expect(status(guards, asked, path: path, asksForToken: true) == nil)
      #expect(status(guards, asked, path: path) == 403)
    }
    #expect(status(guards, [("Host", "10.0.0.7")], path: "/metrics", asksForToken: true) == 403)
  }
}
