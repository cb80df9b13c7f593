// The target of a request line taken apart: "/path?query", "http://host/path?query", or "*" for
// OPTIONS. Decoding percent-escapes and resolving dot segments is not done here.

struct HTTPTarget: Equatable {
  var path: String
  var query: String?
  /// Only in targets of the form "http://host/…".
  var authority: String?

  init(_ target: String, method: String) throws(HTTPRefusal) {
    guard target.utf8.allSatisfy({ 0x20 < $0 && $0 < 0x7F && $0 != UInt8(ascii: "#") }) else {
      throw .badTarget("a target has only visible ASCII and no '#'; percent-encode the rest")
    }
    if method == "CONNECT" { throw .unknownMethod }
    if target == "*" {
      guard method == "OPTIONS" else { throw .badTarget("'*' is for OPTIONS alone") }
      (path, query, authority) = ("*", nil, nil)
    } else if target.utf8.first == UInt8(ascii: "/") {
      (path, query) = Self.split(target)
      authority = nil
    } else {
      let (host, rest) = try Self.splitAbsolute(target)
      (path, query) = Self.split(rest)
      authority = host
    }
    try Self.checkEscapes(path)
  }

  private static func split(_ text: String) -> (path: String, query: String?) {
    guard let mark = text.utf8.firstIndex(of: UInt8(ascii: "?")) else {
      return (text.isEmpty ? "/" : text, nil)
    }
    let path = String(text[..<mark])
    return (path.isEmpty ? "/" : path, String(text[text.utf8.index(after: mark)...]))
  }

  private static func splitAbsolute(
    _ target: String
  ) throws(HTTPRefusal) -> (host: String, rest: String) {
    let scheme = ["http://", "https://"].first {
      asciiEqualIgnoringCase(String(target.prefix($0.utf8.count)), $0)
    }
    guard let scheme else {
      throw .badTarget("a target is '/path' or 'http://host/path'; got '\(target)'")
    }
    let afterScheme = target.dropFirst(scheme.utf8.count)
    let end = afterScheme.firstIndex { $0 == "/" || $0 == "?" } ?? afterScheme.endIndex
    let host = String(afterScheme[..<end])
    guard HTTPHeadRules.isHost(host) else {
      throw .badTarget("'\(host)' in the target is no host; user names may not stand there")
    }
    return (host, String(afterScheme[end...]))
  }

  private static func checkEscapes(_ path: String) throws(HTTPRefusal) {
    var digitsDue = 0
    for byte in path.utf8 {
      if digitsDue > 0 {
        guard isHexDigit(byte) else { break }
        digitsDue -= 1
      } else if byte == UInt8(ascii: "%") {
        digitsDue = 2
      }
    }
    if digitsDue > 0 { throw .badTarget("'%' in a path must be followed by two hex digits") }
  }

  private static func isHexDigit(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "f"),
      UInt8(ascii: "A")...UInt8(ascii: "F"):
      true
    default: false
    }
  }
}
