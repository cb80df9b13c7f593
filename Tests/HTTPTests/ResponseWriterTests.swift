// Pure parts of answering: dates, problems, field names.

import Testing

@testable import HTTP

struct ResponseWriterTests {
  @Test func `dates are as RFC 9110 writes them`() {
    var dates = HTTPDateCache()
    func text(_ second: Int) -> String { String(decoding: dates.date(of: second), as: UTF8.self) }
    #expect(text(784_111_777) == "Sun, 06 Nov 1994 08:49:37 GMT")
    #expect(text(0) == "Thu, 01 Jan 1970 00:00:00 GMT")
    #expect(text(1_709_164_799) == "Wed, 28 Feb 2024 23:59:59 GMT")
    #expect(text(1_709_164_800) == "Thu, 29 Feb 2024 00:00:00 GMT")
  }

  @Test func `a problem is JSON whatever its detail holds`() {
    let problem = HTTPProblem(
      status: 404, code: "no-route", title: "No route", detail: "\"\\\n\u{1}ä")
    #expect(
      String(decoding: problem.json, as: UTF8.self)
        == #"{"type":"urn:apus:problem:no-route","title":"No route","status":404,"#
        + #""detail":"\"\\\n\u0001ä","code":"no-route"}"#)
  }

  @Test func `field names are found in any case and order is kept`() {
    var fields = HTTPFields([("Set-Cookie", "a"), ("X", "b")])
    fields.append("SET-COOKIE", "c")
    #expect(fields[first: "set-cookie"] == "a")
    #expect(fields.all("Set-Cookie") == ["a", "c"])
    #expect(fields[first: "y"] == nil)
  }

  @Test func `the timer looks often enough for the shortest limit`() {
    var limits = HTTPLimits()
    #expect(limits.sweepInterval == .milliseconds(250))
    limits.headerTimeout = .milliseconds(10)
    #expect(limits.sweepInterval == .milliseconds(5))
  }
}
