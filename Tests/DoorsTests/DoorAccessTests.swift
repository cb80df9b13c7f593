// Who may call the control door: the operator's token, scoped ones, and those whom nobody asks.

import EventLoop
import HTTP
import Invocations
import TestSupport
import Testing

@testable import Doors

@LoopActor
struct DoorAccessTests {
  private let clocks = ManualClocks()

  private func book(_ scopes: Set<Scope> = [.read], for duration: Duration? = nil) throws
    -> (TokenBook, String)
  {
    var book = TokenBook()
    let text = try book.create(
      "ci", scopes, at: clocks.wall, until: duration.map { clocks.wall + $0 })
    return (book, text.text)
  }

  private func word(
    _ access: DoorAccess, _ fields: String..., unixSocket: Bool = false
  ) -> String {
    let headers = HTTPFields(fields.map { ("Authorization", $0) })
    switch access.bearer(headers, isUnixSocket: unixSocket) {
    case .success(.unasked): return "unasked"
    case .success(.passerBy): return "passer-by"
    case .success(.operatorToken): return "operator"
    case .success(.token(let token)): return token.name
    case .failure(let denial): return denial.reason.rawValue
    }
  }

  @Test func `the operator's token opens, whatever its scheme's letters and spaces`() {
    let access = DoorAccess(operatorToken: "s3cret", clocks: clocks)
    for given in ["Bearer s3cret", "bearer  s3cret", "BEARER s3cret"] {
      #expect(word(access, given) == "operator", "\(given)")
    }
    for given in ["Bearer s3cre", "Bearer s3crets", "s3cret", "Basic s3cret", "Bearer", "Bearer "] {
      #expect(word(access, given) == "unknown", "\(given)")
    }
    #expect(word(access, "Bearer s3cret", "Bearer wrong") == "unknown")
    #expect(word(access) == "missing")
    #expect(word(access, unixSocket: true) == "missing")
  }

  @Test func `nobody is asked until a token exists, and then everybody over TCP`() throws {
    let access = DoorAccess(operatorToken: nil, clocks: clocks)
    #expect(word(access) == "passer-by" && word(access, "Bearer any") == "passer-by")
    #expect(word(access, unixSocket: true) == "unasked")
    let (book, text) = try book()
    access.replace(book)
    #expect(word(access) == "missing" && word(access, "Bearer any") == "unknown")
    #expect(word(access, "Bearer \(text)") == "ci")
    #expect(word(access, unixSocket: true) == "unasked")
    // A token that is shown is looked at, wherever.
    #expect(word(access, "Bearer \(text)", unixSocket: true) == "ci")
    #expect(word(access, "Bearer any", unixSocket: true) == "unknown")
  }

  @Test func `a door off loopback asks even when there is no token`() {
    let access = DoorAccess(operatorToken: nil, isExposed: true, clocks: clocks)
    #expect(word(access) == "missing" && word(access, "Bearer any") == "unknown")
  }

  @Test func `a revoked or expired token opens nothing, and the door stays shut`() throws {
    let access = DoorAccess(operatorToken: nil, clocks: clocks)
    var (book, text) = try book(for: .seconds(60))
    access.replace(book)
    clocks.advance(by: .milliseconds(59_999))
    #expect(word(access, "Bearer \(text)") == "ci")
    clocks.advance(by: .milliseconds(1))
    #expect(word(access, "Bearer \(text)") == "expired")
    _ = try book.revoke("ci", at: clocks.wall)
    access.replace(book)
    #expect(word(access, "Bearer \(text)") == "revoked" && word(access) == "missing")
  }

  @Test func `a door that has asked goes on asking when the tokens are gone`() throws {
    let access = DoorAccess(operatorToken: nil, clocks: clocks)
    let (book, text) = try book()
    access.replace(book)
    access.replace(TokenBook())
    #expect(word(access) == "missing" && word(access, "Bearer \(text)") == "unknown")
    #expect(word(access, unixSocket: true) == "unasked")
    #expect(word(access, "Bearer \(text)", unixSocket: true) == "unknown")
    access.replace(book)
    #expect(word(access, "Bearer \(text)") == "ci")
  }

  @Test func `the right id with another secret is nobody's token`() throws {
    let access = DoorAccess(operatorToken: nil, clocks: clocks)
    let (book, text) = try book()
    access.replace(book)
    let last = text.last == "A" ? "B" : "A"
    #expect(word(access, "Bearer \(text.dropLast())\(last)") == "unknown")
    #expect(word(access, "Bearer \(text) ") == "unknown")
  }

  @Test func `a scope opens its own calls and no other`() throws {
    for scope in Scope.allCases {
      let (book, _) = try book([scope])
      let bearer = Bearer.token(try #require(book.tokens.first))
      for other in Scope.allCases { #expect(bearer.may(other) == (other == scope)) }
    }
    for scope in Scope.allCases {
      #expect(Bearer.operatorToken.may(scope) && Bearer.unasked.may(scope))
      // A release is a program that runs as the host's user.
      #expect(Bearer.passerBy.may(scope) == (scope != .deploy))
    }
  }

  @Test func `of a flood of refusals some are told, and all are counted`() throws {
    let access = DoorAccess(operatorToken: "s3cret", clocks: clocks)
    var notices: [AccessNotice] = []
    access.notice = { notices.append($0) }
    let call = "GET /" + String(repeating: "x", count: 500)
    for _ in 1...1_000 { _ = access.denied(.init(.unknown), call: call, peer: "10.0.0.1") }
    #expect(notices.count == DoorAccess.noticesMax && notices.allSatisfy { $0.untold == 0 })
    #expect(notices.allSatisfy { $0.call.count == 120 })
    clocks.advance(by: .seconds(60))
    _ = access.denied(.init(.missing), call: "GET /metrics", peer: nil)
    #expect(notices.last?.untold == 990 && notices.last?.reason == .missing)
    #expect(access.refusals == [.unknown: 1_000, .missing: 1])
  }

  @Test func `a use is noted once a minute`() throws {
    let access = DoorAccess(operatorToken: nil, clocks: clocks)
    let (book, text) = try book()
    access.replace(book)
    #expect(!access.hasNewUses)
    _ = word(access, "Bearer \(text)")
    #expect(access.hasNewUses && access.takeUses().times.count == 1)
    _ = word(access, "Bearer \(text)")
    #expect(!access.hasNewUses)
  }
}

struct CallTableTests {
  @Test func `every call has its scope, and only probes have none`() {
    let open = Call.all.filter { $0.access.contains { $0.access == .anybody } }.map(\.path)
    #expect(open == ["/healthz", "/readyz"])
    #expect(Set(Call.all.map(\.path)).count == Call.all.count)
    for form in Call.all {
      for (method, access) in form.access {
        // What changes something is never a reader's.
        if method != "GET" { #expect(access != .holders(of: .read), "\(method) \(form.path)") }
        // A path finds its own form, whatever stands in the place of its names.
        let path = form.path.split(separator: "/").map { $0.hasPrefix("{") ? "x" : String($0) }
        #expect(Call.form(for: path)?.path == form.path)
        #expect(Call.form(for: path)?.access(for: method) == access)
      }
    }
  }

  @Test func `what is not in the table is not there`() {
    for path in [
      [], ["v1"], ["v1", "x"], ["v2", "queues"], ["v1", "queues", "a", "b"], ["", ""],
    ] {
      #expect(Call.form(for: path) == nil, "\(path)")
    }
    #expect(Call.form(for: ["v1", "queues", "q", "messages", "more"]) == nil)
    #expect(Call.form(for: ["v1", "queues"])?.access(for: "HEAD") == .holders(of: .read))
    #expect(Call.form(for: ["v1", "queues"])?.access(for: "POST") == nil)
    #expect(Call.form(for: ["v1", "dead-letters", "purge"])?.methods == ["POST"])
  }
}
