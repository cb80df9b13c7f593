// A folder of the system's temporary ones for one test, gone with it.

import Foundation
import Glibc

@testable import ApusCommand

final class TemporaryFolder {
  let path: String

  init() throws {
    let folder = FileManager.default.temporaryDirectory.path
    var template = Array("\(folder)/apus-command-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { throw Files.Fault(folder, errno) }
    path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  deinit { Self.remove(path) }

  private static func remove(_ path: String) {
    for name in Files.names(in: path) {
      let inner = "\(path)/\(name)"
      if Files.isDirectory(inner, followingLinks: false) { remove(inner) } else { unlink(inner) }
    }
    rmdir(path)
  }

  @discardableResult
  func write(_ name: String, _ text: String, mode: mode_t = 0o600) throws -> String {
    let file = "\(path)/\(name)"
    let descriptor = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode)
    guard descriptor >= 0 else { throw Files.Fault(file, errno) }
    defer { close(descriptor) }
    fchmod(descriptor, mode)
    Terminal.write(text, to: descriptor)
    return file
  }

  func makeFolder(_ name: String) { mkdir("\(path)/\(name)", 0o700) }
}
