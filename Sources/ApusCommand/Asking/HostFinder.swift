// Where the host is: as `--host` says, else as the host wrote down in its data directory.

import Glibc
import HTTP

struct HostPlace {
  let address: HTTPClient.Address
  /// What to say when nobody answers there.
  let remedy: String

  private static let startOne = "start one with `apus dev` or `apus serve`"

  static func find(host: String?, dataDirectory: String) throws(CommandFault) -> HostPlace {
    guard let host else { return try find(in: dataDirectory) }
    guard let address = address(of: host) else {
      throw .badInput(
        "'\(host)' is not the address of a control door; write http://127.0.0.1:7070, "
          + "https://apus.example:7070 or unix:.apus/control.sock")
    }
    return HostPlace(
      address: address,
      remedy: "is its control door really at \(host)? The host prints its address when it is ready")
  }

  private static func find(in dataDirectory: String) throws(CommandFault) -> HostPlace {
    let path = "\(dataDirectory)/doors.json"
    let doors: Answer
    do throws(Files.Fault) {
      doors = Answer(try Files.read(path))
    } catch {
      guard error.isMissing else { throw .unreachable("\(path) cannot be read: \(error.reason)") }
      throw .unreachable(
        "no host runs on '\(dataDirectory)' (there is no \(path)): \(startOne), or name one with "
          + "--data DIR or --host URL")
    }
    guard let door = doors["controlDoor"], let address = address(of: door) else {
      throw .unreachable("\(path) names no control door; stop the host and \(startOne)")
    }
    let pid = doors["pid"].map { " (process \($0))" } ?? ""
    return HostPlace(
      address: localSocket(in: dataDirectory) ?? address,
      remedy: "\(path) was left by a host\(pid) that is gone or hangs; \(startOne)")
  }

  /// The way in for whom the file system lets in: no token is asked there but the operator's, and no
  /// certificate.
  private static func localSocket(in dataDirectory: String) -> HTTPClient.Address? {
    let path = "\(dataDirectory)/control.sock"
    // Longer ones have no room in a socket's address.
    guard path.utf8.count < 108, let status = Files.status(path),
      status.st_mode & S_IFMT == S_IFSOCK
    else { return nil }
    return .unix(path: path)
  }

  /// Reads `http://HOST:PORT`, `https://HOST:PORT`, `HOST:PORT` or `unix:PATH`.
  static func address(of text: String) -> HTTPClient.Address? {
    if text.hasPrefix("unix:") {
      let path = String(text.dropFirst(5))
      return path.isEmpty ? nil : .unix(path: path)
    }
    var rest = text[...]
    let isSecure = rest.hasPrefix("https://")
    if isSecure { rest = rest.dropFirst(8) }
    if rest.hasPrefix("http://") { rest = rest.dropFirst(7) }
    if rest.hasSuffix("/") { rest = rest.dropLast() }
    guard !rest.contains("/") else { return nil }
    var host = rest
    var port: UInt16 = isSecure ? 443 : 80
    let isBareIPv6 = rest.hasSuffix("]")
    if let colon = rest.lastIndex(of: ":"), !isBareIPv6 {
      guard let number = UInt16(rest[rest.index(after: colon)...]) else { return nil }
      port = number
      host = rest[..<colon]
    }
    if host.hasPrefix("["), host.hasSuffix("]") { host = host.dropFirst().dropLast() }
    if host.isEmpty { return nil }
    return isSecure
      ? .tls(host: String(host), port: port) : .tcp(host: String(host), port: port)
  }
}
