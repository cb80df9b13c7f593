// The file by which a Unix socket is found: made with its mode, removed when it is stale or done with.
// Never removes a file that is not a socket, nor a socket that somebody listens on.
import CLibuv
import Glibc

struct SocketFile {
  let path: String
  private let device: dev_t
  private let inode: ino_t

  /// Binds the socket to its path.
  ///
  /// Until the caller listens nobody can connect, so the mode is in force from the start.
  static func bind(
    _ descriptor: Int32, path: String, mode: UInt32
  ) throws(LoopFault) -> SocketFile {
    if try bindOnce(descriptor, path) == UV_EADDRINUSE.rawValue {
      try removeStale(path)
      try check(try bindOnce(descriptor, path), "bind", on: path)
    }
    try check(chmod(path, mode) == 0 ? 0 : lastError(), "chmod", on: path)
    guard let status = status(of: path) else {
      throw .failed(call: "lstat", subject: path, code: lastError())
    }
    return SocketFile(path: path, device: status.st_dev, inode: status.st_ino)
  }

  /// Unless the file at the path is another one by now.
  func remove() {
    guard let status = SocketFile.status(of: path), status.st_dev == device, status.st_ino == inode
    else { return }
    unlink(path)
  }

  /// 0, or EADDRINUSE where the file exists; throws on all else.
  private static func bindOnce(_ descriptor: Int32, _ path: String) throws(LoopFault) -> Int32 {
    let code = try withAddress(path) { Glibc.bind(descriptor, $0, $1) == 0 ? 0 : lastError() }
    if code != UV_EADDRINUSE.rawValue { try check(code, "bind", on: path) }
    return code
  }

  private static func removeStale(_ path: String) throws(LoopFault) {
    guard let status = status(of: path) else { return }
    guard status.st_mode & S_IFMT == S_IFSOCK else {
      throw .refused(subject: path, reason: "exists and is no socket; choose another path")
    }
    // Only a refusal proves that nobody listens.
    guard try connectOnce(path) == -ECONNREFUSED else {
      throw .failed(call: "bind", subject: path, code: UV_EADDRINUSE.rawValue)
    }
    try check(unlink(path) == 0 ? 0 : lastError(), "unlink", on: path)
  }

  private static func connectOnce(_ path: String) throws(LoopFault) -> Int32 {
    let probe = clibuv_stream_socket(AF_UNIX)
    guard probe >= 0 else { throw .failed(call: "socket", subject: path, code: lastError()) }
    defer { close(probe) }
    return try withAddress(path) { connect(probe, $0, $1) == 0 ? 0 : lastError() }
  }

  private static func status(of path: String) -> stat? {
    var status = stat()
    return lstat(path, &status) == 0 ? status : nil
  }

  private static func withAddress(
    _ path: String, _ call: (UnsafePointer<sockaddr>, socklen_t) -> Int32
  ) throws(LoopFault) -> Int32 {
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    let bytes = Array(path.utf8)
    // One byte for the 0 at its end.
    let bytesMax = MemoryLayout.size(ofValue: address.sun_path) - 1
    guard !bytes.isEmpty, bytes.count <= bytesMax, !bytes.contains(0) else {
      throw .refused(
        subject: path, reason: "a socket path has 1 to \(bytesMax) bytes; choose a shorter folder")
    }
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
    return withUnsafePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        call($0, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
  }
}
