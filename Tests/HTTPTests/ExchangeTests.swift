// How answers leave: in the order of the requests, whole or as streams, with what their request
// asks of the connection; and what a responder hears when its client leaves.

import EventLoop
import Glibc
import HTTP
import Testing

struct ExchangeTests {
  static let get = "GET / HTTP/1.1\r\nHost: a\r\n"

  @Test func `answers leave in the order of the requests, however late the first is`() async throws
  {
    let waiting = Lock<[HTTPExchange]>([])
    try await withServer(handle: { exchange in
      let all = waiting.withLock {
        $0.append(exchange); return $0
      }
      if all.count == 4 { for exchange in all.reversed() { echo(exchange) } }
    }) { server in
      let requests = (1...4).map { "GET /\($0) HTTP/1.1\r\nHost: a\r\n\r\n" }
      let answers = Answer.all(in: try server.ask(requests.joined()))
      #expect(answers.map(\.body) == ["GET /1 ", "GET /2 ", "GET /3 ", "GET /4 "])
    }
  }

  @Test func `a connection is kept, and closed when asked`() async throws {
    try await withServer { server in
      let socket = try server.connect()
      for _ in 1...3 {
        try socket.send(Self.get + "\r\n")
        let answer = try socket.receiveResponse()
        #expect(answer.status == 200 && answer["connection"] == nil)
      }
      try socket.send(Self.get + "Connection: TE, close\r\n\r\n" + Self.get + "\r\n")
      let last = Answer.all(in: try socket.receiveToEnd())
      #expect(last.map { $0["connection"] } == ["close"])
    }
  }

  @Test func `HTTP/1.0 closes unless asked to keep`() async throws {
    try await withServer { server in
      let socket = try server.connect()
      try socket.send("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n")
      #expect(try socket.receiveResponse()["connection"] == "keep-alive")
      try socket.send("GET / HTTP/1.0\r\n\r\n")
      #expect(Answer.all(in: try socket.receiveToEnd()).map { $0["connection"] } == ["close"])
    }
  }

  @Test func `a client that asks is told to go on, once its head is admitted`() async throws {
    try await withServer { server in
      let socket = try server.connect()
      try socket.send(
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n")
      #expect(try socket.receive(until: "\r\n\r\n") == "HTTP/1.1 100 Continue\r\n\r\n")
      try socket.send("ok")
      #expect(try socket.receiveResponse().body == "POST / ok")
    }
  }

  @Test func `a client that asks is not told to go on when its head is refused`() async throws {
    try await withServer(admit: { head in
      head.path == "/no" ? .refuse(HTTPResponse(status: 401)) : .accept(bodyBytesMax: 1)
    }) { server in
      for (path, status) in [("/no", 401), ("/big", 413)] {
        let socket = try server.connect()
        try socket.send(
          "POST \(path) HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n")
        let answers = Answer.all(in: try socket.receiveToEnd())
        #expect(answers.map(\.status) == [status])
        #expect(answers.first?["connection"] == "close")
      }
    }
  }

  @Test func `the body of a refused request is skipped when it is short`() async throws {
    try await withServer(
      .with { $0.refusedBodyBytesMax = 100 },
      admit: { head in
        head.method == "POST" ? .refuse(HTTPResponse(status: 404)) : .accept(bodyBytesMax: 0)
      }
    ) { server in
      func post(_ count: Int) -> String {
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: \(count)\r\n\r\n"
          + String(repeating: "x", count: count)
      }
      let short = try server.ask(post(100) + Self.get + "\r\n")
      #expect(Answer.all(in: short).map(\.status) == [404, 200])
      let long = try server.ask(post(101) + Self.get + "\r\n")
      #expect(Answer.all(in: long).map(\.status) == [404])
    }
  }

  @Test func `HEAD gets the same fields and no body`() async throws {
    try await withServer { server in
      let text = try server.ask("HEAD /x HTTP/1.1\r\nHost: a\r\n\r\n")
      #expect(text.hasSuffix("\r\n\r\n"))
      #expect(Answer.all(in: text).first?["content-length"] == "8")
    }
  }

  @Test func `204 and 304 have neither body nor length`() async throws {
    try await withServer(handle: { $0.respond(HTTPResponse(status: 204, body: [1, 2])) }) {
      server in
      let text = try server.ask(Self.get + "\r\n")
      #expect(text.hasSuffix("\r\n\r\n"))
      #expect(Answer.all(in: text).first.map { $0["content-length"] == nil } == true)
    }
  }

  @Test func `a response that would break its framing becomes a 500`() async throws {
    try await withServer(handle: { exchange in
      switch exchange.request.path {
      case "/value":
        exchange.respond(
          HTTPResponse(status: 200, headers: HTTPFields([("X", "a\r\nSet-Cookie: b")])))
      case "/name": exchange.respond(HTTPResponse(status: 200, headers: HTTPFields([("X:", "a")])))
      case "/stream":
        exchange.startStream(status: 200, headers: HTTPFields([("X", "a\nb")]))
        exchange.send([1])
        exchange.endStream()
      default: exchange.respond(HTTPResponse(status: 99))
      }
    }) { server in
      let paths = ["/value", "/name", "/stream", "/status"]
      let requests = paths.map { "GET \($0) HTTP/1.1\r\nHost: a\r\n\r\n" }
      let answers = Answer.all(in: try server.ask(requests.joined()))
      #expect(answers.map(\.status) == [500, 500, 500, 500])
      #expect(answers.allSatisfy { $0["set-cookie"] == nil && $0.body.contains("bad-response") })
    }
  }

  @Test func `framing fields of a responder are not sent`() async throws {
    let fields = HTTPFields([
      ("content-length", "1"), ("Transfer-Encoding", "chunked"), ("Date", "never"),
      ("connection", "close"),
    ])
    try await withServer(handle: {
      $0.respond(HTTPResponse(status: 200, headers: fields, body: Array("abc".utf8)))
    }) { server in
      let answers = Answer.all(in: try server.ask(Self.get + "\r\n" + Self.get + "\r\n"))
      #expect(answers.map(\.body) == ["abc"])
      #expect(answers.first?["transfer-encoding"] == nil)
      #expect(answers.first?["date"]?.hasSuffix(" GMT") == true)
      #expect(answers.first?["connection"] == "close")
    }
  }

  @Test func `a stream is chunked, and the connection lives on`() async throws {
    try await withServer(handle: { exchange in
      guard exchange.request.path == "/" else { return echo(exchange) }
      exchange.startStream(status: 200, headers: HTTPFields())
      exchange.send(Array("hello".utf8))
      exchange.send([])
      exchange.send(Array(repeating: 0x78, count: 16))
      exchange.endStream()
    }) { server in
      let text = try server.ask(Self.get + "\r\nGET /after HTTP/1.1\r\nHost: a\r\n\r\n")
      #expect(text.contains("Transfer-Encoding: chunked\r\n"))
      #expect(
        text.contains("\r\n\r\n5\r\nhello\r\n10\r\nxxxxxxxxxxxxxxxx\r\n0\r\n\r\nHTTP/1.1 200"))
      #expect(text.hasSuffix("GET /after "))
    }
  }

  @Test func `a stream to HTTP/1.0 ends with the connection`() async throws {
    try await withServer(handle: { exchange in
      exchange.startStream(status: 200, headers: HTTPFields())
      exchange.send(Array("hello".utf8))
      exchange.endStream()
    }) { server in
      let text = try server.ask("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
      #expect(text.contains("Connection: close\r\n"))
      #expect(!text.contains("chunked"))
      #expect(text.hasSuffix("\r\n\r\nhello"))
    }
  }

  @Test func `a stream that is given up is cut, not ended`() async throws {
    try await withServer(handle: { exchange in
      exchange.startStream(status: 200, headers: HTTPFields())
      exchange.send(Array("hello".utf8))
      exchange.abort()
      exchange.send(Array("never".utf8))
    }) { server in
      let text = try server.ask(Self.get + "\r\n")
      #expect(text.hasSuffix("\r\n\r\n5\r\nhello\r\n"))
      #expect(await server.counters.answersAborted == 1)
    }
  }

  @Test func `a stream behind an unanswered request waits for it`() async throws {
    let first = Lock<HTTPExchange?>(nil)
    try await withServer(handle: { exchange in
      if exchange.request.path == "/first" { return first.withLock { $0 = exchange } }
      exchange.startStream(status: 200, headers: HTTPFields())
      exchange.send(Array("second".utf8))
      #expect(exchange.unsentBytes > 6)
      exchange.endStream()
      if let exchange = first.withLock({ $0 }) { echo(exchange) }
    }) { server in
      let text = try server.ask("GET /first HTTP/1.1\r\nHost: a\r\n\r\n" + Self.get + "\r\n")
      #expect(text.contains("GET /first HTTP/1.1 200 OK"))
      #expect(text.hasSuffix("6\r\nsecond\r\n0\r\n\r\n"))
    }
  }

  @Test func `a responder hears when the client closes or breaks off`() async throws {
    let happenings = Mailbox<String>()
    try await withServer(handle: { exchange in
      let path = exchange.request.path
      exchange.onClientGone = { happenings.post("\(path) gone") }
      if path == "/stream" { exchange.startStream(status: 200, headers: HTTPFields()) }
      happenings.post(path)
    }) { server in
      let closing = try server.connect()
      try closing.send("GET /stream HTTP/1.1\r\nHost: a\r\n\r\n")
      #expect(await happenings.next() == "/stream")
      closing.close()
      #expect(await happenings.next() == "/stream gone")
      let breaking = try server.connect()
      try breaking.send("GET /plain HTTP/1.1\r\nHost: a\r\n\r\n")
      #expect(await happenings.next() == "/plain")
      breaking.reset()
      #expect(await happenings.next() == "/plain gone")
      #expect(await server.counters.clientsGone == 2)
    }
  }

  @Test func `an answer that comes after its client has gone is harmless`() async throws {
    let happenings = Mailbox<HTTPExchange>()
    let gone = Mailbox<Bool>()
    try await withServer(handle: { exchange in
      exchange.onClientGone = { gone.post(exchange.isAnswered) }
      happenings.post(exchange)
    }) { server in
      let socket = try server.connect()
      try socket.send(Self.get + "\r\n")
      let exchange = await happenings.next()
      socket.reset()
      #expect(await gone.next() == false)
      await onLoop { if let exchange { echo(exchange) } }.get()
      #expect(await onLoop { exchange?.isAnswered }.get() == true)
      #expect(await server.connectionCount == 0)
    }
  }

  @Test func `a stream is told when it may send more`() async throws {
    let happenings = Mailbox<Int>()
    try await withServer(handle: { exchange in
      exchange.startStream(status: 200, headers: HTTPFields())
      exchange.send([UInt8](repeating: 0x78, count: 4 << 20))
      #expect(exchange.unsentBytes >= 4 << 20)
      exchange.onDrained = {
        exchange.onDrained = nil
        happenings.post(exchange.unsentBytes)
        exchange.endStream()
      }
    }) { server in
      let socket = try server.connect()
      try socket.send(Self.get + "Connection: close\r\n\r\n")
      let text = try socket.receiveToEnd()
      #expect(text.utf8.count > 4 << 20 && text.hasSuffix("\r\n0\r\n\r\n"))
      #expect(await happenings.next() == 0)
    }
  }

  @Test func `a stream whose client does not read is cut at the limit`() async throws {
    let limits = HTTPLimits.with { $0.unsentBytesMax = 8 << 20 }
    let happenings = Mailbox<Int>()
    try await withServer(
      limits,
      handle: { exchange in
        exchange.startStream(status: 200, headers: HTTPFields())
        exchange.send([])
        let room = limits.unsentBytesMax - exchange.unsentBytes
        exchange.send([UInt8](repeating: 0x78, count: room))
        let atLimit = exchange.unsentBytes
        exchange.onClientGone = { happenings.post(atLimit) }
        exchange.send([0x78])
      }
    ) { server in
      let socket = try server.connect()
      try socket.send(Self.get + "\r\n")
      #expect(await happenings.next() ?? 0 >= limits.unsentBytesMax)
      #expect(await server.counters.slowReadersDropped == 1)
      _ = try socket.receiveToEnd()
    }
  }

  @Test func `a whole answer past the limit becomes a 500`() async throws {
    let limits = HTTPLimits.with { $0.unsentBytesMax = 1_000 }
    try await withServer(
      limits,
      handle: { exchange in
        let count = exchange.request.path == "/at" ? 1_000 : 1_001
        exchange.respond(HTTPResponse(status: 200, body: [UInt8](repeating: 0x78, count: count)))
      }
    ) { server in
      let at = try server.ask("GET /at HTTP/1.1\r\nHost: a\r\n\r\n")
      let past = try server.ask("GET /past HTTP/1.1\r\nHost: a\r\n\r\n")
      #expect(Answer.all(in: at + past).map(\.status) == [200, 500])
    }
  }

  @Test func `pipelined answers may together be twice the limit and no more`() async throws {
    let limits = HTTPLimits.with { $0.unsentBytesMax = 10_000 }
    let gone = Mailbox<Int>()
    let answered = Lock<Int>(0)
    try await withServer(
      limits,
      handle: { exchange in
        guard exchange.request.path != "/first" else {
          exchange.onClientGone = { gone.post(answered.withLock { $0 }) }
          return
        }
        // Two of them stay below twice the limit, three do not.
        exchange.respond(HTTPResponse(status: 200, body: [UInt8](repeating: 0x78, count: 9_000)))
        answered.withLock { $0 += 1 }
      }
    ) { server in
      let socket = try server.connect()
      let others = String(repeating: Self.get + "\r\n", count: 3)
      try socket.send("GET /first HTTP/1.1\r\nHost: a\r\n\r\n" + others)
      #expect(await gone.next() == 2)
      let text = try socket.receiveToEnd()
      #expect(text == "")
    }
  }

  @Test func `a refused request whose body stops gets one answer`() async throws {
    let limits = HTTPLimits.with { $0.bodyTimeout = .milliseconds(50) }
    try await withServer(limits, admit: { _ in .refuse(HTTPResponse(status: 404)) }) { server in
      let half = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc"
      #expect(Answer.all(in: try server.ask(half)).map(\.status) == [404])
      let socket = try server.connect()
      try socket.send(half)
      #expect(Answer.all(in: try socket.receiveToEnd()).map(\.status) == [404])
    }
  }
}
