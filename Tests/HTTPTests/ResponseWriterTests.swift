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

  @Test func `a response may have as many fields, and as long ones, as the limits and no more`() {
    func fault(_ count: Int, valueBytes: Int) -> String? {
      let value = String(repeating: "x", count: valueBytes)
      let fields = HTTPFields((0..<count).map { _ in ("N", value) })
      return HTTPResponseHead.fault(status: 200, fields: fields)?.problem.detail
    }
    #expect(fault(200, valueBytes: 1) == nil)
    #expect(fault(201, valueBytes: 1) == "it has 201 header fields; 200 are allowed")
    #expect(fault(1, valueBytes: 65_531) == nil)
    #expect(
      fault(1, valueBytes: 65_532) == "its header fields have 65537 bytes; 65536 are allowed")
  }

  @Test func `the timer looks often enough for the shortest limit`() {
    var limits = HTTPLimits()
    #expect(limits.sweepInterval == .milliseconds(250))
    limits.headerTimeout = .milliseconds(10)
    #expect(limits.sweepInterval == .milliseconds(5))
  }
}
