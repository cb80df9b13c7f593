// Where the store of one test house lies: a folder of the system's temporary ones, gone with it.

import Glibc

final class TemporaryFolder {
  let path: String

  init() throws(TestFault) {
    let parent = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
    var template = Array("\(parent)/apus-testing-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else {
      throw .store("no temporary folder in \(parent): \(String(cString: strerror(errno)))")
    }
    path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  /// The store makes files and no folders.
  ///
  /// What cannot be removed is left to the system's own tidying.
  deinit {
    if let stream = opendir(path) {
      while let entry = readdir(stream) {
        let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
          String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
        }
        unlink("\(path)/\(name)")
      }
      closedir(stream)
    }
    rmdir(path)
  }
}
