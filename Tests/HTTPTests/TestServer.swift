// A server on a free port with a responder made of closures, and a mailbox through which what
// happens on the loop reaches a test.

import EventLoop
import Glibc
import HTTP

@LoopActor
final class ClosureResponder: HTTPResponder {
  private let admission: (HTTPRequest) -> HTTPAdmission
  private let answer: (HTTPExchange) -> Void

  init(
    admit: @escaping @LoopActor (HTTPRequest) -> HTTPAdmission,
    handle: @escaping @LoopActor (HTTPExchange) -> Void
  ) {
    admission = admit
    answer = handle
  }

  func admit(_ head: HTTPRequest) -> HTTPAdmission { admission(head) }
  func handle(_ exchange: HTTPExchange) { answer(exchange) }
}

@LoopActor
func acceptMebibyte(_ head: HTTPRequest) -> HTTPAdmission { .accept(bodyBytesMax: 1 << 20) }

/// "METHOD target" and the body behind it.
@LoopActor
func echo(_ exchange: HTTPExchange) {
  let request = exchange.request
  let line = Array("\(request.method) \(request.target) ".utf8)
  exchange.respond(
    HTTPResponse(
      status: 200, headers: HTTPFields([("Content-Type", "text/plain")]),
      body: line + request.body))
}

@LoopActor
final class TestServer: Sendable {
  let server: HTTPServer
  nonisolated let port: UInt16

  init(_ server: HTTPServer, port: UInt16) {
    self.server = server
    self.port = port
  }

  nonisolated func connect(receiveBufferBytes: Int32? = nil) throws -> RawSocket {
    try RawSocket(port: port, receiveBufferBytes: receiveBufferBytes)
  }

  /// Sends, says that nothing follows, and reads all there is to read.
  nonisolated func ask(_ text: String) throws -> String {
    let socket = try connect()
    socket.sendWhilePossible(text)
    socket.endWriting()
    return try socket.receiveToEnd()
  }

  nonisolated var counters: HTTPCounters {
    get async { await onLoop { self.server.counters }.get() }
  }

  nonisolated var arrivingBytes: Int {
    get async { await onLoop { self.server.arrivingBytes }.get() }
  }

  nonisolated var connectionCount: Int {
    get async { await onLoop { self.server.connectionCount }.get() }
  }
}

/// Makes, tests, closes; a test's body blocks on sockets, so it must not be on the loop's thread.
func withServer(
  _ limits: HTTPLimits = HTTPLimits(),
  admit: @escaping @Sendable @LoopActor (HTTPRequest) -> HTTPAdmission = acceptMebibyte,
  handle: @escaping @Sendable @LoopActor (HTTPExchange) -> Void = echo,
  _ body: (TestServer) async throws -> Void
) async throws {
  let server = try await onLoop { () throws(LoopFault) -> TestServer in
    let server = HTTPServer(
      responder: ClosureResponder(admit: admit, handle: handle), limits: limits)
    return TestServer(server, port: try server.listen(tcp: "127.0.0.1", port: 0))
  }.get()
  precondition(!EventLoop.shared.isCurrent, "a test would block the loop it tests")
  var failure: (any Error)?
  do {
    try await body(server)
  } catch {
    failure = error
  }
  await onLoop { server.server.closeAll() }.get()
  if let failure { throw failure }
}

func onLoop<Value: Sendable, Fault: Error>(
  _ work: @escaping @Sendable @LoopActor () throws(Fault) -> Value
) async -> Result<Value, Fault> {
  await withCheckedContinuation { continuation in
    EventLoop.shared.submit {
      continuation.resume(returning: Result { () throws(Fault) in try work() })
    }
  }
}

/// What happened, in order; a test waits for the next one.
final class Mailbox<Happening: Sendable>: Sendable {
  private let happenings: AsyncStream<Happening>
  private let sender: AsyncStream<Happening>.Continuation

  init() { (happenings, sender) = AsyncStream.makeStream() }

  func post(_ happening: Happening) { sender.yield(happening) }

  func next() async -> Happening? {
    for await happening in happenings { return happening }
    return nil
  }
}

extension HTTPLimits {
  static func with(_ change: (inout HTTPLimits) -> Void) -> HTTPLimits {
    var limits = HTTPLimits()
    change(&limits)
    return limits
  }
}
