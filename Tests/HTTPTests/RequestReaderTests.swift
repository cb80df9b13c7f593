// The reader is given the same bytes in every possible cut; what comes out must not depend on where
// the network put the cut.

import Testing

@testable import HTTP

struct RequestReaderTests {
  static let conversation =
    "\r\nPOST /a?b HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nX: y \r\n\r\nhello"
    + "GET /c HTTP/1.1\r\nHost: h\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n"
    + "PUT /d HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
    + "3;e=\"f\"\r\na\nb\r\nA\r\n0123456789\r\n0\r\nTrailer: t\r\n\r\n\r\n"
    + "GET /g HTTP/1.0\r\n\r\n"

  static let expected = [
    "POST /a b hello", "GET /c - ", "PUT /d - a\nb0123456789", "GET /g - ",
  ]

  /// Feeds the pieces in turn and tells which requests came out, complete.
  private func requests(_ pieces: [ArraySlice<UInt8>]) throws -> [String] {
    let limits = HTTPLimits()
    let reader = HTTPRequestReader(limits: limits, codec: NIOHTTPCodec(limits: limits))
    defer { reader.close() }
    var lines: [String] = []
    for piece in pieces {
      try piece.withUnsafeBytes { bytes in
        var offset = 0
        while offset < bytes.count {
          switch try reader.step(bytes, from: &offset) {
          case .needsMore: break
          case .head(let head):
            let request = head.request
            lines.append("\(request.method) \(request.path) \(request.query ?? "-") ")
            if head.body != .none { reader.takeBody(bytesMax: 100) }
          case .complete(let body): lines[lines.count - 1] += String(decoding: body, as: UTF8.self)
          }
        }
      }
    }
    #expect(!reader.isMidHead && !reader.isMidBody)
    return lines
  }

  @Test func `cut at every byte, the same requests come out`() throws {
    let bytes = Array(Self.conversation.utf8)
    for cut in 0...bytes.count {
      #expect(try requests([bytes[..<cut], bytes[cut...]]) == Self.expected, "cut at \(cut)")
    }
  }

  @Test func `byte by byte, the same requests come out`() throws {
    let bytes = Array(Self.conversation.utf8)
    #expect(try requests(bytes.indices.map { bytes[$0...$0] }) == Self.expected)
  }

  @Test func `a refusal does not depend on the cut either`() throws {
    for probe in FramingTests.probes where probe.name != "TLS greeting" {
      let bytes = Array((probe.request + "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n").utf8)
      for cut in 0...bytes.count {
        do {
          let lines = try requests([bytes[..<cut], bytes[cut...]])
          Issue.record("\(probe.name), cut at \(cut): \(lines)")
        } catch let refusal as HTTPRefusal {
          #expect(refusal.problem.status == probe.status, "\(probe.name), cut at \(cut)")
        }
      }
    }
  }
}
