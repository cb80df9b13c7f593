// What the doctor finds at a host's doors: tokens and certificates.
import ArgumentParser
import Doors
import Invocations
import Records
import Testing
@testable import ApusCommand

extension DoctorTests {
  func doors(_ control: String) -> HostWord {
    let doors = #"{"doors":[{"door":"function"},{"door":"control",\#(control)}]}"#
    return .answering(
      HostAnswers(functions: [Answer(#"{"name":"charge"}"#)], itself: Answer(doors)))
  }

  @Test func `a control door that asks for no token is a note, one that does is none`() throws {
    let address = #""address":"http://127.0.0.1:7070""#
    let open = try #require(findings(host: doors(#"\#(address),"asksForToken":false"#)).first)
    #expect(open.severity == .note && open.code == "door-open")
    #expect(open.message.contains("http://127.0.0.1:7070 asks for no token"))
    #expect(open.remedy.hasPrefix("make one with apus tokens create"))
    #expect(findings(host: doors(#"\#(address),"asksForToken":true"#)).first?.severity == .ok)
    #expect(findings(host: doors(#""x":1"#)).first?.severity == .ok)  // an older host
  }

  @Test func `a certificate is found two weeks before its end, and after it`() throws {
    func found(_ left: Int, rejected: String? = nil) throws -> [Finding] {
      let end = TimeWords.instant(now + .seconds(left))
      let fault = rejected.map { "\"\($0)\"" } ?? "null"
      return findings(
        host: doors(
          #""certificate":{"file":"/c.pem","expiresAt":"\#(end)","rejected":\#(fault)}"#))
    }
    let day = 86_400
    #expect(try found(14 * day + 1).map(\.severity) == [.ok])
    let ending = try #require(try found(14 * day).first)
    #expect(ending.severity == .warning && ending.code == "certificate-ending")
    #expect(
      ending.message == "the certificate of the control door, /c.pem, expires in 14d", "\(ending)")
    let expired = try #require(try found(0).first)
    #expect(expired.severity == .problem && expired.code == "certificate-expired")
    #expect(
      expired.message == "the certificate of the control door, /c.pem, expired at "
        + "2027-01-15T08:00:00.000Z: nobody who checks it comes in")
    #expect(expired.remedy.hasPrefix("renew it"))
    let both = try found(day, rejected: "a pair that does not fit")
    #expect(both.map(\.code) == ["certificate-rejected", "certificate-ending"])
    #expect(both.first?.message.contains("a pair that does not fit") == true)
  }

  @Test func `tokens that cannot be read are a problem, expired ones are named`() throws {
    var examination = Examination(sound, now: now)
    examination.tokens = .failure(.openToOthers(path: "/t", mode: "644"))
    let fault = try #require(examination.findings.first)
    #expect(fault.severity == .problem && fault.code == "tokens-unreadable")
    #expect(fault.message.hasSuffix("(mode 0644); no host starts here"))
    #expect(fault.remedy == "run: chmod 600 /t")
    var book = TokenBook()
    for index in 1...7 {
      _ = try book.create("t\(index)", [.read], at: now + .seconds(-60), until: now)
    }
    _ = try book.create("live", [.read], at: now, until: now + .seconds(1))
    _ = try book.revoke("t7", at: now)
    examination.tokens = .success(book)
    let expired = try #require(examination.findings.first)
    #expect(expired.severity == .note && expired.code == "tokens-expired")
    #expect(expired.message.contains("t1 (apus_") && expired.message.hasSuffix(" and 1 more"))
    examination.tokens = .success(TokenBook())
    #expect(examination.findings.first?.severity == .ok)
  }
}
