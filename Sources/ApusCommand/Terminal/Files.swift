// Small files in and out, blocking: for the command's own thread, never for the loop's.

import Glibc

enum Files {
  struct Fault: Error {
    let path: String
    let reason: String
    let isMissing: Bool

    init(_ path: String, _ code: Int32) {
      self.path = path
      reason = String(cString: strerror(code))
      isMissing = code == ENOENT
    }
  }

  static func read(_ path: String, bytesMax: Int = 1 << 20) throws(Fault) -> [UInt8] {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else { throw Fault(path, errno) }
    defer { close(descriptor) }
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 64 << 10)
    while true {
      let count = Glibc.read(descriptor, &chunk, chunk.count)
      if count == 0 { return bytes }
      if count < 0 {
        if errno == EINTR { continue }
        throw Fault(path, errno)
      }
      bytes += chunk[..<count]
      guard bytes.count <= bytesMax else { throw Fault(path, EFBIG) }
    }
  }

  /// By a name beside it and a rename, so that nobody starts half a file.
  static func copyExecutable(_ source: String, to target: String) throws(Fault) {
    let from = open(source, O_RDONLY | O_CLOEXEC)
    guard from >= 0 else { throw Fault(source, errno) }
    defer { close(from) }
    let fresh = "\(target).new"
    let to = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o700)
    guard to >= 0 else { throw Fault(fresh, errno) }
    let code = copyBytes(from, to)
    close(to)
    guard code == 0 else { throw Fault(fresh, code) }
    guard rename(fresh, target) == 0 else { throw Fault(target, errno) }
  }

  /// 0, or the error's number.
  private static func copyBytes(_ from: Int32, _ to: Int32) -> Int32 {
    while true {
      let count = sendfile(to, from, nil, 1 << 30)
      if count == 0 { return 0 }
      if count < 0, errno != EINTR { return errno }
    }
  }

  /// With the folders on the way to it; for a file that is not there.
  static func write(_ text: String, to path: String) throws(Fault) {
    try makeFolders(of: path)
    let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else { throw Fault(path, errno) }
    defer { close(descriptor) }
    var rest = Array(text.utf8)[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { throw Fault(path, errno) }
      rest = rest.dropFirst(count)
    }
  }

  private static func makeFolders(of path: String) throws(Fault) {
    guard let slash = path.lastIndex(of: "/"), slash > path.startIndex else { return }
    let folder = String(path[..<slash])
    if isDirectory(folder) { return }
    try makeFolders(of: folder)
    guard mkdir(folder, 0o755) == 0 || errno == EEXIST else { throw Fault(folder, errno) }
  }

  /// On the same disk as `path`, so that it can be renamed to it.
  static func makeTemporaryFolder(beside path: String) throws(Fault) -> String {
    var template = Array("\(path).XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { throw Fault(path, errno) }
    let folder = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    guard chmod(folder, 0o755) == 0 else { throw Fault(folder, errno) }
    return folder
  }

  /// What of it can be removed; links are not followed.
  static func removeAll(_ folder: String) {
    for name in names(in: folder) {
      let inner = "\(folder)/\(name)"
      if isDirectory(inner, followingLinks: false) { removeAll(inner) } else { unlink(inner) }
    }
    rmdir(folder)
  }

  static func names(in directory: String) -> [String] {
    guard let stream = opendir(directory) else { return [] }
    defer { closedir(stream) }
    var names: [String] = []
    while let entry = readdir(stream) {
      let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
        String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
      }
      if name != ".", name != ".." { names.append(name) }
    }
    return names.sorted()
  }

  static func status(_ path: String, followingLinks: Bool = true) -> stat? {
    var status = stat()
    let code = followingLinks ? stat(path, &status) : lstat(path, &status)
    return code == 0 ? status : nil
  }

  static func isDirectory(_ path: String, followingLinks: Bool = true) -> Bool {
    status(path, followingLinks: followingLinks).map { $0.st_mode & S_IFMT == S_IFDIR } ?? false
  }

  static func join(_ directory: String, _ name: String) -> String {
    if name.hasPrefix("/") || directory == "." || directory.isEmpty { return name }
    return directory.hasSuffix("/") ? directory + name : "\(directory)/\(name)"
  }

  /// Without the current directory in front, as people write it.
  static func shown(_ path: String) -> String {
    guard let here = currentDirectory, path.hasPrefix(here + "/") else { return path }
    return String(path.dropFirst(here.utf8.count + 1))
  }

  private static let currentDirectory: String? = {
    guard let path = getcwd(nil, 0) else { return nil }
    defer { free(path) }
    return String(cString: path)
  }()
}
