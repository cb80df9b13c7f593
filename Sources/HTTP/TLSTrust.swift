// Whom a client believes: the authorities of the system, or those of one file. The name is always
// checked; there is no way to do without.

import Glibc
import NIOSSL

package enum TLSTrust: Sendable, Equatable {
  case system
  /// PEM, one authority or many.
  case authorities(path: String)

  func context() throws(HTTPClientFault) -> NIOSSLContext {
    var settings = TLSConfiguration.makeClientConfiguration()
    settings.minimumTLSVersion = .tlsv12
    settings.applicationProtocols = ["http/1.1"]
    if case .authorities(let path) = self {
      guard access(path, R_OK) == 0 else {
        throw .badAuthorities(path: path, reason: String(cString: strerror(errno)))
      }
      do {
        let authorities = try NIOSSLCertificate.fromPEMFile(path)
        settings.trustRoots = .certificates(authorities)
      } catch {
        throw .badAuthorities(path: path, reason: "holds no certificates in PEM")
      }
    }
    do { return try NIOSSLContext(configuration: settings) } catch {
      throw .unreachable(address: "TLS", reason: TLSFault.words(for: error))
    }
  }
}
