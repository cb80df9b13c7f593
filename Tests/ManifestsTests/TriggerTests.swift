// Queues, timers and routes. What a cron expression means is tested in SchedulesTests; here only
// that its mistakes are found and have their place.

import Glibc
import Invocations
import Testing

@testable import Manifests

struct TriggerTests {
  static let hasZones = access("/usr/share/zoneinfo/Europe/Berlin", R_OK) == 0

  @Test(.enabled(if: hasZones))
  func `a cron expression has a time zone of its own`() throws {
    let trigger = try triggers("  - timer: { cron: 0 9 * * mon-fri, timezone: Europe/Berlin }")
    #expect(
      trigger == [
        .timer(
          TimerTrigger(rule: .cron(expression: "0 9 * * mon-fri", timezone: "Europe/Berlin")))
      ])
  }

  @Test func `a cron expression is read in UTC by default`() throws {
    #expect(
      try triggers("  - timer: { cron: \"@daily\", missed: skip }") == [
        .timer(TimerTrigger(rule: .cron(expression: "@daily", timezone: "UTC"), missed: .skip))
      ])
  }

  @Test func `a mistake in a cron expression is found in its text`() {
    let plain = triggerFaults("{ timer: { cron: 0 9 * * xyz } }")
    let quoted = triggerFaults("{ timer: { cron: \"0 9 * * xyz\" } }")
    #expect(plain.count == 1 && plain[0].hasPrefix("2:38: 'cron': "), "\(plain)")
    #expect(quoted.count == 1 && quoted[0].hasPrefix("2:39: 'cron': "), "\(quoted)")
  }

  @Test func `more than five fields are the dialect of others`() {
    let found = triggerFaults("{ timer: { cron: \"0 0 9 * * mon\" } }")
    #expect(found.count == 1 && found[0].contains("Quartz"), "\(found)")
  }

  @Test func `a timer that can never fire is refused`() {
    #expect(
      triggerFaults("{ timer: { cron: 0 0 31 2 * } }") == [
        "2:30: 'cron' can never fire: no year has such a minute"
      ])
    #expect(
      triggerFaults("{ timer: { at: 2025-12-31T23:59:59Z, missed: skip } }") == [
        "2:28: 'at' can never fire: it has passed, and 'missed' is skip"
      ])
  }

  @Test func `an instant that has passed may be made up for`() {
    #expect(triggerFaults("{ timer: { at: 2025-12-31T23:59:59Z } }").isEmpty)
    #expect(triggerFaults("{ timer: { at: 2026-01-01T00:00:01Z, missed: skip } }").isEmpty)
    #expect(
      triggerFaults("{ timer: { at: 2020-01-01T00:00:00Z, missed: skip } }", now: nil).isEmpty)
  }

  @Test func `an unknown time zone is named`() {
    let found = triggerFaults("{ timer: { cron: 0 9 * * *, timezone: Europe/Berlni } }")
    #expect(found.count == 1 && found[0].hasPrefix("2:51: 'timezone': "), "\(found)")
    #expect(
      triggerFaults("{ timer: { every: 1m, timezone: UTC } }") == [
        "2:35: 'timezone' only goes with 'cron'"
      ])
  }

  @Test func `an instant is written as in RFC 3339`() throws {
    #expect(
      try triggers("  - timer: { at: \"2027-01-01T02:00:00+02:00\" }") == [
        .timer(TimerTrigger(rule: .at(WallTime(milliseconds: 1_798_761_600_000))))
      ])
    let found = triggerFaults("{ timer: { at: tomorrow } }")
    #expect(
      found.count == 1
        && found[0].hasPrefix("2:28: 'at': expected an instant such as 2027-01-01T00:00:00Z: "),
      "\(found)")
  }

  @Test func `an interval has limits`() throws {
    #expect(
      try triggers("  - timer: { every: 100ms, missed: all }") == [
        .timer(TimerTrigger(rule: .every(.milliseconds(100)), missed: .all(max: 100)))
      ])
    #expect(
      triggerFaults("{ timer: { every: 99ms } }") == ["2:31: 'every' must be 100ms…366d; got 99ms"])
    #expect(
      triggerFaults("{ timer: { every: 367d } }") == ["2:31: 'every' must be 100ms…366d; got 367d"])
  }

  @Test func `missed instants are skipped, joined or kept up to a number`() throws {
    #expect(
      try triggers(
        """
          - timer: { every: 1m }
          - timer: { every: 2m, missed: skip }
          - timer: { every: 3m, missed: { all: 20 } }
        """
      ) == [
        .timer(TimerTrigger(rule: .every(.seconds(60)), missed: .latest)),
        .timer(TimerTrigger(rule: .every(.seconds(120)), missed: .skip)),
        .timer(TimerTrigger(rule: .every(.seconds(180)), missed: .all(max: 20))),
      ])
    #expect(
      triggerFaults("{ timer: { every: 1m, missed: { all: 101 } } }") == [
        "2:50: 'all' must be 1…100; got 101"
      ])
    #expect(
      triggerFaults("{ timer: { every: 1m, missed: {} } }") == [
        "2:43: 'missed': expected { all: 20 }, got a mapping"
      ])
    #expect(
      triggerFaults("{ timer: { every: 1m, missed: last } }") == [
        "2:43: 'missed' must be skip, latest or all; got 'last' (did you mean 'latest'?)"
      ])
  }

  @Test func `a timer has one rule`() {
    #expect(
      triggerFaults("{ timer: { every: 1m, at: 2027-01-01T00:00:00Z } }") == [
        "2:22: a timer has exactly one of cron, every and at; got every and at"
      ])
    #expect(
      triggerFaults("{ timer: {} }") == [
        "2:22: a timer has exactly one of cron, every and at; got none"
      ])
    #expect(
      triggerFaults("{ timer: { evry: 1m } }") == [
        "2:24: unknown key 'evry' in 'triggers.timer' (did you mean 'every'?)"
      ])
    #expect(
      triggerFaults("{ timer: 30s }") == [
        "2:22: 'timer': expected a mapping of cron, every, at, timezone, missed, got '30s'"
      ])
  }

  @Test func `a trigger is one mapping`() {
    #expect(
      triggerFaults("payments") == [
        "2:13: a trigger is one of 'queue: NAME', 'timer: { … }' and 'http: METHOD /path'; "
          + "got 'payments'"
      ])
    #expect(
      triggerFaults("{}") == ["2:13: a trigger has exactly one of queue, timer and http; got none"])
    #expect(
      triggerFaults("{ qeue: a }") == [
        "2:15: unknown key 'qeue' in 'triggers' (did you mean 'queue'?)"
      ])
    #expect(
      triggerFaults("{ queue: [a] }") == ["2:22: 'queue': expected a queue's name, got a list"])
    #expect(
      mistakes(read("function: f\ntriggers: { queue: a }")) == [
        "a.yaml:2:11: 'triggers': expected a list such as [{ queue: payments }], got a mapping"
      ])
    let many = (1...51).map { "{ queue: q\($0) }" }
    #expect(triggerFaults(many.dropLast().joined(separator: ", ")).isEmpty)
    #expect(
      triggerFaults(many.joined(separator: ", ")) == [
        "2:11: 'triggers' must have 1…50 entries; got 51"
      ])
  }
}

struct RouteFormTests {
  @Test(arguments: [
    "GET /", "POST /payments/{orderId}", "PUT /files/{rest...}", "PATCH /a.b/~c/x:y@z",
    "DELETE /a/{b}/c/{d}", "GET    /spaced",
  ])
  func `a route is a method and a path`(text: String) throws {
    let words = text.split(separator: " ").map(String.init)
    #expect(
      try triggers("  - http: \(text)") == [.http(HTTPRoute(method: words[0], pattern: words[1]))])
  }

  @Test(arguments: [
    ("HEAD /", "HEAD is answered by the route of GET; write that one"),
    ("OPTIONS /", "OPTIONS is answered by the host; the methods are GET, POST, PUT, PATCH, DELETE"),
    ("CONNECT /", "CONNECT is not for functions; the methods are GET, POST, PUT, PATCH, DELETE"),
    ("TRACE /", "TRACE is not for functions; the methods are GET, POST, PUT, PATCH, DELETE"),
    ("post /", "unknown method 'post' (did you mean 'POST'?)"),
    ("LISTEN /", "unknown method 'LISTEN'; the methods are GET, POST, PUT, PATCH, DELETE"),
    ("GET a", "a path begins with '/'; got 'a'"),
    ("GET /a/", "a path has no empty segment and no '/' at its end"),
    ("GET //a", "a path has no empty segment and no '/' at its end"),
    ("GET /a/../b", "a path has no '..' in it"),
    ("GET /{a}/{a}", "'{a}' stands twice in /{a}/{a}"),
    ("GET /{r...}/a", "'{r...}' must come last"),
    ("GET /{}", "'{}' is no parameter; write one such as {orderId} or {rest...}"),
    ("GET /{...}", "'{...}' is no parameter; write one such as {orderId} or {rest...}"),
    ("GET /{a-b}", "'{a-b}' is no parameter; write one such as {orderId} or {rest...}"),
    ("GET /{a}.json", "a parameter fills a whole segment, unlike '{a}.json'"),
    ("GET /{a", "a parameter fills a whole segment, unlike '{a'"),
    (
      "GET /a?b=c",
      "'a?b=c' has a character that paths do not have; letters, digits and -._~!$&'()*+,;=:@ are "
        + "fine"
    ),
  ])
  func `a route that no request could match is refused`(text: String, fault: String) {
    let found = mistakes(read("function: f\ntriggers:\n  - http: \(text)"))
    #expect(found == ["a.yaml:3:11: 'http': \(fault)"])
  }

  @Test func `a method without a path is no route`() {
    #expect(
      triggerFaults("{ http: /a }") == [
        "2:21: 'http': expected a route such as POST /payments/{orderId}, got '/a'"
      ])
  }

  @Test func `paths have limits`() {
    let segments = String(repeating: "/a", count: 64)
    #expect(RouteForm.fault(ofPattern: segments) == nil)
    #expect(RouteForm.fault(ofPattern: segments + "/a") == "a path has at most 64 segments")
    let long = "/" + String(repeating: "a", count: 1023)
    #expect(RouteForm.fault(ofPattern: long) == nil)
    #expect(RouteForm.fault(ofPattern: long + "a") == "a path has at most 1024 bytes")
    let name = String(repeating: "a", count: 64)
    #expect(RouteForm.fault(ofPattern: "/{\(name)}") == nil)
    #expect(RouteForm.fault(ofPattern: "/{\(name)a}") != nil)
  }
}
