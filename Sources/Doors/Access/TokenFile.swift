// The file of the tokens, `DATA/tokens.json`: its owner's alone, replaced as a whole, changed by one
// process at a time. Apart from the store, so that the first token needs no host, no copy of the store
// carries one, and no restore brings back what was revoked. It blocks: never on the loop.

import Glibc
import Invocations

package struct TokenFile: Sendable {
  package let path: String
  /// 512 tokens have about 150 KB.
  package static let bytesMax = 1 << 20

  package init(dataDirectory: String) { path = "\(dataDirectory)/tokens.json" }

  /// Where the host notes when each was used last; nobody's secret, and no part of the file.
  package var usesPath: String { path.replacing("tokens.json", with: "tokens-used.json") }

  /// An empty book where there is no file.
  package func read() throws(TokenFault) -> TokenBook { try find() ?? TokenBook() }

  /// Nil where there is no file.
  package func find() throws(TokenFault) -> TokenBook? {
    do throws(TokenFault) {
      return try TokenBook(try Self.bytes(of: path))
    } catch .file(_, let reason) where reason == Self.missing {
      return nil
    } catch .unreadable(let reason) {
      throw .unreadable("\(path): \(reason)")
    }
  }

  /// Reads, changes and replaces it, while no other command does.
  package func change<Value>(
    _ change: (inout TokenBook) throws(TokenFault) -> Value
  ) throws(TokenFault) -> Value {
    let lock = open("\(path).lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
    guard lock >= 0 else { throw Self.fault("\(path).lock", errno) }
    defer { close(lock) }
    while flock(lock, LOCK_EX) != 0 {
      guard errno == EINTR else { throw Self.fault("\(path).lock", errno) }
    }
    var book = try read()
    let value = try change(&book)
    try Self.replace(path, with: book.bytes)
    return value
  }

  private static let missing = String(cString: strerror(ENOENT))

  static func bytes(of path: String) throws(TokenFault) -> [UInt8] {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW)
    guard descriptor >= 0 else { throw fault(path, errno) }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw fault(path, errno) }
    // Who may write it may let himself in.
    guard status.st_mode & 0o077 == 0 else {
      throw .openToOthers(path: path, mode: String(status.st_mode & 0o777, radix: 8))
    }
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 64 << 10)
    while bytes.count <= bytesMax {
      let count = Glibc.read(descriptor, &chunk, chunk.count)
      if count == 0 { return bytes }
      if count > 0 { bytes += chunk[..<count] } else if errno != EINTR { throw fault(path, errno) }
    }
    throw fault(path, EFBIG)
  }

  /// Whole or not at all, and on the disk when it returns: a revocation outlives a power loss.
  static func replace(_ path: String, with bytes: [UInt8]) throws(TokenFault) {
    let fresh = "\(path).new"
    unlink(fresh)  // of a command that was killed
    let descriptor = open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o600)
    guard descriptor >= 0 else { throw fault(fresh, errno) }
    defer { close(descriptor) }
    var rest = bytes[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
      if count > 0 {
        rest = rest.dropFirst(count)
      } else if errno != EINTR {
        throw fault(fresh, errno)
      }
    }
    guard fsync(descriptor) == 0, rename(fresh, path) == 0 else { throw fault(path, errno) }
    let folder = path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "."
    let directory = open(folder, O_RDONLY | O_CLOEXEC | O_DIRECTORY)
    guard directory >= 0 else { return }
    fsync(directory)
    close(directory)
  }

  private static func fault(_ path: String, _ code: Int32) -> TokenFault {
    .file(path: path, reason: String(cString: strerror(code)))
  }
}
