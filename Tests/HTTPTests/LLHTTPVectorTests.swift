// The requests of llhttp's own test suite, over a socket: what it parses we answer, what it refuses
// we refuse. Where we are stricter or answer with another status than 400, the reason is listed.

import FoundationEssentials
import Glibc
import HTTP
import Testing

struct LLHTTPVector: Decodable, Sendable, CustomTestStringConvertible {
  let name: String
  let request: String
  let expected: String
  let reason: String?
  let messages: Int

  var testDescription: String { name }

  struct Collection: Decodable {
    let cases: [LLHTTPVector]
  }

  /// Beside the checkout, or where APUS_VECTORS says; nil where there are none.
  static let all: [LLHTTPVector]? = {
    var folders = ancestors(of: #filePath) + ancestors(of: currentDirectory() + "/x")
    folders = folders.flatMap { ["\($0)/../shared/vectors", "\($0)/shared/vectors"] }
    if let said = getenv("APUS_VECTORS") { folders.insert(String(cString: said), at: 0) }
    for folder in folders {
      guard let bytes = contents(of: "\(folder)/llhttp/requests.json") else { continue }
      // A file of another form is as good as none: the suite is then reported as skipped.
      return try? JSONDecoder().decode(Collection.self, from: Data(bytes)).cases
    }
    return nil
  }()

  private static func currentDirectory() -> String {
    guard let path = getcwd(nil, 0) else { return "/" }
    defer { free(path) }
    return String(cString: path)
  }

  private static func ancestors(of path: String) -> [String] {
    let parts = path.split(separator: "/")
    return parts.indices.reversed().map { "/" + parts[..<$0].joined(separator: "/") }
  }

  private static func contents(of path: String) -> [UInt8]? {
    guard let file = fopen(path, "r") else { return nil }
    defer { fclose(file) }
    var bytes: [UInt8] = []
    var slab = [UInt8](repeating: 0, count: 65_536)
    while case let count = fread(&slab, 1, slab.count, file), count > 0 { bytes += slab[..<count] }
    return bytes
  }

  /// In the vectors a character is a byte.
  var bytes: [UInt8] { request.unicodeScalars.map { UInt8(truncatingIfNeeded: $0.value) } }

  /// Most accepted requests have no Host, which is ours to require and not what they are about.
  var bytesWithHost: [UInt8] {
    guard !request.lowercased().contains("\r\nhost:") else { return bytes }
    let host =
      name.hasPrefix("uri: ") && request.contains("http://hypnotoad.org")
      ? (request.contains(":1234") ? "hypnotoad.org:1234" : "hypnotoad.org") : "vector.example"
    // Grapheme-wise "\r\n" is one character, so the replacement works on scalars' lines.
    return request.split(separator: "HTTP/1.1\r\n", omittingEmptySubsequences: false)
      .map { $0.unicodeScalars.map { UInt8(truncatingIfNeeded: $0.value) } }
      .reduce(into: [[UInt8]]()) { $0.append($1) }
      .joined(separator: Array("HTTP/1.1\r\nHost: \(host)\r\n".utf8)).map { $0 }
  }
}

@Suite(.enabled(if: LLHTTPVector.all != nil))
struct LLHTTPVectorTests {
  /// llhttp parses these; we refuse them, with the status given here.
  static let stricter: [String: (status: Int, reason: String)] = [
    "transfer-encoding: POST with `chunked` as last transfer-encoding":
      (501, "a coding before chunked would have to be undone, and none is known here"),
    "transfer-encoding: POST with `chunked` as last transfer-encoding (multiple headers)":
      (400, "a field that frames the message may be sent once"),
    "uri: Fragment in URI": (400, "a fragment is never part of a request target"),
    "uri: `host:port` and basic auth": (
      400, "RFC 9110 asks to treat a user name there as an error"
    ),
    "pipelining: Should parse multiple events": (400, "its third request ends one byte early"),
    "content-length: Tabs in `Content-Length` (surrounding)":
      (400, "the llhttp inside NIOHTTP1 takes spaces behind a length, but no tabs"),
    "method: M-SEARCH request": (400, "RFC 9112 allows '*' for OPTIONS alone"),
  ]

  /// Refused by llhttp, and answered by us with another status than 400.
  static let otherStatus: [String: (status: Int, reason: String)] = [
    "invalid: Invalid method": (501, "a well-formed method that is not known"),
    "connection: No restart when keep-alive is off (1.0)":
      (200, "what follows the last request of a connection is not read"),
  ]

  @Test(arguments: LLHTTPVector.all ?? [])
  func `a request of llhttp's suite is parsed or refused as there`(
    vector: LLHTTPVector
  ) async throws {
    try await withServer { server in
      let isAccepted = vector.expected == "parsed"
      let socket = try server.connect()
      try socket.send(isAccepted ? vector.bytesWithHost : vector.bytes)
      socket.endWriting()
      let answers = Answer.all(in: try socket.receiveToEnd())
      let statuses = answers.map(\.status)
      if let (status, reason) = Self.stricter[vector.name] ?? Self.otherStatus[vector.name] {
        #expect(statuses.last == status, "\(reason)")
      } else if isAccepted && vector.messages == 0 {
        // Nothing wrong with it but that it ends too early.
        #expect(statuses == [400])
        #expect(answers[0].body.contains("the connection ended before the request did"))
      } else if isAccepted {
        #expect(statuses == Array(repeating: 200, count: vector.messages))
      } else {
        #expect(statuses.last == 400)
        #expect(statuses.dropLast().allSatisfy { $0 == 200 })
      }
    }
  }
}
