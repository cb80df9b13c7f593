// Who a door says it is: a certificate chain and its key, read from files and checked before anybody
// is served with them. Reading blocks: not for the loop's thread.

import Glibc
import NIOSSL

/// The files, as the operator named them.
package struct TLSFiles: Sendable, Equatable {
  package var certificate: String
  package var key: String

  package init(certificate: String, key: String) {
    self.certificate = certificate
    self.key = key
  }
}

package struct TLSIdentity: Sendable {
  let context: NIOSSLContext
  /// The names and addresses the certificate is for.
  package let names: [String]
  /// Seconds since 1970.
  package let validFrom: Int
  package let validUntil: Int

  /// Larger files are no certificates.
  package static let fileBytesMax = 1 << 20

  /// `now` in seconds since 1970; `moment` writes one for people.
  package static func load(
    _ files: TLSFiles, now: Int, moment: (Int) -> String
  ) throws(TLSFault) -> TLSIdentity {
    let chain = try certificates(files.certificate)
    guard let own = chain.first else { throw .noCertificate(path: files.certificate) }
    let key = try privateKey(files.key)
    let (from, until) = (Int(own.notValidBefore), Int(own.notValidAfter))
    if now >= until { throw .expired(path: files.certificate, at: moment(until)) }
    if now < from { throw .notYetValid(path: files.certificate, from: moment(from)) }
    return TLSIdentity(
      context: try context(chain, key, files), names: names(of: own), validFrom: from,
      validUntil: until)
  }

  private static func context(
    _ chain: [NIOSSLCertificate], _ key: NIOSSLPrivateKey, _ files: TLSFiles
  ) throws(TLSFault) -> NIOSSLContext {
    var settings = TLSConfiguration.makeServerConfiguration(
      certificateChain: chain.map { .certificate($0) }, privateKey: .privateKey(key))
    settings.minimumTLSVersion = .tlsv12
    settings.applicationProtocols = ["http/1.1"]
    do {
      return try NIOSSLContext(configuration: settings)
    } catch {
      // The library says of a pair that does not belong together that its key cannot be loaded.
      if case NIOSSLError.failedToLoadPrivateKey = error {
        throw .mismatch(certificate: files.certificate, key: files.key)
      }
      let words = TLSFault.words(for: error)
      if words.contains("mismatch") {
        throw .mismatch(certificate: files.certificate, key: files.key)
      }
      throw .refused(path: files.certificate, reason: words)
    }
  }

  private static func certificates(_ path: String) throws(TLSFault) -> [NIOSSLCertificate] {
    let bytes = try read(path) { _ throws(TLSFault) in }
    do { return try NIOSSLCertificate.fromPEMBytes(bytes) } catch {
      throw .noCertificate(path: path)
    }
  }

  private static func privateKey(_ path: String) throws(TLSFault) -> NIOSSLPrivateKey {
    // A group of the system may hold those who may read keys; everybody is nobody's group.
    let bytes = try read(path) { mode throws(TLSFault) in
      if mode & 0o007 != 0 {
        throw .keyOpenToOthers(path: path, mode: String(mode & 0o777, radix: 8))
      }
    }
    do { return try NIOSSLPrivateKey(bytes: bytes, format: .pem) } catch {
      throw .noKey(path: path, reason: TLSFault.words(for: error))
    }
  }

  /// `check` gets the mode of the file that is read, not of one that takes its name meanwhile.
  private static func read(
    _ path: String, check: (mode_t) throws(TLSFault) -> Void
  ) throws(TLSFault) -> [UInt8] {
    // Of a pipe nobody writes to there is nothing to wait for.
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else { throw unreadable(path, errno) }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw unreadable(path, errno) }
    guard status.st_mode & S_IFMT == S_IFREG else {
      throw .unreadable(path: path, reason: "it is no file")
    }
    try check(status.st_mode)
    var bytes = [UInt8](repeating: 0, count: fileBytesMax + 1)
    var count = 0
    while count < bytes.count {
      let more = bytes.withUnsafeMutableBytes { room in
        Glibc.read(descriptor, room.baseAddress.map { $0 + count }, room.count - count)
      }
      if more == 0 { return Array(bytes[..<count]) }
      if more > 0 { count += more } else if errno != EINTR { throw unreadable(path, errno) }
    }
    throw unreadable(path, EFBIG)
  }

  private static func unreadable(_ path: String, _ code: Int32) -> TLSFault {
    .unreadable(path: path, reason: String(cString: strerror(code)))
  }

  private static func names(of certificate: NIOSSLCertificate) -> [String] {
    certificate._subjectAlternativeNames().compactMap { name in
      let bytes = Array(name.contents)
      switch name.nameType {
      case .dnsName: return String(decoding: bytes, as: UTF8.self)
      case .ipAddress: return address(bytes)
      default: return nil
      }
    }
  }

  private static func address(_ bytes: [UInt8]) -> String? {
    guard bytes.count == 4 || bytes.count == 16 else { return nil }
    var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
    let family = bytes.count == 4 ? AF_INET : AF_INET6
    guard inet_ntop(family, bytes, &text, socklen_t(text.count)) != nil else { return nil }
    return String(decoding: text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
  }
}
