// The blocking client against our server, and against a peer that misbehaves.

import Foundation
import EventLoop
import Glibc
import Testing

@testable import HTTP

struct HTTPClientTests {
  private func client(_ server: TestServer) -> HTTPClient {
    HTTPClient(.tcp(host: "127.0.0.1", port: server.port), readTimeout: .seconds(20))
  }

  @Test func `requests share one connection`() async throws {
    try await withServer { server in
      let client = client(server)
      for index in 1...5 {
        let response = try client.send("POST", "/\(index)?q", body: Array("body".utf8))
        #expect(response.status == 200)
        #expect(response.headers[first: "CONTENT-TYPE"] == "text/plain")
        #expect(String(decoding: response.body, as: UTF8.self) == "POST /\(index)?q body")
      }
      #expect(try client.send("HEAD", "/").body.isEmpty)
      #expect(try client.send("GET", "/").status == 200)
      #expect(await server.counters.connectionsAccepted == 1)
    }
  }

  @Test func `a Unix socket answers as well`() async throws {
    let parent = FileManager.default.temporaryDirectory.path
    var template = Array("\(parent)/apus-http-XXXXXX".utf8CString)
    let folder = try #require(mkdtemp(&template).map { String(cString: $0) })
    defer { rmdir(folder) }
    let path = folder + "/door"
    try await withServer { server in
      try await onLoop { () throws(LoopFault) in try server.server.listen(unix: path) }.get()
      let client = HTTPClient(.unix(path: path))
      let response = try client.send("GET", "/x")
      #expect(String(decoding: response.body, as: UTF8.self) == "GET /x ")
    }
    unlink(path)
  }

  @Test func `a kept connection that was closed is replaced`() async throws {
    try await withServer(.with { $0.keepAliveTimeout = .milliseconds(30) }) { server in
      let client = client(server)
      let first = try client.send("POST", "/")
      while await server.connectionCount > 0 { sched_yield() }
      let second = try client.send("POST", "/")
      #expect(first.status == 200 && second.status == 200)
      #expect(await server.counters.connectionsAccepted == 2)
    }
  }

  @Test func `a stream comes as it is sent, and may be left`() async throws {
    let gone = Mailbox<Bool>()
    let next = Mailbox<HTTPExchange>()
    try await withServer(handle: { exchange in
      exchange.onClientGone = { gone.post(true) }
      exchange.startStream(
        status: 200, headers: HTTPFields([("Content-Type", "text/event-stream")]))
      exchange.send(Array("data: 1\n\n".utf8))
      next.post(exchange)
    }) { server in
      var events: [String] = []
      let response = try client(server).stream("GET", "/events") { bytes in
        events.append(String(decoding: bytes, as: UTF8.self))
        return false
      }
      #expect(response.status == 200)
      #expect(events == ["data: 1\n\n"])
      #expect(await gone.next() == true)
    }
  }

  @Test func `what stands behind a response is no part of it, however it is cut`() throws {
    let answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
    for more in ["HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n", "garbage\r\n\r\n"] {
      let attempt = HTTPClientAttempt(method: "GET")
      defer { attempt.close() }
      try attempt.add(Array((answer + more).utf8))
      #expect(attempt.isComplete && !attempt.keepsConnection)
      #expect(try attempt.response().status == 200)
      var body: [UInt8] = []
      _ = attempt.handOver {
        body += $1
        return true
      }
      #expect(body == Array("ok".utf8))
    }
  }

  @Test(arguments: ["50", "099", "101", "600", "999"])
  func `a status that ends no request is no answer`(status: String) {
    let attempt = HTTPClientAttempt(method: "GET")
    defer { attempt.close() }
    let answer = "HTTP/1.1 \(status) Odd\r\nContent-Length: 0\r\n\r\n"
    #expect {
      try attempt.add(Array(answer.utf8))
    } throws: { fault in
      if case HTTPClientFault.notHTTP = fault { true } else { false }
    }
  }

  @Test func `a stream that is cut is a fault, one that ends is not`() async throws {
    try await withServer(handle: { exchange in
      exchange.startStream(status: 200, headers: HTTPFields())
      exchange.send(Array("part".utf8))
      if exchange.request.path == "/cut" { exchange.abort() } else { exchange.endStream() }
    }) { server in
      let client = client(server)
      #expect(throws: HTTPClientFault.cutShort) { try client.send("GET", "/cut") }
      let whole = try client.send("GET", "/whole")
      #expect(whole.body == Array("part".utf8))
    }
  }

  @Test func `a response may be as long as the limit and no longer`() async throws {
    try await withServer(handle: { exchange in
      let count = exchange.request.path == "/at" ? 100 : 101
      exchange.respond(HTTPResponse(status: 200, body: [UInt8](repeating: 1, count: count)))
    }) { server in
      let client = HTTPClient(
        .tcp(host: "localhost", port: server.port), responseBytesMax: 100)
      let atLimit = try client.send("GET", "/at")
      #expect(atLimit.body.count == 100)
      #expect(throws: HTTPClientFault.tooLarge(responseBytesMax: 100)) {
        try client.send("GET", "/past")
      }
    }
  }

  @Test func `a server that does not answer is given up`() async throws {
    try await withServer(handle: { _ in }) { server in
      let client = HTTPClient(
        .tcp(host: "127.0.0.1", port: server.port), readTimeout: .milliseconds(30))
      #expect {
        try client.send("GET", "/")
      } throws: { fault in
        if case HTTPClientFault.timedOut = fault { true } else { false }
      }
    }
  }

  @Test func `nobody listening is said with the address`() async throws {
    let closed = Lock<UInt16>(0)
    try await withServer { server in closed.withLock { $0 = server.port } }
    let client = HTTPClient(.tcp(host: "127.0.0.1", port: closed.withLock { $0 }))
    #expect {
      try client.send("GET", "/")
    } throws: { fault in
      String(describing: fault).contains("127.0.0.1:\(closed.withLock { $0 }): Connection refused")
    }
  }

  @Test func `fields that would break the framing are not sent`() throws {
    let client = HTTPClient(.tcp(host: "127.0.0.1", port: 1))
    for headers in [[("X", "a\r\nY: b")], [("X Y", "a")], [("content-length", "3")]] {
      #expect {
        try client.send("GET", "/", headers: headers)
      } throws: { fault in
        if case HTTPClientFault.badRequest = fault { true } else { false }
      }
    }
  }
}
