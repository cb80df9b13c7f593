// The certificates of Tests/Fixtures/Certificates, in a folder of the test's own: keys that others may
// read are refused, and a checkout leaves them readable.

import Foundation
import Glibc
import HTTP

struct TestCertificates: ~Copyable {
  let folder: URL

  init() throws {
    folder = FileManager.default.temporaryDirectory.appending(path: "apus-tls-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    let fixtures = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .appending(path: "Fixtures/Certificates")
    for name in try FileManager.default.contentsOfDirectory(atPath: fixtures.path()) {
      try FileManager.default.copyItem(
        at: fixtures.appending(path: name), to: folder.appending(path: name))
      if name.hasSuffix(".key") { try setMode(0o600, of: name) }
    }
  }

  deinit {
    // What cannot be removed is the system's to remove.
    try? FileManager.default.removeItem(at: folder)
  }

  func path(_ name: String) -> String { folder.appending(path: name).path() }

  func setMode(_ mode: mode_t, of name: String) throws {
    guard chmod(path(name), mode) == 0 else { throw SocketTrouble("chmod") }
  }

  func files(_ certificate: String, key: String? = nil) -> TLSFiles {
    TLSFiles(certificate: path("\(certificate).pem"), key: path("\(key ?? certificate).key"))
  }

  func identity(_ name: String = "door") throws -> TLSIdentity {
    try TLSIdentity.load(files(name), now: time(nil)) { "\($0)" }
  }

  var trust: TLSTrust { .authorities(path: path("authority.pem")) }
  var strangersTrust: TLSTrust { .authorities(path: path("stranger.pem")) }
}
