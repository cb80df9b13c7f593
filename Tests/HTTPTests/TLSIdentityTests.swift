// Certificates and keys from files: what is taken, and how it is said what is wrong with them.

import Foundation
import Glibc
import HTTP
import Testing

struct TLSIdentityTests {
  private func fault(
    _ files: TLSFiles, now: Int = time(nil)
  ) -> TLSFault? {
    do throws(TLSFault) {
      _ = try TLSIdentity.load(files, now: now) { "second \($0)" }
      return nil
    } catch { return error }
  }

  @Test func `a certificate tells its names and its time`() throws {
    let certificates = try TestCertificates()
    let identity = try certificates.identity()
    #expect(identity.names == ["localhost", "127.0.0.1", "::1"])
    #expect(identity.validFrom == 1_577_836_800)
    #expect(identity.validUntil == 4_733_510_400)
  }

  @Test func `a key that others may read is refused, one for a group is not`() throws {
    let certificates = try TestCertificates()
    let files = certificates.files("door")
    try certificates.setMode(0o644, of: "door.key")
    #expect(fault(files) == .keyOpenToOthers(path: files.key, mode: "644"))
    try certificates.setMode(0o640, of: "door.key")
    #expect(fault(files) == nil)
  }

  @Test func `a pair that does not belong together is named`() throws {
    let certificates = try TestCertificates()
    let files = certificates.files("door", key: "renewed")
    #expect(fault(files) == .mismatch(certificate: files.certificate, key: files.key))
  }

  @Test func `a certificate out of its time is refused, to the second`() throws {
    let certificates = try TestCertificates()
    let expired = certificates.files("expired")
    #expect(fault(expired) == .expired(path: expired.certificate, at: "second 1609459200"))
    #expect(fault(expired, now: 1_609_459_200) != nil)
    #expect(fault(expired, now: 1_609_459_199) == nil)
    let future = certificates.files("future")
    #expect(fault(future) == .notYetValid(path: future.certificate, from: "second 4701974400"))
    #expect(fault(future, now: 4_701_974_400) == nil)
  }

  @Test func `what is no certificate and what is no key are told by their paths`() throws {
    let certificates = try TestCertificates()
    let door = certificates.files("door")
    let missing = certificates.path("missing")
    #expect(
      fault(TLSFiles(certificate: missing, key: door.key))
        == .unreadable(path: missing, reason: "No such file or directory"))
    #expect(
      fault(TLSFiles(certificate: door.certificate, key: missing))
        == .unreadable(path: missing, reason: "No such file or directory"))
    #expect(
      fault(TLSFiles(certificate: door.key, key: door.key)) == .noCertificate(path: door.key))
    guard case .noKey(door.certificate, _)? = keyFault(certificates, door) else {
      return #expect(Bool(false), "a certificate is no key")
    }
    #expect(
      fault(TLSFiles(certificate: certificates.folder.path(), key: door.key))
        == .unreadable(path: certificates.folder.path(), reason: "it is no file"))
    let large = certificates.path("large")
    try Data(repeating: 10, count: TLSIdentity.fileBytesMax + 1).write(to: URL(filePath: large))
    #expect(
      fault(TLSFiles(certificate: large, key: door.key))
        == .unreadable(path: large, reason: "File too large"))
  }

  private func keyFault(_ certificates: borrowing TestCertificates, _ door: TLSFiles) -> TLSFault? {
    // The certificate is open to all, which a key may not be.
    chmod(door.certificate, 0o600)
    return fault(TLSFiles(certificate: door.certificate, key: door.certificate))
  }
}
