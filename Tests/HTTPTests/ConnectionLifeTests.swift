// How long the server waits for clients, and how connections and servers end. No test waits for
// time: it waits for the server to close, under limits of milliseconds.

import EventLoop
import Glibc
import HTTP
import Testing

struct SlowClientTests {
  @Test func `a head that does not end is answered with 408`() async throws {
    try await withServer(.with { $0.headerTimeout = .milliseconds(50) }) { server in
      let socket = try server.connect()
      try socket.send("GET / HTTP/1.1\r\nHo")
      #expect(Answer.all(in: try socket.receiveToEnd()).map(\.status) == [408])
      #expect(await server.counters.timeouts == 1)
    }
  }

  @Test func `a body that stops is answered with 408`() async throws {
    try await withServer(.with { $0.bodyTimeout = .milliseconds(50) }) { server in
      let socket = try server.connect()
      try socket.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nabc")
      #expect(Answer.all(in: try socket.receiveToEnd()).map(\.status) == [408])
    }
  }

  @Test func `a connection without a request is closed in silence`() async throws {
    try await withServer(.with { $0.headerTimeout = .milliseconds(50) }) { server in
      let text = try server.connect().receiveToEnd()
      #expect(text == "")
    }
  }

  @Test func `an idle connection is closed in silence`() async throws {
    try await withServer(.with { $0.keepAliveTimeout = .milliseconds(50) }) { server in
      let socket = try server.connect()
      try socket.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
      #expect(try socket.receiveResponse().status == 200)
      #expect(try socket.receiveToEnd() == "")
    }
  }

  @Test func `the answer to a slow head waits for the answers before it`() async throws {
    let late = Mailbox<HTTPExchange>()
    try await withServer(
      .with { $0.headerTimeout = .milliseconds(50) }, handle: { late.post($0) }
    ) { server in
      let socket = try server.connect()
      try socket.send("GET /late HTTP/1.1\r\nHost: a\r\n\r\nGET / HT")
      let exchange = await late.next()
      // Only once the second request has timed out.
      while await server.counters.timeouts == 0 { sched_yield() }
      await onLoop { if let exchange { echo(exchange) } }.get()
      #expect(Answer.all(in: try socket.receiveToEnd()).map(\.status) == [200, 408])
    }
  }

  @Test func `a client that does not take its answer is dropped`() async throws {
    let limits = HTTPLimits.with { $0.sendTimeout = .milliseconds(100) }
    let gone = Mailbox<Bool>()
    try await withServer(
      limits,
      handle: { exchange in
        exchange.onClientGone = { gone.post(true) }
        exchange.startStream(status: 200, headers: HTTPFields())
        exchange.send([UInt8](repeating: 0x78, count: 12 << 20))
      }
    ) { server in
      let socket = try server.connect(receiveBufferBytes: 4_096)
      try socket.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
      #expect(await gone.next() == true)
      #expect(await server.counters.slowReadersDropped == 1)
    }
  }

  @Test func `a client that never closes is closed`() async throws {
    try await withServer(.with { $0.lingerTimeout = .milliseconds(50) }) { server in
      let socket = try server.connect()
      try socket.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
      _ = try socket.receiveToEnd()
      while await server.connectionCount > 0 { sched_yield() }
    }
  }

  @Test func `a client that is refused in mid-body still gets the answer`() async throws {
    try await withServer(admit: { _ in .accept(bodyBytesMax: 10) }) { server in
      let socket = try server.connect()
      socket.sendWhilePossible(
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4000000\r\n\r\n"
          + String(repeating: "x", count: 4_000_000))
      socket.endWriting()
      #expect(Answer.all(in: try socket.receiveToEnd()).map(\.status) == [413])
    }
  }
}

struct ServerEndTests {
  @Test func `draining closes idle connections and lets the others finish`() async throws {
    let waiting = Mailbox<HTTPExchange>()
    let done = Mailbox<Bool>()
    try await withServer(handle: { exchange in
      if exchange.request.path == "/late" { waiting.post(exchange) } else { echo(exchange) }
    }) { server in
      let idle = try server.connect()
      try idle.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
      _ = try idle.receiveResponse()
      let busy = try server.connect()
      try busy.send("GET /late HTTP/1.1\r\nHost: a\r\n\r\n")
      let late = await waiting.next()
      await onLoop { server.server.drain(within: .seconds(60)) { done.post(true) } }.get()
      #expect(try idle.receiveToEnd() == "")
      #expect(throws: SocketTrouble.self) { try server.connect() }
      await onLoop { if let late { echo(late) } }.get()
      let answers = Answer.all(in: try busy.receiveToEnd())
      #expect(answers.map { $0["connection"] } == ["close"])
      idle.close()
      busy.close()
      #expect(await done.next() == true)
    }
  }

  @Test func `draining ends at its deadline`() async throws {
    let waiting = Mailbox<Bool>()
    let done = Mailbox<Bool>()
    try await withServer(handle: { exchange in
      exchange.onClientGone = { waiting.post(false) }
      waiting.post(true)
    }) { server in
      let socket = try server.connect()
      try socket.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
      #expect(await waiting.next() == true)
      await onLoop { server.server.drain(within: .milliseconds(20)) { done.post(true) } }.get()
      #expect(await waiting.next() == false)
      #expect(await done.next() == true)
      #expect(try socket.receiveToEnd() == "")
    }
  }

  @Test func `draining without connections is done at once`() async throws {
    let done = Mailbox<Bool>()
    try await withServer { server in
      await onLoop { server.server.drain(within: .seconds(60)) { done.post(true) } }.get()
      #expect(await done.next() == true)
    }
  }

  @Test func `closed connections leave nothing behind`() async throws {
    try await withServer { server in
      for _ in 1...50 {
        let socket = try server.connect()
        try socket.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        _ = try socket.receiveResponse()
        socket.close()
      }
      while await server.connectionCount > 0 { sched_yield() }
      #expect(await server.counters.connectionsAccepted == 50)
    }
  }

  @Test func `answering twice stops the process`() async {
    await #expect(processExitsWith: .failure) {
      try await withServer(handle: { exchange in
        echo(exchange)
        echo(exchange)
      }) { server in
        _ = try server.ask("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
      }
    }
  }
}
