// Clients that mean no good, over real sockets: what each of them gets, and that the others are
// served all the same.

import EventLoop
import Glibc
import HTTP
import Testing

struct AbuseTests {
  private static let get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
  private static let smuggled = "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"
  private static let post = "POST / HTTP/1.1\r\nHost: a\r\n"

  // MARK: smuggling

  static let desyncs: [Probe] = [
    Probe("TE.TE: quoted", post + "Transfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n"),
    Probe("TE.TE: identity", post + "Transfer-Encoding: identity\r\n\r\n"),
    Probe(
      "TE.TE: chunked twice in a list",
      post + "Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n"),
    Probe(
      "TE.TE: chunked, identity", post + "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n"),
    Probe(
      "TE.TE: two fields",
      post
        + "Transfer-Encoding: chunked\r\nTransfer-encoding: cow\r\n\r\n0\r\n\r\n"),
    Probe("TE.TE: empty", post + "Transfer-Encoding:\r\n\r\n"),
    Probe("TE.TE: comma alone", post + "Transfer-Encoding: ,chunked\r\n\r\n0\r\n\r\n"),
    Probe("TE.TE: parameter", post + "Transfer-Encoding: chunked;q=1\r\n\r\n0\r\n\r\n"),
    Probe("TE.CL: NUL behind", post + "Transfer-Encoding: chunked\u{0}\r\n\r\n0\r\n\r\n"),
    Probe(
      "CL.TE: in the name",
      post + "Content-Length: 6\r\nTransfer-Encoding\r\n: chunked\r\n\r\n0\r\n\r\nX"),
    Probe("CL.CL: spaces inside", post + "Content-Length: 4 4\r\n\r\nabcd"),
    Probe("CL: exponent", post + "Content-Length: 4e0\r\n\r\nabcd"),
    Probe("CL: point", post + "Content-Length: 4.0\r\n\r\nabcd"),
    Probe("CL: other digits", post + "Content-Length: ٤\r\n\r\nabcd"),
    Probe("CL: semicolon", post + "Content-Length: 4;\r\n\r\nabcd"),
    Probe("CL: quoted", post + "Content-Length: \"4\"\r\n\r\nabcd"),
    Probe("chunk size negative", FramingTests.chunked + "-1\r\nabc\r\n0\r\n\r\n"),
    Probe(
      "chunk size of 63 bits", FramingTests.chunked + "7fffffffffffffff\r\nabc\r\n0\r\n\r\n", 413),
    Probe(
      "chunk size of 64 bits", FramingTests.chunked + "ffffffffffffffff\r\nabc\r\n0\r\n\r\n", 413),
    Probe("chunk size with underscore", FramingTests.chunked + "1_0\r\nabc\r\n0\r\n\r\n"),
    Probe("chunk size, CR alone", FramingTests.chunked + "3\rabc\r\n0\r\n\r\n"),
    Probe("chunk extension with CR", FramingTests.chunked + "3;a\rb\r\nabc\r\n0\r\n\r\n"),
    Probe("chunk without end", FramingTests.chunked + "3\r\nabc0\r\n\r\n"),
    Probe("trailer ended by LF", FramingTests.chunked + "0\r\nX: y\n\r\n"),
    Probe("Host folded", "GET / HTTP/1.1\r\nHost:\r\n a\r\n\r\n"),
    Probe("request line folded", "GET /\r\n HTTP/1.1\r\nHost: a\r\n\r\n"),
    Probe("target with raw NUL", "GET /\u{0} HTTP/1.1\r\nHost: a\r\n\r\n"),
    Probe("target with bare CR", "GET /\rX HTTP/1.1\r\nHost: a\r\n\r\n"),
    Probe("two spaces", "GET  / HTTP/1.1\r\nHost: a\r\n\r\n"),
    Probe("version in lower case", "GET / http/1.1\r\nHost: a\r\n\r\n"),
    Probe("version of two digits", "GET / HTTP/1.10\r\nHost: a\r\n\r\n"),
  ]

  @Test(arguments: desyncs)
  func `no spelling of a length or a coding lets a second request through`(
    probe: Probe
  ) async throws {
    let handled = Lock<[String]>([])
    let note: @Sendable @LoopActor (HTTPExchange) -> Void = { exchange in
      handled.withLock { $0.append(exchange.request.target) }
      echo(exchange)
    }
    try await withServer(handle: note) { server in
      let answers = Answer.all(in: try server.ask(probe.request + Self.smuggled))
      #expect(answers.count == 1)
      #expect((400...599).contains(answers.first?.status ?? 0))
      #expect(answers.last?["connection"] == "close")
      #expect(handled.withLock { $0 }.isEmpty)
    }
  }

  @Test func `a field that only looks like one that frames is none`() async throws {
    try await withServer { server in
      let text =
        Self.post
        + "Transfer_Encoding: chunked\r\nX-Content-Length: 9\r\nContent-Length: 3\r\n\r\nabc"
      let answers = Answer.all(in: try server.ask(text + Self.get))
      #expect(answers.map(\.body) == ["POST / abc", "GET / "])
    }
  }

  @Test func `what stands in trailers frames nothing and reaches nobody`() async throws {
    let seen = Lock<[String]>([])
    try await withServer(handle: { exchange in
      seen.withLock { $0 += exchange.request.headers.entries.map(\.0) }
      echo(exchange)
    }) { server in
      let trailers =
        "Content-Length: 50\r\nTransfer-Encoding: chunked\r\nHost: evil\r\nAuthorization: x\r\n"
      let text = FramingTests.chunked + "3\r\nabc\r\n0\r\n\(trailers)\r\n"
      let answers = Answer.all(in: try server.ask(text + Self.get))
      // Refused or ignored: in no case do they change where the next request begins.
      #expect(
        [["POST / abc", "GET / "]].contains(answers.map(\.body)) || answers.last?.status == 400)
      #expect(!seen.withLock { $0 }.contains("Authorization"))
    }
  }

  // MARK: odd bytes

  @Test func `bytes that are no UTF-8 are refused in a target and harmless in a value`()
    async throws
  {
    try await withServer { server in
      let socket = try server.connect()
      let bad: [UInt8] = [0xC3, 0x28, 0xFF, 0xED, 0xA0, 0x80]
      try socket.send(Array("GET / HTTP/1.1\r\nHost: a\r\nX: ".utf8) + bad + Array("\r\n\r\n".utf8))
      #expect(try socket.receiveResponse().status == 200)
      try socket.send(Array("GET /".utf8) + bad + Array(" HTTP/1.1\r\nHost: a\r\n\r\n".utf8))
      #expect(Answer.all(in: try socket.receiveToEnd()).map(\.status) == [400])
    }
  }

  @Test func `garbage behind a good request costs the connection, not the request`() async throws {
    try await withServer { server in
      let garbage = String(repeating: "\u{1}\u{7F}garbage\r\n", count: 2_000)
      let answers = Answer.all(in: try server.ask(Self.get + garbage))
      #expect(answers.map(\.status) == [200, 400])
    }
  }

  // MARK: slow ones

  @Test func `a body that comes byte by byte is cut, however often one comes`() async throws {
    // No body is as fast as this, so what counts is that bytes do not prolong the time.
    let limits = HTTPLimits.with {
      $0.bodyTimeout = .milliseconds(50)
      $0.bodyBytesPerSecondMin = 1 << 40
    }
    try await withServer(limits) { server in
      let socket = try server.connect()
      try socket.send(Self.post + "Content-Length: 1000000\r\n\r\n")
      while await server.counters.timeouts == 0 { socket.sendWhilePossible("x") }
      #expect(Answer.all(in: try socket.receiveToEnd()).map(\.status) == [408])
      #expect(await server.counters.refusals == ["body-timed-out": 1])
    }
  }

  @Test func `a head that comes byte by byte is cut, however often one comes`() async throws {
    try await withServer(.with { $0.headerTimeout = .milliseconds(50) }) { server in
      let socket = try server.connect()
      try socket.send("GET / HTTP/1.1\r\nX: ")
      while await server.counters.timeouts == 0 { socket.sendWhilePossible("x") }
      #expect(Answer.all(in: try socket.receiveToEnd()).first?.status == 408)
      #expect(await server.counters.refusals["head-timed-out"] == 1)
    }
  }

  @Test func `who reads late gets all answers, and is not read from until then`() async throws {
    // Sixty answers of a megabyte would be more than a connection may have unsent.
    let bytes = 1 << 20
    try await withServer(handle: { exchange in
      exchange.respond(HTTPResponse(status: 200, body: [UInt8](repeating: 0x78, count: bytes)))
    }) { server in
      let socket = try server.connect(receiveBufferBytes: 4_096)
      try socket.send(String(repeating: Self.get, count: 60))
      while await server.counters.requests == 0 { sched_yield() }
      #expect(await server.counters.requests < 60)
      var received = 0
      while received < 60 * bytes, let more = try socket.receive() { received += more.count }
      #expect(received >= 60 * bytes)
      #expect(await server.counters.slowReadersDropped == 0)
    }
  }

  // MARK: many

  @Test func `bodies that arrive may together be as large as the limit and no larger`() async throws
  {
    let limits = HTTPLimits.with { $0.arrivingBytesMax = 100_000 }
    try await withServer(limits) { server in
      let first = try server.connect()
      try first.send(
        Self.post + "Content-Length: 60000\r\n\r\n" + String(repeating: "x", count: 50_000))
      while await server.arrivingBytes < 50_000 { sched_yield() }
      let second = try server.connect()
      try second.send(
        Self.post + "Content-Length: 60000\r\n\r\n" + String(repeating: "x", count: 50_000))
      while await server.arrivingBytes < 100_000 { sched_yield() }
      try second.send("x")
      let refused = try second.receiveResponse()
      #expect(refused.status == 503)
      #expect(refused["retry-after"] == "1")
      second.close()
      // Whoever was not refused goes on.
      try first.send(String(repeating: "x", count: 10_000))
      #expect(try first.receiveResponse().status == 200)
      while await server.arrivingBytes > 0 { sched_yield() }
      #expect(await server.counters.refusals == ["too-many-arriving-bytes": 1])
    }
  }

  @Test func `hundreds of idle connections keep nobody from an answer`() async throws {
    try await withServer { server in
      let idle = try (0..<200).map { _ in try server.connect() }
      let begun = try (0..<100).map { _ in
        let socket = try server.connect()
        try socket.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Le")
        return socket
      }
      #expect(Answer.all(in: try server.ask(Self.get)).map(\.status) == [200])
      #expect(await server.connectionCount >= 300)
      for socket in idle + begun { socket.reset() }
      while await server.connectionCount > 0 { sched_yield() }
    }
  }

  @Test func `a flood of connections that say nothing leaves nothing behind`() async throws {
    try await withServer(.with { $0.connectionsMax = 20 }) { server in
      for number in 0..<1_000 {
        let socket = try server.connect()
        if number % 3 == 0 { socket.sendWhilePossible("GET / HT") }
        if number % 2 == 0 { socket.reset() } else { socket.close() }
      }
      while await server.connectionCount > 0 { sched_yield() }
      #expect(Answer.all(in: try server.ask(Self.get)).map(\.status) == [200])
      let counters = await server.counters
      #expect(counters.refusals["too-many-connections", default: 0] == counters.connectionsRefused)
    }
  }

  @Test func `each refusal is counted by its reason`() async throws {
    try await withServer(admit: { head in
      head.path == "/no" ? .refuse(HTTPResponse(status: 404)) : .accept(bodyBytesMax: 10)
    }) { server in
      _ = try server.ask("GET /no HTTP/1.1\r\nHost: a\r\n\r\n")
      _ = try server.ask("GET / HTTP/1.1\r\n\r\n")
      _ = try server.ask(Self.post + "Content-Length: 11\r\n\r\n")
      _ = try server.ask("BREW / HTTP/1.1\r\nHost: a\r\n\r\n")
      let counters = await server.counters
      #expect(
        counters.refusals == ["404": 1, "bad-host": 1, "body-too-large": 1, "unknown-method": 1])
      #expect(counters.requestsRefused == 4)
    }
  }
}
