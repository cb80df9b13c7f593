// Why a certificate cannot be served, or a conversation was not begun, in words that name the file
// and the remedy. Never a word of a key.

import NIOSSL

package enum TLSFault: Error, Equatable, CustomStringConvertible {
  case unreadable(path: String, reason: String)
  case keyOpenToOthers(path: String, mode: String)
  case noCertificate(path: String)
  case noKey(path: String, reason: String)
  case mismatch(certificate: String, key: String)
  case expired(path: String, at: String)
  case notYetValid(path: String, from: String)
  case refused(path: String, reason: String)

  package var description: String {
    switch self {
    case .unreadable(let path, let reason): "\(path): cannot be read: \(reason)"
    case .keyOpenToOthers(let path, let mode):
      "\(path) holds a private key and others may read it (mode 0\(mode)); run: chmod o= \(path)"
    case .noCertificate(let path):
      "\(path): holds no certificate; it must be PEM, the host's own certificate first"
    case .noKey(let path, let reason):
      "\(path): holds no private key that can be used: \(reason); it must be PEM, without a passphrase"
    case .mismatch(let certificate, let key):
      "\(key) is not the key of the first certificate in \(certificate); give the two that belong together"
    case .expired(let path, let at): "\(path): the certificate expired at \(at); renew it"
    case .notYetValid(let path, let from):
      "\(path): the certificate is valid from \(from) only; is the clock of this machine right?"
    case .refused(let path, let reason): "\(path): the certificate cannot be used: \(reason)"
    }
  }

  /// An error of the library without its source files and numbers.
  static func words(for error: any Error) -> String {
    switch error {
    case NIOSSLError.handshakeFailed(let inner): words(for: inner)
    case NIOSSLError.uncleanShutdown: "the connection was cut"
    case BoringSSLError.sslError(let stack), BoringSSLError.unknownError(let stack):
      stack.map { words(ofReason: "\($0)") }.joined(separator: ", ")
    case let error as NIOSSLExtraError where error == .failedToValidateHostname:
      "the certificate is for other names"
    default: "\(error)"
    }
  }

  /// Of `Error: 268435581 error:1000007d:SSL routines:OPENSSL_internal:CERTIFICATE_VERIFY_FAILED at …`
  /// the reason.
  private static func words(ofReason text: String) -> String {
    let parts = text.split(separator: ":")
    guard parts.count > 4 else { return text }
    return parts[5 - (parts[0] == "Error" ? 0 : 1)].prefix { $0 != " " }.lowercased()
      .replacing("_", with: " ")
  }
}
