// All tokens there are, as the token file has them. What is revoked stays, so that the record's names
// can be looked up and the door never opens because its last token went.

import Digests
package import Invocations
import Schedules

package struct TokenBook: Sendable, Equatable {
  /// Not revoked, at once.
  package static let tokensMax = 256
  /// Revoked ones that are kept; the oldest go first.
  package static let revokedMax = 256

  package private(set) var tokens: [Token] = []

  package init() {}

  package var isEmpty: Bool { tokens.isEmpty }

  package subscript(id: String) -> Token? { tokens.first { $0.id == id } }

  package func hasLiveToken(at now: WallTime) -> Bool { tokens.contains { $0.isLive(at: now) } }

  /// Those that open doors now.
  package func liveIDs(at now: WallTime) -> Set<String> {
    Set(tokens.lazy.filter { $0.isLive(at: now) }.map(\.id))
  }

  // MARK: Changes

  /// The text is shown once, and kept by nobody here.
  package mutating func create(
    _ name: String, _ scopes: Set<Scope>, at now: WallTime, until: WallTime?
  ) throws(TokenFault) -> TokenText {
    guard Token.isName(name) else { throw .badName(name) }
    guard !scopes.isEmpty else { throw .noScope }
    let standing = tokens.filter { $0.revokedAt == nil }
    guard !standing.contains(where: { $0.name == name }) else { throw .nameTaken(name) }
    guard standing.count < Self.tokensMax else { throw .tooMany(max: Self.tokensMax) }
    var text = TokenText.make()
    while self[text.id] != nil { text = TokenText.make() }
    tokens.append(
      Token(
        id: text.id, name: name, scopes: scopes, digest: text.digest, createdAt: now,
        expiresAt: until))
    return text
  }

  /// By id, or by the name of one that is not revoked.
  package mutating func revoke(_ word: String, at now: WallTime) throws(TokenFault) -> Token {
    guard
      let place = tokens.firstIndex(where: { $0.id == word })
        ?? tokens.firstIndex(where: { $0.name == word && $0.revokedAt == nil })
        ?? tokens.lastIndex(where: { $0.name == word })
    else { throw .unknown(word) }
    if let time = tokens[place].revokedAt {
      throw .alreadyRevoked(tokens[place].title, at: time)
    }
    tokens[place].revokedAt = now
    let revoked = tokens[place]
    prune()
    return revoked
  }

  private mutating func prune() {
    let revoked = tokens.filter { $0.revokedAt != nil }.sorted {
      ($0.revokedAt ?? .distantFuture) > ($1.revokedAt ?? .distantFuture)
    }
    let gone = Set(revoked.dropFirst(Self.revokedMax).map(\.id))
    tokens.removeAll { gone.contains($0.id) }
  }

  // MARK: The file's text

  package var bytes: [UInt8] {
    var json = JSONWriter()
    json.object { json in
      json.field("version", 1)
      json.array("tokens") { json in for token in tokens { json.token(token) } }
    }
    return json.bytes + [UInt8(ascii: "\n")]
  }

  package init(_ bytes: [UInt8]) throws(TokenFault) {
    do {
      try JSONScanner.validate(bytes)
      for (name, value) in try JSONScanner.members(of: bytes) {
        switch name {
        case "version" where value.text == "1": break
        case "tokens":
          for token in try JSONScanner.elements(of: Array(value.bytes)) {
            tokens.append(try Self.token(Array(token.bytes)))
          }
        default: throw TokenFault.unreadable("'\(name)' is not of this version")
        }
      }
    } catch let fault as TokenFault {
      throw fault
    } catch {
      throw .unreadable("\(error)")
    }
  }

  private static func token(_ bytes: [UInt8]) throws -> Token {
    var texts: [String: String] = [:]
    var scopes: Set<Scope> = []
    for (name, value) in try JSONScanner.members(of: bytes) {
      if name == "scopes" {
        for element in try JSONScanner.elements(of: Array(value.bytes)) {
          guard let scope = element.string.flatMap(Scope.init) else {
            throw TokenFault.unreadable("'\(element.text ?? "")' is no scope of this version")
          }
          scopes.insert(scope)
        }
      } else {
        texts[name] = value.string
      }
    }
    guard let id = texts["id"], let name = texts["name"], !scopes.isEmpty,
      let digest = texts["sha256"].flatMap({ Hexadecimal.decoded($0) }),
      digest.count == SHA256.byteCount, let createdAt = try time(texts["createdAt"])
    else { throw TokenFault.unreadable("a token lacks a member, or has a bad one") }
    return Token(
      id: id, name: name, scopes: scopes, digest: digest, createdAt: createdAt,
      expiresAt: try time(texts["expiresAt"]), revokedAt: try time(texts["revokedAt"]))
  }

  private static func time(_ text: String?) throws -> WallTime? {
    try text.map { WallTime(milliseconds: try CivilTime.parseRFC3339($0)) }
  }
}

extension JSONWriter {
  fileprivate mutating func token(_ token: Token) {
    object { json in
      json.field("id", token.id)
      json.field("name", token.name)
      json.field("scopes", token.scopes.sorted().map(\.rawValue))
      json.field("sha256", Hexadecimal.encoded(token.digest))
      json.field("createdAt", token.createdAt)
      if let time = token.expiresAt { json.field("expiresAt", time) }
      if let time = token.revokedAt { json.field("revokedAt", time) }
    }
  }
}

package enum TokenFault: Error, Equatable, CustomStringConvertible {
  case badName(String)
  case noScope
  case nameTaken(String)
  case tooMany(max: Int)
  case unknown(String)
  case alreadyRevoked(String, at: WallTime)
  case unreadable(String)
  case openToOthers(path: String, mode: String)
  case file(path: String, reason: String)

  package var description: String { remedy.isEmpty ? problem : "\(problem); \(remedy)" }

  /// What to do about it; empty where the problem says so.
  package var remedy: String {
    switch self {
    case .unreadable:
      "put back a sound copy, or move the file away and make the tokens anew with "
        + "`apus tokens create NAME --scope …`"
    case .openToOthers(let path, _): "run: chmod 600 \(path)"
    default: ""
    }
  }

  package var problem: String {
    switch self {
    case .badName(let name):
      "'\(name)' cannot name a token: it has 1 to 64 letters, digits or . - _ @"
    case .noScope:
      "a token needs a scope: \(Scope.allCases.map(\.rawValue).joined(separator: ", "))"
    case .nameTaken(let name): "there is a token '\(name)' already: revoke it, or take another name"
    case .tooMany(let max): "\(max) tokens exist, which is all there may be: revoke one"
    case .unknown(let word): "there is no token '\(word)'; `apus tokens list` shows those there are"
    case .alreadyRevoked(let title, let time): "\(title) was revoked at \(time.text)"
    case .unreadable(let reason): "the tokens cannot be read: \(reason)"
    case .openToOthers(let path, let mode):
      "\(path) says who may do what and others may reach it (mode 0\(mode))"
    case .file(let path, let reason): "\(path): \(reason)"
    }
  }
}
