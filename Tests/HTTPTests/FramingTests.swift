// Requests on whose end two readers might disagree, and requests at the limits: what is refused,
// with which status, and that nothing behind a refused request is ever taken for a request.

import EventLoop
import HTTP
import Testing

struct Probe: Sendable, CustomTestStringConvertible {
  let name: String
  let request: String
  let status: Int

  init(_ name: String, _ request: String, _ status: Int = 400) {
    (self.name, self.request, self.status) = (name, request, status)
  }

  var testDescription: String { name }
}

struct FramingTests {
  static let post = "POST / HTTP/1.1\r\nHost: a\r\n"
  static let chunked = post + "Transfer-Encoding: chunked\r\n\r\n"

  static let probes: [Probe] = [
    Probe(
      "length and chunked",
      post + "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    Probe(
      "chunked and length",
      post + "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n"),
    Probe("differing lengths", post + "Content-Length: 4\r\nContent-Length: 5\r\n\r\nabcde"),
    Probe("repeated length", post + "Content-Length: 4\r\nContent-Length: 4\r\n\r\nabcd"),
    Probe("list of lengths", post + "Content-Length: 4, 4\r\n\r\nabcd"),
    Probe("signed length", post + "Content-Length: +4\r\n\r\nabcd"),
    Probe("negative length", post + "Content-Length: -4\r\n\r\nabcd"),
    Probe("hexadecimal length", post + "Content-Length: 0x4\r\n\r\nabcd"),
    Probe("length past 64 bits", post + "Content-Length: 18446744073709551617\r\n\r\na"),
    Probe("length past 63 bits", post + "Content-Length: 9223372036854775808\r\n\r\na"),
    Probe("empty length", post + "Content-Length:\r\n\r\nabcd"),
    Probe("coding twice", chunked.dropLast(2) + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    Probe("coding with vertical tab", post + "Transfer-Encoding: \u{0B}chunked\r\n\r\n0\r\n\r\n"),
    Probe("coding unknown", post + "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"),
    Probe("coding before chunked", post + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501),
    Probe("coding after chunked", post + "Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n"),
    Probe("chunked in HTTP/1.0", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    Probe("space before colon", post + "Content-Length : 4\r\n\r\nabcd"),
    Probe("tab before colon", post + "Transfer-Encoding\t: chunked\r\n\r\n0\r\n\r\n"),
    Probe("bare LF after request line", "GET / HTTP/1.1\nHost: a\r\n\r\n"),
    Probe("bare LF after field", "GET / HTTP/1.1\r\nHost: a\nX: y\r\n\r\n"),
    Probe("bare LF at the end", "GET / HTTP/1.1\r\nHost: a\r\n\n"),
    Probe("bare CR in value", "GET / HTTP/1.1\r\nHost: a\r\nX: a\rb\r\n\r\n"),
    Probe("NUL in value", "GET / HTTP/1.1\r\nHost: a\r\nX: a\u{0}b\r\n\r\n"),
    Probe("NUL in name", "GET / HTTP/1.1\r\nHost: a\r\nX\u{0}: b\r\n\r\n"),
    Probe("folded field", "GET / HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\n"),
    Probe("folded first field", "GET / HTTP/1.1\r\n Host: a\r\n\r\n"),
    Probe("name without colon", "GET / HTTP/1.1\r\nHost: a\r\nX\r\n\r\n"),
    Probe("empty name", "GET / HTTP/1.1\r\nHost: a\r\n: x\r\n\r\n"),
    Probe("name with parenthesis", "GET / HTTP/1.1\r\nHost: a\r\nX(: x\r\n\r\n"),
    Probe("name outside ASCII", "GET / HTTP/1.1\r\nHost: a\r\nÄ: x\r\n\r\n"),
    Probe("no Host", "GET / HTTP/1.1\r\nX: y\r\n\r\n"),
    Probe("two Hosts", "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n"),
    Probe("empty Host", "GET / HTTP/1.1\r\nHost:\r\n\r\n"),
    Probe("Host list", "GET / HTTP/1.1\r\nHost: a, b\r\n\r\n"),
    Probe("Host with path", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"),
    Probe("Host with user", "GET / HTTP/1.1\r\nHost: a@b\r\n\r\n"),
    Probe("target of another host", "GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n"),
    Probe("target with user", "GET http://u@a/ HTTP/1.1\r\nHost: a\r\n\r\n"),
    Probe("target without slash", "GET x HTTP/1.1\r\nHost: a\r\n\r\n"),
    Probe("target with fragment", "GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n"),
    Probe("target with bad escape", "GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n"),
    Probe("target with cut escape", "GET /%2 HTTP/1.1\r\nHost: a\r\n\r\n"),
    Probe("target with space", "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n"),
    Probe("target with tab", "GET /a\tb HTTP/1.1\r\nHost: a\r\n\r\n"),
    Probe("target outside ASCII", "GET /ä HTTP/1.1\r\nHost: a\r\n\r\n"),
    Probe("asterisk for GET", "GET * HTTP/1.1\r\nHost: a\r\n\r\n"),
    Probe("CONNECT", "CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n", 501),
    Probe("unknown method", "BREW / HTTP/1.1\r\nHost: a\r\n\r\n", 501),
    Probe("method in lower case", "get / HTTP/1.1\r\nHost: a\r\n\r\n", 501),
    Probe("method that is no token", "G@T / HTTP/1.1\r\nHost: a\r\n\r\n"),
    Probe("HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
    Probe("HTTP/3", "GET / HTTP/3.0\r\nHost: a\r\n\r\n", 505),
    Probe("HTTP/0.9", "GET /\r\n\r\n", 505),
    Probe("no version", "GET / \r\nHost: a\r\n\r\n"),
    Probe("TLS greeting", "\u{16}\u{3}\u{1}\u{0}"),
    Probe(
      "five empty lines", String(repeating: "\r\n", count: 5) + "GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
    Probe("unknown expectation", "GET / HTTP/1.1\r\nHost: a\r\nExpect: the-best\r\n\r\n", 417),
    Probe("chunk size that is no number", chunked + "x\r\nabc\r\n0\r\n\r\n"),
    Probe("chunk size with prefix", chunked + "0x3\r\nabc\r\n0\r\n\r\n"),
    Probe("chunk size with sign", chunked + "+3\r\nabc\r\n0\r\n\r\n"),
    Probe("chunk size with space", chunked + "3 \r\nabc\r\n0\r\n\r\n"),
    Probe("chunk size past 64 bits", chunked + "10000000000000003\r\nabc\r\n0\r\n\r\n"),
    Probe("empty chunk size", chunked + "\r\nabc\r\n0\r\n\r\n"),
    Probe("chunk line ended by LF", chunked + "3\nabc\r\n0\r\n\r\n"),
    Probe("chunk ended by LF", chunked + "3\r\nabc\n0\r\n\r\n"),
    Probe("chunk longer than its size", chunked + "3\r\nabcd\r\n0\r\n\r\n"),
    Probe("LF in chunk extension", chunked + "3;a\nb\r\nabc\r\n0\r\n\r\n"),
    Probe("bad trailer", chunked + "3\r\nabc\r\n0\r\nX Y: z\r\n\r\n"),
    Probe("folded trailer", chunked + "3\r\nabc\r\n0\r\nX: a\r\n b\r\n\r\n"),
  ]

  @Test(arguments: probes)
  func `a request of doubtful framing is refused and ends the connection`(
    probe: Probe
  ) async throws {
    let handled = Lock<[String]>([])
    let note: @Sendable @LoopActor (HTTPExchange) -> Void = { exchange in
      handled.withLock { $0.append(exchange.request.target) }
      echo(exchange)
    }
    try await withServer(handle: note) { server in
      let smuggled = "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"
      let answers = Answer.all(in: try server.ask(probe.request + smuggled))
      #expect(answers.map(\.status) == [probe.status])
      #expect(answers.last?["connection"] == "close")
      #expect(answers.last?["content-type"] == "application/problem+json")
      #expect(handled.withLock { $0 }.isEmpty)
    }
  }

  @Test(arguments: [
    "GET http://a/x?y HTTP/1.1\r\nHost: A\r\n\r\n", "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET / HTTP/1.0\r\n\r\n", "GET /?%zz HTTP/1.1\r\nHost: [::1]:80\r\n\r\n",
    "\r\n\r\n\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: \t 3 \r\n\r\nabc",
    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked \r\n\r\n3;x=\"y\"\r\nabc\r\n0\r\nT: v\r\n\r\n",
  ])
  func `what looks odd and is clear is answered`(request: String) async throws {
    try await withServer { server in
      let answers = Answer.all(in: try server.ask(request))
      #expect(answers.map(\.status) == [200])
    }
  }

  @Test func `a target is taken apart`() async throws {
    let seen = Lock<[[String?]]>([])
    try await withServer(handle: { exchange in
      let request = exchange.request
      seen.withLock { $0.append([request.path, request.query]) }
      echo(exchange)
    }) { server in
      let targets = ["/a%20b?c=d?e", "http://a?x", "http://a", "/?"]
      let requests = targets.map { "GET \($0) HTTP/1.1\r\nHost: a\r\n\r\n" }
      _ = try server.ask(requests.joined())
      #expect(seen.withLock { $0 } == [["/a%20b", "c=d?e"], ["/", "x"], ["/", nil], ["/", ""]])
    }
  }
}

struct LimitTests {
  private func status(_ limits: HTTPLimits, _ request: String) async throws -> [Int] {
    let statuses = Lock<[Int]>([])
    try await withServer(
      limits, admit: { _ in .accept(bodyBytesMax: 10) }
    ) { server in
      let answers = Answer.all(in: try server.ask(request))
      statuses.withLock { $0 = answers.map(\.status) }
    }
    return statuses.withLock { $0 }
  }

  @Test func `a request line may be as long as the limit and no longer`() async throws {
    let limits = HTTPLimits.with { $0.requestLineBytesMax = 100 }
    let rest = " HTTP/1.1\r\nHost: a\r\n\r\n"
    func request(lineBytes: Int) -> String {
      "GET /" + String(repeating: "x", count: lineBytes - 14) + rest
    }
    #expect(try await status(limits, request(lineBytes: 100)) == [200])
    #expect(try await status(limits, request(lineBytes: 101)) == [414])
    #expect(try await status(limits, "GET /" + String(repeating: "x", count: 200)) == [414])
  }

  @Test func `header fields together may be as long as the limit and no longer`() async throws {
    let limits = HTTPLimits.with { $0.headerBytesMax = 200 }
    func request(headerBytes: Int) -> String {
      let value = String(repeating: "x", count: headerBytes - 9 - 5)
      return "GET / HTTP/1.1\r\nHost: a\r\nX: \(value)\r\n\r\n"
    }
    #expect(try await status(limits, request(headerBytes: 200)) == [200])
    #expect(try await status(limits, request(headerBytes: 201)) == [431])
    let spaces = "GET / HTTP/1.1\r\nHost: a\r\nX:" + String(repeating: " ", count: 300)
    #expect(try await status(limits, spaces) == [431])
  }

  @Test func `there may be as many header fields as the limit and no more`() async throws {
    let limits = HTTPLimits.with { $0.headerCountMax = 5 }
    func request(headers: Int) -> String {
      let others = (1..<headers).map { "X\($0): y\r\n" }.joined()
      return "GET / HTTP/1.1\r\nHost: a\r\n\(others)\r\n"
    }
    #expect(try await status(limits, request(headers: 5)) == [200])
    #expect(try await status(limits, request(headers: 6)) == [431])
  }

  @Test func `a body may be as long as was admitted and no longer`() async throws {
    func known(_ count: Int) -> String {
      "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: \(count)\r\n\r\n"
        + String(repeating: "x", count: count)
    }
    func chunked(_ count: Int) -> String {
      FramingTests.chunked + String(repeating: "1\r\nx\r\n", count: count) + "0\r\n\r\n"
    }
    #expect(try await status(HTTPLimits(), known(10)) == [200])
    #expect(try await status(HTTPLimits(), known(11)) == [413])
    #expect(try await status(HTTPLimits(), chunked(10)) == [200])
    #expect(try await status(HTTPLimits(), chunked(11)) == [413])
  }

  @Test func `chunk extensions and trailers may not outweigh the body`() async throws {
    let limits = HTTPLimits.with { $0.chunkOverheadBytesMax = 1_000 }
    func request(extensionBytes: Int) -> String {
      FramingTests.chunked + "1;" + String(repeating: "x", count: extensionBytes)
        + "\r\na\r\n0\r\n\r\n"
    }
    // 9 for the one byte of body and 1000; the rest of the message takes 12 of them.
    #expect(try await status(limits, request(extensionBytes: 992)) == [200])
    #expect(try await status(limits, request(extensionBytes: 1_010)) == [400])
    let trailers = (1...200).map { "T\($0): v\r\n" }.joined()
    #expect(try await status(limits, FramingTests.chunked + "0\r\n\(trailers)\r\n") == [400])
  }

  @Test func `a connection past the limit is told so`() async throws {
    let limits = HTTPLimits.with { $0.connectionsMax = 2 }
    try await withServer(limits) { server in
      let kept = [try server.connect(), try server.connect()]
      for socket in kept { try socket.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n") }
      for socket in kept { #expect(try socket.receiveResponse().status == 200) }
      let refused = Answer.all(in: try server.connect().receiveToEnd())
      #expect(refused.map(\.status) == [503])
      #expect(refused.first?["retry-after"] == "1")
      #expect(await server.counters.connectionsRefused == 1)
      try kept[0].send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
      #expect(try kept[0].receiveResponse().status == 200)
    }
  }

  @Test func `one address may not take all connections`() async throws {
    let limits = HTTPLimits.with { $0.connectionsPerAddressMax = 1 }
    try await withServer(limits) { server in
      let kept = try server.connect()
      try kept.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
      #expect(try kept.receiveResponse().status == 200)
      #expect(Answer.all(in: try server.connect().receiveToEnd()).map(\.status) == [503])
      try kept.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
      _ = try kept.receiveToEnd()
    }
  }

  @Test func `no more requests are handed over than may be pipelined`() async throws {
    let limits = HTTPLimits.with { $0.pipelinedRequestsMax = 3 }
    let waiting = Lock<[HTTPExchange]>([])
    let handed = Mailbox<Int>()
    try await withServer(
      limits,
      handle: { exchange in
        handed.post(
          waiting.withLock {
            $0.append(exchange); return $0.count
          })
      }
    ) { server in
      let socket = try server.connect()
      let requests = (0..<10).map { "GET /\($0) HTTP/1.1\r\nHost: a\r\n\r\n" }
      try socket.send(requests.joined())
      for count in 1...3 { #expect(await handed.next() == count) }
      // One at a time from here on: each answer lets one more request in.
      for index in 0..<10 {
        await onLoop {
          let count = waiting.withLock { $0.count }
          #expect(count == min(10, index + 3))
          echo(waiting.withLock { $0[index] })
        }.get()
        #expect(try socket.receiveResponse().body == "GET /\(index) ")
      }
    }
  }
}
