// What a decoded head must keep to beyond the grammar: one Host, one way to tell the body's length,
// a target of a known form. Pure; the first broken rule is thrown.

package enum HTTPBodyFraming: Equatable {
  case none
  case length(Int)
  case chunked
}

package struct HTTPCheckedHead {
  package var request: HTTPRequest
  package var body: HTTPBodyFraming
  var expectsContinue: Bool
  /// The codec must start over after this request, as it now awaits another protocol.
  var asksForUpgrade: Bool
}

enum HTTPHeadRules {
  static func check(_ head: HTTPDecodedHead) throws(HTTPRefusal) -> HTTPCheckedHead {
    let facts = try HTTPHeadFacts(head.fields)
    let body = try framing(facts, minorVersion: head.minorVersion)
    let target = try HTTPTarget(head.target, method: head.method)
    try checkHost(facts, target: target, minorVersion: head.minorVersion)
    return HTTPCheckedHead(
      request: HTTPRequest(
        method: head.method, target: head.target, path: target.path, query: target.query,
        headers: HTTPFields(head.fields),
        isKeepAlive: !facts.saysClose && (head.minorVersion >= 1 || facts.saysKeepAlive),
        minorVersion: head.minorVersion),
      body: body, expectsContinue: try expectsContinue(facts, minorVersion: head.minorVersion),
      asksForUpgrade: facts.hasUpgrade)
  }

  private static func framing(
    _ facts: HTTPHeadFacts, minorVersion: Int
  ) throws(HTTPRefusal) -> HTTPBodyFraming {
    switch (facts.transferEncodings, facts.contentLengths) {
    case (0, 0): return .none
    case (0, 1): return try length(facts.contentLength)
    case (0, _): throw .ambiguousFraming("Content-Length may be sent once")
    case (1, 0): return try transferCoding(facts.transferEncoding, minorVersion: minorVersion)
    case (_, 0): throw .ambiguousFraming("Transfer-Encoding may be sent once")
    case (_, _): throw .ambiguousFraming("send Content-Length or Transfer-Encoding, not both")
    }
  }

  private static func length(_ value: String) throws(HTTPRefusal) -> HTTPBodyFraming {
    guard !value.isEmpty, value.utf8.allSatisfy(isDigit), let count = Int(value) else {
      throw .ambiguousFraming("Content-Length must be one decimal number; got '\(value)'")
    }
    return count == 0 ? .none : .length(count)
  }

  private static func isDigit(_ byte: UInt8) -> Bool {
    UInt8(ascii: "0") <= byte && byte <= UInt8(ascii: "9")
  }

  private static func transferCoding(
    _ value: String, minorVersion: Int
  ) throws(HTTPRefusal) -> HTTPBodyFraming {
    guard minorVersion >= 1 else {
      throw .ambiguousFraming("HTTP/1.0 has no Transfer-Encoding")
    }
    guard asciiEqualIgnoringCase(value, "chunked") else { throw .unknownTransferCoding(value) }
    return .chunked
  }

  private static func expectsContinue(
    _ facts: HTTPHeadFacts, minorVersion: Int
  ) throws(HTTPRefusal) -> Bool {
    guard let expectation = facts.expectation, minorVersion >= 1 else { return false }
    guard asciiEqualIgnoringCase(expectation, "100-continue") else {
      throw .unknownExpectation(expectation)
    }
    return true
  }

  /// A target with an authority of its own overrides Host; where the two differ, somebody in
  /// between might have looked at the other one.
  private static func checkHost(
    _ facts: HTTPHeadFacts, target: HTTPTarget, minorVersion: Int
  ) throws(HTTPRefusal) {
    if facts.hosts > 1 { throw .badHost("Host may be sent once") }
    guard facts.hosts == 1 else {
      if minorVersion >= 1 { throw .badHost("HTTP/1.1 requires the Host field") }
      return
    }
    guard isHost(facts.host) else { throw .badHost("'\(facts.host)' is no host") }
    if let authority = target.authority, !asciiEqualIgnoringCase(authority, facts.host) {
      throw .badHost("Host is '\(facts.host)' but the target names '\(authority)'")
    }
  }

  /// A name, an address or a bracketed IPv6 address, and perhaps a port.
  static func isHost(_ text: String) -> Bool {
    var text = text
    let isHostByte = isHostByte
    return text.withUTF8 { !$0.isEmpty && $0.allSatisfy { isHostByte[Int($0)] } }
  }

  /// RFC 3986 unreserved and sub-delims except the comma, which joins repeated fields into one;
  /// percent, colon and brackets.
  ///
  /// No "@": userinfo has no place here.
  private static let isHostByte: [Bool] = (0...255).map { byte in
    switch UInt8(byte) {
    case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"),
      UInt8(ascii: "A")...UInt8(ascii: "Z"):
      true
    default: "-._~!$&'()*+;=%:[]".utf8.contains(UInt8(byte))
    }
  }
}

/// The fields the server itself heeds, gathered in one walk.
private struct HTTPHeadFacts {
  var hosts = 0
  var host = ""
  var contentLengths = 0
  var contentLength = ""
  var transferEncodings = 0
  var transferEncoding = ""
  var expectation: String?
  var saysClose = false
  var saysKeepAlive = false
  var hasUpgrade = false

  init(_ fields: [(String, String)]) throws(HTTPRefusal) {
    for (name, value) in fields {
      guard HTTPGrammar.isToken(name) else { throw .malformed("'\(name)' is no field name") }
      note(name, value)
    }
  }

  /// By length first: most fields are none of these.
  private mutating func note(_ name: String, _ value: String) {
    switch name.utf8.count {
    case 4 where asciiEqualIgnoringCase(name, "host"):
      hosts += 1
      host = value
    case 6 where asciiEqualIgnoringCase(name, "expect"): expectation = value
    case 7 where asciiEqualIgnoringCase(name, "upgrade"): hasUpgrade = true
    case 10 where asciiEqualIgnoringCase(name, "connection"): noteConnection(value)
    case 14 where asciiEqualIgnoringCase(name, "content-length"):
      contentLengths += 1
      contentLength = value
    case 17 where asciiEqualIgnoringCase(name, "transfer-encoding"):
      transferEncodings += 1
      transferEncoding = value
    default: break
    }
  }

  private mutating func noteConnection(_ value: String) {
    for option in listMembers(value) {
      if asciiEqualIgnoringCase(String(option), "close") { saysClose = true }
      if asciiEqualIgnoringCase(String(option), "keep-alive") { saysKeepAlive = true }
    }
  }
}
