// Handlers that do what no handler should: each takes something that the others need.
import Apus
@preconcurrency import Glibc

enum Misbehaving {
  /// A worker that does not come up as long as the file is there that its environment names.
  static func failAtStart() -> [any Function] {
    if let path = getenv("FAILS_WHILE_THERE"), access(path, F_OK) == 0 { exit(7) }
    return []
  }

  @FunctionBuilder static var functions: [any Function] {
    Handler("Exit") { (status: Int32, context) in
      context.logger.info("exiting")
      exit(status)
    }
    // Neither suspends nor asks whether it is cancelled.
    Handler("Deaf") { (_: NoInput, context) in
      context.logger.info("deaf")
      var turns: UInt64 = 0
      while true { turns &+= 1 }
    }
    // Far above what is killed for, and far below what the kernel refuses.
    Handler("Balloon") { (_: NoInput, context) in
      context.logger.info("growing")
      let held = (0..<48).map { _ in [UInt8](repeating: 1, count: 8 << 20) }
      try await untilCancelled()
      context.logger.info("held \(held.count)")
    }
    // In one piece; Swift has no other answer to a refusal than to trap.
    Handler("Gulp") { (megabytes: Int, _) in
      [UInt8](repeating: 1, count: megabytes << 20).count
    }
    // Holds so many megabytes for ever, and answers.
    Handler("Leak") { (megabytes: Int, _) in
      await Leak.shared.add(megabytes)
      return Int(getpid())
    }
    Handler("ForkAndExit") { (_: NoInput, context) in
      let copy = try forkSleeper()
      context.logger.info("\(copy)")
      exit(3)
    }
    Handler("Fork") { (_: NoInput, _) in Int(try forkSleeper()) }
    Handler("CloseAll") { (_: NoInput, context) in
      context.logger.info("closing")
      for descriptor in Int32(0)..<256 { close(descriptor) }
    }
    Handler("FloodPipes") { (megabytes: Int, _) in
      let line = [UInt8](repeating: UInt8(ascii: "x"), count: 1023) + [UInt8(ascii: "\n")]
      let block = Array(repeatElement(line, count: 1024).joined())
      for _ in 0..<megabytes {
        for descriptor in [STDOUT_FILENO, STDERR_FILENO] { writeAll(block, to: descriptor) }
      }
      return megabytes
    }
    Handler("Large") { (bytes: Int, _) in String(repeating: "x", count: bytes) }
    Handler("EmitMany") { (count: Int, context) in
      for number in 0..<count { context.emit(queue: "receipts", number) }
    }
    Handler("LogMany") { (count: Int, context) in
      for number in 0..<count { context.logger.info("\(number)") }
    }
    // In lines as long as they may be.
    Handler("LogLarge") { (count: Int, context) in
      let text = String(repeating: "x", count: 60_000)
      for _ in 0..<count { context.logger.info("\(text)") }
    }
    Handler("Surroundings") { (_: NoInput, _) in Surroundings() }
    // Held until the process is gone, whatever becomes of it.
    Handler("HoldLock") { (path: String, context) in
      let file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
      guard file >= 0, flock(file, LOCK_EX) == 0 else { throw Reject("no lock on \(path)") }
      context.logger.info("\(getpid())")
      await withUnsafeContinuation { (_: UnsafeContinuation<Void, Never>) in }
    }
    // Says all that it can of its secret.
    Handler("Blab") { (name: String, context) in
      let value = getenv(name).map { String(cString: $0) } ?? ""
      context.logger.info("the key is \(value)", metadata: ["key": "\(value)"])
      print("printed \(value)")
      writeAll(Array("raw \(value)\n".utf8), to: STDERR_FILENO)
      throw Blabbed(value: value)
    }
    Handler("BlabAndTrap") { (name: String, _) in
      fatalError("no charge with \(getenv(name).map { String(cString: $0) } ?? "")")
    }
  }
}

/// What a process sees of itself.
private struct Surroundings: Codable, Sendable {
  var variables: [String]
  /// By number, with what they are.
  var files: [String: String] = [:]
  var status: String
  var limits: String

  init() {
    variables = Self.text("/proc/self/environ").split(separator: "\0").compactMap {
      $0.split(separator: "=").first.map(String.init)
    }
    for number in Int32(0)..<256 where fcntl(number, F_GETFD) >= 0 {
      files["\(number)"] = Self.target("/proc/self/fd/\(number)")
    }
    status = Self.text("/proc/self/status")
    limits = Self.text("/proc/self/limits")
  }

  private static func target(_ link: String) -> String {
    var bytes = [CChar](repeating: 0, count: 4096)
    let count = readlink(link, &bytes, bytes.count)
    return String(decoding: bytes[..<max(0, count)].map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  private static func text(_ path: String) -> String {
    let file = open(path, O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { return "" }
    defer { close(file) }
    var bytes = [UInt8](repeating: 0, count: 64 << 10)
    let count = read(file, &bytes, bytes.count)
    return String(decoding: bytes[..<max(0, count)], as: UTF8.self)
  }
}

private struct Blabbed: Error { let value: String }

private actor Leak {
  static let shared = Leak()
  private var held: [[UInt8]] = []

  func add(_ megabytes: Int) { held.append([UInt8](repeating: 1, count: megabytes << 20)) }
}

private struct NoFork: Error {}

/// A copy of this process, with all its descriptors, that does nothing; Swift hides the call because
/// hardly anything is safe in the copy.
private func forkSleeper() throws -> pid_t {
  typealias Fork = @convention(c) () -> pid_t
  guard let found = dlsym(nil, "fork") else { throw NoFork() }
  let pid = unsafeBitCast(found, to: Fork.self)()
  guard pid == 0 else { return pid }
  while true { pause() }
}

private func writeAll(_ bytes: [UInt8], to descriptor: Int32) {
  var rest = bytes[...]
  while !rest.isEmpty {
    let count = rest.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
    guard count > 0 else { return }
    rest = rest.dropFirst(count)
  }
}
