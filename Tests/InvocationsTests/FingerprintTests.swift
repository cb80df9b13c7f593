// What counts as the same error, and events mended by an operator.
import Invocations
import Testing

struct FingerprintTests {
  @Test(arguments: [
    ("order ord-9182 has no card", "order # has no card"),
    ("timeout after 350 ms", "timeout after # ms"),
    ("gateway answered 502", "gateway answered 502"),
    ("HTTP 404 for /orders/17", "HTTP 404 for /orders/#"),
    ("no user 8b8e0b3e-7d3c-4f3a-9d4f-0a1b2c3d4e5f.", "no user #."),
    ("at 2026-11-21T03:04:05.678Z it broke", "at # it broke"),
    ("anna@example.com is no customer", "# is no customer"),
    ("expected Int64, got UTF8", "expected Int64, got UTF8"),
    ("ids 1, 2, 3 and 4", "ids # and #"),
    ("deadbeefcafe is unknown", "# is unknown"),
    ("ECONNREFUSED 10.0.0.7:5432", "ECONNREFUSED #"),
    ("signal 4 (SIGILL)", "signal 4 (SIGILL)"),
    ("no value at 'data.amount'", "no value at 'data.amount'"),
    ("", ""),
  ])
  func `numbers, ids, times and addresses do not count`(_ message: String, _ pattern: String) {
    #expect(ErrorPattern.text(of: message) == pattern)
  }

  @Test func `a fingerprint is of code, type and pattern, and is never another one`() {
    let error = ErrorRecord(code: "thrown", message: "order ord-1 has no card", type: "CardError")
    let fingerprint = Fingerprint(of: error)
    // Alarms name it: a change of the rule is a change of every name.
    #expect("\(fingerprint)" == "AAG3ZD5YWC")
    #expect(Fingerprint("\(fingerprint)") == fingerprint)
    #expect(Fingerprint("\(fingerprint)".lowercased()) == fingerprint)
    var other = error
    other.message = "order ord-2000 has no card"
    #expect(Fingerprint(of: other) == fingerprint)
    other.type = "OtherError"
    #expect(Fingerprint(of: other) != fingerprint)
    #expect(Fingerprint("short") == nil)
    #expect(Fingerprint("UUUUUUUUUU") == nil)
  }

  @Test func `a long message counts to its limit`() {
    let long = String(repeating: "x", count: ErrorPattern.messageBytesMax)
    let one = ErrorRecord(code: "c", message: long + " one")
    let two = ErrorRecord(code: "c", message: long + " two")
    #expect(Fingerprint(of: one) == Fingerprint(of: two))
    let shorter = ErrorRecord(code: "c", message: String(long.dropLast()) + "y")
    #expect(Fingerprint(of: one) != Fingerprint(of: shorter))
  }
}

struct MendingTests {
  private func mended(_ data: String, _ fields: (String, String)...) throws -> String {
    let event = Event(id: "old", source: "s", type: "t", data: Array(data.utf8))
    let mending = try Mending(fields.map { HTTPCall.Field(name: $0.0, value: $0.1) })
    return String(decoding: try mending.mend(event, as: "new").data, as: UTF8.self)
  }

  @Test func `members are set, and the rest stays as it was written`() throws {
    #expect(
      try mended(#"{"card": "x" , "n":1.50}"#, ("data.card", "tok_2"))
        == #"{"card": "tok_2" , "n":1.50}"#)
    #expect(try mended(#"{"n":1}"#, ("data.n", "2")) == #"{"n":2}"#)
    // What was text stays text.
    #expect(try mended(#"{"card":"0000"}"#, ("data.card", "4242")) == #"{"card":"4242"}"#)
    #expect(try mended(#"{"a":{"b":"x"}}"#, ("data.a.b", "true")) == #"{"a":{"b":"true"}}"#)
    #expect(try mended(#"{"card":"0000"}"#, ("data.card", "null")) == #"{"card":null}"#)
    #expect(try mended(#"{"new":1}"#, ("data.card", "4242")) == #"{"new":1,"card":4242}"#)
    #expect(try mended(#"{"n":1}"#, ("data.n", #""2""#)) == #"{"n":"2"}"#)
    #expect(try mended(#"{"a":{"b":[1,{}]}}"#, ("data.a.b", "null")) == #"{"a":{"b":null}}"#)
    #expect(try mended(#"{}"#, ("data.new", "true")) == #"{"new":true}"#)
    #expect(
      try mended(#"{"a":{}}"#, ("data.a.b", "x"), ("data.c", "1")) == #"{"a":{"b":"x"},"c":1}"#)
  }

  @Test func `the new event names the old one`() throws {
    let event = Event(
      id: "old", source: "s", type: "t", time: "2026-11-21T00:00:00Z", data: Array("{}".utf8))
    let mending = try Mending([HTTPCall.Field(name: "data.a", value: "1")])
    let mended = try mending.mend(event, as: "new")
    #expect(mended.id == "new")
    #expect(mended[extension: Mending.attribute] == "old")
    #expect(mended.time == nil)
    #expect(mended.source == "s" && mended.type == "t")
  }

  @Test func `what cannot be set is said`() throws {
    #expect(throws: Mending.Fault.self) { try mended("[1]", ("data.a", "1")) }
    #expect(throws: Mending.Fault.self) { try mended(#"{"a":1}"#, ("data.a.b", "1")) }
    #expect(throws: Mending.Fault.self) { try mended(#"{}"#, ("data.a.b", "1")) }
    #expect(throws: Mending.Fault.self) { try mended(#"{}"#, ("subject", "1")) }
    #expect(throws: Mending.Fault.self) { try mended(#"{}"#, ("data", "1")) }
    let many = (0...Mending.membersMax).map { HTTPCall.Field(name: "data.m\($0)", value: "1") }
    #expect(throws: Mending.Fault.self) { try Mending(many) }
    #expect(try Mending(many.dropLast()).isEmpty == false)
  }
}
