// A worker's way to the host: in parts, each an ordinary request, going on where an earlier try
// stopped. The host knows it by its hash, so that what is there is not sent again.

import Glibc
import HTTP
import Invocations
import Releases

struct ExecutableUpload {
  private let path: String

  init(of path: String) { self.path = path }

  /// Returns the hash.
  func send(to client: ControlClient) throws -> String {
    let hash = try contentHash()
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw unreadable(String(cString: strerror(errno))) }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw unreadable("it cannot be looked at") }
    let size = Int(status.st_size)
    var there = try client.get(["v1", "executables", hash])
    while !there.isTrue("complete") {
      let offset = Int(there.number("bytes") ?? 0)
      let part = try read(descriptor, at: offset)
      // Else the host would wait for a part that never comes.
      guard !part.isEmpty else { throw unreadable("it changed while it was sent; deploy again") }
      let response = try client.call(
        "PUT", ["v1", "executables", hash], [("offset", "\(offset)"), ("size", "\(size)")],
        headers: [("Content-Type", "application/octet-stream")], body: part)
      there = Answer(response.body)
    }
    return hash
  }

  private func contentHash() throws(CommandFault) -> String {
    do throws(ShelfFault) { return try ExecutableShelf.hash(of: path) } catch {
      throw unreadable(error.reason)
    }
  }

  private func read(_ descriptor: Int32, at offset: Int) throws(CommandFault) -> [UInt8] {
    var part = [UInt8](repeating: 0, count: ExecutablePart.bytesMax)
    let count = pread(descriptor, &part, part.count, off_t(offset))
    guard count >= 0 else { throw unreadable(String(cString: strerror(errno))) }
    return Array(part[..<count])
  }

  private func unreadable(_ reason: String) -> CommandFault {
    .badInput("the worker \(path) cannot be sent: \(reason)")
  }
}
