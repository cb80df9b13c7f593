// The key `verify` of an http trigger.

import Invocations
import Testing

@testable import Manifests

struct WebhookTests {
  private func policies(_ verify: String) throws -> [HTTPRoute: WebhookPolicy] {
    let text =
      "function: f\ntriggers:\n  - http: POST /hooks\n    verify: \(verify)\n  - http: POST /open\n"
    return try read(text).get().declarations[0].webhooks
  }

  private let route = HTTPRoute(method: "POST", pattern: "/hooks")

  @Test func `only the route beside it takes signed calls alone`() throws {
    #expect(
      try policies("{ scheme: github, secret: HUB }")
        == [route: WebhookPolicy(scheme: .github, secrets: ["HUB"])])
    #expect(
      try policies("{ scheme: standard-webhooks, secret: [NEW, OLD], tolerance: 2m }")
        == [
          route: WebhookPolicy(
            scheme: .standardWebhooks, secrets: ["NEW", "OLD"], tolerance: .seconds(120))
        ])
    #expect(try policies("{ scheme: stripe, secret: S }")[route]?.tolerance == .seconds(300))
  }

  @Test func `the route stays the same trigger`() throws {
    let signed = try triggers("  - http: POST /h\n    verify: { scheme: github, secret: S }")
    #expect(signed == (try triggers("  - http: POST /h")))
  }

  @Test func `every mistake has its place`() {
    #expect(
      triggerFaults("{ queue: q, verify: { scheme: github, secret: S } }") == [
        "2:25: 'verify' goes with http triggers only"
      ])
    #expect(
      triggerFaults("{ http: POST /h, verify: { shceme: github, secret: 1S } }") == [
        "2:40: unknown key 'shceme' in 'triggers.verify' (did you mean 'scheme'?)",
        "2:64: a variable's name has letters, digits and _ and begins with no digit; got '1S'",
      ])
    #expect(
      triggerFaults("{ http: POST /h, verify: {} }") == [
        "2:38: 'scheme' is missing in 'verify'; write github, standard-webhooks or stripe",
        "2:38: 'secret' is missing in 'verify'; write the name of one such as WEBHOOK_SECRET",
      ])
    #expect(
      triggerFaults("{ http: POST /h, verify: { scheme: stripe, secret: [S, S], tolerance: 2h } }")
        == [
          "2:68: secret 'S' is listed twice",
          "2:83: 'tolerance' must be 1s…1h; got 2h",
        ])
  }

  @Test func `a route has eight secrets at most`() throws {
    let names = (1...9).map { "S\($0)" }
    let eight = names.prefix(8).joined(separator: ", ")
    #expect(try policies("{ scheme: github, secret: [\(eight)] }")[route]?.secrets.count == 8)
    let nine = names.joined(separator: ", ")
    let said = triggerFaults("{ http: POST /h, verify: { scheme: github, secret: [\(nine)] } }")
    #expect(said == ["2:64: 'secret' must have 1…8 entries; got 9"])
  }

  @Test func `a plan of a deployment tells whose signature is asked for`() throws {
    var function = FunctionDeclaration(name: "f", handler: "F", triggers: [.http(route)])
    function.webhooks[route] = WebhookPolicy(scheme: .stripe, secrets: ["A", "B"])
    let entry = ManifestWords.entries(of: function).first
    #expect(entry == ManifestWords.Entry("verify POST /hooks", "stripe (A, B, 5m)"))
  }
}
