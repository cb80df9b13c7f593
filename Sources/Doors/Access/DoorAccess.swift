// Who asks at the control door, and what they may: the operator's token, scoped ones, and those whom
// nobody asks. One for both of its doors; the tokens are read elsewhere and handed in. It counts who is
// turned away, and tells of so many only.

import Digests
package import EventLoop
import HTTP
package import Invocations

/// Who made a call.
enum Bearer: Sendable, Equatable {
  /// Nobody was asked: the socket is the file system's to guard, or the call is for anybody.
  case unasked
  /// Whoever reaches a TCP door on loopback while no token exists: any user of this machine.
  case passerBy
  /// With APUS_TOKEN, which may do everything.
  case operatorToken
  case token(Token)

  /// As it goes on record; nil where only a claim can say who it is.
  var name: String? {
    if case .token(let token) = self { token.title } else { nil }
  }

  func may(_ scope: Scope) -> Bool {
    switch self {
    case .unasked, .operatorToken: true
    // A release is a program that runs as the host's user, root perhaps.
    case .passerBy: scope != .deploy
    case .token(let token): token.scopes.contains(scope)
    }
  }
}

/// Why a call was turned away.
package enum AccessRefusal: String, Sendable, CaseIterable {
  case missing, unknown, expired, revoked, scope, tokenless
}

/// Of calls that were turned away: one, or how many more since.
package struct AccessNotice: Sendable, Equatable {
  package var reason: AccessRefusal
  package var call: String
  package var peer: String?
  /// The token's, where it is one of ours.
  package var token: String?
  /// Others that were not told of, since the last notice.
  package var untold: Int
}

@LoopActor
package final class DoorAccess {
  /// Notices in a minute; the others are counted.
  package static let noticesMax = 10
  private static let noticeWindow = Duration.seconds(60).nanoseconds

  package private(set) var book: TokenBook
  package private(set) var refusals: [AccessRefusal: Int] = [:]
  package var notice: (@LoopActor (AccessNotice) -> Void)?
  /// To the minute, and whether there is something new to write.
  package private(set) var uses: TokenUses
  package private(set) var hasNewUses = false

  private let operatorToken: [UInt8]?
  /// Since the host started: whoever removes a file opens no door with it.
  private var hasHadTokens: Bool
  private let clocks: any Clocks
  /// Not a TCP door on loopback: it asks even when there is no token to show.
  private let isExposed: Bool
  private var windowBegan: UInt64 = 0
  private var noticesLeft = noticesMax
  private var untold = 0

  package init(
    operatorToken: String?, book: TokenBook = TokenBook(), isExposed: Bool = false,
    clocks: any Clocks
  ) {
    self.operatorToken = operatorToken.map { Array($0.utf8) }
    self.book = book
    hasHadTokens = !book.isEmpty
    uses = TokenUses()
    self.isExposed = isExposed
    self.clocks = clocks
  }

  /// From the next call on; `uses` as they were noted by the host before this one.
  package func replace(_ book: TokenBook, uses noted: TokenUses? = nil) {
    self.book = book
    hasHadTokens = hasHadTokens || !book.isEmpty
    if let noted { uses = noted }
    uses.keep(book)
  }

  package func takeUses() -> TokenUses {
    hasNewUses = false
    return uses
  }

  /// Whether a call over TCP has to show a token.
  ///
  /// A revoked one counts, and one whose file is gone: a door does not open because its last token
  /// went.
  package var asksOverTCP: Bool { isExposed || operatorToken != nil || hasHadTokens }

  /// Over the Unix socket the file system has asked already; the operator's token is asked for where
  /// it is set, and a token that is shown is looked at.
  func bearer(
    _ headers: HTTPFields, isUnixSocket: Bool
  ) -> Result<Bearer, Denial> {
    let given = headers.all("Authorization")
    let asks = isUnixSocket ? operatorToken != nil : asksOverTCP
    let unasked = isUnixSocket ? Bearer.unasked : .passerBy
    if given.isEmpty { return asks ? .failure(Denial(.missing)) : .success(unasked) }
    guard given.count == 1, let shown = Self.bearerToken(given[0]) else {
      return .failure(Denial(.unknown))
    }
    if let operatorToken, isEqualInConstantTime(Array(shown.utf8), operatorToken) {
      return .success(.operatorToken)
    }
    if !hasHadTokens && !asks { return .success(unasked) }
    return holder(of: shown)
  }

  private func holder(of shown: Substring) -> Result<Bearer, Denial> {
    guard let text = TokenText(shown), let token = book[text.id], token.isShown(by: text.digest)
    else { return .failure(Denial(.unknown)) }
    let now = clocks.wall
    if token.revokedAt != nil { return .failure(Denial(.revoked, token)) }
    guard token.isLive(at: now) else { return .failure(Denial(.expired, token)) }
    if uses.note(token.id, at: now) { hasNewUses = true }
    return .success(.token(token))
  }

  private static func bearerToken(_ field: String) -> Substring? {
    guard field.prefix(7).lowercased() == "bearer " else { return nil }
    return field.dropFirst(7).drop { $0 == " " }
  }

  // MARK: Turned away

  struct Denial: Error {
    let reason: AccessRefusal
    let token: Token?

    init(_ reason: AccessRefusal, _ token: Token? = nil) {
      self.reason = reason
      self.token = token
    }
  }

  func denied(_ denial: Denial, call: String, peer: String?) -> HTTPProblem {
    note(denial, call, peer)
    let detail =
      switch denial.reason {
      case .missing: "send 'Authorization: Bearer …' with a token of this host or its APUS_TOKEN"
      case .revoked: "\(denial.token?.title ?? "this token") was revoked"
      case .expired: "\(denial.token?.title ?? "this token") has expired"
      case .unknown, .scope, .tokenless:
        "the token that came with the call is not one of this host's"
      }
    return HTTPProblem(
      status: 401, code: "unauthorized", title: "A token is needed", detail: detail,
      headers: HTTPFields([("WWW-Authenticate", "Bearer realm=\"apus\"")]))
  }

  func outOfScope(_ bearer: Bearer, _ scope: Scope, call: String, peer: String?) -> HTTPProblem {
    guard case .token(let token) = bearer else { return tokenless(call, peer) }
    note(Denial(.scope, token), call, peer)
    let has = token.scopes.sorted().map(\.rawValue).joined(separator: ", ")
    return HTTPProblem(
      status: 403, code: "insufficient-scope", title: "The token is not for this",
      detail: "this call needs the scope '\(scope.rawValue)'; \(token.title) has \(has)",
      headers: HTTPFields([
        (
          "WWW-Authenticate",
          "Bearer realm=\"apus\", error=\"insufficient_scope\", scope=\"\(scope.rawValue)\""
        )
      ]))
  }

  private func tokenless(_ call: String, _ peer: String?) -> HTTPProblem {
    note(Denial(.tokenless), call, peer)
    return HTTPProblem(
      status: 403, code: "token-needed", title: "Without a token only over the socket",
      detail:
        "this host has no token, and anybody on its machine reaches this address: releases are "
        + "taken over the socket in its data directory alone. Run the command on the host's machine "
        + "with --data DIR, or make a token with `apus tokens create NAME --scope deploy`")
  }

  private func note(_ denial: Denial, _ call: String, _ peer: String?) {
    refusals[denial.reason, default: 0] += 1
    let now = clocks.monotonic
    if now &- windowBegan >= Self.noticeWindow || windowBegan == 0 {
      windowBegan = max(now, 1)
      noticesLeft = Self.noticesMax
    }
    guard noticesLeft > 0 else {
      untold += 1
      return
    }
    noticesLeft -= 1
    let notice = AccessNotice(
      reason: denial.reason, call: String(call.prefix(Self.callCharactersMax)), peer: peer,
      token: denial.token?.title, untold: untold)
    untold = 0
    self.notice?(notice)
  }

  private static let callCharactersMax = 120
}
