// A server with a certificate: against the own client, and against peers that send what they like.

import EventLoop
import Foundation
import Glibc
import Synchronization
import Testing

@testable import HTTP

@Suite(.serialized)
struct TLSTests {
  private func client(
    _ server: TestServer, _ trust: TLSTrust, host: String = "localhost"
  ) -> HTTPClient {
    HTTPClient(
      .tls(host: host, port: server.port), trust: trust, connectTimeout: .seconds(120),
      readTimeout: .seconds(120))
  }

  private func connect(_ server: TestServer, _ trust: TLSTrust) throws -> SecureSocket {
    let address = HTTPClient.Address.tls(host: "localhost", port: server.port)
    let socket = try ClientSocket.connect(to: address, timeout: .seconds(120))
    return try SecureSocket.begin(
      on: socket, with: "localhost", try trust.context(), timeout: .seconds(120))
  }

  /// In one go: a TLS session stays on its thread.
  private func expect(_ text: String, of client: HTTPClient, _ path: String) throws {
    let response = try client.send("GET", path)
    #expect(String(decoding: response.body, as: UTF8.self) == text)
  }

  private func fault(_ client: HTTPClient) -> HTTPClientFault? {
    do throws(HTTPClientFault) {
      _ = try client.send("GET", "/")
      return nil
    } catch { return error }
  }

  // MARK: what works

  @Test func `requests travel encrypted on one connection, under a name and an address`()
    async throws
  {
    let certificates = try TestCertificates()
    try await withSecureServer(try certificates.identity()) { server in
      for host in ["localhost", "127.0.0.1"] {
        let client = client(server, certificates.trust, host: host)
        for _ in 1...3 { try expect("GET /x ", of: client, "/x") }
        client.close()
      }
      let counters = await server.counters
      #expect(counters.handshakes == 2 && counters.connectionsAccepted == 2)
    }
  }

  @Test func `large bodies go both ways`() async throws {
    let certificates = try TestCertificates()
    // A stretch of no round length, so that a piece in the wrong place shows.
    let stretch = (0..<65_537).map { UInt8(truncatingIfNeeded: $0 &* 31) }
    let body = Array(repeatElement(stretch, count: 50).joined())
    try await withSecureServer(
      try certificates.identity(), admit: { _ in .accept(bodyBytesMax: 16 << 20) },
      handle: { $0.respond(HTTPResponse(status: 200, body: $0.request.body)) }
    ) { server in
      let client = client(server, certificates.trust)
      for _ in 1...2 {
        let response = try client.send("POST", "/", body: body)
        #expect(response.status == 200 && response.body == body)
      }
      client.close()
    }
  }

  @Test func `pipelined requests are answered in order, and the end is told`() async throws {
    let certificates = try TestCertificates()
    try await withSecureServer(try certificates.identity()) { server in
      let socket = try connect(server, certificates.trust)
      defer { socket.close() }
      let requests = (1...20).map { "GET /\($0) HTTP/1.1\r\nHost: localhost\r\n\r\n" }.joined()
      let last = "GET /last HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
      #expect(socket.send(Array((requests + last).utf8), timeout: .seconds(120)) == nil)
      var bytes: [UInt8] = []
      // Throws where the socket ends without TLS's own end.
      while let more = try socket.receive(timeout: .seconds(120)) { bytes += more }
      let answers = Answer.all(in: String(decoding: bytes, as: UTF8.self))
      #expect(answers.map(\.body) == (1...20).map { "GET /\($0) " } + ["GET /last "])
    }
  }

  @Test func `a greeting that comes byte by byte is read`() async throws {
    let certificates = try TestCertificates()
    try await withSecureServer(try certificates.identity()) { server in
      let socket = try server.connect()
      let session = try TLSSession(asking: "localhost", try certificates.trust.context())
      defer { session.close() }
      while !session.isEstablished {
        for byte in session.takeCiphertext() { try socket.send([byte]) }
        let bytes = try #require(try socket.receive())
        bytes.withUnsafeBytes { session.receive($0) }
        #expect(session.fault == nil)
      }
      session.send(Array("GET /slow HTTP/1.1\r\nHost: localhost\r\n\r\n".utf8)[...])
      for byte in session.takeCiphertext() { try socket.send([byte]) }
      var text = ""
      while !text.hasSuffix("GET /slow ") {
        let bytes = try #require(try socket.receive())
        bytes.withUnsafeBytes { session.receive($0) }
        text += String(decoding: session.takePlaintext(), as: UTF8.self)
      }
    }
  }

  @Test func `a new certificate is for new connections, open ones go on`() async throws {
    let certificates = try TestCertificates()
    let renewed = try certificates.identity("renewed")
    try await withSecureServer(try certificates.identity()) { server in
      let old = client(server, certificates.trust)
      try expect("GET /1 ", of: old, "/1")
      setIdentity(renewed, of: server)
      try expect("GET /2 ", of: old, "/2")
      let new = client(server, certificates.trust)
      try expect("GET /3 ", of: new, "/3")
      #expect(serverNames(server, certificates.trust) == ["localhost", "renewed.example"])
      old.close()
      new.close()
    }
  }

  private func setIdentity(_ identity: TLSIdentity, of server: TestServer) {
    staying { server.server.identity = identity }
  }

  /// Does it on the loop and blocks: an `await` might go on on another thread, where a TLS session
  /// must not be touched.
  private func staying<Value: Sendable>(
    _ work: @escaping @Sendable @LoopActor () -> Value
  ) -> Value {
    let box = Mutex<Value?>(nil)
    let done = DispatchSemaphore(value: 0)
    EventLoop.shared.submit {
      let value = work()
      box.withLock { $0 = value }
      done.signal()
    }
    while true {
      done.wait()
      if let value = box.withLock({ $0 }) { return value }
    }
  }

  /// The names among these under which a client believes the server.
  private func serverNames(_ server: TestServer, _ trust: TLSTrust) -> [String] {
    ["localhost", "renewed.example", "elsewhere.example"].filter { name in
      let address = HTTPClient.Address.tls(host: "127.0.0.1", port: server.port)
      guard let context = try? trust.context(),
        let socket = try? ClientSocket.connect(to: address, timeout: .seconds(120)),
        let secure = try? SecureSocket.begin(
          on: socket, with: name, context, timeout: .seconds(120))
      else { return false }
      secure.close()
      return true
    }
  }

  // MARK: whom nobody believes

  @Test func `a stranger's certificate is not believed, nor one for another name`() async throws {
    let certificates = try TestCertificates()
    try await withSecureServer(try certificates.identity()) { server in
      guard
        case .untrusted("localhost", let reason)? = fault(
          client(server, certificates.strangersTrust))
      else { return #expect(Bool(false), "the stranger was believed") }
      #expect(reason.contains("certificate verify failed"))
      guard case .untrusted? = fault(client(server, .system)) else {
        return #expect(Bool(false), "the system does not know the test's authority")
      }
    }
    try await withSecureServer(try certificates.identity("elsewhere")) { server in
      for host in ["localhost", "127.0.0.1"] {
        guard
          case .untrusted(host, let reason)? = fault(
            client(server, certificates.trust, host: host))
        else { return #expect(Bool(false), "another's certificate was believed") }
        #expect(reason == "the certificate is for other names")
      }
    }
  }

  @Test func `a server without TLS is not taken for one, and said to speak http`() async throws {
    let certificates = try TestCertificates()
    try await withServer { server in
      let words = fault(client(server, certificates.trust))?.description ?? "believed"
      #expect(words.contains("speaks http") && !words.contains("--ca"), "\(words)")
      #expect(words.contains("http://localhost:\(server.port)"), "\(words)")
    }
  }

  @Test func `an expired certificate is not believed, and no authority is asked for`() async throws
  {
    let certificates = try TestCertificates()
    let identity = try TLSIdentity.load(certificates.files("expired"), now: 1_600_000_000) {
      "\($0)"
    }
    try await withSecureServer(identity) { server in
      for trust in [certificates.trust, certificates.strangersTrust] {
        let words = fault(client(server, trust))?.description ?? "believed"
        #expect(words.contains("has expired") && !words.contains("--ca"), "\(words)")
      }
    }
  }

  @Test func `authorities that are not there are said so, and what holds none`() throws {
    let certificates = try TestCertificates()
    func words(_ name: String) -> String {
      let trust = TLSTrust.authorities(path: certificates.path(name))
      let client = HTTPClient(.tls(host: "localhost", port: 1), trust: trust)
      return fault(client)?.description ?? "taken"
    }
    #expect(words("none.pem").contains("none.pem: No such file"), "\(words("none.pem"))")
    #expect(words("door.key").contains("door.key: holds no certificates in PEM"))
  }

  // MARK: what strangers send

  @Test(arguments: ["GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", "post /orders"])
  func `a plain request is told to use https`(request: String) async throws {
    let certificates = try TestCertificates()
    try await withSecureServer(try certificates.identity()) { server in
      let answer = try #require(Answer.all(in: try server.ask(request)).first)
      #expect(answer.status == 400 && answer.body.contains("tls-needed"))
      let counters = await server.counters
      #expect(counters.handshakesFailed == 1 && counters.handshakes == 0)
    }
  }

  @Test func `garbage gets an alert and the end`() async throws {
    let certificates = try TestCertificates()
    try await withSecureServer(try certificates.identity()) { server in
      let garbage: [[UInt8]] = [
        [0], [0x16, 3, 1, 0, 0], [0x16, 3, 1, 0xFF, 0xFF] + Array(repeating: 7, count: 300),
        [0x16, 3, 1, 0, 5, 1, 0, 0, 1, 9], Array(repeating: 0x80, count: 100_000),
      ]
      for bytes in garbage {
        let socket = try server.connect()
        try? socket.send(bytes)  // it may be refused before all is sent
        socket.endWriting()
        _ = try? socket.receiveToEnd()  // an alert, or a reset
      }
      let client = client(server, certificates.trust)
      try expect("GET / ", of: client, "/")
      client.close()
      while await server.connectionCount > 0 { sched_yield() }
    }
  }

  @Test func `TLS 1.1 is refused with an alert that says so`() async throws {
    let certificates = try TestCertificates()
    try await withSecureServer(try certificates.identity()) { server in
      let socket = try server.connect()
      let hello: [UInt8] =
        [3, 2] + Array(repeating: 5, count: 32) + [0, 0, 2, 0xC0, 0x09, 1, 0]
      let message: [UInt8] = [1, 0, 0, UInt8(hello.count)] + hello
      try socket.send([0x16, 3, 1, 0, UInt8(message.count)] + message)
      let alert = try #require(try socket.receive())
      #expect(alert.first == 21 && alert.last == 70, "\(alert)")
    }
  }

  @Test func `half a handshake and then silence ends with the header's time limit`() async throws {
    let certificates = try TestCertificates()
    let limits = HTTPLimits.with {
      $0.headerTimeout = .milliseconds(60)
      $0.lingerTimeout = .milliseconds(60)
    }
    try await withSecureServer(try certificates.identity(), limits) { server in
      let context = try certificates.trust.context()
      for count in [0, 1, 40] {
        let socket = try server.connect()
        let session = try TLSSession(asking: "localhost", context)
        try socket.send(Array(session.takeCiphertext().prefix(count)))
        session.close()
        #expect(try socket.receiveToEnd() == "")
      }
      // The whole greeting, and no word after the server's answer.
      let socket = try server.connect()
      let session = try TLSSession(asking: "localhost", context)
      try socket.send(session.takeCiphertext())
      session.close()
      while try socket.receive() != nil {}
      while await server.connectionCount > 0 { sched_yield() }
    }
  }

  @Test func `a head that does not come after the handshake ends with its time limit`() async throws
  {
    let certificates = try TestCertificates()
    let limits = HTTPLimits.with { $0.headerTimeout = .milliseconds(300) }
    try await withSecureServer(try certificates.identity(), limits) { server in
      let socket = try connect(server, certificates.trust)
      defer { socket.close() }
      #expect(socket.send(Array("GET / HT".utf8), timeout: .seconds(120)) == nil)
      var bytes: [UInt8] = []
      while let more = try socket.receive(timeout: .seconds(120)) { bytes += more }
      #expect(Answer.all(in: String(decoding: bytes, as: UTF8.self)).first?.status == 408)
    }
  }

  @Test func `a client that does not read is dropped`() async throws {
    let certificates = try TestCertificates()
    let limits = HTTPLimits.with { $0.sendTimeout = .milliseconds(100) }
    try await withSecureServer(
      try certificates.identity(), limits,
      handle: { $0.respond(HTTPResponse(status: 200, body: Array(repeating: 1, count: 16 << 20))) }
    ) { server in
      let socket = try connect(server, certificates.trust)
      let request = Array("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".utf8)
      #expect(socket.send(request, timeout: .seconds(120)) == nil)
      waitUntilNoConnection(server)
      socket.close()
      #expect(await server.counters.slowReadersDropped == 1)
    }
  }

  private func waitUntilNoConnection(_ server: TestServer) {
    while staying({ server.server.connectionCount }) > 0 { sched_yield() }
  }

  @Test func `a thousand handshakes leave no descriptor and no connection behind`() async throws {
    let certificates = try TestCertificates()
    try await withSecureServer(try certificates.identity()) { server in
      let context = try certificates.trust.context()
      let address = HTTPClient.Address.tls(host: "localhost", port: server.port)
      let before = try descriptors()
      for index in 1...1_000 {
        let socket = try ClientSocket.connect(to: address, timeout: .seconds(120))
        let secure = try SecureSocket.begin(
          on: socket, with: "localhost", context, timeout: .seconds(120))
        // Each second one leaves without a word.
        if index.isMultiple(of: 2) { socket.close() }
        secure.close()
      }
      waitUntilNoConnection(server)
      // Other tests run beside this one, with descriptors of their own.
      #expect(try descriptors() < before + 500)
      #expect(await server.counters.handshakes == 1_000)
    }
  }

  private func descriptors() throws -> Int {
    try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").count
  }

  // MARK: the server

  private func withSecureServer(
    _ identity: TLSIdentity, _ limits: HTTPLimits = HTTPLimits(),
    admit: @escaping @Sendable @LoopActor (HTTPRequest) -> HTTPAdmission = acceptMebibyte,
    handle: @escaping @Sendable @LoopActor (HTTPExchange) -> Void = echo,
    _ body: (TestServer) async throws -> Void
  ) async throws {
    try await withServer(limits, admit: admit, handle: handle) { server in
      await onLoop { server.server.identity = identity }.get()
      try await body(server)
    }
  }
}
