// Listening over real TCP and Unix sockets: addresses, socket files, pausing, running out of
// descriptors.
import EventLoop
import Glibc
import Testing

@Suite(.timeLimit(.minutes(5)))
@LoopActor
struct ListenerTests {
  @Test func `a TCP client talks to an accepted stream that knows its peer`() async throws {
    let (listener, streams) = try listening()
    let address = try #require(listener.address)
    #expect(address.host == "127.0.0.1")
    #expect(address.port > 0)
    let client = Recorded(try ByteStream.adopt(descriptor: connect(port: address.port)))
    let server = Recorded(await streams.next())
    #expect(client.stream.peer == "127.0.0.1:\(address.port)")
    #expect(server.stream.peer?.hasPrefix("127.0.0.1:") == true)
    client.stream.write(Array("ping".utf8))
    #expect(await server.text(4) == "ping")
    server.stream.write(Array("pong".utf8))
    server.stream.closeAfterWriting()
    #expect(await client.wholeText() == "pong")
    client.stream.close()
    listener.close()
  }

  @Test func `many clients at once are all accepted`() async throws {
    let (listener, streams) = try listening()
    let port = try #require(listener.address).port
    let clients = try (0..<300).map { _ in try connect(port: port) }
    for _ in clients { await streams.next().close() }
    for client in clients { close(client) }
    listener.close()
  }

  @Test func `IPv6 works where the machine has it`() async throws {
    let listener: Listener
    do {
      listener = try Listener.listen(tcp: "::1", port: 0) { _ in }
    } catch {
      #expect(error.errorName == "EADDRNOTAVAIL" || error.errorName == "EAFNOSUPPORT")
      return
    }
    #expect(listener.address?.host == "::1")
    listener.close()
  }

  @Test func `an address in use is refused by name and with a remedy`() throws {
    let (listener, _) = try listening()
    let port = try #require(listener.address).port
    let fault = #expect(throws: LoopFault.self) {
      try Listener.listen(tcp: "127.0.0.1", port: port) { _ in }
    }
    #expect(fault?.errorName == "EADDRINUSE")
    #expect(fault?.description.contains("127.0.0.1:\(port)") == true)
    #expect(fault?.description.contains("port 0") == true)
    listener.close()
    let again = try Listener.listen(tcp: "127.0.0.1", port: port) { _ in }
    again.close()
  }

  @Test(arguments: ["example.org", "", "300.1.1.1", "127.0.0.1:80"])
  func `a host that is no address in figures is refused`(host: String) {
    let fault = #expect(throws: LoopFault.self) {
      try Listener.listen(tcp: host, port: 0) { _ in }
    }
    #expect(fault?.description.contains("figures") == true)
  }

  @Test func `while paused, connections wait and none is lost`() async throws {
    let (listener, streams) = try listening()
    let port = try #require(listener.address).port
    listener.pause()
    let client = try connect(port: port)
    await loopTurn()
    #expect(streams.untaken.isEmpty)
    listener.resume()
    await streams.next().close()
    close(client)
    listener.close()
  }

  @Test func `a callback that pauses gets no further connection`() async throws {
    let pausing = Pausing()
    try pausing.start()
    let clients = try (0..<3).map { _ in try connect(port: pausing.port) }
    await pausing.streams.next().close()
    await loopTurn()
    #expect(pausing.streams.untaken.isEmpty)
    pausing.listener?.resume()
    await pausing.streams.next().close()
    pausing.listener?.close()
    for client in clients { close(client) }
  }

  @LoopActor private final class Pausing {
    let streams = Happenings<ByteStream>()
    var listener: Listener?
    var port: UInt16 { listener?.address?.port ?? 0 }

    func start() throws {
      listener = try Listener.listen(tcp: "127.0.0.1", port: 0) { stream in
        self.streams.happened(stream)
        self.listener?.pause()
      }
    }
  }

  @Test func `without descriptors left, connections wait until there are some`() async {
    await #expect(processExitsWith: .success) {
      try await ListenerTests.runOutOfDescriptors()
    }
  }

  /// Lowers the limit of the process, and ends it with the number of the line that is not so.
  private static func runOutOfDescriptors() async throws {
    let (listener, streams) = try listening()
    // More than the few descriptors that other threads of the process may free meanwhile. Nothing is
    // accepted before this function lets go of the loop.
    let clients = try (0..<16).map { _ in try connect(port: listener.address?.port ?? 0) }
    let descriptorsMax = rlim_t(clients[15]) + 32
    var limit = rlimit(rlim_cur: descriptorsMax, rlim_max: descriptorsMax)
    exitUnless(setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0)
    var hoard: [Int32] = []
    while case let descriptor = dup(clients[0]), descriptor >= 0 { hoard.append(descriptor) }
    exitUnless(hoard.count >= 16)
    let start = EventLoop.shared.now
    for _ in 0..<5 { await loopTurn() }
    exitUnless(listener.descriptorShortages >= 1)
    exitUnless(streams.untaken.count < 16)
    // It tries ten times a second, not in every turn.
    let pauses = (EventLoop.shared.now - start) / 100_000_000
    exitUnless(listener.descriptorShortages <= 1 + Int(pauses))
    for descriptor in hoard { close(descriptor) }
    for client in clients {
      exitUnless(write(client, "late", 4) == 4)
      let stream = Recorded(await streams.next())
      let text = await stream.text(4)
      exitUnless(text == "late")
    }
  }

  private static func exitUnless(_ isSo: Bool, line: Int32 = #line) {
    if !isSo { exit(line % 256) }
  }

  @Test func `a Unix socket has its mode, no peer name, and goes with its listener`() async throws {
    try await withFolder { folder in
      let path = "\(folder)/door"
      let streams = Happenings<ByteStream>()
      let listener = try Listener.listen(unix: path, mode: 0o640) { streams.happened($0) }
      #expect(mode(of: path) == S_IFSOCK | 0o640)
      #expect(listener.address == nil)
      let client = try connect(unix: path)
      let server = Recorded(await streams.next())
      #expect(server.stream.peer == nil)
      #expect(write(client, "hello", 5) == 5)
      #expect(await server.text(5) == "hello")
      server.stream.close()
      close(client)
      listener.close()
      #expect(mode(of: path) == nil)
    }
  }

  @Test func `a socket file that nobody listens on is replaced`() async throws {
    try await withFolder { folder in
      let path = "\(folder)/door"
      try leaveStaleSocket(path)
      #expect(mode(of: path) != nil)
      let listener = try Listener.listen(unix: path) { $0.close() }
      close(try connect(unix: path))
      #expect(mode(of: path) == S_IFSOCK | 0o600)
      listener.close()
    }
  }

  @Test func `a socket file that somebody listens on is left alone`() async throws {
    try await withFolder { folder in
      let path = "\(folder)/door"
      let first = try Listener.listen(unix: path) { $0.close() }
      let fault = #expect(throws: LoopFault.self) { try Listener.listen(unix: path) { _ in } }
      #expect(fault?.errorName == "EADDRINUSE")
      close(try connect(unix: path))
      first.close()
    }
  }

  @Test func `a file that is no socket is left alone`() async throws {
    try await withFolder { folder in
      let path = "\(folder)/door"
      writeFile(path)
      let fault = #expect(throws: LoopFault.self) { try Listener.listen(unix: path) { _ in } }
      #expect(fault?.description.contains("no socket") == true)
      #expect(mode(of: path) == S_IFREG | 0o600)
    }
  }

  @Test func `the file of another listener at the same path is not removed`() async throws {
    try await withFolder { folder in
      let path = "\(folder)/door"
      let first = try Listener.listen(unix: path) { $0.close() }
      unlink(path)
      let second = try Listener.listen(unix: path) { $0.close() }
      first.close()
      close(try connect(unix: path))
      second.close()
    }
  }

  @Test func `a socket path may have 107 bytes and no more`() async throws {
    try await withFolder { folder in
      let longest = folder + "/" + String(repeating: "x", count: 107 - folder.utf8.count - 1)
      try Listener.listen(unix: longest) { _ in }.close()
      for path in [longest + "x", ""] {
        let fault = #expect(throws: LoopFault.self) { try Listener.listen(unix: path) { _ in } }
        #expect(fault?.description.contains("107") == true)
      }
    }
  }

  private func mode(of path: String) -> mode_t? {
    var status = stat()
    return lstat(path, &status) == 0 ? status.st_mode : nil
  }

  private func leaveStaleSocket(_ path: String) throws {
    let descriptor = socket(AF_UNIX, unsharedStream, 0)
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: Array(path.utf8)) }
    let code = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
    close(descriptor)
    if code != 0 { throw Failed(call: "bind") }
  }
}

@LoopActor
private func listening() throws -> (Listener, Happenings<ByteStream>) {
  let streams = Happenings<ByteStream>()
  let listener = try Listener.listen(tcp: "127.0.0.1", port: 0) { streams.happened($0) }
  return (listener, streams)
}
