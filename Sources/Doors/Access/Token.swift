// A token of the control door: 32 random bytes that its holder shows, of which only the digest is
// kept. A digest without salt or slowness is enough: nobody can try their way through 2^256 values.

import Digests
import EventSources
package import Invocations

/// What a token may be used for; no scope contains another.
package enum Scope: String, Sendable, CaseIterable, Comparable {
  /// Events, messages and invocations in.
  case ingest
  /// Everything there is to see: the record with its events, the stream, the metrics.
  case read
  /// What changes work: pause, retry, cancel, redrive, purge, fire, abort.
  case operate
  /// Releases and executables.
  case deploy

  package static func < (left: Self, right: Self) -> Bool {
    allCases.firstIndex(of: left) ?? 0 < allCases.firstIndex(of: right) ?? 0
  }
}

package struct Token: Sendable, Equatable {
  /// Such as `apus_k3f9x2m4`: named in logs, on record and by a revocation.
  ///
  /// It is no secret.
  package var id: String
  /// Unique among the tokens that are not revoked.
  package var name: String
  package var scopes: Set<Scope>
  /// SHA-256 of the whole token.
  package var digest: [UInt8]
  package var createdAt: WallTime
  package var expiresAt: WallTime?
  package var revokedAt: WallTime?

  /// As it goes on record: `nightly-ci (apus_k3f9x2m4)`.
  package var title: String { "\(name) (\(id))" }

  package func isLive(at now: WallTime) -> Bool {
    revokedAt == nil && expiresAt.map { now < $0 } ?? true
  }

  func isShown(by digest: [UInt8]) -> Bool { isEqualInConstantTime(digest, self.digest) }

  /// A name has 1 to 64 characters of these.
  package static func isName(_ text: String) -> Bool {
    (1...64).contains(text.utf8.count)
      && text.utf8.allSatisfy {
        switch $0 {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
        default: ".-_@".utf8.contains($0)
        }
      }
  }
}

/// What the holder of a token shows: `apus_`, eight characters of id, `_`, 43 of secret.
package struct TokenText: Sendable {
  package static let prefix = "apus_"
  private static let idDigits = Array("0123456789abcdefghjkmnpqrstvwxyz".utf8)
  private static let idCharacters = 8
  private static let secretCharacters = 43

  package let text: String

  /// A new one: 40 bits of id, 256 of secret.
  package static func make() -> TokenText {
    let id = SecureRandom.bytes(idCharacters).map { idDigits[Int($0 & 31)] }
    return TokenText(
      text: prefix + String(decoding: id, as: UTF8.self) + "_"
        + base64URL(SecureRandom.bytes(32)))
  }

  private init(text: String) { self.text = text }

  /// Nil for what has not the form of a token.
  init?(_ text: some StringProtocol) {
    let bytes = Array(text.utf8)
    let idEnd = Self.prefix.utf8.count + Self.idCharacters
    guard text.hasPrefix(Self.prefix), bytes.count == idEnd + 1 + Self.secretCharacters,
      bytes[Self.prefix.utf8.count..<idEnd].allSatisfy(Self.idDigits.contains),
      bytes[idEnd] == UInt8(ascii: "_"),
      bytes[(idEnd + 1)...].allSatisfy(Self.isSecretDigit)
    else { return nil }
    self.text = String(text)
  }

  private static func isSecretDigit(_ byte: UInt8) -> Bool {
    switch byte {
    case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
    default: byte == UInt8(ascii: "-") || byte == UInt8(ascii: "_")
    }
  }

  package var id: String { String(text.prefix(Self.prefix.count + Self.idCharacters)) }
  package var digest: [UInt8] { SHA256.digest(of: Array(text.utf8)) }

  /// RFC 4648 §5, without padding.
  private static func base64URL(_ bytes: [UInt8]) -> String {
    Base64.encoded(bytes).replacing("+", with: "-").replacing("/", with: "_").replacing(
      "=", with: "")
  }
}
